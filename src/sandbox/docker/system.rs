//! What the engine says of itself: version, info and its one node.

use super::state::{Membership, State};
use serde_json::{Value, json};

/// The newest API version that this engine speaks.
pub(super) const NEWEST: (u32, u32) = (1, 47);
/// The oldest one.
pub(super) const OLDEST: (u32, u32) = (1, 24);
/// The engine's own version.
pub(super) const ENGINE: &str = "27.5.1";

/// `GET /version`.
pub(super) fn version() -> Value {
    json!({
        "Platform": {"Name": "Docker Engine - Community"},
        "Components": [{"Name": "Engine", "Version": ENGINE, "Details": {
            "ApiVersion": "1.47", "Arch": "amd64", "BuildTime": "2025-01-22T13:41:48.000000000+00:00",
            "Experimental": "false", "GitCommit": "sandbox", "GoVersion": "go1.22.11", "KernelVersion": "6.1.0",
            "MinAPIVersion": "1.24", "Os": "linux"
        }}],
        "Version": ENGINE, "ApiVersion": "1.47", "MinAPIVersion": "1.24", "GitCommit": "sandbox",
        "GoVersion": "go1.22.11", "Os": "linux", "Arch": "amd64", "KernelVersion": "6.1.0",
        "BuildTime": "2025-01-22T13:41:48.000000000+00:00"
    })
}

impl State {
    /// `GET /info`.
    pub(super) fn info(&self) -> Value {
        let running = self.tasks.iter().filter(|t| t.has_container() && !t.state.ended()).count()
            + self.plain.iter().filter(|c| c.runs()).count();
        let all = self.tasks.iter().filter(|t| t.has_container()).count() + self.plain.len();
        json!({
            "ID": "SAND:BOX0", "Containers": all, "ContainersRunning": running, "ContainersPaused": 0,
            "ContainersStopped": all - running, "Images": 0, "Driver": "overlay2", "Name": "node-1",
            "SystemTime": self.clock.to_string(), "OperatingSystem": "Debian GNU/Linux 12 (bookworm)",
            "OSType": "linux", "Architecture": "x86_64", "NCPU": 4, "MemTotal": 8_589_934_592_u64,
            "ServerVersion": ENGINE, "Labels": [], "ExperimentalBuild": false, "Warnings": null,
            "Swarm": self.swarm()
        })
    }

    fn swarm(&self) -> Value {
        match self.membership {
            Membership::Manager => json!({
                "NodeID": self.node, "NodeAddr": "127.0.0.1", "LocalNodeState": "active", "ControlAvailable": true,
                "Error": "", "RemoteManagers": [{"NodeID": self.node, "Addr": "127.0.0.1:2377"}], "Nodes": 1,
                "Managers": 1, "Cluster": {"ID": super::identity::swarm(0), "Version": {"Index": 9},
                    "Spec": {"Name": "default", "Labels": {}, "Orchestration": {"TaskHistoryRetentionLimit": 5}}}
            }),
            Membership::Worker => json!({
                "NodeID": self.node, "NodeAddr": "127.0.0.1", "LocalNodeState": "active", "ControlAvailable": false,
                "Error": "", "RemoteManagers": [{"NodeID": super::identity::swarm(0), "Addr": "192.0.2.1:2377"}]
            }),
            Membership::Outside => json!({
                "NodeID": "", "NodeAddr": "", "LocalNodeState": "inactive", "ControlAvailable": false, "Error": "",
                "RemoteManagers": null
            }),
        }
    }

    /// The one node, as `GET /nodes` shows it.
    pub(super) fn node_json(&self) -> Value {
        json!({
            "ID": self.node, "Version": {"Index": 9}, "CreatedAt": "2026-01-01T00:00:00Z",
            "UpdatedAt": "2026-01-01T00:00:00Z",
            "Spec": {"Labels": {}, "Role": "manager", "Availability": "active"},
            "Description": {
                "Hostname": "node-1", "Platform": {"Architecture": "x86_64", "OS": "linux"},
                "Resources": {"NanoCPUs": 4_000_000_000_u64, "MemoryBytes": 8_589_934_592_u64},
                "Engine": {"EngineVersion": ENGINE}
            },
            "Status": {"State": "ready", "Addr": "127.0.0.1"},
            "ManagerStatus": {"Leader": true, "Reachability": "reachable", "Addr": "127.0.0.1:2377"}
        })
    }
}
