//! What CloudFormation makes of the templates: parameters known, functions worked out, nested stacks made. As
//! far as roles need it; what is not known here ends the test rather than being taken for nothing.

use std::collections::BTreeMap;

use super::stack::{Node, Resource, Stack, Value};

/// The root template.
const ROOT: &str = "infra/template.yaml";

/// A stack, and those within it.
pub(super) struct Deployed<'a> {
    pub(super) stack: &'a Stack,
    /// Before the names of its own things; empty for the root.
    path: String,
    parameters: BTreeMap<String, String>,
    nested: BTreeMap<String, Self>,
}

impl<'a> Deployed<'a> {
    /// The root stack with these parameters; the others have their defaults.
    pub(super) fn root(stacks: &'a [Stack], parameters: &[(&str, &str)]) -> Self {
        let given = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self::new(stacks, ROOT, String::new(), given)
    }

    fn new(stacks: &'a [Stack], file: &str, path: String, given: BTreeMap<String, String>) -> Self {
        let stack = stacks.iter().find(|stack| stack.name == file).unwrap_or_else(|| panic!("no {file}"));
        let mut parameters: BTreeMap<String, String> = BTreeMap::new();
        for (name, parameter) in stack.section("Parameters") {
            parameters.extend(parameter.get("Default").and_then(Node::text).map(|text| (name.to_owned(), text.into())));
        }
        parameters.extend(given);
        let mut deployed = Self { stack, path, parameters, nested: BTreeMap::new() };
        for nested in in_order(deployed.resources("AWS::CloudFormation::Stack")) {
            let file = format!("infra/{}", nested.property("TemplateURL").and_then(Node::text).unwrap());
            let path = format!("{}{}.", deployed.path, nested.name);
            let mut given: BTreeMap<String, String> = deployed.pseudo_parameters();
            for (name, value) in nested.property("Parameters").map(Node::entries).unwrap_or_default() {
                given.extend(deployed.text(value).map(|text| (name.to_owned(), text)));
            }
            deployed.nested.insert(nested.name.to_owned(), Self::new(stacks, &file, path, given));
        }
        deployed
    }

    /// As `resources`, of several types.
    pub(super) fn resources_of(&self, kinds: &[&str]) -> Vec<Resource<'a>> {
        kinds.iter().flat_map(|kind| self.resources(kind)).collect()
    }

    fn pseudo_parameters(&self) -> BTreeMap<String, String> {
        let own = self.parameters.iter().filter(|(name, _)| name.starts_with("AWS::"));
        own.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// This stack and all within it.
    pub(super) fn all(&self) -> Vec<&Self> {
        std::iter::once(self).chain(self.nested.values().flat_map(Self::all)).collect()
    }

    /// Its resources of a type, but for those whose condition does not hold.
    pub(super) fn resources(&self, kind: &str) -> Vec<Resource<'a>> {
        let mut resources = self.stack.resources(kind);
        resources.retain(|one| one.body.get("Condition").and_then(Node::text).is_none_or(|name| self.holds(name)));
        resources
    }

    /// A resource's name among all stacks.
    pub(super) fn name_of(&self, resource: Resource<'_>) -> String {
        format!("{}{}", self.path, resource.name)
    }

    fn holds(&self, condition: &str) -> bool {
        let conditions = self.stack.section("Conditions");
        let found = conditions.into_iter().find(|(name, _)| *name == condition);
        self.is_true(found.unwrap_or_else(|| panic!("no condition {condition}")).1)
    }

    fn is_true(&self, condition: &Node) -> bool {
        let Value::Map(entries) = &condition.value else { panic!("line {}: no condition", condition.line) };
        let Some((function, value)) = entries.first_key_value() else { panic!("line {}: empty", condition.line) };
        match function.as_str() {
            "Condition" => self.holds(value.text().unwrap()),
            "Fn::Equals" => self.text(&value.items()[0]) == self.text(&value.items()[1]),
            "Fn::Not" => !self.is_true(&value.items()[0]),
            "Fn::And" => value.items().iter().all(|one| self.is_true(one)),
            "Fn::Or" => value.items().iter().any(|one| self.is_true(one)),
            unknown => panic!("line {}: {unknown}", condition.line),
        }
    }

    /// What remains of a value when its `!If`s are decided; `None` where it is `AWS::NoValue`.
    pub(super) fn decided<'n>(&self, node: &'n Node) -> Option<&'n Node> {
        if let Some(choice) = node.get("Fn::If") {
            let [condition, yes, no] = choice.items() else { panic!("line {}: !If takes three", node.line) };
            return self.decided(if self.holds(condition.text().unwrap()) { yes } else { no });
        }
        let reference = node.get("Ref").and_then(Node::text);
        (reference != Some("AWS::NoValue")).then_some(node)
    }

    /// The items of a list, decided; itself where it is none.
    pub(super) fn list<'n>(&self, node: &'n Node) -> Vec<&'n Node> {
        let Some(node) = self.decided(node) else { return Vec::new() };
        node.items().iter().filter_map(|item| self.decided(item)).collect()
    }

    /// The texts of a list; itself where it is none.
    pub(super) fn texts(&self, node: &Node) -> Vec<String> {
        let mut texts = Vec::new();
        for item in self.list(node) {
            match item.get("Fn::Split").map(Node::items) {
                Some([separator, text]) => {
                    let text = self.text(text).unwrap_or_default();
                    texts.extend(text.split(separator.text().unwrap()).map(str::to_owned));
                }
                Some(_) => panic!("line {}: !Split takes two", item.line),
                None => texts.extend(self.text(item)),
            }
        }
        texts
    }

    /// A value as text, `None` where it is `AWS::NoValue`.
    pub(super) fn text(&self, node: &Node) -> Option<String> {
        let node = self.decided(node)?;
        if let Some(text) = node.text() {
            return Some(text.to_owned());
        }
        let Value::Map(entries) = &node.value else { panic!("line {}: a list is no text", node.line) };
        let Some((function, value)) = entries.first_key_value() else { panic!("line {}: empty", node.line) };
        Some(match (function.as_str(), value.items()) {
            ("Ref", _) => self.reference(value.text().unwrap()),
            ("Fn::GetAtt", _) => self.attribute(value.text().unwrap()),
            ("Fn::Sub", [text]) => self.substitute(text.text().unwrap(), None),
            ("Fn::Sub", [text, names]) => self.substitute(text.text().unwrap(), Some(names)),
            ("Fn::Join", [separator, list]) => self.texts(list).join(separator.text().unwrap()),
            (unknown, _) => panic!("line {}: {unknown}", node.line),
        })
    }

    fn substitute(&self, text: &str, names: Option<&Node>) -> String {
        let mut parts = text.split("${");
        let mut written = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, rest) = part.split_once('}').unwrap_or_else(|| panic!("{text}: an open brace"));
            let own = names.and_then(|names| names.get(name)).and_then(|value| self.text(value));
            written.push_str(
                &own.unwrap_or_else(|| if name.contains('.') { self.attribute(name) } else { self.reference(name) }),
            );
            written.push_str(rest);
        }
        written
    }

    fn resource(&self, name: &str) -> Resource<'a> {
        self.stack.resource(name).unwrap_or_else(|| panic!("{}: there is no {name}", self.stack.name))
    }

    fn property(&self, resource: Resource<'_>, name: &str) -> String {
        let value = resource.property(name).and_then(|value| self.text(value));
        value.unwrap_or_else(|| panic!("{} has no {name}", resource.show()))
    }

    fn reference(&self, name: &str) -> String {
        if let Some(value) = self.parameters.get(name) {
            return value.clone();
        }
        let resource = self.resource(name);
        match resource.kind {
            "AWS::DynamoDB::Table" => self.property(resource, "TableName"),
            // Its URL, of which roles know nothing.
            "AWS::SQS::Queue" => self.property(resource, "QueueName"),
            "AWS::IAM::ManagedPolicy" => format!("arn:policy/{}", self.name_of(resource)),
            _ => self.name_of(resource),
        }
    }

    fn attribute(&self, path: &str) -> String {
        let (name, attribute) = path.split_once('.').unwrap_or_else(|| panic!("{path} names no attribute"));
        if let (Some(nested), Some(output)) = (self.nested.get(name), attribute.strip_prefix("Outputs.")) {
            let outputs = nested.stack.section("Outputs");
            let output =
                outputs.into_iter().find(|(name, _)| *name == output).and_then(|(_, output)| output.get("Value"));
            return output.and_then(|value| nested.text(value)).unwrap_or_else(|| panic!("no output {path}"));
        }
        let resource = self.resource(name);
        let named = |service: &str, kind: &str, property: &str| {
            let place = ["AWS::Partition", "AWS::Region", "AWS::AccountId"].map(|name| self.reference(name));
            format!("arn:{}:{service}:{}:{}:{kind}{}", place[0], place[1], place[2], self.property(resource, property))
        };
        match (resource.kind, attribute) {
            ("AWS::DynamoDB::Table", "Arn") => named("dynamodb", "table/", "TableName"),
            ("AWS::SQS::Queue", "Arn") => named("sqs", "", "QueueName"),
            ("AWS::Logs::LogGroup", "Arn") => format!("{}:*", named("logs", "log-group:", "LogGroupName")),
            ("AWS::Serverless::Function" | "AWS::Lambda::Function", "Arn") => {
                named("lambda", "function:", "FunctionName")
            }
            ("AWS::KMS::Key" | "AWS::IAM::Role", "Arn") => format!("arn:{}", self.name_of(resource)),
            (kind, _) => panic!("{path}: not known of {kind}"),
        }
    }
}

/// Each behind those whose outputs it is handed.
fn in_order(mut waiting: Vec<Resource<'_>>) -> Vec<Resource<'_>> {
    let mut ordered = Vec::new();
    while !waiting.is_empty() {
        let needs = |one: &Resource<'_>, other: &Resource<'_>| {
            let output = format!("{}.Outputs.", other.name);
            one.body.texts().iter().any(|(text, _)| text.contains(&output))
        };
        let free = waiting.iter().position(|one| !waiting.iter().any(|other| needs(one, other)));
        ordered.push(waiting.remove(free.expect("stacks that wait for each other")));
    }
    ordered
}
