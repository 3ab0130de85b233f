//! Taking a changed config while the cockpit runs: as a whole or not at all.
//!
//! A good one is built up completely, providers included, before anything of the old one goes. While actions are in
//! flight it waits. A bad one changes nothing but the banner, which names the first mistake and its place.

use std::cell::RefCell;
use std::path::PathBuf;

use tokio::sync::watch;

use super::looks::Looks;
use super::start::{Kept, Laid, Purpose, around, lay_of};
use super::{Common, Failure, Surroundings};
use crate::app::Model;
use crate::app::reload::carry_over;
use crate::config::{self, Config};
use crate::domain::SafeText;
use crate::provider::KINDS;
use crate::runtime::Engine;
use crate::runtime::watch::Sight;

/// Where a change stands.
enum Change {
    /// There is none, or it was dealt with.
    None,
    /// This text is good, and waits for actions to end.
    Waits(String),
}

/// What a new config is made into.
pub(super) struct Reload<'a> {
    common: &'a Common,
    surroundings: &'a Surroundings,
    path: PathBuf,
    kept: Kept,
    banner: Option<SafeText>,
    /// How it looks, and whether the terminal knows links.
    looks: (&'a RefCell<Looks>, bool),
    heard: watch::Receiver<Option<Sight>>,
    change: Change,
}

impl<'a> Reload<'a> {
    pub(super) fn new(
        (common, surroundings): (&'a Common, &'a Surroundings),
        path: PathBuf,
        kept: Kept,
        banner: Option<SafeText>,
        looks: (&'a RefCell<Looks>, bool),
        heard: watch::Receiver<Option<Sight>>,
    ) -> Self {
        Self { common, surroundings, path, kept, banner, looks, heard, change: Change::None }
    }

    /// Whether there is something to do. Costs nothing.
    fn news(&mut self) -> Option<Sight> {
        match self.heard.has_changed() {
            Ok(true) => self.heard.borrow_and_update().clone(),
            _ => None,
        }
    }

    /// Deals with a change, if there is one; a new engine means that the model is new, too.
    pub(super) fn look(&mut self, model: &mut Model) -> Option<Engine> {
        let text = match (self.news(), std::mem::replace(&mut self.change, Change::None)) {
            (Some(Ok(text)), _) => text,
            (Some(Err(why)), _) => {
                self.say(
                    model,
                    &format!("{} cannot be read: {why}; the old config stays", self.path.display()),
                );
                return None;
            }
            (None, Change::Waits(text)) => text,
            (None, Change::None) => return None,
        };
        let config = match self.checked(&text, model) {
            Ok(config) => config,
            Err(why) => {
                self.say(model, &format!("{why}; the old config stays"));
                return None;
            }
        };
        let flying = model.unfinished();
        if flying > 0 {
            let actions = if flying == 1 { "1 action".to_owned() } else { format!("{flying} actions") };
            self.say(model, &format!("the config changed: it is taken when {actions} in flight has ended"));
            self.change = Change::Waits(text);
            return None;
        }
        match self.take(model, config) {
            Ok(engine) => Some(engine),
            Err(failure) => {
                self.say(model, &format!("{}; the old config stays", failure.message));
                None
            }
        }
    }

    /// The config that the text is, or the first thing that is wrong with it, with its place.
    fn checked(&self, text: &str, model: &Model) -> Result<Config, String> {
        let around = around(self.common, self.surroundings);
        let file = self.path.file_name().map_or_else(|| "config".into(), |name| name.to_string_lossy());
        let config = config::load(text, &file, &around, KINDS).map_err(|errors| {
            let all = errors.mistakes();
            let first = all.first().map(|m| format!("{file}:{}:{}: {}", m.line, m.column, m.cause));
            let more = if all.len() > 1 { format!(" (and {} more)", all.len() - 1) } else { String::new() };
            first.unwrap_or_default() + &more
        })?;
        if config.services.is_empty() && !model.setup.services.is_empty() {
            // What an editor or a full disk leaves behind is a config, too: an empty one.
            return Err(format!("{file}: no service is left in it"));
        }
        if !self.kept.same_journal(&config) {
            return Err(format!("{file}: [journal] changes with the next start only"));
        }
        Ok(config)
    }

    /// Builds everything anew; nothing of the old is touched before all of the new is there.
    fn take(&mut self, model: &mut Model, config: Config) -> Result<Engine, Failure> {
        let ui = config.ui.clone();
        let looks = Looks::new(self.common, self.surroundings, &ui)?;
        let laid = lay_of(
            config,
            self.common,
            self.surroundings,
            Purpose::Act,
            self.banner.clone(),
            Some(&self.kept),
        )?;
        let Laid { model: mut new, opening, hosts, .. } = laid;
        let engine = opening.engine()?;
        carry_over(model, &mut new);
        *model = new;
        let (place, links) = self.looks;
        place.replace(looks.linked(links.then_some(hosts)));
        Ok(engine)
    }

    /// Says it on top, beside what stands there anyway.
    fn say(&self, model: &mut Model, text: &str) {
        let text = text.lines().collect::<Vec<_>>().join(" ");
        let all = match &self.banner {
            Some(banner) => format!("{text} · {banner}"),
            None => text,
        };
        model.setup.banner = Some(SafeText::new(&all));
    }
}

#[cfg(test)]
mod tests {
    use super::super::print;
    use super::super::start::lay;
    use super::*;
    use crate::runtime::watch::Settle;

    fn looks_of_the_test() -> RefCell<Looks> {
        let desk = Desk::new("");
        RefCell::new(Looks::new(&desk.common, &desk.surroundings, &config::Ui::default()).unwrap())
    }

    /// A config of one generation: every service of it carries the generation's number.
    fn good(generation: usize) -> String {
        let services = 2 + generation % 4;
        let service = |n: usize| {
            format!(
                "[[service]]\nname = \"s{n}-g{generation}\"\n\n  [[service.environment]]\n  name = \"e-g{generation}\"\n  \
                 policy = \"p\"\n\n"
            )
        };
        let all: String = (0..services).map(service).collect();
        format!(
            "[ui]\nclock = \"utc\"\n\n{all}[policy.p]\nconfirm = \"press\"\n# end of generation {generation}\n"
        )
    }

    /// The generations of everything in the model.
    fn generations(model: &Model) -> std::collections::BTreeSet<String> {
        let of = |name: &str| name.rsplit("-g").next().unwrap().to_owned();
        let services = model.setup.services.iter();
        services
            .flat_map(|s| s.environments.iter().map(|e| of(e.name.as_str())).chain([of(s.name.as_str())]))
            .collect()
    }

    /// Numbers that look random and are the same each time.
    fn dice(seed: &mut u64) -> usize {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(*seed >> 33).unwrap()
    }

    #[tokio::test]
    async fn an_edited_config_is_taken_as_a_whole_or_not_at_all() {
        let edits = if std::env::var("GONOGO_TEST_N").as_deref() == Ok("full") { 200 } else { 20 };
        let first = good(0);
        let desk = Desk::new(&first);
        let path = desk.folder.path().join("config.toml");
        let (common, surroundings) = (&desk.common, &desk.surroundings);
        let laid = lay(common, surroundings, Purpose::Act, Some("DEMO")).map_err(|f| f.message).unwrap();
        let mut model = laid.model;
        let looks = looks_of_the_test();
        let (out, heard) = watch::channel(None);
        let mut reload = Reload::new(
            (common, surroundings),
            path.clone(),
            laid.kept,
            Some("DEMO".into()),
            (&looks, false),
            heard,
        );
        let mut settle = Settle::of(&first);
        let (mut seed, mut current, mut taken, mut kept) = (7, 0_usize, 0, 0);
        for edit in 1..=edits {
            let whole = good(edit);
            let text = match dice(&mut seed) % 5 {
                0 | 1 => whole.clone(),
                // Cut anywhere: in a word, in a table, or between two tables, where it still is TOML.
                2 | 3 => whole.get(..dice(&mut seed) % whole.len()).unwrap().to_owned(),
                _ => whole.replace("clock = \"utc\"", "clok = \"utc\""),
            };
            // A write that is seen half done, and then done.
            let half = text.get(..text.len() / 2).unwrap_or_default().to_owned();
            for seen in [half, text.clone(), text.clone(), text.clone()] {
                std::fs::write(&path, &seen).unwrap();
                if let Some(sight) = settle.next(Ok(std::fs::read_to_string(&path).unwrap())) {
                    out.send_replace(Some(sight));
                }
                let engine = reload.look(&mut model);
                if engine.is_some() {
                    (current, taken) = (edit, taken + 1);
                }
                let all = generations(&model);
                assert_eq!(
                    all.iter().map(String::as_str).collect::<Vec<_>>(),
                    [current.to_string()],
                    "a mix"
                );
            }
            let banner = model.setup.banner.as_ref().unwrap().to_string();
            if current == edit {
                assert_eq!(banner, "DEMO", "the mistake is gone from the banner");
            } else {
                kept += 1;
                assert_ne!(text, whole, "a good config was not taken: {banner}");
                assert!(
                    banner.contains("config.toml:") && banner.contains("the old config stays"),
                    "{banner}"
                );
            }
        }
        println!(
            "R37: {edits} edits, {taken} taken whole, {kept} left the old config with a banner, 0 mixed"
        );
        assert!(taken > 0 && kept > 0);
    }

    /// A running cockpit's model with its reload, on a config of its own.
    struct Desk {
        folder: tempfile::TempDir,
        surroundings: Surroundings,
        common: Common,
    }

    impl Desk {
        fn new(text: &str) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("config.toml");
            std::fs::write(&path, text).unwrap();
            let state = folder.path().join("state").display().to_string();
            let surroundings =
                Surroundings { env: std::sync::Arc::new([("XDG_STATE_HOME".to_owned(), state)].into()) };
            let common = Common {
                config: Some(path),
                read_only: false,
                theme: None,
                accessible: false,
                print: false,
                size: (80, 24),
                format: print::Format::Text,
                keys: String::new(),
            };
            Self { folder, surroundings, common }
        }
    }

    #[tokio::test]
    async fn a_plan_on_the_screen_is_cancelled_and_what_flies_is_waited_for() {
        use crate::app::dialog::Dialog;
        use crate::app::model::{ActionStage, Overlay};
        use crate::domain::Outcome;
        let desk = Desk::new(&good(0));
        let laid = lay(&desk.common, &desk.surroundings, Purpose::Act, None).map_err(|f| f.message).unwrap();
        let mut model = laid.model;
        let looks = looks_of_the_test();
        let (out, heard) = watch::channel(None);
        let path = desk.folder.path().join("config.toml");
        let mut reload =
            Reload::new((&desk.common, &desk.surroundings), path, laid.kept, None, (&looks, false), heard);
        model.overlays.push(Overlay::Dialog(Box::new(Dialog::new(Vec::new(), model.now))));
        model.actions.push(crate::app::tests::flying());
        out.send_replace(Some(Ok(good(1))));
        assert!(reload.look(&mut model).is_none());
        let banner = model.setup.banner.clone().unwrap().to_string();
        assert!(banner.contains("when 1 action in flight has ended"), "{banner}");
        assert!(reload.look(&mut model).is_none(), "it still flies");
        assert_eq!(generations(&model).into_iter().collect::<Vec<_>>(), ["0"]);
        model.actions[0].stage = ActionStage::Ended(Outcome::Verified("seen".into()));
        assert!(reload.look(&mut model).is_some());
        assert_eq!(generations(&model).into_iter().collect::<Vec<_>>(), ["1"]);
        assert!(model.overlays.is_empty());
        let toast = model.toast.clone().unwrap().text.to_string();
        assert!(toast.contains("was cancelled, and nothing was sent"), "{toast}");
        assert_eq!(model.actions.len(), 1, "what was done stays in sight");
        assert_eq!(model.setup.banner, None);
    }

    #[tokio::test]
    async fn what_cannot_change_while_it_runs_is_said_and_leaves_the_old_config() {
        let desk = Desk::new(&good(0));
        let laid = lay(&desk.common, &desk.surroundings, Purpose::Act, None).map_err(|f| f.message).unwrap();
        let mut model = laid.model;
        let looks = looks_of_the_test();
        let (out, heard) = watch::channel(None);
        let path = desk.folder.path().join("config.toml");
        let mut reload =
            Reload::new((&desk.common, &desk.surroundings), path, laid.kept, None, (&looks, false), heard);
        let missing = "[[source]]\nname = \"p\"\nkind = \"prometheus\"\nurl = \"https://a.test\"\nca_file = \"/nowhere.pem\"\n";
        for (text, why) in [
            (Ok(String::new()), "no service is left in it"),
            (
                Ok(format!("{}[journal]\npath = \"/elsewhere/j.jsonl\"\n", good(1))),
                "with the next start only",
            ),
            (Ok(format!("{}{missing}", good(1))), "ca_file /nowhere.pem"),
            (Ok(format!("{}[ui]\n", good(1))), "config.toml:"),
            (Err("it is gone".to_owned()), "it is gone"),
        ] {
            out.send_replace(Some(text));
            assert!(reload.look(&mut model).is_none(), "{why}");
            let banner = model.setup.banner.clone().unwrap().to_string();
            assert!(banner.contains(why) && banner.contains("the old config stays"), "{why}: {banner}");
            assert_eq!(generations(&model).into_iter().collect::<Vec<_>>(), ["0"]);
        }
    }
}
