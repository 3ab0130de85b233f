//! R7: read-only is enforced where requests leave. In a process of its own: the gate does not open again.
//!
//! What counts as a read is said by the ledger: GET and HEAD; a query to Prometheus, whatever its method; and the
//! `SelfSubjectAccessReview`, which is a POST by which a client asks the API server what it may do: the server stores
//! nothing of it.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

#[path = "support/cockpit.rs"]
#[expect(dead_code, reason = "what is proved about actions is elsewhere")]
mod cockpit;

use cockpit::{Cockpit, Manner};
use gonogo::app::dialog::{Field, Purpose};
use gonogo::app::key::Key;
use gonogo::domain::service::Access;
use gonogo::sandbox::{Effect, Scenario};

/// How many keys.
const KEYS: usize = 2_000;

/// A sequence that is the same on every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}

/// Any key but the ones that leave.
fn key(dice: &mut Dice) -> Key {
    const NAMED: [Key; 16] = [
        Key::Enter,
        Key::Enter,
        Key::Esc,
        Key::Tab,
        Key::Tab,
        Key::BackTab,
        Key::BackTab,
        Key::Backspace,
        Key::Up,
        Key::Down,
        Key::Left,
        Key::Right,
        Key::PageUp,
        Key::PageDown,
        Key::Home,
        Key::End,
    ];
    const DEEDS: [char; 12] = ['a', 'x', 'p', 'r', 'P', 'R', 'F', 'C', 'j', 'k', 'h', 'l'];
    match dice.below(4) {
        0 => NAMED[dice.below(NAMED.len())],
        1 | 2 => Key::Char(DEEDS[dice.below(DEEDS.len())]),
        _ => Key::Char(char::from(u8::try_from(33 + dice.below(94)).unwrap())),
    }
}

/// Whether a plan is ready in a dialog that the keys have left as it opened.
fn untouched(cockpit: &Cockpit) -> bool {
    cockpit.dialog().is_some_and(|d| {
        d.plan().is_some()
            && d.purpose == Purpose::Act
            && d.field == Field::Cancel
            && d.name.0.value().is_empty()
            && d.reason.0.value().is_empty()
    })
}

/// Presses keys over a running world; returns how many actions were confirmed on the way.
async fn play(believes: Access, policy: &'static str, seed: u64) -> Cockpit {
    let manner = Manner { process: Access::ReadOnly, model: believes, policy };
    let mut cockpit = Cockpit::open(Scenario::named("release-day").unwrap(), manner).await;
    cockpit.ready().await;
    let mut dice = Dice(seed);
    for turn in 0..KEYS {
        // Some confirmations must get through where the model lets them.
        if untouched(&cockpit) && dice.below(3) == 0 {
            cockpit.confirm();
            cockpit.glance().await;
            continue;
        }
        cockpit.press(key(&mut dice));
        cockpit.drain();
        if turn % 20 == 0 || cockpit.dialog().is_some_and(|d| d.plan().is_none()) {
            cockpit.glance().await;
        }
    }
    cockpit.engine.settle(std::time::Duration::from_secs(10)).await;
    cockpit.drain();
    cockpit
}

fn mutations(cockpit: &Cockpit) -> Vec<String> {
    let ledger = cockpit.sandbox.faults().ledger();
    assert!(ledger.len() > 20, "the world was looked at");
    let writes = ledger.iter().filter(|e| e.effect != Effect::Read);
    writes.map(|e| format!("{} {}", e.method, e.path)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_keys_of_a_read_only_cockpit_change_nothing() {
    let cockpit = play(Access::ReadOnly, "confirm = \"press\"\nmax_age = \"5m\"", 7).await;
    assert_eq!(mutations(&cockpit), Vec::<String>::new());
    assert!(cockpit.model.actions.is_empty(), "no plan could be confirmed");
}

#[tokio::test(flavor = "multi_thread")]
async fn k9s_3822_a_model_that_believes_it_may_write_still_gets_nothing_past_the_transport() {
    let cockpit = play(Access::ReadWrite, "confirm = \"press\"\nmax_age = \"5m\"", 11).await;
    assert!(!cockpit.model.actions.is_empty(), "some plans were confirmed\n{}", cockpit.told());
    println!("{} plans were confirmed and stopped", cockpit.model.actions.len());
    assert_eq!(mutations(&cockpit), Vec::<String>::new());
}
