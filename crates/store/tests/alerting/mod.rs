//! What alerting keeps, on both databases.

use domain::alert::group::Why;
use domain::alert::matcher::Matcher;
use domain::alert::message::Message;
use domain::alert::silence::Silence;
use domain::alert::view::{Entry, EntryKind};
use domain::alert::{Alert, Labels, Source};
use domain::annotation::{Annotation, AnnotationText, Subject};
use domain::incident::Incident;
use domain::mention::Mention;
use domain::response::{Control, Plan, Run, State};
use domain::share::{Share, ShareText, SharedPage, Visit};
use domain::time::RangeChoice;
use domain::{Role, TimeRange, Timestamp};
use store::{Attempt, Decided, Outgoing};

use super::databases::TestDatabase;

fn alert(name: &str, starts: i64) -> Alert {
    let labels = Labels::from([("alertname".to_string(), name.to_string())]);
    Alert {
        priority: domain::alert::priority::Priority::P2,
        value: Some(f64::MAX),
        ..Alert::new(labels, Source::Posted, Timestamp(starts))
    }
}

fn message(id: &str, due: i64, alerts: Vec<Alert>) -> Outgoing {
    Outgoing {
        id: id.into(),
        group_key: "g".into(),
        destination: "webhook/1".into(),
        created_at: Timestamp(1),
        due_at: Timestamp(due),
        attempts: 0,
        message: Message {
            words: None,
            group_key: "g".into(),
            receiver: "r".into(),
            why: Why::New,
            labels: Labels::new(),
            firing: alerts,
            resolved: Vec::new(),
            left_out: 0,
            url: String::new(),
            acknowledge_url: String::new(),
            at: Timestamp(1),
            incident: None,
            test: false,
        },
    }
}

pub async fn what_was_decided_is_kept_as_one_and_messages_leave_in_order(database: TestDatabase) {
    let store = database.open().await;
    let first = alert("x", 10);
    let ids = store
        .commit(&[
            Decided::Alert(first.clone()),
            Decided::Message(message("late", 200, vec![first.clone()])),
            Decided::Message(message("soon", 100, vec![first.clone()])),
        ])
        .await
        .expect("keeps");
    let open = store.alerts_open(Timestamp(20)).await.expect("reads");
    assert_eq!((open.len(), open[0].id, open[0].value), (1, ids[0], Some(f64::MAX)));
    let due = store.messages_due(Timestamp(150), 10).await.expect("reads");
    assert_eq!(due.iter().map(|m| m.id.as_str()).collect::<Vec<_>>(), ["soon"]);
    assert_eq!(due[0].message.firing[0].labels, first.labels, "as it was decided");
    let sent =
        Attempt { id: "soon".into(), state: "sent", due_at: Timestamp(150), attempts: 1, problem: String::new() };
    store.commit(&[Decided::Attempt(sent)]).await.expect("keeps");
    let waiting = store.messages_waiting().await.expect("reads");
    assert_eq!(waiting.iter().map(|m| m.id.as_str()).collect::<Vec<_>>(), ["late"]);
    // The same labels fire again later: another alert, and the first stays in the past.
    let ended = Alert { ends_at: Some(Timestamp(50)), updated_at: Timestamp(50), ..first.clone() };
    let again = alert("x", 60);
    store.commit(&[Decided::Alert(ended), Decided::Alert(again)]).await.expect("keeps");
    let past = store.alerts_of(&first.fingerprint, 10).await.expect("reads");
    assert_eq!(
        past.iter().map(|a| (a.starts_at.0, a.ends_at)).collect::<Vec<_>>(),
        [(60, None), (10, Some(Timestamp(50)))]
    );
    assert_eq!(store.alerts_open(Timestamp(70)).await.expect("reads").len(), 1);
    let changed = store.change_alert(past[0].id, |a| a.assigned = "mara".into()).await.expect("changes");
    assert_eq!(changed.map(|a| a.assigned), Some("mara".to_string()));
    assert_eq!(store.expire_alerts(Timestamp(55)).await.expect("goes"), 2, "the alert that ended, the message sent");
    assert_eq!(store.alerts_of(&first.fingerprint, 10).await.expect("reads").len(), 1);
}

pub async fn silences_incidents_and_their_notes_come_back(database: TestDatabase) {
    let store = database.open().await;
    let silence = Silence {
        id: "s".into(),
        matchers: vec![Matcher::equal("a", "b")],
        starts_at: Timestamp(10),
        ends_at: Timestamp(100),
        updated_at: Timestamp(10),
        created_by: "mara".into(),
        comment: "known".into(),
        maintenance: true,
    };
    store.put_silence(&silence).await.expect("keeps");
    store.put_silence(&Silence { ends_at: Timestamp(200), ..silence.clone() }).await.expect("changes");
    assert_eq!(store.silences(Timestamp(150)).await.expect("reads")[0].ends_at, Timestamp(200));
    assert!(store.silences(Timestamp(250)).await.expect("reads").is_empty());
    let title = "wrong <b>incomes</b>".to_string();
    let incident = Incident {
        environment: "production".into(),
        systems: vec!["credit".into()],
        onset: Timestamp(5),
        ..Incident::new(title, domain::alert::priority::Priority::P1, "hand: mara".into(), Timestamp(10))
    };
    let id = store.commit(&[Decided::Incident(incident)]).await.expect("keeps")[0];
    let before = store.newest_entry().await.expect("reads");
    let entry = Entry {
        id: 0,
        at: Timestamp(20),
        incident: Some(id),
        fingerprint: String::new(),
        kind: EntryKind::Note,
        who: "mara".into(),
        title: "Note".into(),
        text: "letters stop".into(),
        good: None,
    };
    store.commit(&[Decided::Entry(entry)]).await.expect("keeps");
    assert!(store.newest_entry().await.expect("reads") > before, "pages hear of it");
    assert_eq!(store.entries_of_incident(id, 10).await.expect("reads")[0].text, "letters stop");
    let note = Annotation {
        id: 0,
        author: "mara".into(),
        author_id: None,
        created_at: Timestamp(30),
        body: AnnotationText {
            at: Timestamp(25),
            until: None,
            subject: Subject { incident: Some(id), ..Subject::default() },
            text: "here".into(),
            tags: vec!["supplier".into()],
        },
        thread: Vec::new(),
        history: Vec::new(),
        promoted: false,
    };
    let note = store.create_annotation(&note).await.expect("keeps");
    store.change_annotation(note, |a| a.promoted = true).await.expect("changes");
    assert!(store.annotations_of_incident(id).await.expect("reads")[0].promoted);
    let around = TimeRange { from: Timestamp(20), to: Timestamp(26) };
    assert_eq!(store.annotations(around, 10).await.expect("reads").len(), 1);
    store.change_incident(id, |i| i.resolved_at = Some(Timestamp(99))).await.expect("changes");
    assert!(store.incidents_open().await.expect("reads").is_empty());
    assert_eq!(store.incident(id).await.expect("reads").and_then(|i| i.resolved_at), Some(Timestamp(99)));
    assert!(store.delete_annotation(note).await.expect("goes"));
}

pub async fn a_shared_link_is_found_by_its_hash_until_it_is_ended(database: TestDatabase) {
    let store = database.open().await;
    let share = Share {
        id: 0,
        author: "mara".into(),
        author_id: 1,
        created_at: Timestamp(10),
        expires_at: None,
        revoked_at: None,
        text: ShareText {
            page: SharedPage::Overview,
            environment: "production".into(),
            range: RangeChoice::All,
            frozen: false,
            annotations: false,
            embed: false,
            role: None,
            people: None,
            hours: None,
            note: String::new(),
        },
    };
    let id = store.create_share(&share, b"hash").await.expect("keeps");
    assert!(store.share_by_token(b"other").await.expect("reads").is_none());
    let found = store.share_by_token(b"hash").await.expect("reads").expect("there");
    assert!(found.id == id && found.holds(Timestamp(20)));
    for n in 0..3 {
        let visit = Visit { at: Timestamp(20 + n), address: "::1".into(), who: "Mara".into() };
        store.note_visit(id, &visit).await.expect("notes");
    }
    assert_eq!(store.visits(id).await.expect("reads")[0].who, "Mara");
    assert_eq!(store.visits_of_all().await.expect("reads"), [(id, 3, Timestamp(22))]);
    assert!(store.revoke_share(id, Timestamp(30)).await.expect("ends"));
    assert!(!store.share_by_token(b"hash").await.expect("reads").expect("there").holds(Timestamp(31)));
}

pub async fn where_people_were_named_is_kept_until_it_is_old(database: TestDatabase) {
    let store = database.open().await;
    let eve = store.create_person("eve@b.c", "Eve", Role::Viewer, "hash", Timestamp(1)).await.expect("is made");
    let tom = store.create_person("tom@b.c", "Tom", Role::Viewer, "hash", Timestamp(1)).await.expect("is made");
    let named = |n: i64| Mention {
        at: Timestamp(n),
        by: "Mara".into(),
        text: format!("@eve {n}"),
        href: "/incidents/1".into(),
        seen: false,
    };
    for n in 0..250 {
        store.note_mention(eve, &named(n)).await.expect("notes");
    }
    store.note_mention(tom, &named(7)).await.expect("notes");
    assert_eq!(store.unseen_mentions(eve).await.expect("counts"), 200, "the oldest are gone");
    store.see_mentions(eve, Timestamp(300)).await.expect("notes");
    store.note_mention(eve, &named(250)).await.expect("notes");
    let found = store.mentions(eve).await.expect("reads");
    assert_eq!((found[0].text.as_str(), found[0].seen, found[1].seen), ("@eve 250", false, true));
    assert_eq!(store.unseen_mentions(eve).await.expect("counts"), 1);
    assert_eq!(store.unseen_mentions(tom).await.expect("counts"), 1, "what one saw, another has not");
}

pub async fn one_run_of_a_response_is_open_at_a_time_and_changes_as_a_whole(database: TestDatabase) {
    let store = database.open().await;
    let new = |response: &str, incident: Option<i64>| {
        let plan = Plan {
            url: "http://a/".into(),
            parameters: Default::default(),
            undo_url: String::new(),
            then: Vec::new(),
            hash: "h".into(),
        };
        let begun = Run::proposed(response, Control::One, plan, Timestamp(10));
        Run { fingerprint: "f".into(), about: "it leaks".into(), incident, expires_at: Timestamp(20), ..begun }
    };
    let id = store.add_run(&new("restart", Some(7))).await.expect("kept").expect("the first");
    assert_eq!(store.add_run(&new("restart", None)).await.expect("asked"), None, "one is not over");
    let other = store.add_run(&new("scale", None)).await.expect("kept").expect("of another response");
    let refused = store.change_run(id, |_| Err("no")).await.expect("asked");
    assert_eq!(refused, Some(Err("no")));
    assert_eq!(store.runs_open().await.expect("reads").len(), 2, "what refuses changes nothing");
    let denied = |run: Run| Ok::<_, String>(Run { state: State::Denied, ..run });
    let changed = store.change_run(id, denied).await.expect("changes").expect("there").expect("allowed");
    assert_eq!((changed.id, changed.state), (id, State::Denied));
    assert_eq!(store.change_run(99, denied).await.expect("asked"), None);
    assert!(store.add_run(&new("restart", None)).await.expect("kept").is_some(), "it may be proposed again");
    let ids = |runs: Vec<Run>| runs.into_iter().map(|r| r.id).collect::<Vec<_>>();
    assert_eq!(ids(store.runs_about(Some(7), "", 9).await.expect("reads")), [id]);
    assert_eq!(ids(store.runs_about(None, "f", 9).await.expect("reads")), [other + 1, other, id]);
    assert_eq!(store.expire_runs(Timestamp(11)).await.expect("removes"), 1, "what is open stays");
    assert_eq!(ids(store.runs_since(Timestamp(0), 9).await.expect("reads")), [other + 1, other]);
}
