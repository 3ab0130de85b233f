//! What the jobs of a run uploaded: a list, and each as a zip archive at the storage host, behind an address that is
//! signed for one minute. The unit tests upload JUnit XML, the end-to-end tests Cucumber JSON, the build a list of
//! parts that nobody takes for results of tests.
//!
//! An artifact outlives the attempt that uploaded it: a rerun uploads under the same name, and both are listed.

use super::front::{Answer, Call, repo_at};
use super::state::{Job, Phase, Repo, Run};
use super::{GitHub, logs, shape};
use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::io::Write;

/// How long artifacts are kept, in days.
const KEPT_DAYS: i64 = 90;

/// An artifact: the job that uploaded it, its name, and its files.
struct Artifact<'a> {
    job: &'a Job,
    name: &'static str,
    files: Vec<(&'static str, String)>,
}

impl Artifact<'_> {
    fn id(&self) -> u64 {
        self.job.id * 10 + 1
    }

    fn uploaded(&self) -> Timestamp {
        self.job.completed.unwrap_or(self.job.created)
    }

    fn expires(&self) -> Timestamp {
        let at = self.uploaded();
        at.checked_add(SignedDuration::from_hours(24 * KEPT_DAYS)).unwrap_or(at)
    }
}

/// `GET ../actions/runs/{id}/artifacts`, newest first.
pub(super) fn list(base: &str, repo: &Repo, run: &Run, call: &Call) -> Answer {
    let named = call.param("name");
    let mut all: Vec<_> =
        of(run).into_iter().filter(|artifact| named.is_none_or(|name| name == artifact.name)).collect();
    all.sort_by_key(|artifact| std::cmp::Reverse(artifact.id()));
    let shaped = all.iter().map(|artifact| shape(base, repo, run, artifact, call.now)).collect();
    Answer::page(call, shaped, |total, artifacts| json!({"total_count": total, "artifacts": artifacts}))
}

/// `GET ../actions/artifacts/{id}/{format}`.
pub(super) fn address(github: &GitHub, index: usize, call: &Call, id: &str) -> Result<Answer, Answer> {
    let repo = repo_at(github, index)?;
    let found = repo.runs.iter().flat_map(of).find(|artifact| artifact.id().to_string() == id);
    let artifact = found.ok_or_else(Answer::not_found)?;
    if call.now > artifact.expires() {
        return Err(Answer::error(410, "Artifact has expired"));
    }
    // The real one wants a login even where the repository is public.
    if call.user.is_none() {
        return Err(Answer::error(401, "Requires authentication"));
    }
    let target = logs::signed(github, &repo.name, &format!("artifact-{id}"), call.now);
    Ok(Answer::empty(302).with("location", target))
}

/// What the storage host keeps under this name.
pub(super) fn stored(repo: &Repo, name: &str) -> Option<Vec<u8>> {
    let id = name.strip_prefix("artifact-")?;
    let artifact = repo.runs.iter().flat_map(of).find(|artifact| artifact.id().to_string() == id)?;
    Some(zip(&artifact.files))
}

fn shape(base: &str, repo: &Repo, run: &Run, artifact: &Artifact<'_>, now: Timestamp) -> Value {
    let id = artifact.id();
    let bytes = zip(&artifact.files);
    let sum: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let here = shape::url(base, repo, &format!("/actions/artifacts/{id}"));
    json!({
        "id": id, "node_id": format!("A_{id}"), "name": artifact.name, "size_in_bytes": bytes.len(), "url": here,
        "archive_download_url": format!("{here}/zip"), "expired": now > artifact.expires(),
        "digest": format!("sha256:{sum}"), "created_at": shape::time(artifact.uploaded()),
        "updated_at": shape::time(artifact.uploaded()), "expires_at": shape::time(artifact.expires()),
        "workflow_run": {
            "id": run.id, "repository_id": repo.id, "head_repository_id": repo.id, "head_branch": run.branch,
            "head_sha": run.sha
        }
    })
}

/// What the jobs of all attempts uploaded. A job that was taken over from an earlier attempt uploaded nothing again.
fn of(run: &Run) -> Vec<Artifact<'_>> {
    let mut all: Vec<Artifact<'_>> = Vec::new();
    for job in &run.jobs {
        let Phase::Done(end @ ("success" | "failure")) = job.phase else { continue };
        let (Some(_), Some(ended)) = (job.started, job.completed) else { continue };
        let again = all
            .iter()
            .any(|known| known.job.plan.name == job.plan.name && known.job.completed == Some(ended));
        let (name, files) = match job.plan.name {
            _ if again => continue,
            "build" => ("parts-list", vec![("parts.json", "{\"bomFormat\": \"CycloneDX\"}\n".to_owned())]),
            "unit" => ("unit-tests", vec![("target/junit/unit.xml", units(job))]),
            "e2e" => ("e2e-report", vec![("e2e/cucumber.json", scenarios(end == "failure"))]),
            _ => continue,
        };
        all.push(Artifact { job, name, files });
    }
    all
}

/// 214 unit tests that passed and 3 that were left out.
fn units(job: &Job) -> String {
    let at = job.completed.unwrap_or(job.created).strftime("%Y-%m-%dT%H:%M:%S");
    let mut cases = String::new();
    for number in 1..=214 {
        let (module, name) = match number % 3 {
            0 => ("cart::merge", "keeps_every_line"),
            1 => ("price", "reads_in_one_query"),
            _ => ("cart::session", "outlives_a_login"),
        };
        cases.push_str(&format!(
            "    <testcase classname=\"{module}\" name=\"{name}::case_{number:03}\" time=\"0.0{}\"/>\n",
            number % 10
        ));
    }
    for name in ["needs_a_printer", "needs_a_till", "takes_an_hour"] {
        cases.push_str(&format!(
            "    <testcase classname=\"till\" name=\"{name}\"><skipped message=\"ignored\"/></testcase>\n"
        ));
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites tests=\"217\" failures=\"0\" errors=\"0\">\n  \
         <testsuite name=\"unit\" tests=\"217\" failures=\"0\" errors=\"0\" skipped=\"3\" timestamp=\"{at}\">\n{cases}  \
         </testsuite>\n</testsuites>\n"
    )
}

/// 18 scenarios; if it failed, one of them did not pass.
fn scenarios(failed: bool) -> String {
    const NAMES: [&str; 3] =
        ["a guest fills a cart", "the cart follows the account", "two devices, one account"];
    let step = |name: &str, result: Value| json!({"keyword": "When ", "name": name, "result": result});
    let passed = || json!({"status": "passed", "duration": 1_204_000_000_u64});
    let mut elements: Vec<Value> = (0..18)
        .map(|number| {
            let name =
                NAMES.get(number).map_or_else(|| format!("pays in currency {number}"), |n| (*n).to_owned());
            json!({"type": "scenario", "keyword": "Scenario", "name": name, "steps": [
                step("the shop is open", passed()), step("the cart is looked at", passed())
            ]})
        })
        .collect();
    if let Some(element) = elements.get_mut(2).filter(|_| failed) {
        let says = "Error: expected the cart of device B to hold 3 lines, it held 2\n    at e2e/cart/two_devices.spec.ts:57:31";
        element["steps"] = json!([
            step("the shop is open", passed()),
            step("device B looks at the cart", json!({"status": "failed", "error_message": says})),
            step("device B pays", json!({"status": "skipped"}))
        ]);
    }
    json!([{"uri": "e2e/cart.feature", "id": "cart", "keyword": "Feature", "name": "Cart", "elements": elements}])
        .to_string()
}

/// An archive as the uploading action writes it: deflated, sizes in the list of contents.
fn zip(files: &[(&'static str, String)]) -> Vec<u8> {
    let (mut out, mut list) = (Vec::new(), Vec::new());
    for (name, text) in files {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(6));
        let packed = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish()).unwrap_or_default();
        let mut crc = Crc::new();
        crc.update(text.as_bytes());
        let four = |number: usize| u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes();
        let two = |number: usize| u16::try_from(number).unwrap_or(u16::MAX).to_le_bytes();
        let at = four(out.len());
        let mut head = vec![20, 0, 0, 0, 8, 0, 0, 0, 0x21, 0x5b];
        head.extend(crc.sum().to_le_bytes());
        head.extend(four(packed.len()));
        head.extend(four(text.len()));
        head.extend(two(name.len()));
        head.extend([0, 0]);
        out.extend(b"PK\x03\x04");
        out.extend(&head);
        out.extend(name.as_bytes());
        out.extend(&packed);
        list.extend(b"PK\x01\x02\x14\x00");
        list.extend(&head);
        list.extend([0; 10]);
        list.extend(at);
        list.extend(name.as_bytes());
    }
    let count = u16::try_from(files.len()).unwrap_or(u16::MAX).to_le_bytes();
    let (size, at) = (list.len(), out.len());
    out.extend(list);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(count);
    out.extend(count);
    out.extend(u32::try_from(size).unwrap_or(u32::MAX).to_le_bytes());
    out.extend(u32::try_from(at).unwrap_or(u32::MAX).to_le_bytes());
    out.extend([0, 0]);
    out
}
