//! How the records look as the day begins: for every service a run that is over, and one as its script says.

use super::run::{self, Step};
use super::state::{Access, Approval, ENVIRONMENTS, Release, Repo, Run, User};
use super::workflow::{CI, RELEASE, Workflow};
use super::{DEVELOPER_TOKEN, GitHub, OPERATOR_TOKEN, OUTSIDER_TOKEN, READER_TOKEN, REVIEWER_TOKEN};
use crate::sandbox::SandboxError;
use crate::sandbox::history::Commits;
use crate::sandbox::pipeline::Deploy;
use crate::sandbox::scenario::{RunScript, ServiceScript};
use jiff::{SignedDuration, Timestamp};
use std::path::PathBuf;

/// The longest that a seeded run may take, in seconds.
const PATIENCE: i64 = 3_600;

impl GitHub {
    /// The records of a day that begins at `start`.
    pub(in crate::sandbox) fn new(base: &str, start: Timestamp) -> Self {
        let reset = start.checked_add(SignedDuration::from_mins(40)).unwrap_or(start);
        let mut users = Vec::new();
        for (login, name) in crate::sandbox::history::PEOPLE {
            let token = match login {
                "mara" => OPERATOR_TOKEN.to_owned(),
                "omar" => REVIEWER_TOKEN.to_owned(),
                "yuki" => DEVELOPER_TOKEN.to_owned(),
                other => format!("{other}-token"),
            };
            users.push((login, name, token, Access::Write));
        }
        users.push(("nils", "Nils Brandt", READER_TOKEN.to_owned(), Access::Read));
        users.push(("outsider", "Out Sider", OUTSIDER_TOKEN.to_owned(), Access::Outside));
        let users = (1..)
            .zip(users)
            .map(|(id, (login, name, token, access))| User {
                id: 7000 + id,
                login: login.to_owned(),
                name: name.to_owned(),
                token,
                access,
                used: 0,
                points: 0,
            })
            .collect();
        Self {
            base: base.trim_end_matches('/').to_owned(),
            store: String::new(),
            users,
            repos: Vec::new(),
            next_id: 30_441_200_000,
            reset,
            secondary_until: None,
        }
    }

    /// Adds a service's repository with its runs.
    pub(in crate::sandbox) fn add_service(
        &mut self,
        script: &ServiceScript,
        git: PathBuf,
        start: Timestamp,
    ) -> Result<(), SandboxError> {
        let shas = Commits::read(&git, script)?;
        let id = 41_900_000 + u64::try_from(self.repos.len()).unwrap_or(0);
        let created = start - SignedDuration::from_hours(24 * 400);
        let name = script.name.clone();
        let mut repo = Repo {
            id,
            name,
            git,
            created,
            runs: Vec::new(),
            deployments: Vec::new(),
            releases: Vec::new(),
            rules: script.github.clone(),
            lane_lost: false,
        };
        self.add_app(script.github.app.as_deref());
        self.add_releases(&mut repo, script, start);
        let newest = script.tags.last().cloned().unwrap_or_default();
        let days_ago = start - SignedDuration::from_hours(71);
        let live = &script.live;
        self.simulate(&mut repo, &RELEASE, live, shas.of(live), days_ago, Goal::Done);
        if let Some(holder) = &script.github.holder {
            self.wedge(&mut repo, script, &shas, holder, start);
        } else if *live != newest || script.run == RunScript::Done {
            let (back, goal) = match script.run {
                RunScript::Done => (5_400, Goal::Done),
                RunScript::Building => (26, Goal::Until(start)),
                RunScript::Waiting => (372, Goal::Until(start)),
                RunScript::Deploying => (430, Goal::Deploying(start)),
                RunScript::Failing => (372, Goal::Failing("e2e", start)),
            };
            let from = start - SignedDuration::from_secs(back);
            if *live != newest {
                self.simulate(&mut repo, &RELEASE, &newest, shas.of(&newest), from, goal);
            }
        }
        let from = start - SignedDuration::from_mins(9);
        self.simulate(&mut repo, &CI, "main", &shas.main, from, Goal::Until(start));
        if let Some(fork) = &script.github.fork {
            self.add_pull_request(&mut repo, fork, start);
        }
        self.repos.push(repo);
        Ok(())
    }

    /// An App has a token of its own.
    fn add_app(&mut self, slug: Option<&str>) {
        let Some(slug) = slug else { return };
        let login = format!("{slug}[bot]");
        if self.users.iter().all(|user| user.login != login) {
            let id = 7900 + u64::try_from(self.users.len()).unwrap_or(0);
            let (name, token) = (slug.to_owned(), format!("{slug}-token"));
            self.users.push(User { id, login, name, token, access: Access::Write, used: 0, points: 0 });
        }
    }

    /// The run of one tag has waited for days; the runs of every later one ended behind it, but the last.
    fn wedge(
        &mut self,
        repo: &mut Repo,
        script: &ServiceScript,
        shas: &Commits,
        holder: &str,
        start: Timestamp,
    ) {
        let from = start - SignedDuration::from_hours(70);
        self.simulate(repo, &RELEASE, holder, shas.of(holder), from, Goal::Until(start));
        let later: Vec<&String> = script.tags.iter().skip_while(|tag| *tag != holder).skip(1).collect();
        let pause = 66 / i64::try_from(later.len().max(1)).unwrap_or(1);
        for (number, tag) in (1..).zip(later) {
            let at = from + SignedDuration::from_hours(pause * number);
            self.new_run(repo, &RELEASE, tag, shas.of(tag), "rhea", at, "push");
        }
    }

    /// A pull request of a fork, whose checks a maintainer has yet to let start.
    fn add_pull_request(&mut self, repo: &mut Repo, fork: &str, start: Timestamp) {
        let at = start - SignedDuration::from_mins(52);
        let part = |salt: u64| {
            fork.bytes().fold(salt, |sum, byte| sum.wrapping_mul(0x0100_0000_01b3) ^ u64::from(byte))
        };
        let sha = format!("{:016x}{:016x}{:016x}", part(0xcbf2_9ce4_8422_2325), part(0x9ae1), part(0x51ed));
        let sha: String = sha.chars().take(40).collect();
        let author = fork.split('/').next().unwrap_or(fork).to_owned();
        let id = self.new_run(repo, &CI, "patch-1", &sha, &author, at, "pull_request");
        if let Some(run) = repo.runs.iter_mut().find(|run| run.id == id) {
            run.fork = Some(fork.to_owned());
            run.held = true;
        }
    }

    fn add_releases(&mut self, repo: &mut Repo, script: &ServiceScript, start: Timestamp) {
        let older = script.tags.iter().take_while(|tag| **tag != script.live).chain([&script.live]);
        for (age, tag) in older.enumerate() {
            self.next_id += 1;
            let hours = 71 + 48 * i64::try_from(script.tags.len().saturating_sub(age)).unwrap_or(1);
            repo.releases.push(Release {
                id: self.next_id,
                tag: tag.clone(),
                target: "main".into(),
                name: tag.clone(),
                body: format!("## What's Changed\n* {} {tag}\n", script.name),
                draft: false,
                prerelease: false,
                author: "mara".into(),
                created: start - SignedDuration::from_hours(hours),
            });
        }
    }

    /// Lets a run of the past go as far as its goal. What its deploy jobs did is what the platforms began with.
    fn simulate(
        &mut self,
        repo: &mut Repo,
        workflow: &'static Workflow,
        version: &str,
        sha: &str,
        from: Timestamp,
        goal: Goal,
    ) {
        let id = self.new_run(repo, workflow, version, sha, "rhea", from, "push");
        let Repo { name, runs, deployments, .. } = repo;
        let Some(run) = runs.iter_mut().find(|run| run.id == id) else { return };
        if let Goal::Failing(job, _) = goal {
            run.fails = Some(job);
        }
        let mut deploys: Vec<Deploy> = Vec::new();
        for second in 0..PATIENCE {
            let now = from + SignedDuration::from_secs(second);
            if run.is_over() || matches!(goal, Goal::Until(end) | Goal::Failing(_, end) if now > end) {
                break;
            }
            let mut step =
                Step { now, arrived: &|_, _, _| true, next_id: &mut self.next_id, deploys: &mut deploys };
            let gated = !run.gates().is_empty();
            match goal {
                Goal::Done if gated => approve(run, deployments, &mut step),
                Goal::Deploying(start) if gated => {
                    // The approval came just now: the job starts with the day.
                    step.now = start - SignedDuration::from_secs(3);
                    approve(run, deployments, &mut step);
                    break;
                }
                _ => {}
            }
            run::move_run(name, run, deployments, &mut step);
        }
    }

    /// Makes a run; its jobs follow by themselves.
    #[expect(clippy::too_many_arguments, reason = "a run is just that: every part is one word at the call")]
    pub(super) fn new_run(
        &mut self,
        repo: &mut Repo,
        workflow: &'static Workflow,
        version: &str,
        sha: &str,
        actor: &str,
        now: Timestamp,
        event: &'static str,
    ) -> u64 {
        self.next_id += 1;
        let number = 60 + repo.runs.iter().filter(|run| run.workflow.id == workflow.id).count();
        let title = match event {
            "workflow_dispatch" => format!("Deploy {version}"),
            _ => format!("{} {version}", workflow.name),
        };
        repo.runs.push(Run {
            id: self.next_id,
            number: u64::try_from(number).unwrap_or(0),
            workflow,
            attempt: 1,
            event,
            branch: if event == "workflow_dispatch" { "main".to_owned() } else { version.to_owned() },
            sha: sha.to_owned(),
            version: version.to_owned(),
            title,
            actor: actor.to_owned(),
            triggering_actor: actor.to_owned(),
            created: now,
            started: now,
            updated: now,
            jobs: Vec::new(),
            approvals: Vec::new(),
            cancelling: false,
            kept: Vec::new(),
            past: Vec::new(),
            fails: None,
            pending: false,
            ended: Vec::new(),
            fork: None,
            held: false,
            besides: (repo.rules.app.clone(), repo.rules.wait_timer),
        });
        super::lanes::enter(repo, self.next_id, now);
        self.next_id
    }
}

/// How far a run of the past goes.
#[derive(Clone, Copy)]
enum Goal {
    /// To its end, approved by Omar.
    Done,
    /// As far as it comes by itself until then.
    Until(Timestamp),
    /// The same; the first attempt of this job fails.
    Failing(&'static str, Timestamp),
    /// To the approval of production just before then.
    Deploying(Timestamp),
}

fn approve(run: &mut Run, deployments: &mut [super::state::Deployment], step: &mut Step<'_>) {
    let approval = Approval {
        state: "approved".into(),
        comment: "staging looks good".into(),
        login: "omar".into(),
        environments: vec!["production"],
    };
    let production: Vec<_> =
        ENVIRONMENTS.iter().filter(|environment| environment.name == "production").collect();
    for job in run.jobs.iter_mut().filter(|job| job.plan.environment == Some("production")) {
        job.passed = true;
    }
    // It cannot be refused: Omar is a reviewer, and did not start the run.
    let _ = run::review(run, deployments, &production, &approval, step);
}
