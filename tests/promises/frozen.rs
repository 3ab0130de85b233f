//! R16: a freeze is judged once more right before the request would leave.

use std::sync::Arc;

use gonogo::domain::freeze::{Window, Zone};
use gonogo::domain::{ActionId, Freeze, Progress};
use gonogo::runtime::Journal;
use gonogo::runtime::execute::{Executor, Recorder};

use super::deeds::Deed;

#[tokio::test(flavor = "multi_thread")]
async fn a_freeze_that_began_after_the_confirmation_lets_nothing_leave() {
    for (from, to, sent) in
        [("2020-01-01 00:00", "2120-01-01 00:00", 0), ("2020-01-01 00:00", "2020-01-02 00:00", 1)]
    {
        let (cockpit, mut plan) = Deed::PromoteDeployment.planned().await;
        let window = Window::read(from, to).unwrap_or_else(|e| panic!("{from} {to}: {e:?}"));
        plan.freeze = vec![Freeze { window, zone: Zone::named("UTC").unwrap(), reason: None }];
        let (out, mut inbox) = tokio::sync::mpsc::channel(64);
        let executor = Executor {
            providers: Arc::new(cockpit.providers.clone()),
            recorder: Recorder::Journal(Arc::new(Journal::open(&cockpit.journal, "ann@test").unwrap())),
            out,
            clock: gonogo::runtime::Clock::start(),
            sessions: Arc::default(),
        };
        executor.execute(ActionId("s-1".into()), plan.clone()).await;
        drop(executor);
        let mut said = Vec::new();
        while let Some(msg) = inbox.recv().await {
            said.push(msg);
        }
        let writes = cockpit.entries(&plan.prepared.steps[0]).len();
        assert_eq!(writes, sent, "{from} to {to}: {said:?}");
        let stopped = |msg: &gonogo::app::Msg| matches!(msg, gonogo::app::Msg::Progress(Progress::NotSent(_, why)) if why.as_str().contains("frozen until"));
        assert_eq!(said.iter().any(stopped), sent == 0, "{said:?}");
    }
}
