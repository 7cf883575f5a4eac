//! A session's part of its account's budget: tokens in hand, requests at once, and what is told of answers.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};

use super::Account;
use crate::destination::Failure;
use crate::model::budget::{Ask, Grant, Health, Held, Probe, Spend, Tokens, Watched};

/// Nobody waits longer than this for a token inside a run.
const MAX_TOKEN_WAIT: SignedDuration = SignedDuration::from_secs(2);
/// Whom an open breaker keeps waiting comes back after half to all of the time that it has been open, and at the
/// latest then.
const LONGEST_OPEN_WAIT: SignedDuration = SignedDuration::from_mins(15);

/// What a request may be sent with.
#[derive(Debug)]
pub(super) struct Ticket {
    probe: Probe,
    /// Given back when the request is over.
    _place: Option<OwnedSemaphorePermit>,
}

/// The part of the budget that one session has.
pub(super) struct Purse {
    account: Arc<Account>,
    ends_at: Timestamp,
    hand: Mutex<Hand>,
    /// Requests of this session that may be under way.
    places: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct Hand {
    left: u32,
    /// As many are taken at a time, 0 where nobody said.
    block: u32,
    probe: Probe,
    watched: bool,
    places: u32,
    /// Until when the vendor's own count was told.
    counted_until: Option<Timestamp>,
}

impl Purse {
    pub(super) fn new(account: Arc<Account>, ends_at: Timestamp) -> Self {
        let places = Arc::new(Semaphore::new(0));
        Self { account, ends_at, hand: Mutex::default(), places }
    }

    pub(super) async fn expect(&self, requests: usize) {
        self.hand.lock().await.block = u32::try_from(requests).unwrap_or(u32::MAX);
    }

    /// Sees to it that a token is in hand. `check_time` is asked again after every wait.
    pub(super) async fn reserve(&self, check_time: impl Fn() -> Result<(), Failure>) -> Result<Probe, Failure> {
        let mut hand = self.hand.lock().await;
        self.fill(&mut hand, check_time).await?;
        Ok(hand.probe)
    }

    /// Takes a token, and waits until fewer requests of this session than allowed are under way.
    pub(super) async fn take(&self, check_time: impl Fn() -> Result<(), Failure>) -> Result<Ticket, Failure> {
        let mut hand = self.hand.lock().await;
        self.fill(&mut hand, &check_time).await?;
        hand.left -= 1;
        let probe = std::mem::take(&mut hand.probe);
        drop(hand);
        if self.account.budget.at_once.is_none() {
            return Ok(Ticket { probe, _place: None });
        }
        let place = Arc::clone(&self.places).acquire_owned().await.ok();
        check_time()?;
        Ok(Ticket { probe, _place: place })
    }

    async fn fill(&self, hand: &mut Hand, check_time: impl Fn() -> Result<(), Failure>) -> Result<(), Failure> {
        while hand.left == 0 {
            let now = self.account.clock.now();
            match self.spend(&Spend::Take(self.ask(hand.block)), now).await? {
                Grant::Tokens(tokens) => self.note(hand, tokens),
                Grant::NotBefore { until, held } => {
                    let wait = until.duration_since(now);
                    if wait > MAX_TOKEN_WAIT || matches!(held, Held::Open { .. }) {
                        return Err(Failure::PutOff { until: self.spread(until, held, now) });
                    }
                    self.account.clock.sleep(wait).await;
                    check_time()?;
                }
                Grant::Noted => return Err(Failure::PutOff { until: now }),
            }
        }
        Ok(())
    }

    fn ask(&self, block: u32) -> Ask {
        // About half a second's worth at a time: few writes, and little is lost if the run ends.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small positive number")]
        let most = (self.account.budget.quickest() / 2.0).clamp(1.0, 100.0) as u32;
        Ask {
            budget: self.account.budget.clone(),
            lane: self.account.lane,
            want: if block == 0 { most } else { block.min(most) },
            run: self.account.run,
            ends_at: self.ends_at,
            patience: MAX_TOKEN_WAIT,
        }
    }

    fn note(&self, hand: &mut Hand, tokens: Tokens) {
        hand.left += tokens.count;
        if tokens.probe == Probe::Yes {
            hand.probe = Probe::Yes;
        }
        hand.watched |= tokens.watched == Watched::Yes;
        if self.account.budget.at_once.is_some() && tokens.at_once > hand.places {
            self.places.add_permits((tokens.at_once - hand.places) as usize);
            hand.places = tokens.at_once;
        }
    }

    /// Not all at the moment at which one of them may try.
    fn spread(&self, until: Timestamp, held: Held, now: Timestamp) -> Timestamp {
        match held {
            Held::Open { since } => {
                let most = now.duration_since(since).clamp(SignedDuration::ZERO, LONGEST_OPEN_WAIT);
                until.saturating_add(most.mul_f64(0.5 + 0.5 * self.account.run.share())).unwrap_or(until)
            }
            Held::Spent | Held::Blocked | Held::Busy => until,
        }
    }

    /// Tells the account how a request fared, where that is news.
    pub(super) async fn answered(&self, ticket: &Ticket, health: Health) {
        let watched = {
            let mut hand = self.hand.lock().await;
            match health {
                Health::Well => std::mem::take(&mut hand.watched) || ticket.probe == Probe::Yes,
                Health::Failing => {
                    hand.watched = true;
                    true
                }
            }
        };
        if watched {
            self.tell(&Spend::Answered { health, probe: ticket.probe }).await;
        }
    }

    /// The vendor asks to wait.
    pub(super) async fn block(&self, until: Timestamp) {
        self.hand.lock().await.left = 0;
        self.tell(&Spend::Block { until }).await;
    }

    /// The vendor's own count, told once for each of its spans, and whenever nothing is left.
    pub(super) async fn left(&self, requests: u32, until: Timestamp) {
        {
            let mut hand = self.hand.lock().await;
            let seconds = until.duration_since(self.account.clock.now()).as_secs_f64();
            let enough = f64::from(requests) >= self.account.budget.rate() * seconds;
            let told = hand.counted_until.is_some_and(|told| told >= until);
            if requests > 0 && (enough || told) {
                return;
            }
            hand.counted_until = Some(until);
            hand.left = hand.left.min(requests);
        }
        self.tell(&Spend::Left { requests, until }).await;
    }

    /// Gives back what was taken and not used.
    pub(super) async fn end(&self) {
        let (tokens, probe) = {
            let mut hand = self.hand.lock().await;
            let probe = std::mem::take(&mut hand.probe);
            (std::mem::take(&mut hand.left), probe)
        };
        if tokens > 0 || self.account.budget.at_once.is_some() {
            self.tell(&Spend::Return { tokens, run: self.account.run, probe }).await;
        }
    }

    /// Budget is advice: what cannot be written the next answer tells again.
    async fn tell(&self, spend: &Spend) {
        if let Err(failure) = self.spend(spend, self.account.clock.now()).await {
            tracing::warn!(%failure, "what the vendor's answer says of its account could not be noted");
        }
    }

    async fn spend(&self, spend: &Spend, now: Timestamp) -> Result<Grant, Failure> {
        self.account.ledger.spend(&self.account.authorization, spend, now).await.map_err(|error| {
            tracing::warn!(%error, "the account's budget could not be asked");
            Failure::PutOff { until: now.saturating_add(MAX_TOKEN_WAIT).unwrap_or(now) }
        })
    }
}
