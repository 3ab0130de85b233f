//! Every key of the config that belongs to no kind of source: name, shape, default, meaning. Together with the kinds'
//! own tables this is what the schema and the reference are made from.
//!
//! `tests.rs` asks the check itself which keys it takes and compares: the tables and the check cannot differ.

use crate::domain::Role;

/// What a value looks like.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// `"text"`.
    Text,
    /// `"15s"`, `"2m 30s"`.
    Duration,
    /// `"/whole/path"` or `"~/path"`.
    Path,
    /// `true` or `false`.
    Switch,
    /// `["a", "b"]`.
    List,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// One of these words, or a path.
    ChoiceOrPath(&'static [&'static str]),
    /// A table.
    Section(&'static [Entry]),
    /// `[[key]]`, or a list of inline tables.
    Tables(&'static [Entry]),
    /// `[key.NAME]`, as many as there are names.
    Named(&'static [Entry]),
    /// `{ source = "..", .. }` with the keys that the source's kind has for this role.
    Binding(Role),
    /// The name of a kind.
    Kind,
    /// A key, or a list of keys, for any of the commands.
    Keys,
}

/// One key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    /// What holds without it; `required` if it must be there; empty if nothing does.
    pub(super) default: &'static str,
    pub(super) doc: &'static str,
}

/// Written as the default of a key that must be there.
pub(super) const REQUIRED: &str = "required";

const fn entry(name: &'static str, shape: Shape, default: &'static str, doc: &'static str) -> Entry {
    Entry { name, shape, default, doc }
}

/// The whole file.
pub(super) const ROOT: &[Entry] = &[
    entry("ui", Shape::Section(UI), "", "How the cockpit looks, and whether it may write at all."),
    entry(
        "keys",
        Shape::Keys,
        "",
        "Which keys mean which command: docs/keys.md names every command and its usual keys.",
    ),
    entry("journal", Shape::Section(JOURNAL), "", "Where the record of every action is kept and anchored."),
    entry(
        "source",
        Shape::Tables(SOURCE),
        "",
        "An outside system. Further keys depend on its kind: docs/providers.",
    ),
    entry("signal", Shape::Tables(SIGNAL), "", "What is measured, and when it means HOLD or NO-GO."),
    entry("service", Shape::Tables(SERVICE), "", "What is released."),
    entry("policy", Shape::Named(POLICY), "", "The rules of an environment, by a name of yours."),
];

pub(super) const UI: &[Entry] = &[
    entry(
        "theme",
        Shape::ChoiceOrPath(super::THEMES),
        "by the terminal",
        "Colours: a built-in theme or the path of a theme file. --theme and NO_COLOR win over it.",
    ),
    entry(
        "glyphs",
        Shape::Choice(&["unicode", "ascii"]),
        "by the terminal",
        "Which characters may be drawn.",
    ),
    entry(
        "charts",
        Shape::Choice(&["braille", "block", "ascii"]),
        "by the glyphs",
        "What the course of a signal is drawn with.",
    ),
    entry(
        "notify",
        Shape::Choice(&["auto", "osc9", "osc777", "bell", "off"]),
        "auto",
        "How the terminal calls when a gate opens, a stage fails or an action is proved, and nobody looks.",
    ),
    entry(
        "notify_command",
        Shape::List,
        "",
        "A program with its arguments that is run for each such notice: an absolute path, no shell; the notice is its last argument.",
    ),
    entry(
        "link_hosts",
        Shape::List,
        "",
        "Further hosts that links on the screen may lead to; those of the sources may anyway.",
    ),
    entry("clock", Shape::Choice(&["utc", "local"]), "utc", "Whose time is shown."),
    entry(
        "mouse",
        Shape::Switch,
        "false",
        "Whether the mouse scrolls and selects from the start; m gives and takes it while the cockpit runs.",
    ),
    entry("read_only", Shape::Switch, "false", "Refuse every write, whatever the policies say."),
];

pub(super) const JOURNAL: &[Entry] = &[
    entry("path", Shape::Path, "the user's state folder", "The journal's file, on a disk of this machine."),
    entry(
        "anchor",
        Shape::Section(ANCHOR),
        "",
        "Where its head (count and hash) is committed, so that a cut journal shows.",
    ),
];

pub(super) const ANCHOR: &[Entry] = &[
    entry("repo", Shape::Path, REQUIRED, "The folder of a git repository."),
    entry("ref", Shape::Text, "refs/gonogo/anchor", "The ref that holds the anchors; one for one journal."),
    entry("every", Shape::Duration, "1h", "How long a line may stay without an anchor: 1 min to 7 d."),
    entry("git", Shape::Path, "found in $PATH", "The git program."),
];

pub(super) const SOURCE: &[Entry] = &[
    entry("name", Shape::Text, REQUIRED, "Yours: what other parts refer to, and what the screen shows."),
    entry("kind", Shape::Kind, REQUIRED, "What it is."),
    entry(
        "every",
        Shape::Duration,
        "as suits the kind",
        "How often to look while nothing moves: 1 s to 1 d.",
    ),
];

pub(super) const SIGNAL: &[Entry] = &[
    entry("name", Shape::Text, REQUIRED, "Yours."),
    entry("source", Shape::Text, "the health's source", "Who evaluates it. Further keys depend on its kind."),
];

pub(super) const SERVICE: &[Entry] = &[
    entry("name", Shape::Text, REQUIRED, "Yours."),
    entry("repo", Shape::Path, "", "Short for `code` with the only git source and this path."),
    entry("code", Shape::Binding(Role::Code), "", "Its repository."),
    entry("pipeline", Shape::Binding(Role::Pipeline), "", "Its pipeline."),
    entry(
        "stages",
        Shape::Section(STAGES),
        "the usual words",
        "Words in the names of jobs that tell their stage; before the usual ones.",
    ),
    entry("environment", Shape::Tables(ENVIRONMENT), "", "Where it runs, in the order of promotion."),
];

pub(super) const STAGES: &[Entry] = &[
    entry("plan", Shape::List, "", "Words of PLAN jobs."),
    entry("code", Shape::List, "", "Words of CODE jobs."),
    entry("build", Shape::List, "", "Words of BUILD jobs."),
    entry("test", Shape::List, "", "Words of TEST jobs."),
    entry("release", Shape::List, "", "Words of RELEASE jobs."),
    entry("deploy", Shape::List, "", "Words of DEPLOY jobs."),
    entry("operate", Shape::List, "", "Words of OPERATE jobs."),
    entry("monitor", Shape::List, "", "Words of MONITOR jobs."),
];

pub(super) const ENVIRONMENT: &[Entry] = &[
    entry("name", Shape::Text, REQUIRED, "Yours."),
    entry(
        "deploy",
        Shape::Binding(Role::Deploy),
        "",
        "Who runs it: tells the rollout, and carries out promotions and roll backs.",
    ),
    entry(
        "owner",
        Shape::Binding(Role::Owner),
        "",
        "The GitOps controller that owns it: its sync state and history, holding it and letting it go.",
    ),
    entry(
        "manifests",
        Shape::Binding(Role::Manifests),
        "",
        "Its manifests in Git, which a roll back can revert.",
    ),
    entry(
        "live",
        Shape::Binding(Role::Live),
        "the pipeline's source, if it can",
        "Who tells what is live and carries the gates.",
    ),
    entry("dispatch", Shape::Binding(Role::Dispatch), "", "Ships a version by starting a pipeline."),
    entry("image", Shape::Text, "", "How an image is named from a version: it holds {version}."),
    entry("health", Shape::Section(HEALTH), "", "What tells whether it is well."),
    entry("policy", Shape::Text, "no rules, confirm = \"press\"", "The name of a [policy.NAME]."),
];

pub(super) const HEALTH: &[Entry] = &[
    entry("signals", Shape::List, "", "Names of [[signal]]s."),
    entry("source", Shape::Text, "each signal's own", "Evaluates the signals instead of their own source."),
    entry("alerts", Shape::Binding(Role::Alerts), "", "Who tells alerts."),
];

pub(super) const POLICY: &[Entry] = &[
    entry(
        "confirm",
        Shape::Choice(&["type-name", "press"]),
        "press",
        "Type the service's name, or move to the button.",
    ),
    entry("require_reason", Shape::Switch, "false", "A reason must be given; it goes into the journal."),
    entry("read_only", Shape::Switch, "false", "No writes to this environment."),
    entry("healthy", Shape::Switch, "false", "A promotion needs health GO."),
    entry(
        "max_age",
        Shape::Duration,
        "60s",
        "Evidence older than this is stale, and nothing is planned on it: 1 s to 1 h.",
    ),
    entry(
        "two_person",
        Shape::Switch,
        "false",
        "Who approves must not be who started the run or wrote its commit.",
    ),
    entry("freeze", Shape::Tables(FREEZE), "", "When nothing is promoted or approved."),
];

pub(super) const FREEZE: &[Entry] = &[
    entry(
        "from",
        Shape::Text,
        REQUIRED,
        "Frozen from here: \"Fri 16:00\", \"22:00\", \"2026-12-20\" or \"2026-12-20 08:00\".",
    ),
    entry("to", Shape::Text, REQUIRED, "Free again from here."),
    entry("zone", Shape::Text, REQUIRED, "IANA name of a time zone, such as \"Europe/Berlin\"."),
    entry("reason", Shape::Text, "", "Shown with every refusal."),
];
