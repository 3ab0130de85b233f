//! An answer is read strictly, and what it means is never better than what it says.

use serde_json::json;

use super::*;

fn place() -> Place {
    Place::new("shop", "production")
}

fn whole() -> serde_json::Value {
    json!({"gonogo": 1, "id": "shop-prod", "basis": "7", "phase": "done", "running": [{"version": "v1"}]})
}

fn with(key: &str, value: serde_json::Value) -> serde_json::Value {
    let mut json = whole();
    json[key] = value;
    json
}

fn refusal(json: serde_json::Value) -> String {
    let fault = read(json).unwrap_err();
    assert_eq!(fault.cause, Cause::Malformed);
    fault.detail.to_string()
}

#[test]
fn the_least_answer_is_a_rollout_of_one() {
    let rollout = read(whole()).unwrap().rollout(&place(), "tf");
    assert_eq!(rollout.phase, Phase::Done);
    assert_eq!((rollout.replicas.desired, rollout.replicas.updated, rollout.replicas.available), (1, 1, 1));
    assert_eq!(rollout.target.label(), "v1");
    assert!(rollout.target.same_as(&artifact(&place(), "v1", None, None, None)));
    assert!(!rollout.target.same_as(&artifact(&place(), "v2", None, None, None)));
    assert_eq!((rollout.host.as_str(), rollout.workload.as_str()), ("tf", "shop-prod"));
}

#[test]
fn what_is_misspelt_missing_or_of_another_version_is_no_answer() {
    for (json, part) in [
        (json!(null), "does not say"),
        (json!([]), "does not say"),
        (json!({}), "does not say"),
        (with("gonogo", json!(2)), "version 2"),
        (with("gonogo", json!("1")), "does not say"),
        (with("alowed", json!({})), "unknown field `alowed`"),
        (with("allowed", json!({"promot": true})), "unknown field `promot`"),
        (with("phase", json!("finished")), "unknown variant `finished`"),
        (with("running", json!([{"verison": "v1"}])), "unknown field `verison`"),
        (with("running", json!([])), "nothing runs"),
        (with("running", json!([{"version": " "}])), "empty"),
        (with("running", json!([{"version": "v1", "ready": -1}])), "invalid value"),
        (with("id", json!("")), "`id` is empty"),
        (with("basis", json!("x".repeat(2_000))), "`basis`"),
        (with("since", json!("yesterday")), "cannot be used"),
        (with("signs", json!(vec!["x"; 500])), "more than 200"),
        (with("changes", json!({"destroys": 3})), "unknown field `destroys`"),
        (
            with(
                "changes",
                json!({"destroy": 1, "resources": [
                {"address": "a", "action": "destroy"}, {"address": "b", "action": "destroy"}]}),
            ),
            "counts 1 to destroy and lists 2",
        ),
        (
            with(
                "revisions",
                json!([
                {"id": "a", "version": "v0", "standing": "past"}, {"id": "a", "version": "v1", "standing": "past"}]),
            ),
            "same id",
        ),
    ] {
        let told = refusal(json);
        assert!(told.contains(part), "{told:?} lacks {part:?}");
    }
    for key in ["id", "basis", "phase", "running"] {
        let mut json = whole();
        json.as_object_mut().unwrap().remove(key);
        assert!(refusal(json).contains(&format!("missing field `{key}`")));
    }
}

#[test]
fn a_phase_is_never_better_than_its_word() {
    let phase = |word: &str| read(with("phase", json!(word))).unwrap().phase(&place());
    assert_eq!(phase("done"), Phase::Done);
    assert_eq!(phase("rolled-back"), Phase::RolledBack);
    assert!(matches!(phase("progressing"), Phase::Progressing(_)));
    assert!(matches!(phase("rolling-back"), Phase::RollingBack(_)));
    assert!(matches!(phase("paused"), Phase::Paused(_)));
    assert!(matches!(phase("failed"), Phase::Failed(_)));
    assert!(refusal(with("phase", json!("stopped"))).contains("something runs"));
    let mut stopped = with("phase", json!("stopped"));
    stopped["running"] = json!([]);
    assert_eq!(read(stopped).unwrap().phase(&place()), Phase::ScaledToZero);
    assert!(matches!(phase("unknown"), Phase::Progressing(why) if why.as_str().contains("does not know")));
    // "All of none run it" is no evidence.
    let none = with("replicas", json!({"desired": 0}));
    assert_eq!(read(none).unwrap().phase(&place()), Phase::ScaledToZero);
    // Done is what is done as a whole.
    let mut half = with("running", json!([{"version": "v2", "ready": 2}, {"version": "v1", "ready": 1}]));
    half["replicas"] = json!({"desired": 3});
    let Phase::Progressing(why) = read(half).unwrap().phase(&place()) else { panic!("it is not done") };
    assert_eq!(why.as_str(), "2 of 3 run v2, v1 still runs 1 times");
}

#[test]
fn old_replicas_are_not_counted_as_new_ones() {
    let mut json = with("running", json!([{"version": "v1", "ready": 2}, {"version": "v2", "ready": 1}]));
    json["target"] = json!({"version": "v2"});
    json["replicas"] = json!({"desired": 3});
    let rollout = read(json).unwrap().rollout(&place(), "tf");
    assert_eq!((rollout.replicas.desired, rollout.replicas.updated, rollout.replicas.available), (3, 1, 3));
    assert_eq!(rollout.target.label(), "v2");
}

#[test]
fn texts_cannot_steer_a_terminal() {
    let mut json = with("remarks", json!(["\u{1b}[2Jgone"]));
    json["says"] = json!("\u{202e}desrever");
    json["phase"] = json!("failed");
    let rollout = read(json).unwrap().rollout(&place(), "tf");
    let told = format!("{:?} {:?}", rollout.remarks, rollout.phase);
    assert!(!told.contains(['\u{1b}', '\u{202e}']), "{told}");
}

#[test]
fn a_plan_is_summed_up() {
    let sum = |json: serde_json::Value| serde_json::from_value::<Changes>(json).unwrap().summary();
    assert_eq!(
        sum(json!({"add": 3, "change": 1, "replace": 2, "destroy": 1, "drift": 0})),
        "3 to add, 1 to change, 2 to replace, 1 to destroy"
    );
    assert_eq!(sum(json!({"drift": 2})), "nothing to change; drift: 2");
    assert_eq!(sum(json!({})), "nothing to change; nobody looked for drift");
}
