//! Up to where owners were told: of any number of workers one may tell.

use std::collections::{BTreeMap, BTreeSet};

use muster::model::notice::Lease;
use muster::model::{Channel, Happening, Notice, NoticeBook, Reason};

use super::PortWorld;
use super::fixtures::{activation, after, another_activation, eight, start};

fn book(revision: u64) -> NoticeBook {
    let by_reason = BTreeMap::from([(Reason::new("the vendor is down / for maintenance"), 7)]);
    let notice = Notice {
        number: 1,
        at: start(),
        happening: Happening::Parked { by_reason: by_reason.clone(), since: None },
        untold: BTreeSet::from([Channel::Mail, Channel::Webhook]),
    };
    NoticeBook {
        revision,
        heard: 3,
        counted: by_reason,
        digest_at: Some(start()),
        notices: 1,
        untold: vec![notice],
        lease: Some(Lease { until: after(60) }),
        ..NoticeBook::new(activation())
    }
}

pub async fn a_book_comes_back_as_it_was_written(world: &impl PortWorld) {
    let ports = world.ports().await;
    assert_eq!(ports.notices.book(&activation()).await.unwrap(), None);
    assert!(ports.notices.put_book(&book(1), 0).await.unwrap());
    assert_eq!(world.ports().await.notices.book(&activation()).await.unwrap(), Some(book(1)));
}

pub async fn a_book_of_an_outdated_revision_is_not_written(world: &impl PortWorld) {
    let ports = world.ports().await;
    assert!(!ports.notices.put_book(&book(2), 1).await.unwrap(), "there is none yet");
    assert!(ports.notices.put_book(&book(1), 0).await.unwrap());
    assert!(!ports.notices.put_book(&book(1), 0).await.unwrap(), "it exists");
    let told = book(1).told(&BTreeSet::from([(1, Channel::Mail)]), None);
    assert!(ports.notices.put_book(&told, 1).await.unwrap());
    assert!(!ports.notices.put_book(&book(2), 1).await.unwrap());
    assert_eq!(ports.notices.book(&activation()).await.unwrap(), Some(told));
}

pub async fn of_eight_who_would_tell_one_does(world: &impl PortWorld) {
    let ports = world.ports().await;
    let free = NoticeBook { lease: None, ..book(1) };
    assert!(ports.notices.put_book(&free, 0).await.unwrap());
    let lease = |number: u8| {
        let (ports, free) = (ports.clone(), free.clone());
        async move {
            let leased = free.lease(start(), after(i64::from(number) + 1)).unwrap();
            ports.notices.put_book(&leased, free.revision).await.unwrap()
        }
    };
    let leased = eight(lease).await.into_iter().filter(|leased| *leased).count();
    assert_eq!(leased, 1);
}

pub async fn books_are_listed_by_activation(world: &impl PortWorld) {
    let ports = world.ports().await;
    assert_eq!(ports.notices.books().await.unwrap(), []);
    let other = NoticeBook { activation: another_activation(), ..book(1) };
    for one in [&other, &book(1)] {
        assert!(ports.notices.put_book(one, 0).await.unwrap());
    }
    assert_eq!(ports.notices.books().await.unwrap(), [book(1), other]);
}
