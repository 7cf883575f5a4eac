//! From the body of `POST /users/track` to its objects, and from those to the answer and the queue.

use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use super::batch::{Arrays, Batch, Slot};
use super::json::Unique;
use super::objects::{InputArray, Object};
use super::state::{Queued, State};
use super::switches::{AllFaulty, Application, ErrorForm, NoObjects};
use crate::deed::Deed;
use crate::faults::Wording;
use crate::reply::Reply;
use crate::serve::Call;
use crate::twin::take;

/// What Braze makes of a body.
pub(super) enum Request {
    /// It is taken, but for single objects.
    Track(Batch),
    /// It is not.
    Refused(Reply),
}

impl State {
    /// Counts what is wrong with it, whether a fault strikes it or not.
    pub(super) fn read(&mut self, call: &Call) -> Request {
        match self.read_batch(call) {
            Ok(batch) => Request::Track(batch),
            Err(reply) => Request::Refused(reply),
        }
    }

    fn read_batch(&mut self, call: &Call) -> Result<Batch, Reply> {
        let media_type = call.media_type();
        if media_type != "application/json" {
            return Err(self.refuse(415, "Unsupported Media Type", format!("a body of type {media_type:?}")));
        }
        let body = call.body.as_ref().map_err(|why| self.unparsed(why))?;
        let counters = &mut self.desk.counters;
        counters.max_body_bytes = counters.max_body_bytes.max(u64::try_from(body.len()).unwrap_or(u64::MAX));
        if body.len() > self.desk.switches.most_bytes {
            self.desk.counters.too_large += 1;
            return Err(self.error(self.desk.switches.too_large_status, "Max Input Length Exceeded"));
        }
        let Unique(body) = serde_json::from_slice(body).map_err(|why| self.unparsed(&why.to_string()))?;
        let Value::Object(fields) = body else {
            return Err(self.refuse(400, "Bad Request", "a body that is no object".to_owned()));
        };
        let arrays = Arrays::of(fields).map_err(|what| self.unexpected(what))?;
        self.check_length(&arrays)?;
        Batch::read(arrays, &self.desk.switches).map_err(|what| self.unexpected(what))
    }

    fn check_length(&mut self, arrays: &Arrays) -> Result<(), Reply> {
        let counters = &mut self.desk.counters;
        let objects = u64::try_from(arrays.len()).unwrap_or(u64::MAX);
        counters.max_objects_in_one_request = counters.max_objects_in_one_request.max(objects);
        if !arrays.fit(self.desk.switches.most_objects) {
            counters.too_many_objects += 1;
            return Err(self.error(400, "Max Input Length Exceeded"));
        }
        if objects > 0 {
            return Ok(());
        }
        counters.without_objects += 1;
        Err(match self.desk.switches.no_objects {
            NoObjects::BadRequest => self.error(400, "Bad Request"),
            NoObjects::Success => Reply::json(201, &json!({ "message": "success" })),
        })
    }

    fn unparsed(&mut self, why: &str) -> Reply {
        self.refuse(400, "Error while parsing request body", format!("a body that is no JSON: {why}"))
    }

    /// In Braze's words, and a note: the documentation has the answer, and no client asks for it.
    pub(super) fn refuse(&mut self, status: u16, text: &str, what: String) -> Reply {
        self.desk.note_unexpected(what);
        self.error(status, text)
    }

    /// What the documentation does not have.
    pub(super) fn unexpected(&mut self, what: String) -> Reply {
        self.refuse(500, "The twin does not expect this", what)
    }

    fn take(&mut self, batch: &Batch) -> Reply {
        let mut batch = batch.clone();
        batch.refuse_banned(&self.banned);
        self.count_drops(&batch);
        let faulty: Vec<&Slot> = batch.slots.iter().filter(|slot| slot.object.is_err()).collect();
        self.desk.counters.faulty_objects += u64::try_from(faulty.len()).unwrap_or(u64::MAX);
        let errors: Vec<Value> = faulty.iter().filter_map(|slot| self.told(slot)).collect();
        if errors.len() == batch.slots.len() && self.desk.switches.all_faulty == AllFaulty::BadRequest {
            return Reply::json(400, &json!({ "message": "Bad Request", "errors": errors }));
        }
        let mut answer = Map::from_iter([("message".to_owned(), json!("success"))]);
        for array in InputArray::ALL {
            let processed = batch.slots.iter().filter(|slot| slot.array == array && slot.object.is_ok()).count();
            if processed > 0 && self.desk.switches.processed_counts {
                answer.insert(format!("{}_processed", array.name()), json!(processed));
            }
        }
        if !errors.is_empty() {
            answer.insert("errors".to_owned(), Value::Array(errors));
        }
        self.enqueue(batch);
        Reply::json(201, &answer)
    }

    fn told(&self, slot: &Slot) -> Option<Value> {
        let sentence = slot.object.as_ref().err()?;
        Some(match self.desk.switches.error_form {
            ErrorForm::Objects => json!({ "type": sentence, "input_array": slot.array, "index": slot.index }),
            ErrorForm::Texts => json!(sentence),
        })
    }

    fn count_drops(&mut self, batch: &Batch) {
        let counters = &mut self.desk.counters;
        counters.dropped_nested += batch.dropped_nested;
        let objects = batch.slots.iter().filter_map(|slot| slot.object.as_ref().ok());
        counters.dropped_values += objects.map(|object| object.dropped).sum::<u64>();
    }

    fn enqueue(&mut self, batch: Batch) {
        let wait = match self.desk.switches.application {
            Application::AtOnce => SignedDuration::ZERO,
            Application::AfterMs(ms) => SignedDuration::from_millis(i64::from(ms)),
        };
        let due_at = self.desk.now.saturating_add(wait).unwrap_or(self.desk.now);
        let queued = self.queued(batch, due_at);
        self.queue.push_back(queued);
        self.apply_due();
    }

    fn queued(&mut self, batch: Batch, due_at: jiff::Timestamp) -> Queued {
        let objects: Vec<(InputArray, Object)> =
            batch.slots.into_iter().filter_map(|slot| Some((slot.array, slot.object.ok()?))).collect();
        for (array, _) in &objects {
            *self.desk.counters.objects.entry(*array).or_default() += 1;
        }
        Queued { due_at, request: take(&mut self.next_request), objects }
    }
}

impl Deed<State> for Request {
    fn apply(&self, state: &mut State) -> Reply {
        match self {
            Self::Track(batch) => state.take(batch),
            Self::Refused(reply) => reply.clone(),
        }
    }

    /// It does not wait a second time.
    fn land(&self, state: &mut State) {
        match self {
            Self::Track(batch) => {
                let mut batch = batch.clone();
                batch.refuse_banned(&state.banned);
                state.count_drops(&batch);
                let queued = state.queued(batch, state.desk.now);
                state.apply(queued);
            }
            Self::Refused(_) => {}
        }
    }

    /// As during maintenance: nobody has looked at it.
    fn taken(&self, _state: &mut State) -> Reply {
        match self {
            Self::Track(_) => Reply::json(202, &json!({ "message": "queued" })),
            Self::Refused(reply) => reply.clone(),
        }
    }

    fn refuse(&self, state: &mut State, sentence: String) -> Reply {
        match self {
            Self::Track(batch) => {
                let mut batch = batch.clone();
                batch.refuse_first(sentence);
                state.take(&batch)
            }
            Self::Refused(reply) => reply.clone(),
        }
    }
}
