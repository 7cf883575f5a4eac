//! Each destination is deployed unless its owner leaves it out, and then nothing is left of it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::deployed::Deployed;
use super::roles;
use super::stack::{Node, Resource, Stack};
use super::stacks;

/// Most characters of a search, and most searches of one graph:
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html>.
const LONGEST_SEARCH: usize = 1024;
const MOST_SEARCHES: usize = 5;

const PARAMETERS: [(&str, &str); 4] = [
    ("AWS::Partition", "aws"),
    ("AWS::Region", "eu-west-1"),
    ("AWS::AccountId", "000000000000"),
    ("AWS::URLSuffix", "amazonaws.com"),
];

/// The parameter of the root template that leaves a destination out, by provider.
fn switches(stacks: &[Stack]) -> BTreeMap<String, String> {
    let nested = stacks.iter().flat_map(|stack| stack.resources("AWS::CloudFormation::Stack"));
    let entries = nested.filter_map(|entry| {
        let provider = entry.path(&["Parameters", "Provider"])?.text()?.to_owned();
        let switch = switch(entry).unwrap_or_else(|| panic!("{}: no condition on a parameter", entry.show()));
        Some((provider, switch.to_owned()))
    });
    entries.collect()
}

fn switch(entry: Resource<'_>) -> Option<&str> {
    let condition = entry.body.get("Condition")?.text()?;
    let (_, condition) = entry.stack.section("Conditions").into_iter().find(|(name, _)| *name == condition)?;
    condition.get("Fn::Equals")?.items().first()?.get("Ref")?.text()
}

/// A stack's dashboard as it comes out.
fn dashboard(root: &Deployed<'_>) -> String {
    let dashboards = |stack: &Deployed<'_>| {
        let bodies = stack.resources("AWS::CloudWatch::Dashboard").into_iter();
        bodies.filter_map(|one| stack.text(one.property("DashboardBody")?)).collect::<Vec<_>>()
    };
    root.all().into_iter().flat_map(dashboards).collect()
}

/// The names of all queues and functions.
fn names(root: &Deployed<'_>) -> BTreeSet<String> {
    let named = [
        ("AWS::SQS::Queue", "QueueName"),
        ("AWS::Serverless::Function", "FunctionName"),
        ("AWS::Lambda::Function", "FunctionName"),
    ];
    let mut names = BTreeSet::new();
    for stack in root.all() {
        for (kind, property) in named {
            let resources = stack.resources(kind).into_iter();
            names.extend(resources.filter_map(|one| one.property(property).and_then(|name| stack.text(name))));
        }
    }
    names
}

#[test]
fn every_destination_is_deployed_unless_it_is_left_out() {
    let stacks = stacks();
    let switches = switches(&stacks);
    let all = muster::destinations::all().into_iter().map(|destination| destination.spec().provider.to_string());
    assert_eq!(switches.keys().cloned().collect::<BTreeSet<_>>(), all.collect(), "entries of infra/template.yaml");
    let root = stacks.iter().find(|stack| stack.name == "infra/template.yaml").unwrap();
    for (provider, switch) in switches {
        let (_, parameter) = root.section("Parameters").into_iter().find(|(name, _)| *name == switch).unwrap();
        assert_eq!(parameter.get("Default").and_then(Node::text), Some("yes"), "{provider}: {switch}");
    }
}

/// What the functions of the root template are told of the destinations there are.
fn told(root: &Deployed<'_>) -> BTreeSet<String> {
    let (_, globals) = root.stack.section("Globals").into_iter().find(|(name, _)| *name == "Function").unwrap();
    let path = ["Environment", "Variables", "MUSTER_DESTINATIONS"];
    let variable = path.iter().try_fold(globals, |node, name| node.get(name)).unwrap();
    root.text(variable).unwrap().split(',').map(str::to_owned).collect()
}

#[test]
fn the_functions_know_which_destinations_there_are() {
    let stacks = stacks();
    let switches = switches(&stacks);
    let all: BTreeSet<String> = switches.keys().cloned().collect();
    assert_eq!(told(&Deployed::root(&stacks, &PARAMETERS)), all);
    for (provider, switch) in &switches {
        let others: BTreeSet<String> = all.iter().filter(|one| *one != provider).cloned().collect();
        let root = Deployed::root(&stacks, &[&PARAMETERS[..], &[(switch, "no")]].concat());
        assert_eq!(told(&root), others, "without {provider}");
    }
}

#[test]
fn nothing_is_left_of_a_destination_that_is_left_out() {
    let stacks = stacks();
    for (provider, switch) in switches(&stacks) {
        let parameters = [&PARAMETERS[..], &[(&switch, "no")]].concat();
        let (whole, without) = (Deployed::root(&stacks, &PARAMETERS), Deployed::root(&stacks, &parameters));
        let is_its_own = |name: &String| name.contains(&provider);
        let rest: BTreeSet<String> = names(&whole).into_iter().filter(|name| !is_its_own(name)).collect();
        assert_eq!(names(&without), rest, "{provider}: the others stay");
        assert!(!dashboard(&without).contains(&provider), "{provider}: the dashboard");
        let grants = roles::roles(&parameters).into_iter().flat_map(|role| role.grants);
        let left: Vec<_> = grants.filter(|grant| is_its_own(&grant.resource)).collect();
        assert_eq!(left, [], "{provider}: grants");
    }
}

#[test]
fn the_dashboard_shows_every_queue_and_function() {
    let stacks = stacks();
    let root = Deployed::root(&stacks, &PARAMETERS);
    let dashboard: Json = serde_json::from_str(&dashboard(&root)).unwrap();
    let mut searched = String::new();
    for widget in dashboard["widgets"].as_array().unwrap() {
        let metrics = widget["properties"]["metrics"].as_array().unwrap().iter();
        let searches: Vec<&str> = metrics.filter_map(|metric| metric[0]["expression"].as_str()).collect();
        assert!(searches.len() <= MOST_SEARCHES, "{}", widget["properties"]["title"]);
        for search in searches {
            assert!(search.len() <= LONGEST_SEARCH, "{search}");
            searched.push_str(search);
        }
    }
    let hidden: Vec<String> =
        names(&root).into_iter().filter(|name| !searched.contains(&format!("\"{name}\""))).collect();
    assert_eq!(hidden, Vec::<String>::new());
}
