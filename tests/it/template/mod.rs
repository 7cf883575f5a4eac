//! The templates under `infra/` hold what the code relies on. A linter knows which properties there are; it
//! does not know which of them Muster cannot do without.

mod deployed;
mod destinations;
pub(crate) mod roles;
mod rules;
mod stack;
mod tests;

use std::path::Path;

use muster::delivery::Times;
use stack::{Node, Stack};

fn stacks() -> Vec<Stack> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("infra");
    let files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "yaml")).collect();
    files.sort();
    let read = |path: &Path| {
        let name = format!("infra/{}", path.file_name().unwrap().to_str().unwrap());
        Stack::read(&name, &std::fs::read_to_string(path).unwrap())
    };
    files.iter().map(|path| read(path)).collect()
}

fn all(rule: impl Fn(&Stack) -> Vec<String>) -> Vec<String> {
    stacks().iter().flat_map(rule).collect()
}

fn explain(rule: &str, wrong: &[String]) {
    assert!(wrong.is_empty(), "{rule}:\n  {}", wrong.join("\n  "));
}

#[test]
fn mappings_give_back_single_messages_and_are_bounded() {
    explain("these mappings lack", &all(rules::mappings));
}

#[test]
fn queues_have_dead_letters() {
    explain("queues without a queue for dead letters", &all(rules::dead_letters));
}

#[test]
fn messages_stay_hidden_for_six_runs() {
    explain("visibility must be six timeouts of the function and the batch window", &all(rules::visibility));
}

#[test]
fn functions_end_before_the_sweep_acts() {
    let times = Times::default();
    explain(
        "timeout + late application must be below the age at which flights are swept",
        &all(|stack| rules::timeouts(stack, &times)),
    );
}

#[test]
fn functions_have_the_time_that_the_program_counts_on() {
    let stacks = stacks();
    let delivering = stacks.iter().flat_map(|stack| stack.resources("AWS::Lambda::EventSourceMapping"));
    for mapping in delivering {
        let function = mapping.property("FunctionName").and_then(Node::target).unwrap();
        let timeout = mapping.stack.timeout(mapping.stack.resource(function).unwrap());
        assert_eq!(timeout, Times::default().function_timeout.as_secs(), "{}", mapping.show());
    }
}

#[test]
fn wildcards_have_a_reason() {
    explain("say in a comment right above why it cannot be less", &all(rules::wildcards));
}

#[test]
fn functions_have_alarms() {
    explain("functions without an alarm on", &rules::function_alarms(&stacks()));
}

#[test]
fn queues_have_alarms() {
    explain("queues without an alarm on", &rules::queue_alarms(&stacks()));
}

#[test]
fn tables_are_safe() {
    explain("tables lack", &all(rules::tables));
}

#[test]
fn queues_are_encrypted_on_the_way_and_at_rest() {
    explain("queues that anybody may speak to without TLS, or that are not encrypted", &all(rules::encrypted_queues));
}

#[test]
fn logs_have_an_end() {
    explain("functions without a log group of their own that forgets", &all(rules::logs));
}

/// The gateway sends what nobody names to the control API, whose token no sender has.
#[test]
fn every_way_in_leads_to_ingest() {
    let stacks = stacks();
    let routes = stacks.iter().flat_map(|stack| stack.resources("AWS::ApiGatewayV2::Route"));
    let inward = routes.filter(|route| {
        let target = route.property("Target").map(Node::texts).unwrap_or_default();
        // Nested ones are handed that of ingest alone.
        target.iter().any(|(text, _)| text.contains("IngestIntegration") || text.contains("${Integration}"))
    });
    let mut inward: Vec<_> = inward.filter_map(|route| route.property("RouteKey")?.text().map(str::to_owned)).collect();
    inward.sort();
    // Of a source's own route every method: which of them it takes is the source's matter.
    let expected = [
        "ANY /in/{platform}/{connector}",
        "ANY /out/{platform}/{connector}",
        "ANY /v1/ingest/{source}",
        "GET /status",
        "POST /v1/oauth/{source}/token",
        "POST /v1/signals/{activation}",
    ];
    assert_eq!(inward, expected);
}
