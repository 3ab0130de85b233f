//! A day in simulated time: a world, a provider built from its config, looks at the scheduler's pace, events.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gonogo::config::{self, Surroundings};
use gonogo::domain::{Ask, Fault, Observation, ServiceName, SourceName, Step};
use gonogo::provider::http::{Auth, Endpoint, EndpointSpec};
use gonogo::provider::secret::Secret;
use gonogo::provider::{Cadence, KINDS, Provider, SecretPlace, SourceSpec};
use gonogo::runtime::pace::Pace;
use gonogo::sandbox::{Answered, Clock, Entry, Options, Sandbox, Scenario, Server};
use jiff::Timestamp;

/// What a request takes at a server that is not on this machine, three side by side.
const REQUEST: Duration = Duration::from_millis(33);

/// From one release to the next in a busy hour, and from a release's begin to its approval.
const RELEASE: Duration = Duration::from_secs(60);
const THOUGHT: Duration = Duration::from_secs(37);

/// One kind of server.
pub(crate) struct Case {
    pub(crate) kind: &'static str,
    pub(crate) server: Server,
    pub(crate) scenario: &'static str,
    /// Requests an hour.
    pub(crate) limit: u64,
    /// Statuses that cost nothing.
    pub(crate) free: &'static [u16],
}

/// What happens at the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activity {
    /// Nothing.
    Quiet,
    /// A release a minute, each approved by somebody else.
    Busy,
}

/// What was measured.
#[derive(Default)]
pub(crate) struct Hour {
    pub(crate) kind: &'static str,
    pub(crate) length: Duration,
    pub(crate) requests: u64,
    pub(crate) counted: u64,
    pub(crate) points: u64,
    minutes: BTreeMap<i64, u64>,
    lates: Vec<Duration>,
    /// Events that were not seen when the time ended.
    pub(crate) unseen: usize,
}

impl Hour {
    /// A count of this time as one of an hour.
    pub(crate) fn hourly(&self, count: u64) -> u64 {
        count * 3_600 / self.length.as_secs().max(1)
    }

    pub(crate) fn share(&self, count: u64, limit: u64) -> f64 {
        let number = |n: u64| f64::from(u32::try_from(n).unwrap());
        number(self.hourly(count)) * 100.0 / number(limit)
    }

    pub(crate) fn busiest_minute(&self) -> u64 {
        self.minutes.values().copied().max().unwrap_or_default()
    }

    /// How late 95 of 100 events were seen at the most, and how many there were.
    pub(crate) fn late(&self) -> Option<(Duration, usize)> {
        let mut sorted = self.lates.clone();
        sorted.sort();
        let place = (sorted.len() * 95).div_ceil(100).saturating_sub(1);
        sorted.get(place).map(|late| (*late, sorted.len()))
    }

    fn note(&mut self, case: &Case, entries: &[Entry]) {
        for entry in entries.iter().filter(|e| e.server == case.server && !e.path.ends_with("/dispatches")) {
            self.requests += 1;
            *self.minutes.entry(entry.at.as_second() / 60).or_default() += 1;
            let free = matches!(entry.answered, Answered::Status(status) if case.free.contains(&status));
            match entry.path.as_str() {
                "/graphql" => self.points += 1,
                _ if free => {}
                _ => self.counted += 1,
            }
        }
    }
}

/// Something that happened and was not seen yet.
struct Event {
    at: Timestamp,
    service: ServiceName,
    what: What,
}

#[derive(PartialEq, Eq)]
enum What {
    Begun,
    Approved,
}

impl Event {
    /// Whether a look shows it. A gate that was never seen to wait cannot be seen to be gone.
    fn shows(&self, waiting: &BTreeSet<&ServiceName>, waited: &BTreeSet<ServiceName>) -> bool {
        let waits = waiting.contains(&self.service);
        if self.what == What::Begun { waits } else { !waits && waited.contains(&self.service) }
    }
}

/// A running day.
pub(crate) struct Day {
    case: &'static Case,
    pub(crate) sandbox: Sandbox,
    provider: Arc<dyn Provider>,
    services: Vec<ServiceName>,
    cadence: Cadence,
    pace: Pace,
    failures: u32,
    last: Result<Observation, Fault>,
}

impl Day {
    pub(crate) fn start(case: &'static Case, repositories: usize) -> Self {
        let options = Options { clock: Clock::Manual, services: Some(repositories), ..Options::default() };
        let sandbox = Sandbox::start(Scenario::named(case.scenario).unwrap(), options).unwrap();
        let around = Surroundings {
            home: Some(PathBuf::from("/home/ann")),
            env: Arc::default(),
            themes: BTreeMap::new(),
        };
        // The releases that happen here are those of a second workflow: all of them are watched.
        let text = std::fs::read_to_string(sandbox.config_path()).unwrap();
        let text = text.replace(", workflow = \"release.yml\"", "");
        let config = config::load(&text, "config.toml", &around, KINDS).unwrap();
        let source = config.sources.into_iter().find(|source| source.kind.name == case.kind).unwrap();
        let services = config.services.iter().map(|service| service.name.clone()).collect();
        let provider = (source.kind.build)(source.spec).unwrap();
        let cadence = source.kind.cadence;
        let (pace, last) = (Pace::default(), Ok(Observation::default()));
        Self { case, sandbox, provider, services, cadence, pace, failures: 0, last }
    }

    /// One look, and the time that its requests take.
    pub(crate) async fn look(&mut self) {
        let before = self.sandbox.faults().ledger().len();
        self.last = self.provider.observe(&Ask::default()).await;
        self.failures = if self.last.is_ok() { 0 } else { self.failures + 1 };
        let after = self.sandbox.faults().ledger().len();
        self.sandbox.world().advance_ci(REQUEST * u32::try_from(after - before).unwrap());
    }

    /// How long the scheduler waits now.
    fn wait(&mut self) -> Duration {
        self.pace.next(&self.last, self.cadence, self.failures, false, 0.5)
    }

    /// Waits as long as the scheduler would.
    pub(crate) async fn rest(&mut self) {
        let wait = self.wait();
        self.sandbox.world().advance_ci(wait);
    }

    /// Looks until everything was read once and nothing moves; what that took.
    pub(crate) async fn settle(&mut self) -> Hour {
        let mut hour = Hour { kind: self.case.kind, ..Hour::default() };
        let begun = self.sandbox.world().now();
        let _ = self.sandbox.faults().take_ledger();
        for _ in 0..1_000 {
            self.look().await;
            hour.note(self.case, &self.sandbox.faults().take_ledger());
            let seen = self.last.as_ref().unwrap();
            let read = seen.pipelines.values().filter(|pipeline| !pipeline.runs.is_empty()).count();
            let rests = seen.pipelines.values().flat_map(|p| &p.runs).all(|run| run.state.ended());
            self.rest().await;
            if read == self.services.len() && rests {
                hour.length = Duration::try_from(self.sandbox.world().now().duration_since(begun)).unwrap();
                self.read_through().await;
                return hour;
            }
        }
        panic!("the fleet was never read");
    }

    /// Goes on until every repository of a small fleet was read whole, as it is after the first minutes of a day.
    async fn read_through(&mut self) {
        let looks = if self.services.len() > 120 { 0 } else { self.services.len() + 4 };
        for _ in 0..looks {
            self.look().await;
            self.rest().await;
        }
        let _ = self.sandbox.faults().take_ledger();
    }

    /// Lets so much time pass.
    pub(crate) async fn pass(&mut self, length: Duration, activity: Activity) -> Hour {
        let mut hour = Hour { kind: self.case.kind, ..Hour::default() };
        let begun = self.sandbox.world().now();
        let (mut open, mut releases, mut approvals) = (Vec::<Event>::new(), 0_u32, 0_u32);
        let mut waited = BTreeSet::new();
        let mut due = |from: Timestamp, now: Timestamp| {
            let passed = Duration::try_from(now.duration_since(from)).unwrap();
            // Not in step with the looks.
            if passed >= RELEASE * releases + Duration::from_millis(u64::from(releases) * 7_919 % 11_000) {
                releases += 1;
                return Some((releases - 1, What::Begun));
            }
            if approvals < releases && passed >= RELEASE * approvals + RELEASE / 5 + THOUGHT {
                approvals += 1;
                return Some((approvals - 1, What::Approved));
            }
            None
        };
        loop {
            self.look().await;
            let began = self.sandbox.world().now();
            let entries = self.sandbox.faults().take_ledger();
            hour.note(self.case, &entries);
            let seen = self.last.as_ref().unwrap();
            let waiting: BTreeSet<&ServiceName> = seen.gates.iter().map(|g| &g.key.run.service).collect();
            waited.extend(waiting.iter().map(|service| (*service).clone()));
            let mut over = Vec::new();
            open.retain(|event| {
                let shows = event.shows(&waiting, &waited);
                if shows && event.what == What::Approved {
                    over.push(event.service.clone());
                }
                if shows {
                    hour.lates.push(Duration::try_from(began.duration_since(event.at)).unwrap());
                }
                !shows
            });
            waited.retain(|service| !over.contains(service));
            hour.length = Duration::try_from(began.duration_since(begun)).unwrap();
            if hour.length >= length {
                hour.unseen = open.len();
                return hour;
            }
            let mut left = self.wait();
            while !left.is_zero() {
                let step = left.min(Duration::from_millis(500));
                self.sandbox.world().advance_ci(step);
                left -= step;
                let now = self.sandbox.world().now();
                if activity == Activity::Busy
                    && let Some((number, what)) = due(begun, now)
                {
                    let service = self.services[number as usize * 7 % self.services.len()].clone();
                    self.happen(&service, &what).await;
                    // From when the server has it: a run that was asked for appears a moment later.
                    open.push(Event { at: self.sandbox.world().now(), service, what });
                }
            }
        }
    }

    async fn happen(&self, service: &ServiceName, what: &What) {
        match what {
            What::Begun => self.begin(service).await,
            What::Approved => {
                assert!(self.sandbox.world().approve_as("omar", service.as_str(), "production"), "{service}");
            }
        }
    }

    /// Somebody else starts the workflow that ships.
    async fn begin(&self, service: &ServiceName) {
        let spec = SourceSpec {
            name: SourceName::new("other"),
            settings: gonogo::domain::Settings::default(),
            secrets: BTreeMap::from([("token".to_owned(), SecretPlace::Env("OTHER".to_owned()))]),
            bounds: Vec::new(),
            env: Arc::new(BTreeMap::from([("OTHER".to_owned(), "yuki-token".to_owned())])),
        };
        let token = Secret::of(&spec, "token").unwrap();
        let url = &self.sandbox.urls().github;
        let endpoint = Endpoint::new(EndpointSpec::new(url).auth(Auth::Bearer(token))).unwrap();
        let step = Step {
            source: SourceName::new("other"),
            method: "POST".to_owned(),
            path: format!("/repos/acme/{service}/actions/workflows/deploy.yml/dispatches"),
            content_type: Some("application/json".to_owned()),
            body: Some(r#"{"ref":"main","inputs":{"version":"v1.9.0"}}"#.to_owned()),
            effect: "a release begins".into(),
        };
        assert!(endpoint.write(&step, &[("Accept", "application/json")]).await.unwrap().is_success());
        // The jobs appear a moment later.
        self.sandbox.world().advance_ci(Duration::from_secs(1));
    }
}
