//! A template as CloudFormation reads it: `!Ref x` and `{ Ref: x }` are the same, numbers are text, and every
//! value knows its line.

use std::collections::BTreeMap;

use saphyr::{LoadableYamlNode, MarkedYaml, Scalar, YamlData};

/// A template.
pub(super) struct Stack {
    /// What it is called in complaints.
    pub(super) name: String,
    /// Its lines, comments included.
    lines: Vec<String>,
    root: Node,
}

/// A value of a template.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// From 1.
    pub(super) line: usize,
    pub(super) value: Value,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    Text(String),
    List(Vec<Node>),
    Map(BTreeMap<String, Node>),
}

/// A resource of a stack.
#[derive(Clone, Copy)]
pub(super) struct Resource<'a> {
    pub(super) stack: &'a Stack,
    pub(super) name: &'a str,
    pub(super) kind: &'a str,
    pub(super) body: &'a Node,
}

impl Stack {
    pub(super) fn read(name: &str, text: &str) -> Self {
        let documents = MarkedYaml::load_from_str(text).unwrap();
        Self { name: name.to_owned(), lines: text.lines().map(str::to_owned).collect(), root: Node::of(&documents[0]) }
    }

    /// The entries of one of its sections, `Parameters` or `Resources`, say.
    pub(super) fn section(&self, name: &str) -> Vec<(&str, &Node)> {
        self.root.get(name).map(Node::entries).unwrap_or_default()
    }

    /// Resources of a type; all where it is empty.
    pub(super) fn resources(&self, kind: &str) -> Vec<Resource<'_>> {
        let all = self.section("Resources").into_iter().map(|(name, body)| Resource {
            stack: self,
            name,
            kind: body.get("Type").and_then(Node::text).unwrap_or_default(),
            body,
        });
        all.filter(|resource| kind.is_empty() || resource.kind == kind).collect()
    }

    /// Functions, whether SAM's or Lambda's own.
    pub(super) fn functions(&self) -> Vec<Resource<'_>> {
        let mut functions = self.resources("AWS::Serverless::Function");
        functions.extend(self.resources("AWS::Lambda::Function"));
        functions
    }

    pub(super) fn resource(&self, name: &str) -> Option<Resource<'_>> {
        self.resources("").into_iter().find(|resource| resource.name == name)
    }

    /// A function's timeout in seconds: its own, that of all, or Lambda's default.
    pub(super) fn timeout(&self, function: Resource<'_>) -> i64 {
        let global = || self.root.get("Globals")?.get("Function")?.get("Timeout")?.number();
        function.property("Timeout").and_then(Node::number).or_else(global).unwrap_or(3)
    }

    /// Whether the line above is a comment.
    pub(super) fn is_comment_above(&self, line: usize) -> bool {
        line.checked_sub(2).and_then(|at| self.lines.get(at)).is_some_and(|line| line.trim_start().starts_with('#'))
    }

    /// Every map in the stack that grants or denies something.
    pub(super) fn statements(&self) -> Vec<&Node> {
        let mut found = Vec::new();
        self.root.visit(&mut |node| {
            if node.get("Effect").is_some() {
                found.push(node);
            }
        });
        found
    }

    /// Visits every value.
    pub(super) fn visit<'a>(&'a self, visitor: &mut impl FnMut(&'a Node)) {
        self.root.visit(visitor);
    }
}

impl<'a> Resource<'a> {
    pub(super) fn property(&self, name: &str) -> Option<&'a Node> {
        self.body.get("Properties")?.get(name)
    }

    /// A property's property, and so on.
    pub(super) fn path(&self, path: &[&str]) -> Option<&'a Node> {
        path.iter().try_fold(self.body.get("Properties")?, |node, name| node.get(name))
    }

    /// How it is called in complaints.
    pub(super) fn show(&self) -> String {
        format!("{}: {}", self.stack.name, self.name)
    }
}

impl Node {
    fn of(yaml: &MarkedYaml<'_>) -> Self {
        // What is put together has the line of its first part: the parser does not say where it begins.
        let first = |parts: &mut dyn Iterator<Item = usize>| parts.min().unwrap_or_default();
        let line = yaml.span.start.line();
        let (line, value) = match &yaml.data {
            YamlData::Sequence(items) => {
                let items: Vec<Self> = items.iter().map(Self::of).collect();
                (first(&mut items.iter().map(|item| item.line)), Value::List(items))
            }
            YamlData::Mapping(entries) => {
                let name = |key: &MarkedYaml<'_>| Self::of(key).text().unwrap().to_owned();
                let line = first(&mut entries.keys().map(|key| key.span.start.line()));
                (line, Value::Map(entries.iter().map(|(key, value)| (name(key), Self::of(value))).collect()))
            }
            YamlData::Tagged(tag, inner) => {
                let function = match tag.suffix.as_str() {
                    "Ref" | "Condition" => tag.suffix.clone(),
                    suffix => format!("Fn::{suffix}"),
                };
                let inner = Self::of(inner);
                (inner.line, Value::Map(BTreeMap::from([(function, inner)])))
            }
            YamlData::Value(scalar) => (line, Value::Text(written(scalar))),
            YamlData::Representation(text, _, _) => (line, Value::Text(text.to_string())),
            YamlData::Alias(_) | YamlData::BadValue => panic!("line {line}: CloudFormation cannot read this"),
        };
        Self { line, value }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        match &self.value {
            Value::Map(entries) => entries.get(name),
            Value::Text(_) | Value::List(_) => None,
        }
    }

    pub(super) fn entries(&self) -> Vec<(&str, &Self)> {
        match &self.value {
            Value::Map(entries) => entries.iter().map(|(name, node)| (name.as_str(), node)).collect(),
            Value::Text(_) | Value::List(_) => Vec::new(),
        }
    }

    /// The items of a list; itself where it is none.
    pub(super) fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            Value::Text(_) | Value::Map(_) => std::slice::from_ref(self),
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            Value::List(_) | Value::Map(_) => None,
        }
    }

    pub(super) fn number(&self) -> Option<i64> {
        self.text()?.parse().ok()
    }

    /// The resource that `!Ref x` or `!GetAtt x.…` means.
    pub(super) fn target(&self) -> Option<&str> {
        let reference = || self.get("Ref").and_then(Self::text);
        self.get("Fn::GetAtt").and_then(Self::text).and_then(|path| path.split('.').next()).or_else(reference)
    }

    /// Every text below, with its line.
    pub(super) fn texts(&self) -> Vec<(&str, usize)> {
        let mut texts = Vec::new();
        self.visit(&mut |node| texts.extend(node.text().map(|text| (text, node.line))));
        texts
    }

    fn visit<'a>(&'a self, visitor: &mut impl FnMut(&'a Self)) {
        visitor(self);
        match &self.value {
            Value::Text(_) => {}
            Value::List(items) => items.iter().for_each(|item| item.visit(visitor)),
            Value::Map(entries) => entries.values().for_each(|node| node.visit(visitor)),
        }
    }
}

fn written(scalar: &Scalar<'_>) -> String {
    match scalar {
        Scalar::Null => String::new(),
        Scalar::Boolean(value) => value.to_string(),
        Scalar::Integer(value) => value.to_string(),
        Scalar::FloatingPoint(value) => value.to_string(),
        Scalar::String(text) => text.to_string(),
    }
}
