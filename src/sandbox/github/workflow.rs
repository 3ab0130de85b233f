//! The workflow files of the world's repositories, already parsed. Pure data.

/// A workflow file.
#[derive(Debug)]
pub(super) struct Workflow {
    /// The offset of its id.
    pub(super) id: u64,
    /// Its name.
    pub(super) name: &'static str,
    /// Its file, below `.github/workflows/`.
    pub(super) file: &'static str,
    /// The inputs of `workflow_dispatch`: name, whether required. `None` without that trigger.
    pub(super) inputs: Option<&'static [(&'static str, bool)]>,
    /// Its jobs.
    pub(super) jobs: &'static [JobPlan],
}

/// A job of a workflow file.
#[derive(Debug)]
pub(super) struct JobPlan {
    pub(super) name: &'static str,
    pub(super) needs: &'static [&'static str],
    pub(super) environment: Option<&'static str>,
    /// How long it takes, in seconds.
    pub(super) seconds: i64,
    pub(super) steps: &'static [&'static str],
}

const fn job(
    name: &'static str,
    needs: &'static [&'static str],
    seconds: i64,
    steps: &'static [&'static str],
) -> JobPlan {
    JobPlan { name, needs, environment: None, seconds, steps }
}

const DEPLOY_STEPS: &[&str] =
    &["Set up job", "Log in to the cluster", "Set the image", "Wait for the rollout"];

/// Builds, tests and deploys a tag.
pub(super) static RELEASE: Workflow = Workflow {
    id: 1,
    name: "Release",
    file: "release.yml",
    inputs: None,
    jobs: &[
        job("build", &[], 60, &["Set up job", "Check out", "Compile", "Package the image", "Push the image"]),
        job("unit", &["build"], 25, &["Set up job", "Check out", "Unit tests"]),
        job("e2e", &["build"], 45, &["Set up job", "Start the services", "End-to-end tests"]),
        job("scan", &["build"], 15, &["Set up job", "Scan the image"]),
        JobPlan {
            name: "deploy (staging)",
            needs: &["unit", "e2e", "scan"],
            environment: Some("staging"),
            seconds: 8,
            steps: DEPLOY_STEPS,
        },
        JobPlan {
            name: "deploy (production)",
            needs: &["deploy (staging)"],
            environment: Some("production"),
            seconds: 12,
            steps: DEPLOY_STEPS,
        },
    ],
};

/// Deploys a version on demand.
pub(super) static DEPLOY: Workflow = Workflow {
    id: 2,
    name: "Deploy",
    file: "deploy.yml",
    inputs: Some(&[("version", true)]),
    jobs: &[JobPlan {
        name: "deploy (production)",
        needs: &[],
        environment: Some("production"),
        seconds: 12,
        steps: DEPLOY_STEPS,
    }],
};

/// Checks every push.
pub(super) static CI: Workflow = Workflow {
    id: 3,
    name: "CI",
    file: "ci.yml",
    inputs: None,
    jobs: &[
        job("lint", &[], 12, &["Set up job", "Check out", "Lint"]),
        job("unit", &[], 25, &["Set up job", "Check out", "Unit tests"]),
    ],
};

/// All workflow files; every repository has the same.
pub(super) static WORKFLOWS: [&Workflow; 3] = [&RELEASE, &DEPLOY, &CI];
