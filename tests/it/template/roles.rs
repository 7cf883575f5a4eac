//! Who may do what, as the deployed templates say.

use super::deployed::Deployed;
use super::stack::{Node, Resource, Stack};

/// A role with everything that its own policies and those attached to it allow.
#[derive(Debug, Clone)]
pub(crate) struct Role {
    /// The function that has it; the role's own name where none does.
    pub(crate) of: String,
    pub(crate) grants: Vec<Grant>,
}

/// One action on one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) action: String,
    /// An ARN, in which `*` stands for anything.
    pub(crate) resource: String,
    /// Where it is written.
    pub(crate) place: String,
}

/// The roles of the templates under `infra/`, deployed with these parameters.
pub(crate) fn roles(parameters: &[(&str, &str)]) -> Vec<Role> {
    of_stacks(&super::stacks(), parameters)
}

fn of_stacks(stacks: &[Stack], parameters: &[(&str, &str)]) -> Vec<Role> {
    let root = Deployed::root(stacks, parameters);
    let mut roles = Vec::new();
    for stack in root.all() {
        for role in stack.resources("AWS::IAM::Role") {
            let name = stack.name_of(role);
            let mut grants = Vec::new();
            for policy in role.property("Policies").map(|policies| stack.list(policies)).unwrap_or_default() {
                grants.extend(granted(stack, policy.get("PolicyDocument").unwrap()));
            }
            let wanted = role.property("ManagedPolicyArns").map(|arns| stack.texts(arns)).unwrap_or_default();
            for (owner, policy) in managed(&root) {
                let itself = format!("arn:policy/{}", owner.name_of(policy));
                let given_to = policy.property("Roles").map(|roles| owner.texts(roles)).unwrap_or_default();
                if wanted.contains(&itself) || given_to.contains(&name) {
                    grants.extend(granted(owner, policy.property("PolicyDocument").unwrap()));
                }
            }
            roles.push(Role { of: function_with(&root, &name).unwrap_or(name), grants });
        }
    }
    roles
}

fn managed<'d, 'a>(root: &'d Deployed<'a>) -> Vec<(&'d Deployed<'a>, Resource<'a>)> {
    let all = root.all().into_iter();
    let kinds = ["AWS::IAM::ManagedPolicy", "AWS::IAM::Policy"];
    all.flat_map(|stack| stack.resources_of(&kinds).into_iter().map(move |one| (stack, one))).collect()
}

/// The name of the function that has the role.
fn function_with(root: &Deployed<'_>, role: &str) -> Option<String> {
    let arn = format!("arn:{role}");
    root.all().into_iter().find_map(|stack| {
        let kinds = ["AWS::Serverless::Function", "AWS::Lambda::Function"];
        let functions = kinds.into_iter().flat_map(|kind| stack.resources(kind));
        let mut with =
            functions.filter(|one| one.property("Role").and_then(|role| stack.text(role)).as_ref() == Some(&arn));
        stack.text(with.next()?.property("FunctionName")?)
    })
}

fn granted(stack: &Deployed<'_>, document: &Node) -> Vec<Grant> {
    let mut grants = Vec::new();
    for statement in stack.list(document.get("Statement").unwrap()) {
        assert_eq!(statement.get("Effect").and_then(Node::text), Some("Allow"), "line {}", statement.line);
        let [actions, resources] = ["Action", "Resource"].map(|name| stack.texts(statement.get(name).unwrap()));
        let place = format!("{}:{}", stack.stack.name, statement.line);
        for action in &actions {
            let of_action =
                |resource: &String| Grant { action: action.clone(), resource: resource.clone(), place: place.clone() };
            grants.extend(resources.iter().map(of_action));
        }
    }
    grants
}
