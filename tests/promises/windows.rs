//! How long the world can move between the end of the look again and the server's handling of the write.

use std::time::{Duration, Instant};

use super::deeds::Deed;

/// How many samples of each.
const SAMPLES: usize = 50;

/// Waits until the ledger has the write. Spins: a pause would be part of what is measured.
fn handled(faults: &gonogo::sandbox::Faults, server: gonogo::sandbox::Server, before: usize) -> Instant {
    let end = Instant::now() + Duration::from_secs(30);
    while faults.writes(server).len() == before {
        assert!(Instant::now() < end, "the write never came");
        std::thread::yield_now();
    }
    Instant::now()
}

/// Looks again and sends with the engine's own executor, on a request that the server refuses after reading it: the world
/// stays as it is, and the same plan serves for every sample.
async fn sample(deed: Deed) -> Vec<f64> {
    use gonogo::sandbox::{Act, Rule};
    let (cockpit, plan) = deed.planned().await;
    let step = plan.prepared.steps[0].clone();
    let server = super::cockpit::server_of(&step.source);
    let act = Act::Answer { status: 409, headers: Vec::new(), body: "{\"message\":\"measured\"}".into() };
    let rule = Rule { times: None, ..Rule::once(server, act) };
    let faults = cockpit.sandbox.faults().clone();
    faults.add(rule.on(&step.method, step.path.split('?').next().unwrap()));
    let journal = gonogo::runtime::Journal::open(&cockpit.journal, "ann@test").unwrap();
    let executor = gonogo::runtime::execute::Executor {
        providers: std::sync::Arc::new(cockpit.providers.clone()),
        recorder: gonogo::runtime::execute::Recorder::Journal(std::sync::Arc::new(journal)),
        out: tokio::sync::mpsc::channel(64).0,
        clock: gonogo::runtime::Clock::start(),
        sessions: std::sync::Arc::default(),
    };
    let mut samples = Vec::new();
    for index in 0..SAMPLES {
        let before = faults.writes(server).len();
        *cockpit.instants.looked.lock().unwrap() = None;
        let id = gonogo::domain::ActionId(gonogo::domain::SafeText::new(&format!("w-{index}")));
        let (watching, task) = (faults.clone(), executor.clone());
        let seen = tokio::task::spawn_blocking(move || handled(&watching, server, before));
        // After a refusal for a moved world the executor looks once more; the first look's end is what counts.
        let instants = std::sync::Arc::clone(&cockpit.instants);
        let first = std::sync::Arc::new(std::sync::Mutex::new(None));
        let noted = std::sync::Arc::clone(&first);
        cockpit.instants.before_leaving(Box::new(move || {
            Box::pin(async move { *noted.lock().unwrap() = *instants.looked.lock().unwrap() })
        }));
        task.execute(id, plan.clone()).await;
        let (seen, looked) = (seen.await.unwrap(), first.lock().unwrap().unwrap());
        samples.push(seen.duration_since(looked).as_secs_f64() * 1e3);
    }
    samples.sort_by(f64::total_cmp);
    samples
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement: prints the windows of docs/residual-windows.md"]
async fn windows() {
    println!("| source, verb | median ms | max ms |");
    for deed in Deed::ALL {
        let samples = sample(deed).await;
        println!("| {deed:?} | {:.1} | {:.1} |", samples[SAMPLES / 2], samples[SAMPLES - 1]);
    }
}
