//! What roles allow although no function calls it: AWS does it in the function's name. Whatever else a role
//! allows must be seen to be called.

/// Permissions of one kind.
pub(super) struct OnBehalf {
    /// The roles that need them.
    pub(super) roles: Roles,
    pub(super) actions: &'static [&'static str],
    /// As the template comes out: `{here}` is region and account, `{prefix}` begins all names, `{role}` is the one
    /// of `roles`.
    pub(super) resource: &'static str,
    pub(super) because: &'static str,
}

/// Which roles.
pub(super) enum Roles {
    /// Of every function.
    Functions,
    /// Of those that may be attached to the owner's subnets.
    CallingVendors,
    /// Of those that deliver: two for each destination.
    Deliveries,
    /// These: a function's name after the prefix, or a role's own after that of its stack.
    Named(&'static [&'static str]),
}

impl Roles {
    pub(super) fn names(&self) -> Vec<String> {
        let deliveries = || {
            let providers = muster::destinations::all().into_iter().map(|one| one.spec().provider.clone());
            providers.flat_map(|provider| [format!("{provider}-live"), format!("{provider}-bulk")])
        };
        let named = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        match self {
            Self::Functions => deliveries().chain(named(&["ingest", "backfill", "api"])).collect(),
            Self::CallingVendors => deliveries().chain(named(&["backfill", "api"])).collect(),
            Self::Deliveries => deliveries().collect(),
            Self::Named(names) => named(names),
        }
    }
}

pub(super) const ON_BEHALF: &[OnBehalf] = &[
    OnBehalf {
        roles: Roles::Functions,
        actions: &["logs:CreateLogStream", "logs:PutLogEvents"],
        resource: "arn:aws:logs:{here}:log-group:/aws/lambda/{prefix}{role}:*",
        because: "Lambda writes the function's output into its log group: \
                  https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html",
    },
    OnBehalf {
        roles: Roles::Functions,
        actions: &["kms:Decrypt", "kms:DescribeKey"],
        resource: "arn:TableKey",
        because: "DynamoDB opens the tables' own keys with the owner's key in the name of whoever reads or writes: \
                  https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html",
    },
    OnBehalf {
        roles: Roles::Functions,
        actions: &["xray:PutTraceSegments", "xray:PutTelemetryRecords"],
        resource: "*",
        because: "Lambda sends traces, where tracing is on: \
                  https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html",
    },
    OnBehalf {
        roles: Roles::CallingVendors,
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
        roles: Roles::Deliveries,
        actions: &["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
        resource: "arn:aws:sqs:{here}:{prefix}{role}",
        because: "Lambda takes messages from the queue, which bears the function's name: \
                  https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html",
    },
    OnBehalf {
        roles: Roles::Named(&["backfill"]),
        actions: &["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
        resource: "arn:aws:sqs:{here}:{prefix}jobs",
        because: "Lambda takes messages from the queue: \
                  https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html",
    },
    OnBehalf {
        roles: Roles::Named(&["backfill"]),
        actions: &["sqs:SendMessage"],
        resource: "arn:aws:sqs:{here}:{prefix}tasks-dead",
        because: "Lambda keeps the event of a task that failed: \
                  https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html",
    },
    OnBehalf {
        roles: Roles::Named(&["Tasks.ScheduleRole"]),
        actions: &["lambda:InvokeFunction"],
        resource: "arn:aws:lambda:{here}:function:{prefix}backfill",
        because: "EventBridge Scheduler starts the tasks: \
                  https://docs.aws.amazon.com/scheduler/latest/UserGuide/setting-up.html",
    },
    OnBehalf {
        roles: Roles::Named(&["Tasks.ScheduleRole"]),
        actions: &["sqs:SendMessage"],
        resource: "arn:aws:sqs:{here}:{prefix}tasks-dead",
        because: "EventBridge Scheduler keeps what could not be started: \
                  https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html",
    },
];
