//! Each rule finds what it is there for, and passes what is as it shall be.

use muster::delivery::Times;

use super::rules;
use super::stack::Stack;

/// As it shall be, with every kind of thing that a rule looks at.
const SOUND: &str = "
Globals: { Function: { Timeout: 60 } }
Resources:
  Run:
    Type: AWS::Serverless::Function
    Properties: { FunctionName: !Sub '${Prefix}run', LoggingConfig: { LogGroup: !Ref RunLog } }
  RunLog:
    Type: AWS::Logs::LogGroup
    Properties: { RetentionInDays: 30 }
  Work:
    Type: AWS::SQS::Queue
    Properties:
      SqsManagedSseEnabled: true
      VisibilityTimeout: 361
      RedrivePolicy: { deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 5 }
  Dead:
    Type: AWS::SQS::Queue
    Properties: { SqsManagedSseEnabled: true, QueueName: !Sub '${Prefix}dead' }
  Tls:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Work, !Ref Dead]
      PolicyDocument:
        Statement:
          - Effect: Deny
            # All of it.
            Action: sqs:*
            # A queue's policy speaks of that queue.
            Resource: '*'
  Mapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      EventSourceArn: !GetAtt Work.Arn
      FunctionName: !Ref Run
      MaximumBatchingWindowInSeconds: 1
      FunctionResponseTypes: [ReportBatchItemFailures]
      ScalingConfig: { MaximumConcurrency: 2 }
  Rows:
    Type: AWS::DynamoDB::Table
    DeletionPolicy: RetainExceptOnCreate
    UpdateReplacePolicy: Retain
    Properties:
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true }
      SSESpecification: { SSEEnabled: true, KMSMasterKeyId: !Ref Key }
  Role:
    Type: AWS::IAM::Role
    Properties:
      Statement:
        # Secrets are made at run time.
        - Effect: Allow
          Action: secretsmanager:GetSecretValue
          Resource:
            - !Sub 'arn:${AWS::Partition}:secretsmanager:one/*'
            - !Sub 'arn:${AWS::Partition}:secretsmanager:other/*'
  Errors:
    Type: AWS::CloudWatch::Alarm
    Properties:
      Namespace: AWS/Lambda
      MetricName: Errors
      Dimensions: [{ Name: FunctionName, Value: !Ref Run }]
  Throttles:
    Type: AWS::CloudWatch::Alarm
    Properties:
      Namespace: AWS/Lambda
      MetricName: Throttles
      Dimensions: [{ Name: FunctionName, Value: !Sub '${Prefix}run' }]
  Age:
    Type: AWS::CloudWatch::Alarm
    Properties:
      Namespace: AWS/SQS
      MetricName: ApproximateAgeOfOldestMessage
      Dimensions: [{ Name: QueueName, Value: !GetAtt Work.QueueName }]
  Letters:
    Type: AWS::CloudWatch::Alarm
    Properties:
      Namespace: AWS/SQS
      MetricName: ApproximateNumberOfMessagesVisible
      Dimensions: [{ Name: QueueName, Value: !Sub '${Prefix}dead' }]
";

type Rule = fn(&[Stack]) -> Vec<String>;

/// Every rule, with what it lets pass turned into what it refuses, and what it says then.
const CASES: &[(Rule, &str, &str, &str)] = &[
    (|stacks| rules::mappings(&stacks[0]), "[ReportBatchItemFailures]", "[]", "t: Mapping: ReportBatchItemFailures"),
    (|stacks| rules::mappings(&stacks[0]), "FunctionResponseTypes", "FunctionResponseTypez", "Mapping: ReportBatch"),
    (|stacks| rules::mappings(&stacks[0]), "MaximumConcurrency: 2", "", "t: Mapping: MaximumConcurrency"),
    (|stacks| rules::mappings(&stacks[0]), "FunctionName: !Sub", "Events: {}, FunctionName: !Sub", "t: Run: Events"),
    (|stacks| rules::dead_letters(&stacks[0]), "RedrivePolicy", "Redrive", "t: Work"),
    (|stacks| rules::dead_letters(&stacks[0]), "deadLetterTargetArn: !GetAtt Dead.Arn, ", "", "t: Work"),
    (|stacks| rules::visibility(&stacks[0]), "VisibilityTimeout: 361", "VisibilityTimeout: 360", "t: Work: hidden"),
    (|stacks| rules::visibility(&stacks[0]), "VisibilityTimeout: 361", "", "t: Work: hidden for 30 s"),
    (|stacks| rules::visibility(&stacks[0]), "Timeout: 60", "Timeout: 61", "t: Work: hidden for 361 s"),
    (|stacks| rules::visibility(&stacks[0]), "WindowInSeconds: 1", "WindowInSeconds: 2", "t: Work: hidden for 361 s"),
    (|stacks| rules::visibility(&stacks[0]), "!GetAtt Work.Arn", "arn:aws:sqs:elsewhere", "t: Mapping: queue and"),
    (|stacks| rules::timeouts(&stacks[0], &Times::default()), "Timeout: 60", "Timeout: 61", "t: Run: 61 s"),
    (|stacks| rules::wildcards(&stacks[0]), "# A queue's policy speaks of that queue.", "", "t:29: *"),
    (|stacks| rules::wildcards(&stacks[0]), "# All of it.", "", "t:27: sqs:*"),
    (|stacks| rules::wildcards(&stacks[0]), "# Secrets are made at run time.", "", "secretsmanager:one/*"),
    (|stacks| rules::wildcards(&stacks[0]), "secretsmanager:GetSecretValue", "'secretsmanager:*'", "secretsmanager:*"),
    (|stacks| rules::wildcards(&stacks[0]), "!Sub 'arn:${AWS::Partition}:secretsmanager:one/*'", "'*'", ": *"),
    (rules::function_alarms, "MetricName: Errors", "MetricName: Invocations", "t: Run: Errors"),
    (rules::function_alarms, "Value: !Ref Run", "Value: !Ref Other", "t: Run: Errors"),
    (rules::function_alarms, "Value: !Sub '${Prefix}run'", "Value: !Sub '${Prefix}other'", "t: Run: Throttles"),
    (rules::queue_alarms, "Value: !GetAtt Work.QueueName", "Value: !GetAtt Dead.QueueName", "t: Work: Approx"),
    (rules::queue_alarms, "Value: !Sub '${Prefix}dead'", "Value: dead", "t: Dead: ApproximateNumber"),
    (|stacks| rules::tables(&stacks[0]), "PointInTimeRecoveryEnabled: true", "", "t: Rows: point-in-time"),
    (|stacks| rules::tables(&stacks[0]), "SSEEnabled: true", "SSEEnabled: false", "t: Rows: the owner's key"),
    (|stacks| rules::tables(&stacks[0]), "KMSMasterKeyId: !Ref Key", "", "t: Rows: the owner's key"),
    (|stacks| rules::tables(&stacks[0]), "DeletionPolicy: RetainExceptOnCreate", "", "t: Rows: Retain"),
    (|stacks| rules::encrypted_queues(&stacks[0]), ", !Ref Dead]", "]", "t: Dead"),
    (|stacks| rules::encrypted_queues(&stacks[0]), "SqsManagedSseEnabled: true\n", "X: 1\n", "t: Work"),
    (|stacks| rules::logs(&stacks[0]), "RetentionInDays: 30", "", "t: Run"),
    (|stacks| rules::logs(&stacks[0]), "LogGroup: !Ref RunLog", "", "t: Run"),
];

#[test]
fn what_is_as_it_shall_be_passes() {
    let sound = [Stack::read("t", SOUND)];
    for (at, (rule, ..)) in CASES.iter().enumerate() {
        assert_eq!(rule(&sound), Vec::<String>::new(), "rule of case {at}");
    }
}

#[test]
fn what_breaks_a_rule_is_found() {
    for (rule, from, to, said) in CASES {
        assert!(SOUND.contains(from), "{from}");
        let wrong = rule(&[Stack::read("t", &SOUND.replacen(from, to, 1))]);
        assert!(wrong.iter().any(|one| one.contains(said)), "{from} -> {to}: {wrong:?}");
    }
}
