//! Rules of the repository that clippy cannot see. Each test says what to do about what it found.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Lines of a file that can still be read in one sitting.
const MOST_LINES: usize = 650;

/// What each module of `shared/src` may use of the crate, itself aside. A module that is not here is to be
/// added with as little as it needs.
const MAY_USE: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("steps", &[]),
    ("metrics", &["model"]),
    ("ports", &["model", "metrics"]),
    ("installation", &["model", "ports"]),
    ("standard_webhooks", &[]),
    ("clock", &["ports"]),
    ("tls", &[]),
    ("embedded", &["model", "ports", "clock", "metrics"]),
    ("aws", &["model", "ports", "clock", "http", "metrics", "tls"]),
    ("mapping", &["model"]),
    ("files", &["model", "http"]),
    // What a failed request means is said in the destination's words: these two are one layer.
    ("http", &["model", "ports", "destination", "metrics", "tls"]),
    ("destination", &["model", "ports", "http", "mapping", "files"]),
    // Of the ports plain data only: see `PORTS_FOR_DESTINATIONS`.
    ("destinations", &["model", "mapping", "destination", "http", "files", "ports", "standard_webhooks"]),
    ("sources", &["model", "standard_webhooks"]),
    ("catalog", &["model", "ports", "destination"]),
    ("ingest", &["model", "ports", "catalog", "sources", "steps", "metrics"]),
    // Of the destinations the registry only: see the test.
    (
        "delivery",
        &[
            "model",
            "mapping",
            "ports",
            "destination",
            "destinations",
            "http",
            "catalog",
            "installation",
            "standard_webhooks",
            "steps",
            "metrics",
        ],
    ),
    // Brings what sources are asked for to the rows, and has the engine walk them.
    ("scans", &["model", "ports", "http", "destination", "catalog", "ingest", "sources", "delivery"]),
    // Brings what a time that has come changes to the rows.
    ("timers", &["model", "ports", "ingest", "sources", "delivery"]),
    // It starts the engine's walks and sources' scans, and says what the notes of sources mean.
    (
        "control",
        &[
            "model",
            "mapping",
            "ports",
            "destination",
            "destinations",
            "http",
            "catalog",
            "installation",
            "delivery",
            "scans",
            "sources",
            "standard_webhooks",
        ],
    ),
];

/// A destination is handed its secret and says its rate; it reaches no store, queue or clock.
const PORTS_FOR_DESTINATIONS: &[&str] = &["Secret"];

#[test]
fn dependencies_in_the_crate_point_one_way() {
    let mut wrong = Vec::new();
    // A test stands outside: it may bring the embedded ports along.
    let files = rust_files("shared/src").into_iter().filter(|file| !file.ends_with("tests.rs"));
    for file in files {
        let module = modules_of(&file);
        let Some(own) = module.first().filter(|_| file != root().join("shared/src/lib.rs")) else { continue };
        let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| name == own) else {
            wrong.push(format!("{}: `{own}` has no line in MAY_USE", show(&file)));
            continue;
        };
        for used in uses(&file).iter().filter_map(|path| path.first()) {
            if used != own && !allowed.contains(&used.as_str()) && is_module(used) {
                wrong.push(format!("{}: `{own}` uses `{used}`", show(&file)));
            }
        }
    }
    explain("model knows nobody, ports know the model, destinations know no engine, the engine no vendor", &wrong);
}

#[test]
fn only_the_registry_names_destinations() {
    let folders = destinations();
    let mut wrong = Vec::new();
    for file in
        rust_files("shared/src").into_iter().filter(|file| modules_of(file).first() != Some(&own("destinations")))
    {
        for path in uses(&file) {
            if path.first() == Some(&own("destinations")) && path.get(1).is_some_and(|name| folders.contains(name)) {
                wrong.push(format!("{}: {}", show(&file), path.join("::")));
            }
        }
    }
    explain("what is the same for all vendors must not name one; ask `destinations::find`", &wrong);
}

#[test]
fn destinations_know_neither_neighbours_nor_stores() {
    let folders = destinations();
    let mut wrong = Vec::new();
    for name in &folders {
        for file in rust_files(&format!("shared/src/destinations/{name}")) {
            for path in uses(&file) {
                let second = path.get(1);
                let neighbour = path[0] == "destinations" && second.is_some_and(|used| used != name);
                let store =
                    path[0] == "ports" && !second.is_some_and(|used| PORTS_FOR_DESTINATIONS.contains(&used.as_str()));
                if neighbour || store {
                    wrong.push(format!("{}: {}", show(&file), path.join("::")));
                }
            }
        }
    }
    explain("a destination is handed all it may use in its Context, and stands alone", &wrong);
}

#[test]
fn every_destination_is_complete() {
    let registry = read("shared/src/destinations/mod.rs");
    let twins = read("tests/twins/src/lib.rs");
    let mut wrong = Vec::new();
    for name in destinations() {
        let folder = format!("shared/src/destinations/{name}");
        let files = ["mod.rs", "config.rs", "client.rs", "mapping.rs", "tests.rs", "README.md", "fixtures"];
        wrong.extend(files.iter().map(|file| format!("{folder}/{file}")).filter(|path| !root().join(path).exists()));
        let all = registry.split("fn all()").nth(1).and_then(|rest| rest.split('}').next()).unwrap_or_default();
        if !registry.contains(&format!("pub mod {name};")) || !all.contains(&format!("{name}::")) {
            wrong.push(format!("a line for {name} in shared/src/destinations/mod.rs"));
        }
        if !twins.contains(&format!("pub mod {name};")) {
            wrong.push(format!("a twin: tests/twins/src/{name}"));
        }
    }
    explain("every destination has its neighbours' files, a registry line and a twin; missing", &wrong);
}

#[test]
fn twins_know_nothing_of_ours_and_only_tests_know_them() {
    let mut wrong = Vec::new();
    for manifest in files("", |path| path.ends_with("Cargo.toml")) {
        let shown = show(&manifest);
        let text = fs::read_to_string(&manifest).unwrap();
        let names = dependencies(&text);
        let twins = shown == "tests/twins/Cargo.toml";
        if twins {
            wrong.extend(names.iter().filter(|name| name.starts_with("muster")).map(|name| format!("{shown}: {name}")));
        }
        let may_know_twins = shown == "Cargo.toml" || shown == "infra/local/Cargo.toml" || shown.starts_with("tests/");
        if !may_know_twins && names.contains("muster-twins") {
            wrong.push(format!("{shown}: muster-twins"));
        }
        if shown == "shared/Cargo.toml" {
            wrong.extend(names.iter().filter(|name| name.starts_with("muster")).map(|name| format!("{shown}: {name}")));
        }
    }
    explain("a stand-in that shares code with what it tests shares its mistakes", &wrong);
}

#[test]
fn functions_do_not_carry_the_embedded_store() {
    let mut wrong = Vec::new();
    for manifest in files("functions", |path| path.ends_with("Cargo.toml")) {
        let text = fs::read_to_string(&manifest).unwrap();
        let linked = text.split("[dev-dependencies]").next().unwrap_or_default();
        wrong.extend(
            linked.lines().filter(|line| line.contains("embedded")).map(|line| format!("{}: {line}", show(&manifest))),
        );
    }
    explain("what runs on AWS links no database of its own; ask for it among the dev-dependencies", &wrong);
}

#[test]
fn links_in_markdown_lead_to_files() {
    let mut wrong = Vec::new();
    for file in files("", |path| path.ends_with(".md")) {
        let text = prose(&fs::read_to_string(&file).unwrap());
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = target.split('#').next().unwrap_or_default();
            let elsewhere = path.is_empty() || path.contains("://") || path.starts_with("mailto:");
            if !elsewhere && !file.parent().unwrap().join(path).exists() {
                wrong.push(format!("{}: {target}", show(&file)));
            }
        }
    }
    explain("these links lead nowhere", &wrong);
}

#[test]
fn paths_in_markdown_exist() {
    let roots: Vec<String> = folders("").into_iter().map(|name| format!("{name}/")).collect();
    let mut wrong = Vec::new();
    for file in files("", |path| path.ends_with(".md")) {
        let text = prose(&fs::read_to_string(&file).unwrap());
        // Code spans are every second piece between backticks.
        for span in text.split('`').skip(1).step_by(2) {
            let is_path = roots.iter().any(|folder| span.starts_with(folder)) && !span.contains([' ', '*', '…', '{']);
            if is_path && !root().join(span).exists() {
                wrong.push(format!("{}: `{span}`", show(&file)));
            }
        }
    }
    explain("the documentation names files that are not there", &wrong);
}

#[test]
fn the_readme_says_what_is_where() {
    let readme = read("README.md");
    let table = readme.split("## What is where").nth(1).and_then(|rest| rest.split("\n## ").next()).unwrap();
    let named: BTreeSet<&str> = table
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .map(|path| path.trim_end_matches('/'))
        .collect();
    let members = read("Cargo.toml");
    let members = members.split("members = [").nth(1).and_then(|rest| rest.split(']').next()).unwrap();
    let unsaid: Vec<String> = members
        .split(',')
        .map(|member| member.trim().trim_matches('"').trim_end_matches("/*"))
        .filter(|member| !named.iter().any(|folder| member == folder || member.starts_with(&format!("{folder}/"))))
        .map(str::to_owned)
        .collect();
    explain("members of the workspace that README's \"What is where\" leaves out", &unsaid);
    let untrue: Vec<String> =
        named.iter().filter(|path| !root().join(path).exists()).map(|path| (*path).to_owned()).collect();
    explain("README's \"What is where\" names what is not there", &untrue);
}

#[test]
fn commands_of_the_readme_exist() {
    let readme = read("README.md");
    let binaries = binaries();
    let mut wrong = Vec::new();
    for line in readme.split("```").skip(1).step_by(2).flat_map(str::lines) {
        let words: Vec<&str> = line.split('#').next().unwrap_or_default().split_whitespace().collect();
        match words.as_slice() {
            ["cargo", "run", rest @ ..] => {
                let binary = rest.iter().skip_while(|word| **word != "--bin").nth(1);
                if !binary.is_some_and(|binary| binaries.contains(*binary)) {
                    wrong.push(line.to_owned());
                }
            }
            [script, ..] if script.starts_with("tests/") => {
                let executable =
                    fs::metadata(root().join(script)).is_ok_and(|file| file.permissions().mode() & 0o111 != 0);
                if !executable {
                    wrong.push(line.to_owned());
                }
            }
            _ => {}
        }
    }
    explain("commands of the README that start nothing", &wrong);
}

#[test]
fn files_are_short_enough_to_be_read() {
    let written = |path: &str| [".rs", ".md", ".sql", ".toml", ".sh", ".yaml"].iter().any(|end| path.ends_with(end));
    let long: Vec<String> = files("", written)
        .into_iter()
        .map(|file| (fs::read_to_string(&file).unwrap().lines().count(), file))
        .filter(|(lines, _)| *lines > MOST_LINES)
        .map(|(lines, file)| format!("{}: {lines} lines", show(&file)))
        .collect();
    explain(&format!("files of more than {MOST_LINES} lines: split them where a reader would pause"), &long);
}

#[test]
fn tests_do_not_sleep() {
    // In two pieces each, so that this file does not name them.
    let sleeps = [concat!("thread::", "sleep("), concat!("time::", "sleep("), concat!("time::", "sleep_until(")];
    let mut wrong = Vec::new();
    for file in rust_files("") {
        let shown = show(&file);
        let text = fs::read_to_string(&file).unwrap();
        // What a twin does to be slow is the vendor's slowness, and no test's.
        let whole = (shown.starts_with("tests/") && !shown.starts_with("tests/twins/src/"))
            || shown.contains("/tests/")
            || shown.ends_with("/tests.rs");
        let tests = if whole { text.as_str() } else { text.split_once("#[cfg(test)]").map_or("", |(_, tests)| tests) };
        if sleeps.iter().any(|sleep| tests.contains(sleep)) {
            wrong.push(shown);
        }
    }
    explain("time comes from the Clock, and what is awaited says when it is there", &wrong);
}

fn explain(rule: &str, wrong: &[String]) {
    assert!(wrong.is_empty(), "{rule}:\n  {}", wrong.join("\n  "));
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn show(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

fn own(name: &str) -> String {
    name.to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// Names of the folders in a folder, without those that git ignores.
fn folders(under: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(root().join(under)).unwrap().map(|entry| entry.unwrap());
    entries
        .filter(|entry| entry.file_type().unwrap().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .filter(|name| !name.starts_with('.') && name != "target" && !(under.is_empty() && name == "data"))
        .collect()
}

/// Files below a folder whose path in the repository is wanted.
fn files(under: &str, wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![under.to_owned()];
    while let Some(folder) = open.pop() {
        open.extend(folders(&folder).iter().map(|name| Path::new(&folder).join(name).display().to_string()));
        let entries = fs::read_dir(root().join(&folder)).unwrap().map(|entry| entry.unwrap());
        found.extend(entries.filter(|entry| entry.file_type().unwrap().is_file()).map(|entry| entry.path()));
    }
    found.retain(|path| wanted(&show(path)));
    found.sort();
    found
}

fn rust_files(under: &str) -> Vec<PathBuf> {
    files(under, |path| path.ends_with(".rs"))
}

fn destinations() -> BTreeSet<String> {
    folders("shared/src/destinations")
}

fn is_module(name: &str) -> bool {
    read("shared/src/lib.rs").contains(&format!("pub mod {name};"))
}

/// The module path of a file of the crate.
fn modules_of(file: &Path) -> Vec<String> {
    let path = file.strip_prefix(root().join("shared/src")).unwrap().with_extension("");
    let mut modules: Vec<String> = path.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
    modules.pop_if(|last| last == "mod");
    modules
}

/// Every path of the crate that a file names, from the crate's root. Of `super::…` those that leave the
/// file's own top module, or its own destination.
fn uses(file: &Path) -> Vec<Vec<String>> {
    let text = fs::read_to_string(file).unwrap();
    let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut found = Vec::new();
    for (at, start) in code.match_indices("crate::") {
        if !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$') {
            expand(&code[at + start.len()..], &[], &mut found);
        }
    }
    let module = modules_of(file);
    for (at, start) in code.match_indices("super::") {
        // Of `super::super::x` only the first has all the levels.
        if code[..at].ends_with("::") {
            continue;
        }
        let mut rest = &code[at..];
        let mut base = module.as_slice();
        while let Some(further) = rest.strip_prefix(start) {
            rest = further;
            base = base.split_last().map_or(&[], |(_, base)| base);
        }
        let mut paths = Vec::new();
        expand(rest, base, &mut paths);
        // `super::*` of a test module within the file, counted one level too high, names no module.
        found.extend(paths.into_iter().filter(|path| path.first() != module.first() || path.len() > base.len()));
    }
    found.retain(|path| !path.is_empty() && is_snake(&path[0]));
    found
}

fn is_snake(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit())
}

/// Reads a path or use-tree at the start of `text`; answers the rest behind it.
fn expand<'t>(text: &'t str, before: &[String], found: &mut Vec<Vec<String>>) -> &'t str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = expand(rest, before, found).trim_start();
            rest = match rest.strip_prefix(',') {
                Some(more) if !more.trim_start().starts_with('}') => more,
                Some(end) => end.trim_start(),
                None => rest,
            };
            if rest.is_empty() || rest.starts_with('}') {
                return rest.strip_prefix('}').unwrap_or(rest);
            }
        }
    }
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '*').unwrap_or(text.len());
    let mut path = before.to_vec();
    path.push(text[..end].to_owned());
    match text[end..].strip_prefix("::") {
        Some(rest) if end > 0 => expand(rest, &path, found),
        Some(_) | None => {
            found.push(path);
            // An alias, or what nobody expected, ends at the next comma or brace.
            text[end..].find([',', '}', ';']).map_or("", |next| &text[end + next..])
        }
    }
}

#[test]
fn use_trees_are_read() {
    let mut found = Vec::new();
    expand("model::{Person, ids::{PersonKey as Key, *},}, x", &[], &mut found);
    let found: Vec<String> = found.iter().map(|path| path.join("::")).collect();
    assert_eq!(found, ["model::Person", "model::ids::PersonKey", "model::ids::*"]);
}

/// Markdown without its code blocks.
fn prose(markdown: &str) -> String {
    markdown.split("```").step_by(2).collect()
}

/// Names of all dependencies in a manifest.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut inside = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.contains("dependencies");
        } else if inside && let Some((name, _)) = line.split_once(['=', '.', ' ']) {
            names.insert(name.trim().to_owned());
        }
    }
    names
}

/// Names of all binaries: those said, and packages with a `src/main.rs`.
fn binaries() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for manifest in files("", |path| path.ends_with("/Cargo.toml")) {
        let text = fs::read_to_string(&manifest).unwrap();
        let said = text.split("[[bin]]").skip(1).filter_map(name_in);
        names.extend(said);
        if manifest.with_file_name("src").join("main.rs").exists() && !text.contains("[[bin]]") {
            names.extend(name_in(&text));
        }
    }
    names
}

fn name_in(text: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with("name = "))?;
    line.split('"').nth(1).map(str::to_owned)
}
