//! Mails to owners.

use muster::ports::Mail;

use super::PortWorld;
use super::fixtures::{after, eight, start};

pub async fn a_mail_of_the_same_key_is_sent_once(world: &impl PortWorld) {
    let ports = world.ports().await;
    let mail = |dedupe_key: &str| Mail {
        dedupe_key: dedupe_key.to_owned(),
        to: "owner@example.test".to_owned(),
        subject: "CRM is failing".to_owned(),
        text: "The credentials were refused.".to_owned(),
        at: start(),
    };
    eight(|number| {
        let (ports, mut mail) = (ports.clone(), mail("crm-failing"));
        mail.at = after(i64::from(number));
        async move { ports.mailer.send(mail).await.unwrap() }
    })
    .await;
    ports.mailer.send(mail("mailings-failing")).await.unwrap();
    let keys: Vec<_> = world.mails().await.into_iter().map(|mail| mail.dedupe_key).collect();
    assert_eq!(keys, ["crm-failing", "mailings-failing"]);
}
