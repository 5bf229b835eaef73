//! The tables and traces of the message contract, one test each; then what must hold for every message.

use std::collections::HashSet;

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use uuid::Uuid;
use workflow::message::{EXCHANGE, TOPOLOGY};
use workflow::{Key, Message, Rejected, Step, Task, Worker, consequences, dispatch, rerun_id};

fn message(key: &str, body: Value) -> Message {
    let Value::Object(body) = body else { panic!("a body is an object") };
    let mut message = Message::new(Key::Request(Task::Invalidate), body);
    message.key = key.to_owned();
    message
}

/// What the dispatcher sends for `key` with `body`, as (key, body).
fn sent(key: &str, body: Value) -> Vec<(String, Value)> {
    let messages = dispatch(&message(key, body)).expect("a message of the contract");
    messages.into_iter().map(|m| (m.key, Value::Object(m.body))).collect()
}

fn expected(list: &[(&str, Value)]) -> Vec<(String, Value)> {
    list.iter().map(|(key, body)| ((*key).to_owned(), body.clone())).collect()
}

/// Follows a chain as the dispatcher and the workers do it together, with a row for each of `computed`; gives the keys
/// in the order in which they go over the bus.
fn trace(start: &str, body: Value, computed: &[Step]) -> Vec<String> {
    let mut rows: HashSet<Step> = computed.iter().copied().collect();
    let mut keys = Vec::new();
    let mut bus = std::collections::VecDeque::from([message(start, body)]);
    while let Some(message) = bus.pop_front() {
        assert!(keys.len() < 200, "the chain does not end: {keys:?}");
        keys.push(message.key.clone());
        match message.key.parse().expect("a key of the contract") {
            Key::Request(_) | Key::Done(_) => bus.extend(dispatch(&message).expect("accepted")),
            Key::ForWorker(Task::Invalidate, _) => {
                bus.push_back(message.follow(Key::Done(Task::Invalidate), message.body.clone()));
            }
            Key::ForWorker(_, Worker::Panel) | Key::Progress(_) | Key::Failed(_) => {}
            Key::ForWorker(Task::Step(step), _) => {
                if !message.is_rerun() || message.needs_no_params() || rows.contains(&step) {
                    rows.insert(step);
                    bus.push_back(message.follow(Key::Done(Task::Step(step)), message.body.clone()));
                }
            }
        }
    }
    keys
}

#[test]
fn a_request_goes_to_its_worker_with_the_body_unchanged() {
    let table = "{\"dataArray\":[[15,0,75,25,0,0,0,0,0,0,0,0,0,0]]}";
    let bodies = [
        (
            "regrid",
            "python",
            json!({"id": 1, "limits": "default", "Longitude Step": "1", "Latitude Step": "1", "interpolator": "linear"}),
        ),
        ("routing", "python", json!({"id": 1, "topo_var": "Z", "orcafile": "default"})),
        ("pft", "python", json!({"id": 1, "data": table})),
        ("heatflow", "python", json!({"id": 1})),
        ("ahmcoef", "python", json!({"id": 1})),
        ("invalidate", "python", json!({"id": 1, "tasks": []})),
        ("calculate_weights", "mosaic", json!({"id": 2})),
        ("internal_oceans", "panel", json!({"id": 2, "next_step_only": true})),
        ("passage_problems", "panel", json!({"id": 2})),
        ("subbasins", "panel", json!({"id": 2})),
    ];
    for (task, worker, body) in bodies {
        let key = format!("preprocessing.{task}.{worker}");
        assert_eq!(sent(&format!("preprocessing.{task}"), body.clone()), [(key, body)]);
    }
}

#[test]
fn the_order_of_a_bodys_fields_survives() {
    let body = json!({"id": 1, "limits": "default", "Longitude Step": "1", "Latitude Step": "1", "interpolator": "linear"});
    let text = body.to_string();
    assert_eq!(sent("preprocessing.regrid", body)[0].1.to_string(), text);
}

#[test]
fn regrid_done_invalidates_everything_and_reruns_its_direct_successors() {
    let body = json!({"id": 1, "limits": "data", "Longitude Step": "1", "Latitude Step": "1", "interpolator": "nearest"});
    assert_eq!(
        sent("preprocessing.regrid.done", body),
        expected(&[
            (
                "preprocessing.invalidate.python",
                json!({"id": 1, "tasks": ["internal_oceans", "routing", "pft", "passage_problems", "subbasins",
                    "heatflow", "ahmcoef", "calculate_weights"]})
            ),
            ("preprocessing.internal_oceans.panel", json!({"id": 1, "invalidated": "yes"})),
            ("preprocessing.routing.python", json!({"id": 1, "invalidated": "yes"})),
        ])
    );
}

#[test]
fn routing_done_reruns_its_six_direct_successors() {
    assert_eq!(
        sent("preprocessing.routing.done", json!({"id": 1, "topo_var": "Z", "orcafile": "default"})),
        expected(&[
            (
                "preprocessing.invalidate.python",
                json!({"id": 1, "tasks": ["pft", "passage_problems", "subbasins", "heatflow", "ahmcoef", "calculate_weights"]})
            ),
            ("preprocessing.pft.python", json!({"id": 1, "invalidated": "yes"})),
            ("preprocessing.passage_problems.panel", json!({"id": 1, "invalidated": "yes"})),
            ("preprocessing.subbasins.panel", json!({"id": 1, "invalidated": "yes"})),
            ("preprocessing.heatflow.python", json!({"id": 1, "invalidated": "yes", "has_params": "no"})),
            ("preprocessing.ahmcoef.python", json!({"id": 1, "invalidated": "yes", "has_params": "no"})),
            ("preprocessing.calculate_weights.mosaic", json!({"id": 1, "invalidated": "yes"})),
        ])
    );
}

#[test]
fn internal_oceans_done_invalidates_all_that_routing_reaches() {
    let tasks =
        ["routing", "pft", "passage_problems", "subbasins", "heatflow", "ahmcoef", "calculate_weights"];
    assert_eq!(
        sent("preprocessing.internal_oceans.done", json!({"id": 2})),
        expected(&[
            ("preprocessing.invalidate.python", json!({"id": 2, "tasks": tasks})),
            ("preprocessing.routing.python", json!({"id": 2, "invalidated": "yes"})),
        ])
    );
}

#[test]
fn a_land_only_edit_renews_routing_and_stops_there() {
    let rerun = json!({"id": 2, "invalidated": "yes", "next_step_only": "done"});
    assert_eq!(
        sent("preprocessing.internal_oceans.done", json!({"id": 2, "next_step_only": true})),
        expected(&[
            ("preprocessing.invalidate.python", json!({"id": 2, "tasks": ["routing"]})),
            ("preprocessing.routing.python", rerun.clone()),
        ])
    );
    assert_eq!(
        sent("preprocessing.routing.done", rerun),
        expected(&[("preprocessing.invalidate.python", json!({"id": 2, "tasks": []}))])
    );
}

#[test]
fn anything_else_in_next_step_only_counts_as_absent() {
    let plain = sent("preprocessing.internal_oceans.done", json!({"id": 2}));
    for other in [json!(false), json!("true"), json!(1), json!(null), json!("Done"), json!({}), json!([])] {
        assert_eq!(
            sent("preprocessing.internal_oceans.done", json!({"id": 2, "next_step_only": other})),
            plain
        );
    }
}

#[test]
fn the_panel_steps_lead_to_what_depends_on_them() {
    assert_eq!(
        sent("preprocessing.passage_problems.done", json!({"id": 2})),
        expected(&[
            (
                "preprocessing.invalidate.python",
                json!({"id": 2, "tasks": ["subbasins", "heatflow", "ahmcoef", "calculate_weights"]})
            ),
            ("preprocessing.subbasins.panel", json!({"id": 2, "invalidated": "yes"})),
            ("preprocessing.heatflow.python", json!({"id": 2, "invalidated": "yes", "has_params": "no"})),
            ("preprocessing.ahmcoef.python", json!({"id": 2, "invalidated": "yes", "has_params": "no"})),
            ("preprocessing.calculate_weights.mosaic", json!({"id": 2, "invalidated": "yes"})),
        ])
    );
    assert_eq!(
        sent("preprocessing.subbasins.done", json!({"id": 2})),
        expected(&[
            ("preprocessing.invalidate.python", json!({"id": 2, "tasks": ["calculate_weights"]})),
            ("preprocessing.calculate_weights.mosaic", json!({"id": 2, "invalidated": "yes"})),
        ])
    );
}

#[test]
fn leaves_and_invalidate_end_the_chain() {
    for leaf in ["pft", "heatflow", "ahmcoef", "calculate_weights", "invalidate"] {
        assert_eq!(sent(&format!("preprocessing.{leaf}.done"), json!({"id": 1})), []);
    }
}

fn task_keys(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|key| format!("{EXCHANGE}.{key}")).collect()
}

#[test]
fn trace_of_the_first_regrid() {
    assert_eq!(
        trace("preprocessing.regrid", json!({"id": 1}), &[]),
        task_keys(&[
            "regrid",
            "regrid.python",
            "regrid.done",
            "invalidate.python",
            "internal_oceans.panel",
            "routing.python",
            "invalidate.done",
        ])
    );
}

#[test]
fn trace_of_the_first_routing() {
    assert_eq!(
        trace("preprocessing.routing", json!({"id": 1}), &[Step::Regrid]),
        task_keys(&[
            "routing",
            "routing.python",
            "routing.done",
            "invalidate.python",
            "pft.python",
            "passage_problems.panel",
            "subbasins.panel",
            "heatflow.python",
            "ahmcoef.python",
            "calculate_weights.mosaic",
            "invalidate.done",
            "heatflow.done",
            "ahmcoef.done",
        ])
    );
}

#[test]
fn trace_of_routing_again_after_pft() {
    let keys = trace("preprocessing.routing", json!({"id": 1}), &[Step::Regrid, Step::Routing, Step::Pft]);
    let done: Vec<_> = keys.iter().filter(|key| key.ends_with(".done")).cloned().collect();
    assert_eq!(
        done,
        task_keys(&["routing.done", "invalidate.done", "pft.done", "heatflow.done", "ahmcoef.done"])
    );
}

#[test]
fn trace_of_regrid_again_after_everything() {
    let rows = [Step::Regrid, Step::Routing, Step::Pft, Step::Heatflow, Step::Ahmcoef];
    let keys = trace("preprocessing.regrid", json!({"id": 1}), &rows);
    let done: Vec<_> = keys.iter().filter(|key| key.ends_with(".done")).cloned().collect();
    assert_eq!(
        done,
        task_keys(&[
            "regrid.done",
            "invalidate.done",
            "routing.done",
            "invalidate.done",
            "pft.done",
            "heatflow.done",
            "ahmcoef.done",
        ])
    );
}

#[test]
fn trace_of_a_land_only_edit() {
    let rows = [Step::Routing, Step::Pft, Step::Heatflow, Step::Ahmcoef];
    assert_eq!(
        trace("preprocessing.internal_oceans.done", json!({"id": 2, "next_step_only": true}), &rows),
        task_keys(&[
            "internal_oceans.done",
            "invalidate.python",
            "routing.python",
            "invalidate.done",
            "routing.done",
            "invalidate.python",
            "invalidate.done",
        ])
    );
}

#[test]
fn the_keys_of_the_contract_fit_the_bindings_of_their_queues() {
    let fits = |binding: &str, key: &str| {
        let (binding, key): (Vec<_>, Vec<_>) = (binding.split('.').collect(), key.split('.').collect());
        binding.len() == key.len() && binding.iter().zip(&key).all(|(b, k)| *b == "*" || b == k)
    };
    let queues = |key: &str| -> Vec<&str> {
        TOPOLOGY
            .iter()
            .filter(|(_, bindings)| bindings.iter().any(|b| fits(b, key)))
            .map(|(q, _)| *q)
            .collect()
    };
    assert_eq!(queues("preprocessing.regrid"), ["preprocessing_task_queue"]);
    assert_eq!(queues("preprocessing.internal_oceans.done"), ["preprocessing_task_queue"]);
    assert_eq!(queues("preprocessing.routing.python"), ["preprocessing_python_task_queue"]);
    assert_eq!(queues("preprocessing.calculate_weights.mosaic"), ["preprocessing_mosaic_task_queue"]);
    assert_eq!(queues("preprocessing.calculate_weights.mosaix"), ["preprocessing_mosaic_task_queue"]);
    for unbound in
        ["preprocessing.subbasins.panel", "preprocessing.routing.progress", "preprocessing.routing.failed"]
    {
        assert!(queues(unbound).is_empty(), "{unbound}");
    }
}

/// D15: a message without `id`, or one of no known task, is refused with a reason instead of looping.
#[test]
fn d15_malformed_messages_are_refused_with_a_reason() {
    for body in
        [json!({}), json!({"id": null}), json!({"id": "1"}), json!({"id": 1.5}), json!({"id": 1_i64 << 40})]
    {
        for key in ["preprocessing.regrid.done", "preprocessing.regrid"] {
            let refused = dispatch(&message(key, body.clone())).expect_err("no data file");
            assert_eq!(refused, Rejected::NoDataFile { key: key.to_owned() });
            assert!(refused.to_string().contains("no whole number 'id'"));
        }
    }
}

/// D19: the second word of a key is looked up in a closed list, whatever it looks like.
#[test]
fn d19_a_key_is_never_more_than_a_word_of_the_list() {
    for key in [
        "preprocessing.__import__('os').python",
        "preprocessing.open('x','w')",
        "preprocessing.regrid.exec",
        "preprocessing.REGRID",
        "preprocessing..done",
        "preprocessing",
        "",
        "elsewhere.regrid",
        "preprocessing.regrid.python.more",
    ] {
        assert!(matches!(dispatch(&message(key, json!({"id": 1}))), Err(Rejected::Key(_))), "{key}");
    }
    for key in ["preprocessing.regrid.python", "preprocessing.regrid.progress", "preprocessing.regrid.failed"]
    {
        assert!(
            matches!(dispatch(&message(key, json!({"id": 1}))), Err(Rejected::NotForDispatcher(_))),
            "{key}"
        );
    }
}

#[test]
fn flags_are_read_in_any_case() {
    for yes in ["yes", "y", "YES", "Yes", "Y"] {
        assert!(message("preprocessing.pft.python", json!({"id": 1, "invalidated": yes})).is_rerun());
    }
    for no in ["no", "n", "NO", "N"] {
        assert!(
            message("preprocessing.heatflow.python", json!({"id": 1, "has_params": no})).needs_no_params()
        );
    }
    for other in [json!("true"), json!(true), json!(""), json!(null), json!(1)] {
        assert!(!message("preprocessing.pft.python", json!({"id": 1, "invalidated": other})).is_rerun());
    }
}

#[test]
fn every_key_reads_back_as_it_was_written() {
    let mut tasks: Vec<Task> = Step::ALL.into_iter().map(Task::Step).collect();
    tasks.push(Task::Invalidate);
    for task in tasks {
        let workers =
            [Worker::Python, Worker::Mosaic, Worker::Panel].map(|worker| Key::ForWorker(task, worker));
        for key in [Key::Request(task), Key::Done(task), Key::Progress(task), Key::Failed(task)]
            .into_iter()
            .chain(workers)
        {
            assert_eq!(key.to_string().parse::<Key>(), Ok(key));
        }
    }
}

/// The worker records queued re-runs under the ids that the dispatcher will give to their messages.
#[test]
fn the_reruns_of_the_dispatcher_have_the_ids_that_the_worker_recorded() {
    for step in Step::ALL {
        for next in [None, Some(json!(true)), Some(json!("done"))] {
            let mut done = message(&format!("preprocessing.{step}.done"), json!({"id": 7}));
            if let Some(next) = &next {
                done.body.insert("next_step_only".into(), next.clone());
            }
            let recorded: Vec<(Uuid, Map<String, Value>)> = consequences(step, 7, next.as_ref())
                .rerun
                .into_iter()
                .map(|(successor, body)| (rerun_id(done.id, successor), body))
                .collect();
            let sent: Vec<_> = dispatch(&done).expect("accepted").into_iter().skip(1).collect();
            assert!(sent.iter().all(|m| m.run == Some(m.id)));
            assert_eq!(sent.into_iter().map(|m| (m.id, m.body)).collect::<Vec<_>>(), recorded);
        }
    }
}

fn any_contract_message() -> impl Strategy<Value = Message> {
    let next = prop_oneof![
        Just(None),
        Just(Some(json!(true))),
        Just(Some(json!("done"))),
        Just(Some(json!(false))),
        "[a-z]{0,5}".prop_map(|text| Some(json!(text))),
    ];
    let extra = proptest::collection::vec(("[a-z_]{1,8}", "[ -~]{0,12}"), 0..4);
    (
        0..=9_usize,
        any::<bool>(),
        any::<i32>(),
        next,
        extra,
        any::<[u8; 16]>(),
        proptest::option::of(any::<[u8; 16]>()),
    )
        .prop_map(|(task, done, id, next, extra, message_id, run)| {
            let task = Step::ALL.get(task).map_or(Task::Invalidate, |step| Task::Step(*step));
            let mut body: Map<String, Value> = extra.into_iter().map(|(k, v)| (k, json!(v))).collect();
            body.insert("id".into(), json!(id));
            if let Some(next) = next {
                body.insert("next_step_only".into(), next);
            }
            let mut message = Message::new(if done { Key::Done(task) } else { Key::Request(task) }, body);
            message.id = Uuid::from_bytes(message_id);
            message.run = run.map(Uuid::from_bytes);
            message.owner = Some(3);
            message.request_id = Some("click".into());
            message
        })
}

proptest! {
    #[test]
    fn a_duplicate_in_gives_identical_messages_out(message in any_contract_message()) {
        prop_assert_eq!(dispatch(&message), dispatch(&message.clone()));
    }

    #[test]
    fn ids_differ_between_successors_and_between_parents(message in any_contract_message()) {
        let mut other = message.clone();
        other.id = Uuid::new_v5(&message.id, b"another");
        let mut ids = vec![message.id, other.id];
        for parent in [&message, &other] {
            ids.extend(dispatch(parent).unwrap().into_iter().map(|m| m.id));
        }
        let distinct: HashSet<_> = ids.iter().collect();
        prop_assert_eq!(distinct.len(), ids.len());
    }

    #[test]
    fn owner_and_click_follow_every_message(message in any_contract_message()) {
        for next in dispatch(&message).unwrap() {
            prop_assert_eq!(next.owner, Some(3));
            prop_assert_eq!(next.request_id.as_deref(), Some("click"));
            prop_assert_eq!(next.data_file(), message.data_file());
        }
    }

    #[test]
    fn an_invalidated_step_is_never_the_step_itself_and_every_rerun_is_invalidated(message in any_contract_message()) {
        if let Ok(Key::Done(Task::Step(step))) = message.key.parse() {
            let found = consequences(step, 1, message.body.get("next_step_only"));
            prop_assert!(!found.invalidated.contains(&step));
            prop_assert!(found.rerun.iter().all(|(rerun, _)| found.invalidated.contains(rerun)));
        }
    }

    #[test]
    fn any_text_is_a_key_or_an_error(text in "\\PC{0,40}") {
        let mut message = Message::new(Key::Done(Task::Invalidate), Map::new());
        message.key.clone_from(&text);
        if let Err(rejected) = dispatch(&message) {
            prop_assert!(!rejected.to_string().is_empty());
        }
    }
}
