//! Change sets, over a stand-in for the AWS command line.

use gonogo::domain::{Cause, Permission, Phase, Reached, Severity, Verb};
use serde_json::{Value, json};

use crate::stage::{SECRET, Stage, basis, hazards, in_repository};

struct Cloud {
    folder: tempfile::TempDir,
    stage: Stage,
}

fn parameters(version: &str) -> Value {
    json!([
        { "ParameterKey": "Version", "ParameterValue": version },
        { "ParameterKey": "Password", "ParameterValue": SECRET },
    ])
}

fn change_set(name: &str, version: &str, created: &str) -> Value {
    let change = |action: &str, id: &str, kind: &str, replacement: Option<&str>| {
        let change = json!({ "Action": action, "LogicalResourceId": id, "ResourceType": kind, "Replacement": replacement,
            "Details": [{ "Target": { "AfterValue": SECRET } }] });
        json!({ "Type": "Resource", "ResourceChange": change })
    };
    json!({
        "ChangeSetName": name, "ChangeSetId": format!("arn:aws:cloudformation:eu-west-1:1:changeSet/{name}/1"),
        "CreationTime": created, "Status": "CREATE_COMPLETE", "ExecutionStatus": "AVAILABLE",
        "Parameters": parameters(version),
        "Changes": [
            change("Add", "Queue", "AWS::SQS::Queue", None),
            change("Modify", "Service", "AWS::ECS::Service", Some("False")),
            change("Modify", "Database", "AWS::RDS::DBInstance", Some("True")),
            change("Modify", "Cache", "AWS::ElastiCache::CacheCluster", Some("Conditional")),
            change("Remove", "Topic", "AWS::SNS::Topic", None),
        ],
    })
}

impl Cloud {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let world = folder.path().join("world.json");
        let aws = in_repository("tests/examples/aws");
        let args = [("stack", "web-prod"), ("aws", aws.to_str().unwrap())];
        let stage =
            Stage::open("cloudformation.py", &args, &[("STANDIN", world.to_str().unwrap())], folder.path());
        let cloud = Self { folder, stage };
        cloud.put(&json!({
            "stack": {
                "StackId": "arn:aws:cloudformation:eu-west-1:1:stack/web-prod/7", "StackName": "web-prod",
                "StackStatus": "UPDATE_COMPLETE", "CreationTime": "2026-01-01T00:00:00Z",
                "LastUpdatedTime": "2026-11-19T12:00:00Z", "Parameters": parameters("v1.4.0"),
                "DriftInformation": { "StackDriftStatus": "DRIFTED" },
            },
            "sets": [
                change_set("release-v1-5-0", "v1.5.0", "2026-11-20T12:00:00Z"),
                change_set("back-v1-3-0", "v1.3.0", "2026-11-20T11:00:00Z"),
            ],
            "drifts": [{ "LogicalResourceId": "Group", "ResourceType": "AWS::EC2::SecurityGroup",
                "ActualProperties": SECRET }],
        }));
        cloud
    }

    fn world(&self) -> Value {
        serde_json::from_str(&std::fs::read_to_string(self.folder.path().join("world.json")).unwrap())
            .unwrap()
    }

    fn put(&self, world: &Value) {
        let half = self.folder.path().join("half");
        std::fs::write(&half, world.to_string()).unwrap();
        std::fs::rename(half, self.folder.path().join("world.json")).unwrap();
    }

    fn change(&self, change: impl FnOnce(&mut Value)) {
        let mut world = self.world();
        change(&mut world);
        self.put(&world);
    }
}

#[tokio::test]
async fn a_change_set_is_summed_up_executed_by_its_arn_and_proved_by_the_stack() {
    let cloud = Cloud::open();
    let prepared = cloud.stage.planned(Verb::Promote, "v1.5.0").await;
    assert_eq!(basis(&prepared, "changes"), "1 to add, 2 to change, 1 to replace, 1 to destroy; drift: 1");
    let warnings = hazards(&prepared, Severity::Warning);
    for part in [
        "1 destroyed: Topic",
        "made anew: Database",
        "Cache (AWS::ElastiCache::CacheCluster) is replaced",
        "Group",
    ] {
        assert!(warnings.contains(part), "{warnings} lacks {part}");
    }
    let receipt = cloud.stage.carried_out(&prepared).await;
    assert_eq!(receipt.says.as_str(), "release-v1-5-0 is being executed");
    let executed = cloud.world()["executed"].clone();
    assert_eq!(executed.as_array().unwrap().len(), 1);
    assert_eq!(executed[0][0], "arn:aws:cloudformation:eu-west-1:1:changeSet/release-v1-5-0/1");
    assert_eq!(executed[0][1].as_str().unwrap().len(), 64, "a token, so that it is executed once");
    for (status, phase) in [
        ("UPDATE_IN_PROGRESS", "Progressing"),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "Progressing"),
        ("UPDATE_ROLLBACK_IN_PROGRESS", "RollingBack"),
        ("UPDATE_ROLLBACK_FAILED", "Failed"),
        ("SOMETHING_NEW", "Progressing"),
    ] {
        cloud.change(|world| world["stack"]["StackStatus"] = json!(status));
        let told = format!("{:?}", cloud.stage.look().await.phase);
        assert!(told.starts_with(phase), "{status}: {told}");
    }
    cloud.change(|world| world["stack"]["StackStatus"] = json!("UPDATE_COMPLETE"));
    let rollout = cloud.stage.look().await;
    assert_eq!((rollout.phase, rollout.target.label()), (Phase::Done, "v1.5.0"));
}

#[tokio::test]
async fn a_way_back_is_a_change_set_as_well() {
    let cloud = Cloud::open();
    let prepared = cloud.stage.planned(Verb::RollBack, "v1.3.0").await;
    cloud.stage.carried_out(&prepared).await;
    assert!(cloud.world()["executed"][0][0].as_str().unwrap().contains("back-v1-3-0"));
}

#[tokio::test]
async fn what_cannot_be_executed_is_denied_with_the_reason() {
    let cloud = Cloud::open();
    let denied = async |cloud: &Cloud, version: &str| {
        let Permission::Denied(why) = cloud.stage.planned(Verb::Promote, version).await.permission else {
            panic!("it is permitted")
        };
        why.to_string()
    };
    assert!(denied(&cloud, "v9.9.9").await.contains("no change set release-v9-9-9"));
    cloud.change(|world| {
        world["sets"][0]["ExecutionStatus"] = json!("OBSOLETE");
        world["sets"][0]["StatusReason"] = json!("the stack was updated since");
    });
    assert!(
        denied(&cloud, "v1.5.0").await.contains("OBSOLETE (CREATE_COMPLETE): the stack was updated since")
    );
    cloud.change(|world| world["sets"][0]["Parameters"] = parameters("v1.6.0"));
    assert!(denied(&cloud, "v1.5.0").await.contains("brings another version"));
}

#[tokio::test]
async fn a_stack_that_moved_gets_nothing_executed() {
    let cloud = Cloud::open();
    let prepared = cloud.stage.planned(Verb::Promote, "v1.5.0").await;
    cloud.change(|world| world["stack"]["LastUpdatedTime"] = json!("2026-11-20T13:00:00Z"));
    let fault = cloud.stage.perform(&prepared).await.unwrap_err();
    assert_eq!((fault.cause, fault.reached), (Cause::Refused, Reached::No), "{fault}");
    // Between the program's own look and the request: the service refuses.
    let prepared = cloud.stage.planned(Verb::Promote, "v1.5.0").await;
    cloud.change(|world| world["raced"] = json!(true));
    let fault = cloud.stage.perform(&prepared).await.unwrap_err();
    assert_eq!((fault.cause, fault.reached), (Cause::Refused, Reached::No), "{fault}");
    assert!(fault.detail.as_str().contains("InvalidChangeSetStatus"), "{fault}");
    assert!(cloud.world().get("executed").is_none());
}
