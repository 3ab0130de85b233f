//! What a command is handed, and what it sees of us.

use gonogo::domain::{Cause, Value as Setting};
use serde_json::{Value, json};

use crate::house::{House, SECRET, list, look, plan, promote, shell};

#[tokio::test]
async fn a_look_hands_over_the_place_and_nothing_else() {
    let house = House::new().args(&[("stack", "shop-prod")]);
    let rollout = look(&house.provider()).await.unwrap();
    assert_eq!(rollout.target.label(), "v2");
    let asked: Value = serde_json::from_str(&house.read("asked")).unwrap();
    let wanted = json!({
        "gonogo": 1, "ask": "state", "source": "tool", "service": "shop", "environment": "production",
        "args": { "stack": "shop-prod" }, "want": null,
    });
    assert_eq!(asked, wanted);
}

#[tokio::test]
async fn what_is_shown_is_what_is_handed_over_byte_for_byte() {
    let house = House::new().args(&[("stack", "it's \"quoted\" $(id)")]);
    let words = shell(
        "printf '%s|' \"$@\" > \"$1/words\"; cat > \"$1/handed\"; echo '{\"gonogo\": 1}'",
        &house.path(""),
        &["--to={environment}", "{version}", "{args.stack}"],
    );
    let house = house.with("promote", words);
    let provider = house.provider();
    let mut wanted = promote("v3");
    wanted.reason = Some("canary clean".into());
    let prepared = plan(&provider, &wanted).await;
    assert_eq!(prepared.steps.len(), 1);
    let step = &prepared.steps[0];
    assert_eq!(step.method, "RUN");
    let shown: Vec<String> = serde_json::from_str(&step.path).unwrap();
    assert_eq!(shown[0], "/bin/sh");
    assert_eq!(shown[5..], ["--to=production", "v3", "it's \"quoted\" $(id)"]);
    let receipt = provider.perform(step).await.unwrap();
    assert_eq!((receipt.status, receipt.says.as_str()), (0, "accepted"));
    assert_eq!(Some(house.read("handed")), step.body);
    assert_eq!(step.shown_body(), step.body, "nothing of it is left out when it is shown");
    assert_eq!(house.read("words").trim_end_matches('|').split('|').collect::<Vec<_>>(), shown[4..]);
    let handed: Value = serde_json::from_str(&house.read("handed")).unwrap();
    assert_eq!(handed["want"], json!({ "verb": "promote", "version": "v3" }));
    let told = (&handed["ask"], &handed["id"], &handed["basis"], &handed["reason"]);
    assert_eq!(told, (&json!("promote"), &json!("shop-prod"), &json!("serial 41"), &json!("canary clean")));
    // The state command was told for what a plan is made.
    let asked: Value = serde_json::from_str(&house.read("asked")).unwrap();
    assert_eq!(asked["want"], handed["want"]);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_command_sees_of_our_environment_what_is_declared() {
    let script =
        "cat > /dev/null; tr '\\0' '\\n' < /proc/$$/environ | sort > \"$1/env\"; cat \"$1/state.json\"";
    let plain = [("STAGE".to_owned(), "blue".to_owned())].into();
    let house = House::new()
        .script("state", script)
        .with("pass", list(&["REGION", "ABSENT"]))
        .with("env", Setting::Table(plain))
        .secret("SHIP_TOKEN");
    look(&house.provider()).await.unwrap();
    let env = house.read("env");
    let wanted = format!(
        "HOME=/home/ann\nLANG=C.UTF-8\nPATH=/usr/bin:/bin\nREGION=eu\nSHIP_TOKEN={SECRET}\nSTAGE=blue\n"
    );
    assert_eq!(env, wanted);
    let fault =
        House::new().with("pass", list(&["OTHER_TOKEN"])).built(std::time::Duration::MAX).err().unwrap();
    assert!(fault.detail.as_str().contains("sounds like a secret"), "{fault}");
}

#[tokio::test]
async fn a_secret_of_the_config_is_masked_in_all_that_a_command_says() {
    let tells = "cat > /dev/null; printf '{\"gonogo\": 1, \"id\": \"a\", \"basis\": \"%s\", \"phase\": \"failed\", \
                 \"says\": \"with %s\", \"running\": [{\"version\": \"v1\"}], \"remarks\": [\"%s\"]}' \
                 \"$ESCAPED\" \"$ESCAPED\" \"$ESCAPED\"";
    let escaped = [("ESCAPED".to_owned(), SECRET.replace('"', "\\\""))].into();
    let house = House::new().secret("SHIP_TOKEN").with("env", Setting::Table(escaped)).script("state", tells);
    let provider = house.provider();
    let rollout = look(&provider).await.unwrap();
    let said = format!("{rollout:?}");
    assert!(said.contains("with •••"), "{said}");
    let prepared = plan(&provider, &promote("v3")).await;
    for said in [said, format!("{prepared:?}")] {
        assert!(!said.contains("Zx81"), "{said}");
    }
    let complains =
        "cat > /dev/null; echo \"login with $SHIP_TOKEN failed: {\\\"t\\\": \\\"$ESCAPED\\\"}\" >&2; exit 3";
    let house = house.script("state", complains);
    let fault = look(&house.provider()).await.unwrap_err();
    assert_eq!(fault.cause, Cause::ServerFailed);
    assert!(fault.detail.as_str().contains("login with ••• failed"), "{fault}");
    assert!(!format!("{fault:?}").contains("Zx81"), "{fault:?}");
    let accepts = "cat > /dev/null; printf '{\"gonogo\": 1, \"says\": \"as %s\"}' \"$ESCAPED\"";
    let house = House::new()
        .secret("SHIP_TOKEN")
        .with("env", Setting::Table([("ESCAPED".to_owned(), SECRET.replace('"', "\\\""))].into()))
        .script("promote", accepts);
    let provider = house.provider();
    let prepared = plan(&provider, &promote("v3")).await;
    let receipt = provider.perform(&prepared.steps[0]).await.unwrap();
    assert_eq!(receipt.says.as_str(), "as •••");
}

#[tokio::test]
async fn a_program_that_others_could_have_written_is_not_run() {
    use std::os::unix::fs::PermissionsExt as _;
    let house = House::new();
    let program = house.path("ship");
    std::fs::copy("/bin/sh", &program).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o777)).unwrap();
    for key in ["state", "promote"] {
        let house = House::new().with(key, list(&[program.to_str().unwrap()]));
        let provider = house.provider();
        let fault = provider.prepare(&promote("v3")).await.unwrap_err();
        assert_eq!(fault.cause, Cause::Local);
        assert!(fault.detail.as_str().contains("everybody can write"), "{key}: {fault}");
        let found = provider.examine(gonogo::domain::Now::START.wall).await;
        assert!(found.iter().any(|f| f.says.as_str().contains("everybody can write")), "{found:?}");
    }
    let absent = House::new().with("promote", list(&["/no/such/ship"]));
    let fault = absent.provider().prepare(&promote("v3")).await.unwrap_err();
    assert!(fault.detail.as_str().contains("not there"), "{fault}");
    for wrong in [&["ship"][..], &["./ship"], &["/opt/ship", "{verson}"], &[]] {
        let fault = House::new().with("state", list(wrong)).built(std::time::Duration::MAX).err().unwrap();
        assert_eq!(fault.cause, Cause::Local, "{wrong:?}");
    }
}
