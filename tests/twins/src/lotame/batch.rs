//! The files of one batch as a listing shows them: B2 to B4 and B7 to B11.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use crate::lotame::advice::{assumed_failure, assumed_warning, strict_failure};
use crate::lotame::feed::{Feed, Split, UseCase};
use crate::lotame::place::Entry;
use crate::lotame::report::{Report, Rule};
use crate::lotame::switches::{LateFiles, Switches, Unnumbered};

const STEM: &str = "segmentmembership.";
const DATA: &str = "segmentmembership.json.gz";

/// Files of one directory.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) directory: String,
    pub(crate) place: Whereabouts,
    pub(crate) entries: Vec<Entry>,
}

/// Where a group is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Whereabouts {
    /// In the agreed directories, below eight digits.
    Dated(String),
    /// Where Lotame does not look.
    Stray,
}

/// What is to be read.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) parts: Vec<Part>,
    pub(crate) done: Entry,
}

/// A data file and its checksum.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) data: Entry,
    pub(crate) md5: Entry,
}

impl Plan {
    pub(crate) fn files(&self) -> impl Iterator<Item = &Entry> {
        self.parts.iter().flat_map(|part| [&part.data, &part.md5]).chain([&self.done])
    }
}

impl Group {
    pub(crate) fn dones(&self) -> Vec<&Entry> {
        self.entries.iter().filter(|entry| is_done(entry.name())).collect()
    }

    pub(crate) fn date(&self) -> Option<Date> {
        match &self.place {
            Whereabouts::Dated(digits) => date(digits),
            Whereabouts::Stray => None,
        }
    }
}

/// The groups that concern this feed, by directory.
pub(crate) fn groups(entries: Vec<Entry>, feed: &Feed) -> Vec<Group> {
    let own = format!("{}/", feed.directories.path());
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    for entry in entries {
        let place = match entry.path.strip_prefix(&own) {
            Some(rest) => below(rest),
            None => outside(&entry, feed).then_some(Whereabouts::Stray),
        };
        let Some(place) = place else { continue };
        let directory = entry.directory().to_owned();
        let group = Group { directory: directory.clone(), place, entries: Vec::new() };
        groups.entry(directory).or_insert(group).entries.push(entry);
    }
    groups.into_values().collect()
}

fn below(rest: &str) -> Option<Whereabouts> {
    let (first, file) = rest.split_once('/').unwrap_or(("", rest));
    if first == "archive" || first == "error" {
        return None;
    }
    if is_eight_digits(first) && !file.contains('/') {
        return Some(Whereabouts::Dated(first.to_owned()));
    }
    let name = rest.rsplit('/').next().unwrap_or_default();
    is_of_a_batch(name).then_some(Whereabouts::Stray)
}

fn outside(entry: &Entry, feed: &Feed) -> bool {
    let of_neighbour =
        |directory: &String| entry.path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'));
    is_of_a_batch(entry.name()) && !feed.neighbours.iter().any(of_neighbour)
}

fn is_of_a_batch(name: &str) -> bool {
    is_done(name) || name.to_ascii_lowercase().starts_with(STEM)
}

/// In any case: one that is written wrongly was meant as one.
fn is_done(name: &str) -> bool {
    name.to_ascii_lowercase().ends_with(".done")
}

fn is_eight_digits(name: &str) -> bool {
    name.len() == 8 && name.bytes().all(|byte| byte.is_ascii_digit())
}

fn date(digits: &str) -> Option<Date> {
    let part = |range: std::ops::Range<usize>| digits.get(range)?.parse::<i16>().ok();
    let (year, month, day) = (part(0..4)?, part(4..6)?, part(6..8)?);
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

/// What to read, where the listing allows it; otherwise the report has failed.
pub(crate) fn plan(group: &Group, digits: &str, feed: &Feed, switches: &Switches, report: &mut Report) -> Option<Plan> {
    let done = done(group, digits, report);
    let parts = parts(group, feed, switches, report);
    let (Some(done), Some(parts)) = (done, parts) else { return None };
    let plan = Plan { parts, done };
    sizes(&plan, feed, switches, report);
    times(&plan, switches, report);
    (!report.failed()).then_some(plan)
}

/// B2.
fn done(group: &Group, digits: &str, report: &mut Report) -> Option<Entry> {
    let dones = group.dones();
    let &[done] = dones.as_slice() else {
        report.note(assumed_failure(Rule::B2, "Write one done file into a directory."), Some(&group.directory));
        return None;
    };
    let fault = match done.name().strip_suffix(".done") {
        None => Some(strict_failure(Rule::B2, "Write the extension as .done, in small letters.")),
        Some(stem) if !is_eight_digits(stem) => {
            Some(strict_failure(Rule::B2, "Name the done file by the date in eight digits, YYYYMMDD.done."))
        }
        Some(stem) if date(stem).is_none() => Some(strict_failure(Rule::B2, "Name the done file by a real date.")),
        Some(stem) if stem != digits => {
            Some(assumed_failure(Rule::B2, "Give the done file the date of its directory."))
        }
        Some(_) if done.size > 0 => Some(strict_failure(Rule::B2, "Leave the done file empty, zero bytes.")),
        Some(_) => None,
    };
    if let Some(fault) = fault {
        report.note(fault, Some(&done.path));
        return None;
    }
    Some(done.clone())
}

/// What a name says that a file is.
enum Named<'e> {
    Data,
    Md5,
    NumberedData(&'e str),
    NumberedMd5(&'e str),
    Leftover,
    Unknown,
}

#[expect(clippy::case_sensitive_file_extension_comparisons, reason = "names are exact")]
fn named(name: &str) -> Named<'_> {
    if name.starts_with('.') || name.ends_with(".part") {
        return Named::Leftover;
    }
    let (data, is_md5) = match name.strip_suffix(".md5") {
        Some(data) => (data, true),
        None => (name, false),
    };
    if data == DATA {
        return if is_md5 { Named::Md5 } else { Named::Data };
    }
    let number = data.strip_prefix(STEM).and_then(|rest| rest.strip_suffix(".json.gz"));
    match number.filter(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())) {
        Some(number) if is_md5 => Named::NumberedMd5(number),
        Some(number) => Named::NumberedData(number),
        None => Named::Unknown,
    }
}

/// B4, B8, B11.
fn parts(group: &Group, feed: &Feed, switches: &Switches, report: &mut Report) -> Option<Vec<Part>> {
    let (mut data, mut md5) = (None, None);
    let (mut numbered, mut numbered_md5) = (BTreeMap::new(), BTreeMap::new());
    for entry in &group.entries {
        let path = Some(entry.path.as_str());
        match named(entry.name()) {
            Named::Data => data = Some(entry),
            Named::Md5 => md5 = Some(entry),
            Named::NumberedData(number) => drop(numbered.insert(number, entry)),
            Named::NumberedMd5(number) => drop(numbered_md5.insert(number, entry)),
            Named::Leftover => {
                report.note(assumed_warning(Rule::B11, "Remove .part and dot files before the done file."), path);
            }
            Named::Unknown if is_done(entry.name()) => {}
            Named::Unknown => {
                report
                    .note(assumed_warning(Rule::B4, "Leave out files that nobody reads, or name them exactly."), path);
            }
        }
    }
    if numbered.is_empty() && numbered_md5.is_empty() {
        return single(group, data, md5, feed, switches, report);
    }
    let directory = Some(group.directory.as_str());
    if feed.split == Split::Unregistered {
        report.note(strict_failure(Rule::B8, "Tell Lotame of numbered files before you send any."), directory);
        return None;
    }
    if data.is_some() || md5.is_some() {
        let message = "Send either numbered files or the unnumbered one, not both.";
        report.note(assumed_failure(Rule::B8, message), directory);
        return None;
    }
    split(directory, &numbered, &numbered_md5, report)
}

fn single(
    group: &Group,
    data: Option<&Entry>,
    md5: Option<&Entry>,
    feed: &Feed,
    switches: &Switches,
    report: &mut Report,
) -> Option<Vec<Part>> {
    let directory = Some(group.directory.as_str());
    if data.is_none() {
        let message = "Send segmentmembership.json.gz, named exactly so, before the done file.";
        report.note(strict_failure(Rule::B4, message), directory);
    }
    if md5.is_none() {
        let message = "Send segmentmembership.json.gz.md5, named exactly so, before the done file.";
        report.note(strict_failure(Rule::B4, message), directory);
    }
    let (data, md5) = (data?, md5?);
    match (feed.split, switches.unnumbered) {
        (Split::Registered, Unnumbered::Refuse) => {
            let message = "Number the files of a feed that is registered for it, also where there is one.";
            report.note(assumed_failure(Rule::B8, message), directory);
            None
        }
        (Split::Registered, Unnumbered::Accept) | (Split::Unregistered, Unnumbered::Refuse | Unnumbered::Accept) => {
            Some(vec![Part { data: data.clone(), md5: md5.clone() }])
        }
    }
}

fn split(
    directory: Option<&str>,
    data: &BTreeMap<&str, &Entry>,
    md5: &BTreeMap<&str, &Entry>,
    report: &mut Report,
) -> Option<Vec<Part>> {
    let numbers: BTreeSet<String> = (1..=data.len()).map(|number| format!("{number:03}")).collect();
    if data.keys().copied().ne(numbers.iter().map(String::as_str)) {
        let message = "Number the files 001, 002 and so on, in three digits and without a gap.";
        report.note(assumed_failure(Rule::B8, message), directory);
        return None;
    }
    if !data.keys().eq(md5.keys()) {
        report.note(assumed_failure(Rule::B8, "Send a checksum file for each numbered file."), directory);
        return None;
    }
    let pairs = data.values().zip(md5.values());
    Some(pairs.map(|(&data, &md5)| Part { data: data.clone(), md5: md5.clone() }).collect())
}

/// B7.
fn sizes(plan: &Plan, feed: &Feed, switches: &Switches, report: &mut Report) {
    for Part { data, .. } in &plan.parts {
        let path = Some(data.path.as_str());
        match feed.use_case {
            UseCase::Emails { .. } if data.size >= switches.largest_hem_gz_bytes => {
                let message = "Send smaller files of emails; where Lotame's limit is, nobody knows (Q8).";
                report.note(assumed_failure(Rule::B7, message), path);
            }
            UseCase::Emails { .. } | UseCase::Behaviors | UseCase::Sightings | UseCase::IdMapping | UseCase::Ldx
                if data.size >= switches.largest_gz_bytes =>
            {
                let message = "Keep the zipped file below 5 GB, or split it, after you told Lotame.";
                report.note(strict_failure(Rule::B7, message), path);
            }
            UseCase::Emails { .. }
            | UseCase::Behaviors
            | UseCase::Sightings
            | UseCase::IdMapping
            | UseCase::Ldx
            | UseCase::Onboarding { .. } => {}
        }
    }
}

/// B9, B10.
fn times(plan: &Plan, switches: &Switches, report: &mut Report) {
    for Part { data, md5 } in &plan.parts {
        if data.modified > md5.modified {
            report.note(assumed_warning(Rule::B9, "Write the checksum file after the data file."), Some(&md5.path));
        }
        for file in [data, md5].into_iter().filter(|file| file.modified > plan.done.modified) {
            let note = match switches.late_files {
                LateFiles::Fail => assumed_failure(Rule::B10, "Change no file after the done file is written."),
                LateFiles::Warn => crate::lotame::advice::strict_warning(Rule::B9, "Write the done file last."),
            };
            report.note(note, Some(&file.path));
        }
    }
}
