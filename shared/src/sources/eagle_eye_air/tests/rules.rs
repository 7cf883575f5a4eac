//! What operations mean.

use super::*;

const OTHER_WALLET: &str = "300000002";

/// The same, of another wallet.
fn of_other_wallet(mut operation: Json) -> Json {
    let object = &mut operation["objectValue"];
    for holder in ["account", "walletId"] {
        if holder == "walletId" && object.get(holder).is_some() {
            object[holder] = json!(OTHER_WALLET);
        } else if object[holder].is_object() {
            object[holder]["walletId"] = json!(OTHER_WALLET);
        }
    }
    operation
}

#[test]
fn a_wallet_is_joined_once_by_whatever_call() {
    let mut event = sample("joined_all_at_once");
    let again = event["atomicOperations"][0].clone();
    operations(&mut event).push(again);
    for name in ["SERVICE.WALLET.ACCOUNTS.CREATE", "SERVICE.WALLET.CREATE", "WALLET.ACCOUNT.CREATE"] {
        let news = news(&renamed(event.clone(), name));
        assert_eq!(kinds(&news), ["programme_joined", "coupon_received", "coupon_received"]);
        assert_eq!(news.member.unwrap().standing, Standing::Joined);
    }
}

#[test]
fn to_look_at_a_wallet_is_not_to_join_or_leave() {
    for operation in ["READ", "UPDATE"] {
        let mut event = sample("left");
        event["atomicOperations"][8]["operationType"] = json!(operation);
        let news = news(&event);
        assert_eq!((kinds(&news), news.member), (vec![], None), "{operation}");
    }
    let mut event = sample("joined_wallet_only");
    for operation in operations(&mut event) {
        operation["operationType"] = json!("READ");
    }
    assert_eq!(read(&event).wallets, []);
}

#[test]
fn a_redemption_that_was_only_looked_at_is_none() {
    let mut event = sample("settled_without_transaction");
    event["atomicOperations"][0]["operationType"] = json!("READ");
    assert_eq!(kinds(&news(&event)), Vec::<&str>::new());
}

#[test]
fn nothing_happened_in_a_call_that_failed() {
    for code in [json!(400), json!(404), json!(500), json!("409")] {
        let mut event = sample("trigger_points");
        event["response"]["code"] = code;
        let read = read(&event);
        assert_eq!((read.wallets, read.echo), (vec![], None));
        assert_eq!(json!(read.noted), json!({"failed_call": 1}));
    }
}

#[test]
fn the_last_operation_has_the_last_word_on_a_balance() {
    let mut event = sample("settled_without_transaction");
    assert_eq!(news(&event).points[0].current, 663);
    operations(&mut event).swap(1, 2);
    let points = &news(&event).points;
    assert_eq!((points.len(), points[0].current), (1, 63));
    assert_eq!(points[0].moment.subsec_nanosecond(), 12, "it is as new as what it comes after");
}

#[test]
fn a_balance_may_stand_with_the_transaction() {
    let mut event = sample("settled_without_transaction");
    for index in [1, 2] {
        object(&mut event, index)["account"]["balances"] = json!([]);
    }
    object(&mut event, 2)["balancesAfter"] = json!({"current": 664});
    assert_eq!(news(&event).points[0].current, 664);
}

#[test]
fn accounts_of_points_are_told_apart() {
    let mut event = sample("settled_without_transaction");
    object(&mut event, 2)["accountId"] = json!("8000000099");
    let news = news(&event);
    let points: Vec<_> = news.points.iter().map(|one| (one.account_id.as_str(), one.current)).collect();
    assert_eq!(points, [("8000000003", 63), ("8000000099", 663)]);
}

#[test]
fn facts_of_one_second_stand_in_the_order_of_their_ids() {
    let moment = |id: &str, updated: Json| {
        let mut event = sample("scheme_joined");
        let object = object(&mut event, 0);
        object["accountTransactionId"] = json!(id);
        object["account"]["lastUpdated"] = updated;
        for name in ["lastUpdated", "dateCreated"] {
            object[name] = Json::Null;
        }
        news(&event).points[0].moment.to_string()
    };
    let second = json!("2026-03-01T10:15:00.9+00:00");
    assert_eq!(moment("7877376217", second.clone()), "2026-03-01T10:15:00.877376217Z");
    assert_eq!(moment("7877376218", second.clone()), "2026-03-01T10:15:00.877376218Z");
    assert_eq!(moment("none", second), "2026-03-01T10:15:00Z");
    assert_eq!(moment("7877376217", Json::Null), "2026-03-01T10:15:00.123456Z", "the event's own");
}

#[test]
fn only_coupons_that_were_issued_and_used_are_redeemed() {
    let with = |action: &str, kind: &str, client: Json| {
        let mut event = sample("redeemed_by_the_wallet");
        event["atomicOperations"][0]["operationType"] = json!(action);
        object(&mut event, 0)["account"]["type"] = json!(kind);
        object(&mut event, 0)["account"]["clientType"] = client;
        event
    };
    let redeemed = |reader: Reader<'_>, event: &Json| {
        let read = reader.read(event.to_string().as_bytes()).unwrap();
        (kinds(&read.wallets[0]) == ["coupon_redeemed"], json!(read.noted))
    };
    let wide = Reader { redemptions: Redemptions::Wide, ..READER };
    for (event, counted, note) in [
        (with("UPDATE", "ECOUPON", json!("OFFER")), true, ""),
        (with("UPDATE", "ECOUPON", json!("ENTITLEMENT")), true, ""),
        (with("UPDATE", "ECOUPON", Json::Null), false, "redeem_not_counted.ECOUPON"),
        (with("CREATE", "ECOUPON", json!("OFFER")), false, "redeem_not_counted.ECOUPON"),
        (with("UPDATE", "BEHAVIOURAL_ACTION", json!("OFFER")), false, "redeem_not_counted.BEHAVIOURAL_ACTION"),
        (with("UPDATE", "QUEST", json!("OFFER")), false, "redeem_not_counted.QUEST"),
        (with("UPDATE", "ada@example.com", json!("OFFER")), false, "redeem_not_counted.other"),
    ] {
        let noted = if note.is_empty() { json!({}) } else { json!({note: 1}) };
        assert_eq!(redeemed(READER, &event), (counted, noted));
        assert_eq!(redeemed(wide, &event), (true, json!({})));
    }
}

#[test]
fn what_a_refund_gives_back_is_net_of_what_stays_redeemed() {
    let with = |back: Json, again: Json, account: &str| {
        let mut event = sample("returned_in_part");
        object(&mut event, 0)["value"] = back;
        object(&mut event, 7)["value"] = again;
        object(&mut event, 7)["accountId"] = json!(account);
        let happenings = news(&event).happenings.into_iter();
        let of_coupons = happenings.filter(|one| one.kind != Kind::OrderRefunded);
        of_coupons.map(|one| format!("{} {}", one.key, one.properties["value"])).collect::<Vec<_>>()
    };
    let same = "8000000002";
    assert_eq!(with(json!(700), json!(500), same), ["coupon_unredeemed:9000000031 2"]);
    assert_eq!(with(json!(700), json!(700), same), Vec::<&str>::new());
    assert_eq!(with(json!(500), json!(700), same), ["coupon_redeemed:9000000031 2"]);
    let apart = ["coupon_unredeemed:9000000031 7", "coupon_redeemed:9000000034 5"];
    assert_eq!(with(json!(700), json!(500), "8000000009"), apart);
    let mut full = sample("returned_in_part");
    operations(&mut full).truncate(7);
    object(&mut full, 0)["value"] = json!(0);
    assert_eq!(properties(&news(&full), Kind::CouponUnredeemed)["value"], 0, "a free product");
}

#[test]
fn a_refund_is_worth_its_products_less_the_coupons_that_it_gave_back() {
    let total = |event: &Json| properties(&news(event), Kind::OrderRefunded)["totalBasketValueAfterDiscount"].clone();
    let mut event = sample("returned_in_part");
    assert_eq!(total(&event), 18, "20 of which 2 were a coupon's");
    object(&mut event, 7)["value"] = json!(700);
    assert_eq!(total(&event), 20);
}

#[test]
fn refund_and_return_are_one_case() {
    for sample_name in ["refunded", "returned_in_part"] {
        for name in ["POSCONNECT.WALLET.REFUND", "POSCONNECT.WALLET.RETURN"] {
            let read = read(&renamed(sample(sample_name), name));
            assert!(read.known);
            assert!(kinds(&read.wallets[0]).contains(&"order_refunded"));
        }
    }
    let mut without = sample("refunded");
    operations(&mut without).remove(4);
    let read = read(&without);
    assert_eq!(kinds(&read.wallets[0]), Vec::<&str>::new(), "the purchase that it is of is not made again");
    assert_eq!(json!(read.noted), json!({"no_transaction": 1}));
}

#[test]
fn an_operation_that_comes_twice_happened_once() {
    for name in ["settled", "returned_in_part", "coupon_issued", "points_spent", "plan_cancelled", "trigger_points"] {
        let (once, mut twice) = (sample(name), sample(name));
        let again = operations(&mut twice).clone();
        operations(&mut twice).extend(again);
        let (once, twice) = (news(&once), news(&twice));
        let keys = |news: &WalletNews| {
            let mut keys: Vec<_> = news.happenings.iter().map(|one| (one.key.clone(), json!(one.properties))).collect();
            keys.sort_by(|one, other| one.0.cmp(&other.0));
            keys
        };
        assert_eq!(keys(&once), keys(&twice), "{name}");
        assert_eq!(once.points, twice.points);
    }
}

#[test]
fn a_call_that_hands_over_in_parts_says_which_it_is() {
    let stage = |sample_name: &str, request: Json| {
        let mut event = sample(sample_name);
        event["request"]["body"] = request;
        properties(&news(&event), Kind::OrderFulfilled)["stage"].as_str().unwrap().to_owned()
    };
    let text = |body: Json| json!(body.to_string());
    let basket = json!({"contents": [{}]});
    for (request, expected) in [
        (text(json!({"reference": "WEB-1"})), "initial"),
        (text(json!({"reference": "WEB-1", "basket": null})), "initial"),
        (text(json!({"basket": basket})), "middle"),
        (text(json!({"basket": basket, "finalise": false})), "middle"),
        (text(json!({"basket": basket, "finalise": true})), "final"),
        (json!(text(json!({"basket": basket, "finalise": true})).to_string()), "final"),
        (json!({"basket": basket, "finalise": true}), "final"),
    ] {
        for name in ["fulfil_middle", "fulfil_final"] {
            assert_eq!(stage(name, request.clone()), expected, "{request}");
        }
    }
    for unknown in [Json::Null, json!("{"), json!([]), json!(7)] {
        for (name, expected) in [("fulfil_initial", "initial"), ("fulfil_middle", "middle"), ("fulfil_final", "final")]
        {
            assert_eq!(stage(name, unknown.clone()), expected, "{unknown}");
        }
    }
}

#[test]
fn a_purchase_is_told_by_its_transaction_and_not_by_the_name() {
    let reader = Reader { read_unknown: true, ..READER };
    for (name, kind) in [
        ("settled", "order_completed"),
        ("fulfil_initial", "order_fulfilled"),
        ("fulfil_final", "order_fulfilled"),
        ("refunded", "order_refunded"),
    ] {
        let event = renamed(sample(name), "ACME.CHECKOUT");
        let read = reader.read(event.to_string().as_bytes()).unwrap();
        assert!(kinds(&read.wallets[0]).contains(&kind), "{name}");
    }
    for name in ["opened", "points_spent", "points_spend_voided", "trigger_points"] {
        assert!(read(&sample(name)).wallets.iter().all(|wallet| !kinds(wallet).contains(&"order_completed")), "{name}");
    }
}

#[test]
fn points_are_awarded_by_triggers_and_not_by_tills() {
    assert!(!kinds(&news(&sample("settled"))).contains(&"points_awarded"));
    let mut with_action = sample("settled");
    let mut action = sample("trigger_points")["atomicOperations"][1].clone();
    action["operationType"] = json!("UPDATE");
    action["objectValue"]["value"] = json!(600);
    operations(&mut with_action).push(action);
    assert!(!kinds(&news(&with_action)).contains(&"points_awarded"), "an action that was used at the till");
    let by_action = renamed(sample("trigger_points"), "SERVICE.WALLET.TRANSACTION.CREDIT");
    assert_eq!(kinds(&news(&by_action)), ["points_awarded"], "the action beside it tells");
    let mut by_name = sample("trigger_points");
    operations(&mut by_name).drain(..2);
    let awarded = properties(&news(&by_name), Kind::PointsAwarded);
    assert_eq!(awarded, json!({"points": 100, "account_id": "8000000003", "campaign_id": "100000003"}));
    let plain = renamed(by_name, "SERVICE.WALLET.TRANSACTION.CREDIT");
    assert_eq!((kinds(&news(&plain)), news(&plain).points[0].current), (vec![], 163));
}

#[test]
fn a_coupon_of_a_trigger_has_its_ids_from_the_answer() {
    let received = json!({"campaign_id": "100000008", "account_id": "8000000008", "end_date": "2026-12-31T23:59:00Z"});
    let event = sample("trigger_coupon");
    assert_eq!(kinds(&news(&event)), ["coupon_received"]);
    assert_eq!(news(&event).happenings[0].key, "coupon_received:9000000003");
    assert_eq!(properties(&news(&event), Kind::CouponReceived), received);
    let mut as_text = event.clone();
    as_text["response"]["body"] = json!(event["response"]["body"].to_string());
    assert_eq!(properties(&news(&as_text), Kind::CouponReceived), received);
    let mut unanswered = event;
    unanswered["response"]["body"] = Json::Null;
    assert_eq!(news(&unanswered).happenings[0].key, "coupon_received");
    let without_ids = json!({"campaign_id": "100000008", "end_date": "2026-12-31T23:59:00Z"});
    assert_eq!(properties(&news(&unanswered), Kind::CouponReceived), without_ids);
}

#[test]
fn coupons_of_a_plan_belong_to_the_subscription() {
    assert_eq!(kinds(&news(&sample("plan_joined"))), ["subscription_joined"]);
    assert_eq!(kinds(&news(&sample("plan_cancelled"))), ["subscription_cancelled"]);
}

#[test]
fn a_subscription_that_is_renewed_ends_later_and_is_no_new_one() {
    let mut event = sample("plan_cancelled");
    object(&mut event, 0)["event"] = json!("RENEW");
    object(&mut event, 0)["account"]["status"] = json!("ACTIVE");
    object(&mut event, 0)["account"]["dates"]["end"] = json!("2026-05-01T00:00:00+01:00");
    let ends = |event: &Json| match news(event).subscriptions[0].state {
        SubscriptionState::Active { ends } => ends.map(|time| time.to_string()),
        SubscriptionState::Cancelled => panic!("cancelled"),
    };
    assert_eq!(ends(&event).as_deref(), Some("2026-04-30T23:00:00Z"));
    assert_eq!(kinds(&news(&event)), Vec::<&str>::new());
    for never in [Json::Null, json!("9999-12-31T23:59:59+00:00")] {
        object(&mut event, 0)["account"]["dates"]["end"] = never;
        assert_eq!((ends(&event), read(&event).noted.len()), (None, 0));
    }
}

#[test]
fn points_that_were_locked_are_spent_once() {
    assert_eq!(kinds(&news(&sample("settled_after_spending"))), ["order_completed"], "told when they were locked");
    let mut at_once = sample("settled_after_spending");
    object(&mut at_once, 3)["parentAccountTransactionId"] = json!("");
    assert_eq!(kinds(&news(&at_once)), ["order_completed", "points_spent"]);
    let mut both = sample("points_spent");
    let mut taken = both["atomicOperations"][1].clone();
    taken["objectValue"]["event"] = json!("SPEND");
    taken["objectValue"]["accountTransactionId"] = json!("9000000099");
    operations(&mut both).push(taken);
    assert_eq!(kinds(&news(&both)), ["points_spent"]);
}

#[test]
fn locks_and_voids_of_other_calls_are_no_spending() {
    for (name, index) in [("points_spent", 1), ("points_spend_voided", 0)] {
        let mut event = renamed(sample(name), "SERVICE.WALLET.TRANSACTION.DEBIT");
        let only = operations(&mut event).remove(index);
        *operations(&mut event) = vec![only];
        let news = news(&event);
        assert_eq!((kinds(&news), news.points[0].current), (vec![], 700));
    }
}

#[test]
fn a_purchase_that_counts_towards_a_tier_is_no_change_of_it() {
    let settled = sample("settled");
    assert!(!kinds(&news(&settled)).contains(&"tier_changed"));
    let with_after = |tier: Json| {
        let mut event = settled.clone();
        object(&mut event, 4)["tierIdAfter"] = tier;
        kinds(&news(&event)).contains(&"tier_changed")
    };
    assert!(with_after(json!("78")));
    for same in [json!("77"), json!(77), json!(""), Json::Null, json!([])] {
        assert!(!with_after(same));
    }
}

#[test]
fn a_tier_that_somebody_is_moved_to_counts_from_then_on() {
    let mut event = sample("tier_credited");
    object(&mut event, 2)["tierId"] = json!("77");
    assert_eq!(news(&event).tier.unwrap().tier_id.as_deref(), Some("78"));
    operations(&mut event).swap(2, 3);
    assert_eq!(news(&event).tier.unwrap().tier_id.as_deref(), Some("77"), "the last operation has the last word");
}

#[test]
fn each_operation_is_its_own_wallets() {
    let mut event = sample("settled_without_transaction");
    let mine = operations(&mut event).clone();
    operations(&mut event).extend(mine.into_iter().take(2).map(of_other_wallet));
    let wallets = read(&event).wallets;
    let told: Vec<_> = wallets
        .iter()
        .map(|wallet| (wallet.wallet_id.as_str(), wallet.happenings[0].key.as_str(), wallet.points[0].current))
        .collect();
    let other_key = format!("coupon_redeemed:9000000010:{OTHER_WALLET}");
    assert_eq!(told, [("300000001", "coupon_redeemed:9000000010", 663), (OTHER_WALLET, other_key.as_str(), 63)]);
    assert!(wallets[1].identities.is_empty(), "nobody else's");
}

#[test]
fn two_who_join_in_one_event_have_two_keys() {
    let mut event = sample("joined_wallet_only");
    let other = of_other_wallet(event["atomicOperations"][0].clone());
    operations(&mut event).push(other);
    let keys: Vec<_> = read(&event).wallets.into_iter().map(|wallet| wallet.happenings[0].key.clone()).collect();
    assert_eq!(keys, ["programme_joined".to_owned(), format!("programme_joined:{OTHER_WALLET}")]);
}

#[test]
fn what_has_no_id_at_all_has_a_key_of_its_own() {
    let mut event = sample("coupon_issued");
    let object = object(&mut event, 0);
    (object["accountTransactionId"], object["accountId"]) = (json!(""), json!(""));
    object["account"]["accountId"] = json!("");
    let blank = event["atomicOperations"][0].clone();
    *operations(&mut event) = vec![blank; 3];
    let keys: Vec<_> = news(&event).happenings.into_iter().map(|one| one.key).collect();
    assert_eq!(keys, ["coupon_received", "coupon_received:300000001", "coupon_received:300000001:2"]);
}

#[test]
fn what_has_no_wallet_of_its_own_is_the_only_wallets_or_nobodys() {
    let tier_id = |event: &Json| read(event).wallets.into_iter().find_map(|wallet| wallet.tier?.tier_id);
    let seven = Some("77".to_owned());
    assert_eq!(tier_id(&sample("settled")), seven);
    assert_eq!(tier_id(&sample("tier_created")), seven, "by what the event knows of it");
    let mut two = sample("settled");
    let other = of_other_wallet(two["atomicOperations"][1].clone());
    operations(&mut two).push(other);
    assert_eq!((tier_id(&two), read(&two).noted["no_wallet"]), (None, 2));
    let mut nobody = sample("tier_created");
    for nothing in [json!([]), Json::Null, json!({"walletEntity_": {}})] {
        nobody["enrichmentData"] = nothing;
        let read = read(&nobody);
        assert_eq!((read.wallets.len(), json!(read.noted)), (0, json!({"no_wallet": 1})));
    }
    let mut looked_at = sample("tier_debited");
    looked_at["enrichmentData"] = json!([]);
    assert_eq!(tier_id(&looked_at), seven, "by what the call looked at");
}

#[test]
fn our_own_triggers_are_known_again() {
    let echo = |prefix: Option<&str>, event: &Json| {
        let reader = Reader { own_references: prefix, ..READER };
        reader.read(event.to_string().as_bytes()).unwrap().echo
    };
    let expected = Echo {
        reference: "aud-7f3c9e-1".to_owned(),
        wallet_transaction_id: Some("500000001".to_owned()),
        wallet_id: Some("300000001".to_owned()),
    };
    let event = sample("trigger_points");
    assert_eq!(echo(Some("aud-"), &event).as_ref(), Some(&expected));
    for other in [None, Some(""), Some("AUD-"), Some("crm-")] {
        assert_eq!(echo(other, &event), None);
    }
    let mut unasked = event.clone();
    unasked["request"]["body"] = Json::Null;
    assert_eq!(echo(Some("aud-"), &unasked).as_ref(), Some(&expected), "by the answer");
    let mut told = unasked;
    let mut transaction = json!({"objectType": "walletTransactionEntity", "operationType": "CREATE"});
    transaction["objectValue"] = event["response"]["body"].clone();
    operations(&mut told).push(transaction);
    told["response"]["body"] = Json::Null;
    assert_eq!(echo(Some("aud-"), &told).as_ref(), Some(&expected), "by the operation");
    let mut unanswered = event;
    unanswered["response"]["body"] = Json::Null;
    let bare = Echo { wallet_transaction_id: None, ..expected };
    assert_eq!(echo(Some("aud-"), &unanswered), Some(bare));
}
