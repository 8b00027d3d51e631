//! What holds for responses and their runs, whatever happens in whatever order.

use proptest::prelude::*;

use super::*;
use crate::Timestamp;
use crate::time::SECOND;

fn response(control: Control) -> Response {
    Response {
        control,
        ..serde_json::from_str(
            r#"{"name": "restart", "matchers": [], "url": "http://a/", "undo_url": "http://a/undo"}"#,
        )
        .expect("a response")
    }
}

fn proposed(control: Control) -> Run {
    let plan = Plan {
        url: "http://a/".into(),
        parameters: Value::Null,
        undo_url: "http://a/undo".into(),
        then: Vec::new(),
        hash: "h".into(),
    };
    let begun = Run::proposed("restart", control, plan, Timestamp(0));
    Run { id: 1, fingerprint: "f".into(), expires_at: Timestamp(HOUR), helps_within: 15 * MINUTE, ..begun }
}

/// Of more calls, of which those that are named can be taken back.
fn in_turn(control: Control, undo_urls: &[&str]) -> Run {
    let call = |undo: &&str| Call {
        name: String::new(),
        url: "http://b/".into(),
        parameters: Value::Null,
        undo_url: (*undo).to_string(),
    };
    let run = proposed(control);
    Run { plan: Plan { then: undo_urls.iter().map(call).collect(), ..run.plan.clone() }, ..run }
}

fn arrived(run: Run) -> Run {
    run.step(Event::Arrived { answer: "ok".into() }, Timestamp(SECOND)).expect("arrives")
}

fn lost(run: Run) -> Run {
    run.step(Event::Lost { problem: "refused".into(), again: None }, Timestamp(SECOND)).expect("is lost")
}

fn word(who: &str, reason: &str) -> Word {
    Word {
        who: who.into(),
        person: who.len() as i64 + i64::from(who == "noor"),
        at: Timestamp(0),
        reason: reason.into(),
    }
}

fn approve(who: &str, hash: &str) -> Event {
    Event::Approved { word: word(who, "it leaks"), hash: hash.into() }
}

#[test]
fn two_people_approve_what_they_read_and_each_says_why() {
    let now = Timestamp(MINUTE);
    let run = proposed(Control::Two);
    assert!(run.clone().step(approve("mara", "another plan"), now).is_err());
    assert!(run.clone().step(Event::Approved { word: word("mara", " "), hash: "h".into() }, now).is_err());
    let once = run.step(approve("mara", "h"), now).expect("approves");
    assert_eq!((once.state, once.words().as_str()), (State::Proposed, "waits for another person"));
    assert!(once.clone().step(approve("mara", "h"), now).is_err(), "the same person twice is one");
    assert_eq!(once.clone().step(approve("noor", "h"), now).expect("approves").state, State::Running);
    assert!(once.step(approve("noor", "h"), Timestamp(HOUR)).is_err(), "too late");
}

#[test]
fn what_arrived_is_watched_until_it_helped_or_the_time_is_over() {
    let arrived = Event::Arrived { answer: "ok".into() };
    let ran = proposed(Control::Itself).step(arrived, Timestamp(SECOND)).expect("runs");
    let look = |fires, at| ran.clone().step(Event::Looked { fires }, at).expect("looks");
    assert_eq!(look(true, Timestamp(MINUTE)).state, State::Watched);
    assert_eq!(look(false, Timestamp(MINUTE)).helped, Some(true));
    assert_eq!(look(true, Timestamp(HOUR)).helped, Some(false));
    let undoing = look(true, Timestamp(HOUR)).step(Event::UndoAsked(word("mara", "worse")), Timestamp(HOUR));
    let undoing = undoing.expect("can be undone");
    let back = undoing.step(Event::Arrived { answer: String::new() }, Timestamp(HOUR)).expect("undone");
    assert_eq!((back.state, Tally::of([&back].into_iter()).words()), (State::Undone, "helped 0 of 1 times".into()));
}

#[test]
fn each_call_waits_for_the_one_before_it_and_all_are_taken_back_from_the_last() {
    let run = in_turn(Control::Itself, &["", "http://b/undo"]);
    assert_eq!(run.next(), Some(Next { place: 0, undo: false }));
    let run = arrived(run);
    assert_eq!((run.state, run.words().as_str()), (State::Running, "is being sent, call 2 of 3"));
    let run = arrived(arrived(run));
    assert_eq!((run.state, run.answers.len(), run.next()), (State::Watched, 3, None));
    let run = run.step(Event::UndoAsked(word("mara", "worse")), Timestamp(MINUTE)).expect("can be undone");
    assert_eq!(run.next(), Some(Next { place: 2, undo: true }));
    // The second has no way back and is passed over.
    let run = arrived(run);
    assert_eq!(run.next(), Some(Next { place: 0, undo: true }));
    let back = arrived(run);
    assert_eq!((back.state, back.words().as_str()), (State::Undone, "was undone, 2 of 3 calls"));
}

#[test]
fn where_a_later_call_fails_what_came_before_is_taken_back() {
    let run = lost(arrived(in_turn(Control::Itself, &["http://b/undo"])));
    assert_eq!((run.state, run.next()), (State::Undoing, Some(Next { place: 0, undo: true })));
    assert_eq!(run.words(), "failed at call 2 of 2; what came before is taken back");
    let back = arrived(run.clone());
    assert_eq!((back.state, back.answer.as_str()), (State::Failed, "refused"));
    assert_eq!(back.words(), "failed at call 2 of 2; what came before was taken back");
    // What cannot be taken back is not said to be.
    assert_eq!(lost(run).words(), "failed at call 2 of 2; 0 of 1 before it were taken back");
    assert_eq!(lost(in_turn(Control::Itself, &[""])).words(), "failed at call 1 of 2");
}

#[test]
fn what_was_tried_is_tried_again_on_request() {
    let run = Run { try_first: true, tried: Some((Timestamp(0), false, "no".into())), ..proposed(Control::One) };
    assert_eq!(run.step(Event::TryAgain, Timestamp(1)).expect("is tried").tried, None);
    assert!(proposed(Control::One).step(Event::TryAgain, Timestamp(1)).is_err());
}

#[test]
fn what_failed_rests_too_and_is_not_repeated_blindly() {
    let failed =
        |minutes: i64| Run { state: State::Failed, due_at: Timestamp(minutes * MINUTE), ..proposed(Control::Itself) };
    let response = response(Control::Itself);
    assert!(rests(&response, &[failed(0)], "f", Timestamp(14 * MINUTE)).is_some());
    assert!(rests(&response, &[failed(0)], "f", Timestamp(16 * MINUTE)).is_none());
    assert_eq!(control_now(&response, &[failed(20), failed(0)]).0, Control::One);
}

#[test]
fn what_did_not_help_twice_is_not_done_again_without_a_person() {
    let done = |helped| Run {
        state: State::Done,
        helped: Some(helped),
        ran_at: Some(Timestamp(0)),
        ..proposed(Control::Itself)
    };
    let response = response(Control::Itself);
    assert_eq!(control_now(&response, &[done(false), done(true)]).0, Control::Itself);
    assert_eq!(control_now(&response, &[done(false), done(false), done(true)]).0, Control::One);
}

#[test]
fn a_response_rests_and_runs_so_often_a_day() {
    let at =
        |minutes: i64| Run { state: State::Done, ran_at: Some(Timestamp(minutes * MINUTE)), ..proposed(Control::One) };
    let response = response(Control::One);
    let rests = |past: &[Run], minute: i64| rests(&response, past, "f", Timestamp(minute * MINUTE));
    assert!(rests(&[at(0)], 14).is_some() && rests(&[at(0)], 16).is_none());
    assert!(rests(&[at(40), at(20), at(0)], 60).is_some_and(|why| why.contains("3 times")));
    assert!(rests(&[proposed(Control::One)], 1).is_some(), "one at a time");
    let denied = Run { state: State::Denied, denied: Some(word("mara", "no")), ..proposed(Control::One) };
    assert!(rests(std::slice::from_ref(&denied), 60).is_some() && rests(&[denied], 25 * 60).is_none());
}

#[test]
fn what_an_alert_says_cannot_become_another_field() {
    let mut own = response(Control::One);
    own.parameters = serde_json::json!({"service": "{{labels.service}}", "n": 3, "why": ["{{value}} now"]});
    let labels = Labels::from([("service".into(), "x\", \"n\": 9".into())]);
    own.then = vec![Call { parameters: serde_json::json!({"of": "{{labels.service}}"}), ..own.calls().remove(0) }];
    let filled = own.filled(&labels, Some(0.5));
    assert_eq!(filled[0].parameters, serde_json::json!({"service": "x\", \"n\": 9", "n": 3, "why": ["0.5 now"]}));
    assert_eq!(filled[1].parameters, serde_json::json!({"of": "x\", \"n\": 9"}));
}

fn any_event() -> impl Strategy<Value = Event> {
    let words = prop_oneof![Just("mara"), Just("noor")];
    prop_oneof![
        (words.clone(), any::<bool>()).prop_map(|(w, right)| approve(w, if right { "h" } else { "x" })),
        words.clone().prop_map(|w| Event::Denied(word(w, "no"))),
        words.prop_map(|w| Event::UndoAsked(word(w, "worse"))),
        any::<bool>().prop_map(|good| Event::Tried { good, answer: String::new() }),
        Just(Event::Arrived { answer: String::new() }),
        Just(Event::TryAgain),
        prop::option::of(0..MINUTE).prop_map(|again| Event::Lost { problem: "no".into(), again }),
        any::<bool>().prop_map(|fires| Event::Looked { fires }),
    ]
}

proptest! {
    /// Whatever happens in whatever order, nothing is sent that as many people as it takes have not approved,
    /// and nothing after somebody denied it.
    #[test]
    fn nothing_runs_that_nobody_decided(
        control in prop_oneof![Just(Control::One), Just(Control::Two)],
        undo_urls in prop::collection::vec(prop_oneof![Just(""), Just("http://b/undo")], 0..3),
        events in prop::collection::vec((any_event(), 0..20 * MINUTE), 0..40),
    ) {
        let (mut run, mut now) = (in_turn(control, &undo_urls), Timestamp(0));
        // What its receivers have done, in order.
        let mut done: Vec<usize> = Vec::new();
        for (event, pause) in events {
            now = now.plus(pause);
            if let (Event::Arrived { .. }, Some(next)) = (&event, run.next()) {
                prop_assert_eq!(next.place, if next.undo { done.pop().unwrap_or(99) } else { done.len() });
                if !next.undo {
                    done.push(next.place);
                }
            }
            run = run.clone().step(event, now).unwrap_or(run);
            // Of what stays done, the way back has passed what cannot be undone.
            if let Some(Next { place, undo: true }) = run.next() {
                done.truncate(place + 1);
            }
            let people: std::collections::BTreeSet<&str> = run.approved.iter().map(|w| w.who.as_str()).collect();
            if run.state == State::Running || run.ran_at.is_some() {
                prop_assert!(people.len() >= control.needed() && run.denied.is_none());
            }
            prop_assert!(run.attempts <= ATTEMPTS_MAX);
        }
    }
}
