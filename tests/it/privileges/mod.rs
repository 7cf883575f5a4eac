//! Each role allows what its function calls, and nothing else. What is called is recorded on a tour through the
//! handlers; what is allowed is read from the templates; what AWS does in a function's name is listed.

mod connectors;
mod loyalty;
mod on_behalf;
mod receiver;
mod scan;
mod site;
mod table;
mod tour;

use std::collections::BTreeSet;

use muster_runtime::recorder::Call;

use crate::template::roles::{Grant, Role, roles};
use on_behalf::ON_BEHALF;
use site::{MESSAGES, Site};

const REGION: &str = "eu-west-1";
/// The emulator's.
const ACCOUNT: &str = "000000000000";

/// A function, or a role of its own, may or must do something to a resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Need {
    role: String,
    action: String,
    /// The ARNs by which AWS may name the resource.
    resources: Vec<String>,
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_allow_what_functions_call_and_nothing_else() {
    let mut site = Site::start().await;
    tour::whole(&mut site).await;
    assert_whole(&site);
    let called = called(&site.calls());
    let parameters = [
        ("AWS::Partition", "aws"),
        ("AWS::Region", REGION),
        ("AWS::AccountId", ACCOUNT),
        ("AWS::URLSuffix", "amazonaws.com"),
        ("Prefix", &site.prefix),
        ("MailFrom", &site.mail_from),
        ("EventBus", &site.event_bus),
        // What is optional is all there.
        ("Tracing", "Active"),
        ("SubnetIds", "subnet-1"),
    ];
    let roles = roles(&parameters);
    let wrong = compare(&roles, &called, &site.prefix);
    assert!(wrong.is_empty(), "the roles in infra/ are not what the functions need:\n  {}", wrong.join("\n  "));
    assert_each_grant_counts(&roles, &called, &site.prefix);
}

/// Nothing that the functions can be asked for was left out.
fn assert_whole(site: &Site) {
    let documented = muster_api::document()["paths"].as_object().unwrap();
    let mut left = Vec::new();
    for (path, methods) in documented {
        for method in methods.as_object().unwrap().keys() {
            let asked = site.asked.iter().any(|(asked, at)| asked == method && is_at(at, path));
            if !asked {
                left.push(format!("{method} {path}"));
            }
        }
    }
    assert_eq!(left, Vec::<String>::new(), "routes of the API that the tour leaves out");
    assert!(site.notices.taken().len() > 1 && site.notices.unsigned() == 0, "owners are told");
    assert_eq!(site.steps_left(), [], "steps of the protocol that the tour leaves out");
    assert_eq!(site.handled.iter().copied().collect::<Vec<_>>(), MESSAGES, "messages that the tour leaves out");
}

/// Whether an address is one of a documented path.
fn is_at(address: &str, path: &str) -> bool {
    let (address, path): (Vec<_>, Vec<_>) = (address.split('/').collect(), path.split('/').collect());
    address.len() == path.len() && address.iter().zip(path).all(|(is, must)| must.starts_with('{') || *is == must)
}

/// A role that lacks any of its grants, or has one more, is found: none is there twice, and none goes unseen.
fn assert_each_grant_counts(roles: &[Role], called: &BTreeSet<Need>, prefix: &str) {
    let mut unseen = Vec::new();
    for (at, role) in roles.iter().enumerate() {
        for grant in 0..role.grants.len() {
            let mut without = roles.to_vec();
            let Grant { action, resource, place } = without[at].grants.remove(grant);
            if compare(&without, called, prefix).is_empty() {
                unseen.push(format!("{} without {action} on {resource} ({place})", role.of));
            }
        }
        let mut with = roles.to_vec();
        let more = Grant { action: "dynamodb:DeleteTable".into(), resource: "*".into(), place: String::new() };
        with[at].grants.push(more);
        if compare(&with, called, prefix).is_empty() {
            unseen.push(format!("{} with more", role.of));
        }
    }
    assert_eq!(unseen, Vec::<String>::new());
}

fn called(calls: &[Call]) -> BTreeSet<Need> {
    let mut called = BTreeSet::new();
    for Call { function, actions, resource, .. } in calls {
        for action in actions {
            let resources = arns(action, resource);
            called.insert(Need { role: function.clone(), action: action.clone(), resources });
        }
    }
    called
}

/// Every ARN that a role must allow for a call to succeed.
fn arns(action: &str, resource: &str) -> Vec<String> {
    let here = format!("{REGION}:{ACCOUNT}");
    match action.split(':').next().unwrap_or_default() {
        "dynamodb" => vec![format!("arn:aws:dynamodb:{here}:table/{resource}")],
        "sqs" => vec![format!("arn:aws:sqs:{here}:{resource}")],
        // While it is not there yet AWS asks for the bare name, afterwards for one with characters of its own.
        "secretsmanager" => {
            ["", "-a1B2c3"].map(|end| format!("arn:aws:secretsmanager:{here}:secret:{resource}{end}")).into()
        }
        "events" => vec![format!("arn:aws:events:{here}:event-bus/{resource}")],
        "ses" => vec![format!("arn:aws:ses:{here}:identity/{resource}")],
        service => panic!("no ARN of {service} is known here"),
    }
}

/// Every listed permission, role by role.
fn listed(prefix: &str) -> Vec<Grant> {
    let mut listed = Vec::new();
    for entry in ON_BEHALF {
        for role in entry.roles.names() {
            let here = format!("{REGION}:{ACCOUNT}");
            let resource = entry.resource.replace("{here}", &here).replace("{prefix}", prefix).replace("{role}", &role);
            let grants = entry.actions.iter().map(|action| Grant {
                action: (*action).to_owned(),
                resource: resource.clone(),
                place: role.clone(),
            });
            listed.extend(grants);
        }
    }
    listed
}

/// What is wrong with the roles, in words.
fn compare(roles: &[Role], called: &BTreeSet<Need>, prefix: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for Need { role, action, resources } in called {
        let own = roles.iter().filter(|one| one.of == *role).flat_map(|one| &one.grants);
        let own: Vec<&Grant> = own.filter(|grant| grant.action == *action).collect();
        for resource in resources.iter().filter(|resource| !own.iter().any(|grant| covers(&grant.resource, resource))) {
            wrong.push(format!("{role} calls {action} on {resource}, which its role does not allow"));
        }
    }
    let listed = listed(prefix);
    for role in roles {
        let name = role.of.strip_prefix(prefix).unwrap_or(&role.of);
        let mine: Vec<&Grant> = listed.iter().filter(|one| one.place == name).collect();
        let is = |one: &Grant, grant: &Grant| one.action == grant.action && one.resource == grant.resource;
        for grant in &role.grants {
            let used = called.iter().any(|need| {
                need.role == role.of
                    && need.action == grant.action
                    && need.resources.iter().any(|resource| covers(&grant.resource, resource))
            });
            if !used && !mine.iter().any(|one| is(one, grant)) {
                let Grant { action, resource, place } = grant;
                wrong.push(format!("{place}: {name} may do {action} on {resource}, which nothing does"));
            }
        }
        for one in mine.into_iter().filter(|one| !role.grants.iter().any(|grant| is(one, grant))) {
            wrong
                .push(format!("AWS does {} on {} for {name}, which its role does not allow", one.action, one.resource));
        }
    }
    wrong
}

/// Whether an ARN is one of those that a grant names, with `*` for anything.
fn covers(pattern: &str, arn: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| arn.strip_prefix(first)) else { return false };
    let mut open = false;
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
        open = part.is_empty();
    }
    open || rest.is_empty()
}

#[test]
fn a_pattern_covers_what_it_says() {
    for (pattern, arn, covered) in [
        ("a:b", "a:b", true),
        ("a:b", "a:bc", false),
        ("a:b*", "a:bc", true),
        ("*", "a:b", true),
        ("a:source/*", "a:source/x-1", true),
        ("a:source/*", "a:signal/x-1", false),
        ("a:*:c", "a:b:c", true),
        ("a:*:c", "a:b:d", false),
    ] {
        assert_eq!(covers(pattern, arn), covered, "{pattern} {arn}");
    }
}

#[test]
fn every_listed_permission_has_its_reason() {
    for entry in ON_BEHALF {
        assert!(entry.because.contains("https://docs.aws.amazon.com/"), "{:?}", entry.actions);
    }
}
