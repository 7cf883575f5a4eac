//! No secret, key or value of a person in a log line, an error, a receipt, a finding, a note or a memo.

use std::fmt::Debug;

use muster::destination::{Action, Failure, Mode, Verdict, Verdicts};
use muster::model::Value;

use super::bench::{Bench, CITY, Want};
use super::listen::Ear;
use super::world::{Aim, Holds, Pause, Standing, Struck, Trouble, VendorWorld};

/// What was told.
#[derive(Default)]
pub(super) struct Notepad(Vec<String>);

impl Notepad {
    pub(super) fn note(&mut self, anything: impl Debug) {
        self.0.push(format!("{anything:?}"));
    }

    pub(super) fn note_failure(&mut self, failure: &Failure) {
        self.note(failure);
        self.0.push(failure.to_string());
    }

    fn note_all(&mut self, verdicts: &Verdicts) {
        for (id, verdict) in verdicts {
            self.note((id, verdict));
            if let Verdict::Failed(failure) = verdict {
                self.note_failure(failure);
            }
        }
    }

    /// Nothing personal is in it, nor in what was logged.
    pub(super) fn assert_tells_nothing(&self, world: &dyn VendorWorld, ear: &Ear) {
        tracing::info!("the ear hears");
        let logged = ear.heard();
        assert!(logged.contains("the ear hears"));
        let markers: Vec<String> = world.markers().iter().map(|marker| marker.to_lowercase()).collect();
        for text in self.0.iter().map(String::as_str).chain(logged.lines()) {
            let lower = text.to_lowercase();
            assert!(!markers.iter().any(|marker| lower.contains(marker)), "{text}");
        }
    }
}

pub async fn nothing_personal_is_told(world: &dyn VendorWorld) {
    let ear = Ear::listening();
    let mut pad = Notepad::default();
    (1..=4).for_each(|person| world.put(person, Standing::Reachable));
    if world.holds(Standing::Unsubscribed) == Holds::Yes {
        world.put(5, Standing::Unsubscribed);
    }
    let mut bench = Bench::new(world);
    for trouble in troubles(world) {
        if world.strike(&trouble, Aim::Any, 1) == Struck::Armed {
            match bench.try_prepare().await {
                Ok(prepared) => pad.note(prepared),
                Err(failure) => pad.note_failure(&failure),
            }
            calm(world);
        }
    }
    pad.note(bench.prepare().await);
    pad.note(bench.check().await);

    let lanes = [Some(Mode::Live), bench.bulk().map(|_| Mode::Bulk)];
    for lane in lanes.into_iter().flatten() {
        pad.note_all(&bench.deliver(lane, &misfits(&bench)).await);
        for trouble in troubles(world) {
            for aim in [Aim::Look, Aim::Write, Aim::BulkWrite, Aim::Any] {
                // Enough to strike the second try too.
                if world.strike(&trouble, aim, 3) == Struck::Armed {
                    pad.note_all(&bench.deliver(lane, &bench.show_all(1..=6, &Want::entered())).await);
                    pad.note_all(&bench.deliver(lane, &bench.tell(1, 0, &Action::Forget)).await);
                    calm(world);
                }
            }
        }
        world.land();
    }
    bench.credentials = world.refused_credentials();
    pad.note(bench.check().await);
    pad.note_all(&bench.deliver(Mode::Live, &bench.show_all(1..=6, &Want::entered())).await);
    pad.assert_tells_nothing(world, &ear);
}

/// A vendor's sentences may quote what it was sent.
pub(super) fn troubles(world: &dyn VendorWorld) -> Vec<Trouble> {
    let key = world.key(1);
    let key = key.expose();
    vec![
        Trouble::Broken(500),
        Trouble::ResetBefore,
        Trouble::Truncated,
        Trouble::NotTheApi,
        Trouble::ErrorInOk,
        Trouble::Unauthorized,
        Trouble::SlowDown(Pause::Seconds(1)),
        Trouble::Refused(format!("The address {key} is not valid")),
        Trouble::Refused(format!("Duplicate entry '{key}' for key email; city=\"{CITY}\"")),
        Trouble::Refused(format!("field email: \u{201c}{}\u{201d} ({key})", key.to_uppercase())),
    ]
}

fn misfits(bench: &Bench<'_>) -> Vec<muster::destination::Item> {
    let mut items = bench.show_all(1..=6, &Want::entered());
    for item in &mut items {
        if let Action::Show(shown) = &mut item.action {
            shown.attributes.insert("visits".parse().unwrap(), Value::Text(CITY.to_owned()));
            shown.attributes.insert("city".parse().unwrap(), Value::Text(CITY.repeat(40)));
        }
    }
    items
}

/// Ends the trouble and waits as long as it asked for.
pub(super) fn calm(world: &dyn VendorWorld) {
    world.end_trouble();
    world.clock().advance(jiff::SignedDuration::from_secs(5));
}
