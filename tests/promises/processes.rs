//! R14, R44 with real processes: two cockpits in terminals of their own at one world, and a lock that a stranger tries to
//! take off.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::process::Command;

use gonogo::sandbox::{Clock, Effect, Options, Sandbox, Scenario, Server};

use super::pty::{PATIENCE, Terminal};

/// Opens the plan and fills in what confirms it; the last key is left out.
fn ready_to_confirm(terminal: &mut Terminal) {
    terminal.wait_for("VERDICT");
    terminal.wait_for("approval, you");
    terminal.press(b"a");
    terminal.wait_for("pending_deployments");
    terminal.read_it();
    for byte in b"checkout" {
        terminal.press(&[*byte]);
    }
    terminal.wait_for("▌type checkout        checkout");
}

/// What the screen says, without frames and line ends: sentences may go over several lines.
fn sentences(screen: &str) -> String {
    // Of a row with a dialog in it only what the dialog says: what lies behind it would come between its words.
    let row = |row: &str| match (row.find('┃'), row.rfind('┃')) {
        (Some(from), Some(to)) if from < to => row[from..to].to_owned(),
        _ => row.to_owned(),
    };
    let rows: String = screen.lines().map(row).collect();
    rows.chars().filter(|c| !c.is_whitespace() && !matches!(c, '│' | '┃')).collect()
}

/// The second one is late with its request, or sees the gate go before it has pressed the last key: then its dialog
/// turns into a refusal.
fn is_late(said: &str) -> bool {
    said.contains("notapplied") || said.contains("THISWOULDNOTBEDONE")
}

fn ended(screen: &str) -> bool {
    let said = sentences(screen);
    is_late(&said) || said.contains("verified")
}

fn race(config: &str, home: &Path) -> [String; 2] {
    let mut both = [0, 1].map(|_| Terminal::start(&["--config", config], home, 180, 60));
    for terminal in &mut both {
        ready_to_confirm(terminal);
    }
    let [one, two] = &mut both;
    one.send(b"\r");
    two.send(b"\r");
    let screens = both.each_ref().map(|terminal| {
        terminal.wait_until("an outcome", PATIENCE, ended);
        terminal.contents()
    });
    for terminal in &mut both {
        terminal.press(b"\x1b");
        terminal.press(b"q");
        assert!(terminal.end(PATIENCE).success(), "{}", terminal.contents());
    }
    screens
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_processes_at_one_gate_one_has_an_effect_and_the_other_shows_who_and_when() {
    let options = Options { clock: Clock::Running(1.0), ..Options::default() };
    let sandbox = Sandbox::start(Scenario::named("release-day").unwrap(), options).unwrap();
    let config = sandbox.config_path().display().to_string();
    let home = tempfile::tempdir().unwrap();
    let at = home.path().to_owned();
    let screens = tokio::task::spawn_blocking(move || race(&config, &at)).await.unwrap();
    let writes = sandbox.faults().writes(Server::Github);
    let applied = writes.iter().filter(|e| e.effect == Effect::Applied).count();
    assert_eq!(applied, 1, "{writes:#?}");
    let said = screens.each_ref().map(|s| sentences(s));
    let late: Vec<&String> = said.iter().filter(|s| is_late(s)).collect();
    let [late] = late.as_slice() else { panic!("one is late:\n{}\n{}", screens[0], screens[1]) };
    assert!(late.contains("maraapprovedit") && late.contains("lastmovedat20"), "who and when:\n{late}");
    if late.contains("notapplied") {
        assert!(late.contains("bytester@") && late.contains("acceptedat"), "what the journal knows:\n{late}");
    }
}

/// Where a stranger is told which lock to take off.
const STRANGER: &str = "GONOGO_TEST_LOCK";

/// Not a test of its own: what the other process does. Without its variable it has nothing to do.
#[test]
fn a_stranger_takes_a_lock_off() {
    let Some(path) = std::env::var_os(STRANGER) else { return };
    let file = File::options().read(true).append(true).open(path).unwrap();
    let _ = file.unlock();
    assert!(matches!(file.try_lock(), Err(TryLockError::WouldBlock)), "it is held all the same");
}

#[test]
fn a_journals_lock_is_taken_off_by_its_holder_and_by_no_other_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let holder = File::options().create(true).append(true).open(&path).unwrap();
    holder.lock().unwrap();
    let stranger = || {
        let name = "processes::a_stranger_takes_a_lock_off";
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", name]).env(STRANGER, &path).output().unwrap()
    };
    let told = stranger();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stdout));
    holder.unlock().unwrap();
    assert!(!stranger().status.success(), "once the holder has taken it off, anybody gets it");
}
