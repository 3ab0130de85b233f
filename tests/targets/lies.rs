//! R4 for every verb of every kind of target: a server that answers as if it had done it, and did nothing, did it much
//! later, did it to another object, or had it taken back after three seconds. None of it is ever "verified".

use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use gonogo::domain::code::{Reader, Tag};
use gonogo::domain::{Observation, Outcome, Repository, ServiceName, Sha};
use serde_json::json;

use super::desk::Desk;
use super::front::Lie;
use super::stage::{Kind, Stage, TAGS};

/// When the late server gets round to it, in seconds.
pub(crate) const LATE: u64 = 20;
/// Scripts at once: each has a world of its own.
const SIDE_BY_SIDE: usize = 4;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Promote,
    RollBack,
    Pause,
    Resume,
    /// Two colours: let the traffic go over.
    GoOn,
    Abort,
    PromoteFully,
    Restart,
}

/// What can be done there; a canary's steps have a test program of their own.
const fn deeds(kind: Kind) -> &'static [Deed] {
    match kind {
        Kind::Deployment => &[Deed::Promote, Deed::RollBack, Deed::Pause, Deed::Resume, Deed::Restart],
        Kind::Command => &[Deed::Promote, Deed::RollBack, Deed::Pause, Deed::Resume],
        Kind::StatefulSet | Kind::DaemonSet | Kind::Swarm => &[Deed::Promote, Deed::RollBack, Deed::Restart],
        Kind::BlueGreen => &[Deed::Promote, Deed::RollBack, Deed::GoOn, Deed::Abort, Deed::PromoteFully],
        _ => &[Deed::Promote, Deed::RollBack],
    }
}

impl Deed {
    const fn key(self) -> char {
        match self {
            Self::Promote => 'p',
            Self::RollBack => 'r',
            Self::Pause => 'P',
            Self::Resume | Self::GoOn => 'R',
            Self::Abort => 'X',
            Self::PromoteFully => 'S',
            Self::Restart => 'B',
        }
    }

    /// What must be so before it.
    async fn before(self, stage: &Stage) {
        match (self, stage.tool()) {
            (Self::Resume, Some(tool)) => tool.set_phase("paused"),
            (Self::Resume, None) => {
                stage.merge(&json!({"spec": {"paused": true}}));
                stage.pass(2);
            }
            (Self::GoOn | Self::Abort | Self::PromoteFully, _) => {
                stage.by_another(2).await;
                stage.pass(20);
                assert_eq!(stage.object()["status"]["phase"], "Paused");
            }
            _ => {}
        }
    }

    /// Whether it is so in truth.
    async fn is_so(self, stage: &Stage) -> bool {
        let object = stage.object();
        match (self, stage.tool()) {
            (Self::Promote, _) => runs(stage, TAGS[2]).await,
            (Self::RollBack, _) => runs(stage, TAGS[0]).await,
            (Self::PromoteFully, _) => stage.serves().await.iter().all(|(tag, _)| tag == TAGS[2]),
            (Self::Pause, Some(tool)) => tool.phase() == "paused",
            (Self::Resume, Some(tool)) => tool.phase() == "done",
            (Self::Pause, None) => object["spec"]["paused"] == true,
            (Self::Resume, None) => object["spec"]["paused"] != true,
            (Self::GoOn, _) => object["status"]["phase"] != "Paused",
            (Self::Abort, _) => object["status"]["abort"] == true,
            (Self::Restart, _) if stage.kind == Kind::Swarm => {
                stage.ask("/v1.47/services/web").await["Spec"]["TaskTemplate"]["ForceUpdate"] == 1
            }
            (Self::Restart, _) => {
                !object["spec"]["template"]["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"]
                    .is_null()
            }
        }
    }

    /// Somebody takes it back.
    async fn undo(self, stage: &Stage) {
        match (self, stage.tool()) {
            (Self::Pause, Some(tool)) => tool.set_phase("done"),
            (Self::Resume, Some(tool)) => tool.set_phase("paused"),
            (Self::Pause, None) => stage.merge(&json!({"spec": {"paused": false}})),
            (Self::Resume, None) => stage.merge(&json!({"spec": {"paused": true}})),
            (Self::Abort, _) => stage.merge(&json!({"status": {"abort": null, "abortedAt": null}})),
            (Self::Restart, _) if stage.kind == Kind::Swarm => stage.by_another(2).await,
            (Self::Restart, _) => {
                stage.merge(&json!({"spec": {"template": {"metadata": {"annotations": null}}}}));
            }
            _ => stage.by_another(1).await,
        }
    }
}

/// Whether a version serves: alone, or where changes go in steps at all.
async fn runs(stage: &Stage, tag: &str) -> bool {
    let serves = stage.serves().await;
    let ours = serves.iter().any(|(version, _)| version == tag);
    ours && (stage.kind.in_steps() || serves.len() == 1)
}

/// A repository whose newest tag is not out yet.
fn tagged() -> Observation {
    let tags = TAGS.iter().rev().map(|tag| Tag {
        name: (*tag).into(),
        commit: Sha::new(&tag.replace(['v', '.'], "").repeat(14).chars().take(40).collect::<String>()),
        at: None,
    });
    let repository = Repository {
        head: None,
        tip: None,
        branches: Vec::new(),
        tags: tags.collect(),
        reader: Reader::Libgit2,
        remarks: Vec::new(),
        changes: std::collections::BTreeMap::new(),
    };
    let repositories = [(ServiceName::new("web"), repository)].into();
    Observation { repositories, ..Observation::default() }
}

/// What came of it, and whether it is so in truth.
async fn told(kind: Kind, deed: Deed, lie: Option<Lie>) -> (Outcome, bool) {
    let stage = Stage::open(kind).await;
    deed.before(&stage).await;
    let mut desk = Desk::open(&stage.provider, &[]).await;
    desk.report("code", Ok(tagged()));
    match (lie, stage.front(), stage.tool()) {
        (Some(lie), Some(front), _) => front.lie(lie),
        (Some(lie), _, Some(tool)) => tool.lie(lie),
        _ => {}
    }
    stage.unwatched().await;
    let plan = desk.ask(deed.key()).await;
    assert!(plan.is_ok(), "{kind:?} {deed:?}: {plan:?}");
    if deed == Deed::PromoteFully {
        desk.type_name("web");
    }
    desk.confirm().await;
    let (mut passed, mut so, mut caught_up) = (0, 0, false);
    loop {
        if let Some(outcome) = desk.outcome() {
            return (outcome, deed.is_so(&stage).await);
        }
        assert!(passed < 7_200, "{kind:?} {deed:?} {lie:?}: it never ends");
        // Where nothing comes, or not yet, nobody need look so closely; a world that does nothing need not be lived through.
        let (by, lived) = match lie {
            Some(Lie::Nothing | Lie::Elsewhere) if passed < 10 => (1, 1),
            Some(Lie::Nothing | Lie::Elsewhere) => (30, 2),
            Some(Lie::Late) if passed < LATE => (5, 5),
            Some(Lie::Late) if passed < 90 => (1, 1),
            Some(Lie::TakenBack) | None if (passed < 90 && so == 0) || (1..10).contains(&so) => (1, 1),
            _ => (30, 30),
        };
        stage.pass(lived);
        passed += by;
        if let (Some(Lie::Late), Some(front), true) = (lie, stage.front(), passed >= LATE && !caught_up) {
            caught_up = true;
            front.catch_up().await;
        }
        // What could be seen in the last look, or can be in the next one, is taken back three seconds after that, just
        // before the look that would prove it.
        so = so.max(u64::from(desk.settles()));
        so += u64::from(so > 0 || deed.is_so(&stage).await);
        if lie == Some(Lie::TakenBack) && so == 4 {
            deed.undo(&stage).await;
        }
        desk.wait(Duration::from_secs(by));
        desk.look().await;
    }
}

fn scripts() -> impl Iterator<Item = (Kind, Deed)> {
    Kind::ALL.into_iter().flat_map(|kind| deeds(kind).iter().map(move |deed| (kind, *deed)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_a_server_only_says_is_shown_as_verified() {
    let all = scripts().flat_map(|(kind, deed)| Lie::ALL.map(|lie| (kind, deed, lie)));
    let run = |(kind, deed, lie)| async move {
        let (outcome, so) = tokio::spawn(told(kind, deed, Some(lie))).await.unwrap();
        (format!("{kind:?} {deed:?} {lie:?}"), lie, outcome, so)
    };
    let told: Vec<_> = stream::iter(all).map(run).buffer_unordered(SIDE_BY_SIDE).collect().await;
    let mut wrong = Vec::new();
    for (script, lie, outcome, so) in &told {
        println!("{script}: {}: {}", outcome.word(), outcome.text());
        // What was done late was done, and may be proved then.
        let proved = *lie == Lie::Late && *so;
        if matches!(outcome, Outcome::Verified(_)) && !proved {
            wrong.push(script.clone());
        }
    }
    println!("R4: {} of {} scripts of targets shown as verified", wrong.len(), told.len());
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(told.len(), scripts().count() * Lie::ALL.len());
}

/// The other side: what is carried out honestly is verified, so the test above does not pass by never verifying.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_carried_out_is_verified_on_every_target() {
    let run = |(kind, deed)| async move {
        let (outcome, so) = tokio::spawn(told(kind, deed, None)).await.unwrap();
        (format!("{kind:?} {deed:?}"), outcome, so)
    };
    let told: Vec<_> = stream::iter(scripts()).map(run).buffer_unordered(SIDE_BY_SIDE).collect().await;
    for (script, outcome, so) in told {
        assert!(matches!(outcome, Outcome::Verified(_)) && so, "{script}: {outcome:?}, in truth {so}");
    }
}
