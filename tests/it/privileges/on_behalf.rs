//! What roles allow although no function calls it: AWS does it in the function's name. Whatever else a role
//! allows must be seen to be called.

/// Permissions of one kind.
pub(super) struct OnBehalf {
    /// The roles that need them: the functions' names after the prefix, or a role's own after that of its stack.
    pub(super) roles: &'static [&'static str],
    pub(super) actions: &'static [&'static str],
    /// As the template comes out: `{here}` is region and account, `{prefix}` begins all names, `{role}` is the one
    /// of `roles`.
    pub(super) resource: &'static str,
    pub(super) because: &'static str,
}

const FUNCTIONS: &[&str] = &[
    "ingest",
    "cheetah-digital-live",
    "cheetah-digital-bulk",
    "heyloyalty-live",
    "heyloyalty-bulk",
    "webhook-live",
    "webhook-bulk",
    "backfill",
    "api",
];
/// Those that may be attached to the owner's subnets.
const CALLING_VENDORS: &[&str] = &[
    "cheetah-digital-live",
    "cheetah-digital-bulk",
    "heyloyalty-live",
    "heyloyalty-bulk",
    "webhook-live",
    "webhook-bulk",
    "backfill",
    "api",
];
const DELIVERIES: &[&str] = &[
    "cheetah-digital-live",
    "cheetah-digital-bulk",
    "heyloyalty-live",
    "heyloyalty-bulk",
    "webhook-live",
    "webhook-bulk",
];

pub(super) const ON_BEHALF: &[OnBehalf] = &[
    OnBehalf {
        roles: FUNCTIONS,
        actions: &["logs:CreateLogStream", "logs:PutLogEvents"],
        resource: "arn:aws:logs:{here}:log-group:/aws/lambda/{prefix}{role}:*",
        because: "Lambda writes the function's output into its log group: \
                  https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html",
    },
    OnBehalf {
        roles: FUNCTIONS,
        actions: &["kms:Decrypt", "kms:DescribeKey"],
        resource: "arn:TableKey",
        because: "DynamoDB opens the tables' own keys with the owner's key in the name of whoever reads or writes: \
                  https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html",
    },
    OnBehalf {
        roles: FUNCTIONS,
        actions: &["xray:PutTraceSegments", "xray:PutTelemetryRecords"],
        resource: "*",
        because: "Lambda sends traces, where tracing is on: \
                  https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html",
    },
    OnBehalf {
        roles: CALLING_VENDORS,
        actions: &[
            "ec2:CreateNetworkInterface",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSubnets",
            "ec2:DeleteNetworkInterface",
            "ec2:AssignPrivateIpAddresses",
            "ec2:UnassignPrivateIpAddresses",
        ],
        resource: "*",
        because: "Lambda attaches the function to the owner's subnets, where there are any: \
                  https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html",
    },
    OnBehalf {
        roles: DELIVERIES,
        actions: &["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
        resource: "arn:aws:sqs:{here}:{prefix}{role}",
        because: "Lambda takes messages from the queue, which bears the function's name: \
                  https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html",
    },
    OnBehalf {
        roles: &["backfill"],
        actions: &["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
        resource: "arn:aws:sqs:{here}:{prefix}jobs",
        because: "Lambda takes messages from the queue: \
                  https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html",
    },
    OnBehalf {
        roles: &["backfill"],
        actions: &["sqs:SendMessage"],
        resource: "arn:aws:sqs:{here}:{prefix}tasks-dead",
        because: "Lambda keeps the event of a task that failed: \
                  https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html",
    },
    OnBehalf {
        roles: &["Tasks.ScheduleRole"],
        actions: &["lambda:InvokeFunction"],
        resource: "arn:aws:lambda:{here}:function:{prefix}backfill",
        because: "EventBridge Scheduler starts the tasks: \
                  https://docs.aws.amazon.com/scheduler/latest/UserGuide/setting-up.html",
    },
    OnBehalf {
        roles: &["Tasks.ScheduleRole"],
        actions: &["sqs:SendMessage"],
        resource: "arn:aws:sqs:{here}:{prefix}tasks-dead",
        because: "EventBridge Scheduler keeps what could not be started: \
                  https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html",
    },
];
