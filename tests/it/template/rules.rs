//! What must hold in the templates. Each rule answers what breaks it; a template that breaks nothing else is
//! in the tests below it.

use std::collections::BTreeSet;

use muster::delivery::Times;

use super::stack::{Node, Resource, Stack};

/// A failed message alone comes back, and a queue never takes all of the account's concurrency.
pub(super) fn mappings(stack: &Stack) -> Vec<String> {
    let mut wrong = Vec::new();
    for mapping in stack.resources("AWS::Lambda::EventSourceMapping") {
        let responses = mapping.property("FunctionResponseTypes").map(Node::items).unwrap_or_default();
        if !responses.iter().any(|one| one.text() == Some("ReportBatchItemFailures")) {
            wrong.push(format!("{}: ReportBatchItemFailures", mapping.show()));
        }
        if mapping.path(&["ScalingConfig", "MaximumConcurrency"]).is_none() {
            wrong.push(format!("{}: MaximumConcurrency", mapping.show()));
        }
    }
    let events = stack.functions().into_iter().filter(|function| function.property("Events").is_some());
    wrong.extend(events.map(|function| format!("{}: Events are not seen by these rules", function.show())));
    wrong
}

/// What cannot be read or handled is kept apart and shown.
pub(super) fn dead_letters(stack: &Stack) -> Vec<String> {
    let dead = dead_letter_queues(stack);
    let queues = stack.resources("AWS::SQS::Queue").into_iter().filter(|queue| !dead.contains(queue.name));
    let without = queues.filter(|queue| queue.path(&["RedrivePolicy", "deadLetterTargetArn"]).is_none());
    without.map(|queue| queue.show()).collect()
}

fn dead_letter_queues(stack: &Stack) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    stack.visit(&mut |node| {
        let targets = [
            node.get("deadLetterTargetArn"),
            node.get("DeadLetterConfig").and_then(|config| config.get("Arn")),
            node.get("OnFailure").and_then(|destination| destination.get("Destination")),
        ];
        names.extend(targets.into_iter().flatten().filter_map(Node::target));
    });
    names
}

/// A message stays hidden while anybody may still work on it: six runs and the time it was gathered.
pub(super) fn visibility(stack: &Stack) -> Vec<String> {
    let mut wrong = Vec::new();
    for mapping in stack.resources("AWS::Lambda::EventSourceMapping") {
        let named = |property| mapping.property(property).and_then(Node::target).and_then(|name| stack.resource(name));
        let (Some(queue), Some(function)) = (named("EventSourceArn"), named("FunctionName")) else {
            wrong.push(format!("{}: queue and function must be of this template", mapping.show()));
            continue;
        };
        let window = mapping.property("MaximumBatchingWindowInSeconds").and_then(Node::number).unwrap_or(0);
        let least = 6 * stack.timeout(function) + window;
        let hidden = queue.property("VisibilityTimeout").and_then(Node::number).unwrap_or(30);
        if hidden < least {
            wrong.push(format!("{}: hidden for {hidden} s, which must be {least} s", queue.show()));
        }
    }
    wrong
}

/// When the sweep acts on a flight, neither a worker nor a late application of what it sent can be alive.
pub(super) fn timeouts(stack: &Stack, times: &Times) -> Vec<String> {
    let late = times.late_application.as_secs();
    let functions = stack.functions().into_iter();
    let long = functions.filter(|function| stack.timeout(*function) + late >= times.sweep_age.as_secs());
    long.map(|function| format!("{}: {} s", function.show(), stack.timeout(function))).collect()
}

/// Who may do everything, or something everywhere, has a reason that can be read there.
pub(super) fn wildcards(stack: &Stack) -> Vec<String> {
    let mut wrong = Vec::new();
    for statement in stack.statements() {
        let above_statement = stack.is_comment_above(statement.line);
        for property in ["Action", "NotAction", "Resource", "NotResource"] {
            let Some(node) = statement.get(property) else { continue };
            for (text, line) in node.texts().into_iter().filter(|(text, _)| text.contains('*')) {
                // What ends in a wildcard is said with the statement; what is all of it, where it stands.
                let everything = text == "*" || property.ends_with("Action");
                if !stack.is_comment_above(line) && (everything || !above_statement) {
                    wrong.push(format!("{}:{line}: {text}", stack.name));
                }
            }
        }
    }
    wrong
}

/// A function that fails or is held up tells somebody.
pub(super) fn function_alarms(stacks: &[Stack]) -> Vec<String> {
    let mut wrong = Vec::new();
    for function in stacks.iter().flat_map(Stack::functions) {
        for metric in ["Errors", "Throttles"] {
            if !has_alarm(stacks, function, ("AWS/Lambda", metric), "FunctionName") {
                wrong.push(format!("{}: {metric}", function.show()));
            }
        }
    }
    wrong
}

/// Dead letters tell somebody, and so does a queue that is not worked off.
pub(super) fn queue_alarms(stacks: &[Stack]) -> Vec<String> {
    let mut wrong = Vec::new();
    for stack in stacks {
        let dead = dead_letter_queues(stack);
        for queue in stack.resources("AWS::SQS::Queue") {
            let is_dead = dead.contains(queue.name);
            let metric = if is_dead { "ApproximateNumberOfMessagesVisible" } else { "ApproximateAgeOfOldestMessage" };
            if !has_alarm(stacks, queue, ("AWS/SQS", metric), "QueueName") {
                wrong.push(format!("{}: {metric}", queue.show()));
            }
        }
    }
    wrong
}

/// Whether an alarm of any stack watches a resource, by reference or by the same name.
fn has_alarm(stacks: &[Stack], watched: Resource<'_>, metric: (&str, &str), dimension: &str) -> bool {
    let named = |node: &Node| node.get("Fn::Sub").and_then(Node::text).map(str::to_owned);
    let name = watched.property(dimension).and_then(named);
    stacks.iter().flat_map(|stack| stack.resources("AWS::CloudWatch::Alarm")).any(|alarm| {
        let text = |property| alarm.property(property).and_then(Node::text).unwrap_or_default();
        let dimensions = alarm.property("Dimensions").map(Node::items).unwrap_or_default();
        let values = dimensions.iter().filter_map(|one| one.get("Value"));
        (text("Namespace"), text("MetricName")) == metric
            && values.into_iter().any(|value| {
                let refers = alarm.stack.name == watched.stack.name && value.target() == Some(watched.name);
                refers || (name.is_some() && named(value) == name)
            })
    })
}

/// Tables come back from a mistake, are encrypted with the owner's key, and outlive the stack.
pub(super) fn tables(stack: &Stack) -> Vec<String> {
    let mut wrong = Vec::new();
    for table in stack.resources("AWS::DynamoDB::Table") {
        let is = |path: &[&str]| table.path(path).and_then(Node::text) == Some("true");
        let kept = |policy| table.body.get(policy).and_then(Node::text).is_some_and(|text| text.starts_with("Retain"));
        let rules = [
            (is(&["PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled"]), "point-in-time recovery"),
            (
                is(&["SSESpecification", "SSEEnabled"])
                    && table.path(&["SSESpecification", "KMSMasterKeyId"]).is_some(),
                "the owner's key",
            ),
            (kept("DeletionPolicy") && kept("UpdateReplacePolicy"), "Retain"),
        ];
        wrong.extend(rules.iter().filter(|(holds, _)| !holds).map(|(_, what)| format!("{}: {what}", table.show())));
    }
    wrong
}

/// Each queue refuses whoever speaks without TLS, and keeps its messages encrypted.
pub(super) fn encrypted_queues(stack: &Stack) -> Vec<String> {
    let policies = stack.resources("AWS::SQS::QueuePolicy");
    let covered: BTreeSet<&str> = policies
        .iter()
        .filter(|policy| policy.body.texts().iter().any(|(text, _)| *text == "sqs:*"))
        .flat_map(|policy| policy.property("Queues").map(Node::items).unwrap_or_default())
        .filter_map(Node::target)
        .collect();
    let queues = stack.resources("AWS::SQS::Queue").into_iter();
    let open = queues.filter(|queue| {
        let encrypted = queue.property("SqsManagedSseEnabled").and_then(Node::text) == Some("true");
        !covered.contains(queue.name) || !encrypted
    });
    open.map(|queue| queue.show()).collect()
}

/// Logs end some day: each function writes to a log group of its own with a retention.
pub(super) fn logs(stack: &Stack) -> Vec<String> {
    let kept = |function: &Resource<'_>| {
        let group = function.path(&["LoggingConfig", "LogGroup"])?.target()?;
        stack.resource(group)?.property("RetentionInDays")
    };
    stack.functions().iter().filter(|function| kept(function).is_none()).map(Resource::show).collect()
}
