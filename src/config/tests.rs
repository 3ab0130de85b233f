//! Sound files mean what they say; broken files are told all at once, in place, without a secret.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::domain::people::TwoPerson;
use crate::domain::service::{Confirm, HealthRule, ReasonRule, Value};
use crate::domain::{Cause, EnvironmentName, Fault, Role, Stage};
use crate::provider::enforcement::Enforcement;
use crate::provider::{Cadence, KINDS, Key, KeyType, Provider, SecretPlace};

fn build(_: SourceSpec) -> Result<Arc<dyn Provider>, Fault> {
    Err(Fault::new(Cause::Local, "these kinds are for checking configs only"))
}

const CADENCE: Cadence = Cadence { active: Duration::from_secs(2), idle: Duration::from_secs(10) };

macro_rules! keys {
    ($($name:literal $kind:ident $need:ident),* $(,)?) => { &[$(Key::$need($name, KeyType::$kind, "")),*] };
}

macro_rules! kind {
    ($id:ident $name:literal $keys:expr, $roles:expr) => {
        static $id: Kind = Kind {
            name: $name,
            doc: "",
            keys: $keys,
            roles: $roles,
            cadence: CADENCE,
            enforcement: Enforcement::tells_only("nothing"),
            build,
        };
    };
}

kind!(GIT "git" keys!["git" Path optional], &[
    (Role::Code, keys!["path" Path required, "migrations" List optional, "configs" List optional,
        "tickets" List optional]),
]);
kind!(GITHUB "github" keys!["url" Url optional, "token" Secret optional, "ca_file" Path optional], &[
    (Role::Pipeline, keys!["project" Text required, "workflow" Text optional, "branch" Text optional]),
    (Role::Live, keys!["environment" Text optional]),
    (Role::Dispatch, keys!["workflow" Text required, "ref" Text optional, "inputs" Table optional]),
]);
kind!(KUBERNETES "kubernetes" keys!["kubeconfig" Path optional, "context" Text optional], &[
    (Role::Deploy, keys!["namespace" Text required, "workload" Text required, "container" Text optional]),
]);
kind!(DOCKER "docker" keys!["host" Url optional], &[(Role::Deploy, keys!["service" Text required])]);
kind!(PROMETHEUS "prometheus" keys!["url" Url required, "token" Secret optional, "username" Text optional,
        "password" Secret optional, "tenant" Text optional, "ca_file" Path optional, "headers" Table optional,
        "step" Number optional, "exemplars" Switch optional], &[
    (Role::Signal, keys!["query" Text required, "unit" Text optional, "hold" Number optional,
        "no_go" Number optional, "bad_when" Text optional, "canary" Text optional, "stable" Text optional]),
]);
kind!(ALERTMANAGER "alertmanager" keys!["url" Url required, "token" Secret optional], &[
    (Role::Alerts, keys!["filter" List optional]),
]);

const FAKES: [&Kind; 6] = [&GIT, &GITHUB, &KUBERNETES, &DOCKER, &PROMETHEUS, &ALERTMANAGER];

fn surroundings() -> Surroundings {
    Surroundings { home: Some(PathBuf::from("/home/ada")), ..Surroundings::default() }
}

fn read(text: &str) -> Result<Config, ConfigErrors> {
    load(text, "config.toml", &surroundings(), &FAKES)
}

fn sound(text: &str) -> Config {
    read(text).unwrap_or_else(|errors| panic!("{errors}"))
}

/// `line:column cause = hint` of every mistake.
fn told(text: &str) -> Vec<String> {
    let errors = read(text).expect_err("broken on purpose");
    let tell = |m: &Mistake| {
        let hint = m.hint.as_ref().map(|hint| format!(" = {hint}")).unwrap_or_default();
        format!("{}:{} {}{hint}", m.line, m.column, m.cause)
    };
    errors.mistakes().iter().map(tell).collect()
}

#[track_caller]
fn tells(text: &str, wanted: &[&str]) {
    let told = told(text);
    assert_eq!(told, wanted, "\nof\n{text}");
}

const EXAMPLE: &str = include_str!("../../config.example.toml");

#[test]
fn the_example_is_sound_with_the_kinds_that_there_are() {
    // Real kinds where they exist: the example must never promise a key that they do not understand.
    let kinds: Vec<&'static Kind> = FAKES
        .iter()
        .map(|fake| KINDS.iter().find(|kind| kind.name == fake.name).copied().unwrap_or(fake))
        .collect();
    for text in [EXAMPLE.to_owned(), uncommented(EXAMPLE)] {
        let config = load(&text, "config.example.toml", &surroundings(), &kinds);
        let config = config.unwrap_or_else(|errors| panic!("{errors}"));
        assert_eq!(config.sources.len(), 6);
        assert_eq!(config.services.len(), 1);
    }
}

/// The example with its optional keys switched on.
fn uncommented(text: &str) -> String {
    let is_key = |rest: &str| {
        rest.starts_with("[journal]")
            || rest
                .split_once(" = ")
                .is_some_and(|(key, _)| key.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
    };
    let lines = text.lines().map(|line| match line.strip_prefix("# ") {
        Some(rest) if is_key(rest) => rest,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_sound_file_means_what_it_says() {
    let config = sound(EXAMPLE);
    let names: Vec<&str> = config.sources.iter().map(|s| s.spec.name.as_str()).collect();
    assert_eq!(names, ["git", "github", "prod", "swarm", "prometheus", "alertmanager"]);
    let github = config.source(&SourceName::new("github")).unwrap();
    let token = SecretPlace::Command(vec!["gh".to_owned(), "auth".to_owned(), "token".to_owned()]);
    assert_eq!(github.spec.secrets.get("token"), Some(&token));
    let service = &config.services[0];
    assert_eq!((service.stages[0].text.as_str(), service.stages[0].stage), ("assemble", Stage::Build));
    assert_eq!((service.stages[1].text.as_str(), service.stages[1].stage), ("smoke", Stage::Test));
    assert_eq!(service.code, Some(SourceName::new("git")));
    let production = service.environment(&EnvironmentName::new("production")).unwrap();
    assert_eq!(production.policy.confirm, Confirm::TypeName);
    assert_eq!(production.policy.reason, ReasonRule::Required);
    assert_eq!(production.policy.health, HealthRule::MustBeGo);
    assert_eq!(production.policy.max_age, Duration::from_secs(15));
    assert_eq!(production.signals.len(), 2);
    assert_eq!(production.alerts, Some(SourceName::new("alertmanager")));
    let git = config.source(&SourceName::new("git")).unwrap();
    assert_eq!(git.spec.bounds[0].settings.text("path"), Some("/home/ada/src/checkout"));
    let roles: Vec<(Role, Option<&str>)> = github
        .spec
        .bounds
        .iter()
        .map(|b| (b.role, b.environment.as_ref().map(EnvironmentName::as_str)))
        .collect();
    assert_eq!(
        roles,
        [
            (Role::Pipeline, None),
            (Role::Live, Some("staging")),
            (Role::Live, Some("production")),
            (Role::Dispatch, Some("production")),
        ]
    );
    let prometheus = config.source(&SourceName::new("prometheus")).unwrap();
    assert_eq!(prometheus.spec.bounds[0].settings.text("name"), Some("error-rate"));
    assert_eq!(prometheus.spec.bounds[0].settings.number("no_go"), Some(0.02));
}

#[test]
fn a_repo_alone_brings_its_own_git_source() {
    let config = sound("[[service]]\nname = 'a'\nrepo = '~/src/a'\n[[service]]\nname = 'b'\nrepo = '/src/b'");
    assert_eq!(config.sources.len(), 1);
    let spec = &config.sources[0].spec;
    assert_eq!((spec.name.as_str(), config.sources[0].kind.name), ("git", "git"));
    let paths: Vec<_> = spec.bounds.iter().map(|b| b.settings.text("path")).collect();
    assert_eq!(paths, [Some("/home/ada/src/a"), Some("/src/b")]);
}

#[test]
fn a_health_source_overrides_the_signals_own() {
    let config = sound(
        "[[source]]\nname='a'\nkind='prometheus'\nurl='http://a'\n[[source]]\nname='b'\nkind='prometheus'\n\
         url='http://b'\nevery='90s'\n[[signal]]\nname='s'\nsource='a'\nquery='up'\nhold=1\n[[service]]\nname='x'\n\
         [[service.environment]]\nname='p'\nhealth={source='b',signals=['s']}\n",
    );
    let bounds: Vec<usize> = config.sources.iter().map(|s| s.spec.bounds.len()).collect();
    assert_eq!(bounds, [0, 1]);
    assert_eq!(config.sources[1].every, Some(Duration::from_secs(90)));
    assert_eq!(config.sources[1].spec.bounds[0].settings.0.get("hold"), Some(&Value::Integer(1)));
    assert_eq!(config.services[0].environments[0].signals[0].1, SourceName::new("b"));
}

#[test]
fn an_empty_file_is_sound_and_watches_nothing() {
    let config = sound("");
    assert!(config.sources.is_empty() && config.services.is_empty());
    assert_eq!(config.access, Access::ReadWrite);
}

#[test]
fn switches_and_paths_of_the_cockpit_are_read() {
    let config = sound(
        "[ui]\ntheme='~/t.toml'\nglyphs='ascii'\nclock='local'\nread_only=true\n[journal]\npath='/var/j'\n",
    );
    let theme = Some(Theme::File(PathBuf::from("/home/ada/t.toml")));
    assert_eq!(config.ui, Ui { theme, glyphs: Some(Glyphs::Ascii), clock: Clock::Local, ..Ui::default() });
    assert_eq!(config.access, Access::ReadOnly);
    assert_eq!(config.journal, Some(PathBuf::from("/var/j")));
}

#[test]
fn looks_and_notices_of_the_cockpit_are_read() {
    let config = sound(
        "[ui]\ntheme='auto'\ncharts='block'\nnotify='osc777'\nnotify_command=['/bin/tell','-t']\nlink_hosts=['Git.Example']\n",
    );
    let ui = config.ui;
    assert_eq!((ui.theme, ui.charts, ui.notify), (Some(Theme::Auto), Some(Charts::Block), Notify::Osc777));
    assert_eq!(
        (ui.notify_command, ui.link_hosts),
        (vec!["/bin/tell".into(), "-t".into()], vec!["git.example".into()])
    );
    for name in THEMES {
        assert_eq!(sound(&format!("[ui]\ntheme='{name}'\n")).ui.theme, Some(Theme::BuiltIn(name)));
    }
    let mut around = surroundings();
    around.themes.insert("mine".into(), "/home/ada/.config/gonogo/themes/mine.toml".into());
    let own = load("[ui]\ntheme='mine'\n", "c.toml", &around, &[]).unwrap().ui.theme;
    assert_eq!(own, Some(Theme::File("/home/ada/.config/gonogo/themes/mine.toml".into())));
    tells(
        "[ui]\nnotify_command = ['notify-send']\nlink_hosts = ['https://a.example']\n",
        &[
            "2:18 `notify_command` must begin with the whole path of a program = for example [\"/usr/bin/notify-send\", \"gonogo\"]",
            "3:15 `link_hosts` holds names of hosts only, not \"https://a.example\" = for example \"github.com\"",
        ],
    );
}

#[test]
fn every_mistake_of_the_top_is_told_at_once() {
    tells(
        "sorce = 1\n[ui]\ntheme = 'drak'\nglyphs = 'utf8'\nclock = 7\nread_only = 'yes'\nfont = 'x'\n[journal]\npath = 'j'\n[source]\n",
        &[
            "1:1 unknown key `sorce` in the config = did you mean `source`?",
            "3:9 `theme` is neither a theme nor the path of one: \"drak\" = did you mean \"dark\"?",
            "4:10 `glyphs` cannot be \"utf8\" = there is \"unicode\", \"ascii\"",
            "5:9 `clock` must be a text in quotes, not a number",
            "6:13 `read_only` must be true or false, not a text",
            "7:1 unknown key `font` in [ui] = there is `theme`, `glyphs`, `charts`, `clock`, `notify`, `notify_command`, `link_hosts`, `read_only`, `mouse`",
            "9:8 `path` must be a whole path = begin with / or ~/ : the config means the same from every folder",
            "10:2 `source` must be a list of tables = write [[source]] in double brackets, once for each",
        ],
    );
}

#[test]
fn every_mistake_of_a_source_is_told_at_once() {
    tells(
        "[[source]]\nname = 'gh'\nkind = 'gihub'\nwhatever = 1\n\n[[source]]\nname = 'gh'\nkind = 'github'\nurl = 'github.com'\ntokn = { env = 'X' }\nca_file = '~ada/ca.pem'\nevery = '15 parsecs'\n\n[[source]]\nkind = 'prometheus'\nstep = 'often'\nexemplars = 1\nheaders = { 'X-A' = 7, Cookie = 'a=b' }\nevery = '1ms'\ntenant = ['a']\n\n[[source]]\nname = ' x'\n",
        &[
            "3:8 there is no kind \"gihub\" = did you mean \"github\"?",
            "7:8 source \"gh\" is named twice = the first is at line 2, column 8",
            "9:7 `url` must be a URL = for example \"https://host/path\"",
            "10:1 unknown key `tokn` in [[source]] \"gh\" = did you mean `token`?",
            "11:11 `ca_file` must be a whole path = begin with / or ~/ : the config means the same from every folder",
            "12:9 `every` is no duration: \"15 parsecs\" = for example \"15s\" or \"2m 30s\"",
            "14:1 [[source]] needs `name`",
            "14:1 [[source]] needs `url`",
            "16:8 `step` must be a number, not a text",
            "17:13 `exemplars` must be true or false, not a number",
            "18:21 `X-A` must be a text, not a number = put it in quotes",
            "18:24 the header `Cookie` carries a secret; secret values are never written in the config = use the source's secret keys (token, password) instead",
            "19:9 `every` must be between 1 s and 1 d",
            "20:10 `tenant` must be a text in quotes, not a list",
            "22:1 [[source]] needs `kind`",
            "23:8 a name must not begin or end with a blank",
        ],
    );
}

const SOURCES: &str = "[[source]]\nname='git'\nkind='git'\n[[source]]\nname='gh'\nkind='github'\n[[source]]\nname='prod'\nkind='kubernetes'\n[[source]]\nname='prom'\nkind='prometheus'\nurl='http://p'\n";

#[test]
fn every_mistake_of_a_service_is_told_at_once() {
    let text = format!(
        "{SOURCES}[[service]]
name = 'checkout'
code = {{ source = 'gti' }}
repo = '~/x'
pipeline = {{ source = 'prom', project = 'a/b' }}
stages = {{ tset = ['x'], build = [''] }}
[[service.environment]]
name = 'production'
deploy = {{ source = 'prod', namespace = 'x', worklod = 'deployment/x' }}
live = 'gh'
dispatch = {{ source = 'gh', workflow = '', inputs = {{ dry = true }} }}
image = 'registry/x:latest'
health = {{ signals = ['eror-rate', 7], alerts = {{ filter = [] }}, signal = [] }}
policy = 'prodction'
[[service.environment]]
name = 'production'
image = 'registry/x:{{version}}-{{sha}}'
[[service]]
name = 'checkout'
[[signal]]
name = 'error-rate'
[policy.production]
"
    );
    tells(
        &text,
        &[
            "16:19 there is no source \"gti\" = did you mean \"git\"?",
            "17:1 `repo` is short for `code`; a service has one of them",
            "18:23 source \"prom\" (kind \"prometheus\") cannot show a pipeline = configured sources that can: \"gh\"",
            "19:12 unknown key `tset` in stages = did you mean `test`?",
            "19:35 an empty pattern would match every job",
            "22:10 `deploy` needs `workload`",
            "22:46 unknown key `worklod` in `deploy` = did you mean `workload`?",
            "23:8 `live` must be a table, not a text = for example live = { source = \"..\" }",
            "24:40 `workflow` must not be empty",
            "24:61 `dry` must be a text, not a boolean = put it in quotes",
            "25:9 `image` must say where the version goes: {version} = for example \"registry.test/acme/checkout:{version}\"",
            "26:23 there is no signal \"eror-rate\" = did you mean \"error-rate\"?",
            "26:36 `signals` must hold texts only, not a number",
            "26:49 `alerts` needs `source`",
            "26:66 unknown key `signal` in `health` = did you mean `signals`?",
            "27:10 there is no policy \"prodction\" = did you mean \"production\"?",
            "29:8 environment \"production\" is named twice = the first is at line 21, column 8",
            "30:9 `image` may hold no other placeholder and no blank = for example \"registry.test/acme/checkout:{version}\"",
            "32:8 service \"checkout\" is named twice = the first is at line 15, column 8",
        ],
    );
}

#[test]
fn signals_are_checked_against_the_source_that_evaluates_them() {
    let text = format!(
        "{SOURCES}[[signal]]
name = 'a'
source = 'prom'
unit = 's'
hold = 2
no_go = 1
[[signal]]
name = 'b'
source = 'gh'
query = 'up'
[[signal]]
name = 'c'
query = 'up'
qery = 'up'
[[signal]]
name = 'c'
[[signal]]
name = 'd'
source = 'prom'
query = 'up'
bad_when = 'abov'
stable = 'up'
[[service]]
name = 'x'
environment = [{{ name = 'p', health = {{ signals = ['a', 'a', 'c'] }} }}, {{ name = 'q', health = {{ source = 'prom', signals = ['c'] }} }}]
"
    );
    tells(
        &text,
        &[
            "14:1 [[signal]] \"a\" needs `query`",
            "19:9 `no_go` lies below `hold`, so HOLD could never be seen = swap them, or set `bad_when`",
            "22:10 source \"gh\" (kind \"github\") cannot evaluate a signal = configured sources that can: \"prom\"",
            "27:1 unknown key `qery` in [[signal]] \"c\" = did you mean `query`?",
            "29:8 signal \"c\" is named twice = the first is at line 25, column 8",
            "34:12 `bad_when` cannot be \"abov\" = did you mean \"above\"?",
            "35:10 `stable` is compared with `canary`, and there is no `canary` = add `canary`, or leave `stable` out",
            "38:57 signal \"a\" is named twice = the first is at line 38, column 52",
            "38:62 nothing says which source evaluates signal \"c\" = give the signal or this health a `source`",
        ],
    );
}

#[test]
fn every_mistake_in_a_policy_is_told_in_place() {
    tells(
        "[policy.p]\ntwo_person = 1\nconfirm = 'type'\nrequire_reason = 1\nmax_age = 15\nhealthy = 'no'\nread_only = []\nread_onyl = true\n[policy.'']\n",
        &[
            "2:14 `two_person` must be true or false, not a number",
            "3:11 `confirm` cannot be \"type\" = there is \"type-name\", \"press\"",
            "4:18 `require_reason` must be true or false, not a number",
            "5:11 `max_age` must be a duration in quotes, not a number = for example \"15s\" or \"2m 30s\"",
            "6:11 `healthy` must be true or false, not a text",
            "7:13 `read_only` must be true or false, not a list",
            "8:1 unknown key `read_onyl` in [policy.p] = did you mean `read_only`?",
            "9:9 a name must not be empty",
        ],
    );
}

#[test]
fn a_second_person_is_asked_where_the_policy_says_so() {
    let text = "[policy.p]\ntwo_person = true\n[policy.q]\ntwo_person = false\n[[service]]\nname = 'x'\nenvironment = [{ name = 'p', policy = 'p' }, { name = 'q', policy = 'q' }, { name = 'r' }]\n";
    let config = read(text).unwrap();
    let people: Vec<TwoPerson> = config.services[0].environments.iter().map(|e| e.policy.people).collect();
    assert_eq!(people, [TwoPerson::Required, TwoPerson::NotAsked, TwoPerson::NotAsked]);
}

#[test]
fn a_freeze_means_what_it_says() {
    let text = "[policy.p]
freeze = [
  { from = 'Fri 16:00', to = 'Mon 08:00', zone = 'europe/berlin', reason = 'weekend' },
  { from = '2026-12-20', to = '2027-01-03 08:00', zone = 'Asia/Kathmandu' },
  { from = '22:00', to = '6:00', zone = 'UTC' },
  { from = 'saturday', to = 'Sun', zone = 'America/New_York' },
]
[[service]]
name = 'x'
environment = [{ name = 'q', policy = 'p' }]
";
    let config = read(text).unwrap();
    let freeze = &config.services[0].environments[0].policy.freeze;
    let spelled: Vec<String> = freeze.iter().map(ToString::to_string).collect();
    assert_eq!(
        spelled,
        [
            "Fri 16:00 to Mon 08:00 Europe/Berlin",
            "2026-12-20 00:00 to 2027-01-03 08:00 Asia/Kathmandu",
            "22:00 to 06:00 UTC",
            "Sat 00:00 to Mon 00:00 America/New_York",
        ]
    );
    assert_eq!(freeze[0].reason, Some("weekend".into()));
}

#[test]
fn every_mistake_in_a_freeze_is_told_in_place() {
    tells(
        "[policy.p]
freeze = [
  { from = 'Fri 16:00', to = 'Mon 08:00', zone = 'Europe/Brelin' },
  { from = 'Fri 16:00', to = 'Mon 08:00', zone = 'berlin' },
  { from = 'Fri 16:00', to = 'Mon 08:00', zone = 'PST', reson = 'x' },
  { from = 'Fri 16:00', to = 'Fri 16:00', zone = 'UTC', reason = ' ' },
  { from = '2027-01-03 08:00', to = '2026-12-20 00:00', zone = 'UTC' },
  { from = '2027-02-30', to = '2027-03-01', zone = 'UTC' },
  { from = 'Fryday 16:00', to = 'Mon 24:00', zone = 'UTC' },
  { from = 'Fri 16:00', to = 'Mon 24:00', zone = 'UTC' },
  { from = 'Fri 16:00', to = '08:00', zone = 'UTC' },
  { from = 2026-12-20, to = 3, zone = true },
  { to = 'Mon 08:00' },
  'Fri 16:00 to Mon 08:00',
]
[policy.q]
freeze = { from = 'Fri 16:00', to = 'Mon 08:00', zone = 'UTC' }
",
        &[
            "3:50 there is no time zone \"Europe/Brelin\" = did you mean \"Europe/Berlin\"?",
            "4:50 there is no time zone \"berlin\" = did you mean \"Europe/Berlin\"?",
            "5:50 there is no time zone \"PST\" = give the IANA name of a place, for example \"Europe/Berlin\", or \"UTC\"",
            "5:57 unknown key `reson` in `freeze` = did you mean `reason`?",
            "6:30 a freeze must not end when it begins = for an environment that is always frozen, write read_only = true in its policy",
            "6:66 `reason` must not be empty",
            "7:37 this freeze ends before it begins: 2026-12-20 00:00 is earlier than 2027-01-03 08:00 = swap `from` and `to`, or mend the year",
            "8:12 there is no date \"2027-02-30\" = a date is year-month-day: \"2026-12-20\"",
            "9:12 \"Fryday 16:00\" is no moment that a freeze could begin or end at = for example \"Fri 16:00\", \"22:00\" or \"2026-12-20 16:00\"",
            "10:30 there is no time of day \"24:00\" = the end of a day is \"00:00\" of the next day",
            "11:30 `from` is a day of the week, but `to` is a time of day = write both the same way",
            "12:12 `from` must be a text in quotes, not a date",
            "12:29 `to` must be a text in quotes, not a number",
            "12:39 `zone` must be a text in quotes, not a boolean",
            "13:3 `freeze` needs `from`",
            "13:3 `freeze` needs `zone`",
            "14:3 `freeze` must hold tables only, not a text = for example freeze = [{ from = \"Fri 16:00\", to = \"Mon 08:00\", zone = \"Europe/Berlin\" }]",
            "17:10 `freeze` must be a list of tables, not a table = for example freeze = [{ from = \"Fri 16:00\", to = \"Mon 08:00\", zone = \"Europe/Berlin\" }]",
        ],
    );
}

#[test]
fn syntax_errors_are_told_with_their_place() {
    let told = told("[[source]]\nname = git\nkind = 'git'\n[ui\n");
    assert!(told.len() >= 2 && told[0].starts_with("2:8 not TOML: "), "{told:?}");
    assert!(told.iter().any(|line| line.starts_with("4:")), "{told:?}");
}

#[test]
fn a_key_given_twice_does_not_hide_the_other_mistakes() {
    tells(
        "[ui]\nread_only = true\nread_only = false\ntheme = 'ligth'\n",
        &[
            "3:1 not TOML: duplicate key",
            "4:9 `theme` is neither a theme nor the path of one: \"ligth\" = did you mean \"light\"?",
        ],
    );
}

/// Unique enough that no slice of it can appear by chance.
const CANARY: &str = "Zq7Kx0Vw93";

#[test]
fn no_secret_value_is_accepted_and_none_is_shown() {
    for secret in [
        "token = 'CANARY'",
        "token = { value = 'CANARY' }",
        "token = ['CANARY']",
        "token = { env = 'CAN-CANARY' }",
        "token = { env = 'ghp_CANARY' }",
        "token = { keyring = 'ghp_CANARY' }",
        "token = { command = ['echo', 'ghp_CANARY'] }",
        "tokn = 'CANARY'",
        "password = 'CANARY'",
        "url = 'https://ada:CANARY@host/'",
        "headers = { Authorization = 'CANARY' }",
        "headers = { 'X-Api-Key' = 'CANARY' }",
        "tenant = 'glpat-CANARY'",
        "token = CANARY",
        "token = 'CANARY",
        "tokn = CANARY",
        "token = \"\"\"\nCANARY\n\"\"\" x",
        "token = \"\"\"\nCANARY\nx",
        "password = 0xCANARY",
    ] {
        let secret = secret.replace("CANARY", CANARY);
        let url = if secret.starts_with("url") { "" } else { "url = 'http://p'\n" };
        let text = format!("[[source]]\nname = 'p'\nkind = 'prometheus'\n{url}{secret}\n");
        let Err(errors) = read(&text) else { panic!("accepted {secret}") };
        for shown in [errors.to_string(), format!("{errors:?}")] {
            assert!(!shown.contains(&CANARY[2..]), "{shown}");
        }
    }
}

#[test]
fn an_unknown_kind_shows_none_of_its_settings() {
    let text = format!("source = [{{ name = 'x', kind = 'y', key = '{CANARY}' }}]");
    let shown = read(&text).unwrap_err().to_string();
    assert!(shown.contains("there is no kind") && !shown.contains(CANARY), "{shown}");
}

#[test]
fn names_that_steer_a_terminal_are_refused_and_shown_escaped() {
    let errors = read("[[service]]\nname = \"a\\u001b[2J\"\n[policy.\"b\u{202e}\"]\n").unwrap_err();
    let shown = errors.to_string();
    assert_eq!(errors.mistakes().len(), 2, "{shown}");
    assert!(!shown.contains('\u{1b}') && !shown.contains('\u{202e}'), "{shown:?}");
}

#[test]
fn a_report_shows_place_snippet_caret_and_hint() {
    let shown = read("[ui]\n'thäme' = 1\n\n[[source]]\nname = 'g'\nkind = 'github'\ntoken = 'abc'\n")
        .unwrap_err()
        .to_string();
    let wanted = "\
config.toml:2:1: unknown key `thäme` in [ui]
   |
 2 | 'thäme' = •••
   | ^^^^^^^
   = did you mean `theme`?

config.toml:7:9: `token` holds a value; secret values are never written in the config
   |
 7 | token = •••
   |         ^^^
   = say where it is: { env = \"NAME\" }, { file = \"~/..\" }, { command = [\"program\", \"..\"] } or { keyring = \"service/account\" }

2 mistakes in config.toml";
    assert_eq!(shown, wanted);
}

#[test]
fn several_git_sources_make_a_repo_ambiguous() {
    tells(
        "[[source]]\nname='a'\nkind='git'\n[[source]]\nname='b'\nkind='git'\n[[service]]\nname='x'\nrepo='/x'\n",
        &[
            "9:1 `repo` does not say which of the 2 git sources reads it = write code = { source = \"..\", path = \"..\" } instead",
        ],
    );
}

#[test]
fn secret_places_must_be_one_and_whole() {
    let text = "[[source]]\nname='a'\nkind='github'\ntoken = {}\n[[source]]\nname='b'\nkind='github'\ntoken = { env='A', file='/x' }\n[[source]]\nname='c'\nkind='github'\ntoken = { command='gh auth token' }\n[[source]]\nname='d'\nkind='github'\ntoken = { command=['gh auth token'] }\n[[source]]\nname='e'\nkind='github'\ntoken = { fiel='/x' }\n[[source]]\nname='f'\nkind='github'\ntoken = { command=['./x'] }\n";
    let told = told(text);
    let places: Vec<&str> =
        told.iter().filter_map(|line| line.split_once(' ').map(|(place, _)| place)).collect();
    assert_eq!(places, ["4:9", "8:9", "12:19", "16:20", "20:11", "24:20"], "{told:#?}");
    assert!(told[4].ends_with("did you mean `file`?"), "{told:#?}");
}

#[test]
fn nothing_of_the_environment_shows_in_a_config() {
    let env = [("SECRET".to_owned(), CANARY.to_owned())].into();
    let around = Surroundings { env: Arc::new(env), ..Surroundings::default() };
    let config = load("[[source]]\nname='g'\nkind='git'\n", "c", &around, &FAKES).unwrap();
    assert_eq!(config.sources[0].spec.env.get("SECRET").map(String::as_str), Some(CANARY));
    assert!(!format!("{config:?}").contains(CANARY));
}

#[test]
fn any_text_is_answered_without_a_panic() {
    let pieces =
        ["[", "]", "=", "'", "\"", "\n", "a", "source", "{", "}", ".", "\u{1b}", "é", "1", "token", ","];
    let mut state = 7_u64;
    for _ in 0..3_000 {
        let mut text = String::new();
        for _ in 0..24 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text.push_str(pieces[(state >> 33) as usize % pieces.len()]);
        }
        if let Err(errors) = read(&text) {
            assert!(!errors.to_string().contains('\u{1b}'));
        }
    }
}

/// A caret's place is found once for each mistake, not once for each character of the line and each secret in it.
#[test]
fn a_long_line_with_many_mistakes_and_secrets_is_told_at_once() {
    let keys: String = (0..2_000).map(|n| format!("k{n} = 1, ")).collect();
    let text = format!("[policy]\nx = {{ {keys}z = 1 }}\n");
    let began = std::time::Instant::now();
    let errors = load(&text, "config.toml", &Surroundings::default(), crate::provider::KINDS).unwrap_err();
    assert!(errors.mistakes().len() > 2_000, "{}", errors.mistakes().len());
    assert!(began.elapsed() < std::time::Duration::from_secs(20), "{:?}", began.elapsed());
}

#[test]
fn variables_for_a_program_are_texts_and_whereabouts_of_secrets() {
    let config = |env: &str| {
        let text = format!(
            "[[source]]\nname = 'ship'\nkind = 'command'\nstate = ['/opt/ship']\nenv = {env}\n\
             [[service]]\nname = 'shop'\n"
        );
        load(&text, "config.toml", &Surroundings::default(), crate::provider::KINDS)
    };
    let read = config("{ REGION = 'eu', SHIP_TOKEN = { env = 'T' }, OTHER = { file = '/run/x' } }").unwrap();
    let spec = &read.sources.iter().find(|s| s.kind.name == "command").unwrap().spec;
    assert_eq!(
        spec.settings.table("env").unwrap(),
        &BTreeMap::from([("REGION".to_owned(), "eu".to_owned())])
    );
    assert_eq!(spec.secrets.len(), 2);
    assert_eq!(spec.secrets["env.SHIP_TOKEN"], SecretPlace::Env("T".to_owned()));
    assert_eq!(spec.secrets["env.OTHER"], SecretPlace::File("/run/x".into()));
    for (wrong, part) in [
        ("{ SHIP_TOKEN = 'hunter2' }", "`SHIP_TOKEN` holds a value; secret values are never written"),
        ("{ A = 7 }", "`A` holds a value"),
        ("{ 'A B' = 'x' }", "`A B` cannot name a variable"),
        ("{ '7A' = 'x' }", "`7A` cannot name a variable"),
        ("{ A = { envv = 'T' } }", "unknown key `envv`"),
        ("{ A = { env = 'T', file = '/x' } }", "`A` must say one place"),
        ("[ 'A' ]", "`env` must be a table"),
    ] {
        let errors = config(wrong).unwrap_err().to_string();
        assert!(errors.contains(part), "{wrong}: {errors}");
        assert!(!errors.contains("hunter2"), "{errors}");
    }
}

/// The keys that the check takes at a place, as it tells when it is given one that nobody could mean.
fn taken_at(before: &str, line: &str) -> std::collections::BTreeSet<String> {
    let text = format!("{before}{line}");
    let errors = load(&text, "config.toml", &Surroundings::default(), crate::provider::KINDS)
        .expect_err("zzzzzzzzzz is no key");
    let mistake = errors.mistakes().iter().find(|m| m.cause.as_str().contains("`zzzzzzzzzz`"));
    let mistake = mistake.unwrap_or_else(|| panic!("{errors}"));
    let hint = mistake.hint.as_ref().map(ToString::to_string).unwrap_or_default();
    hint.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_tables_hold_every_key_that_the_check_takes_and_no_other() {
    use super::keys::{
        ANCHOR, ENVIRONMENT, Entry, FREEZE, HEALTH, JOURNAL, POLICY, ROOT, SERVICE, SIGNAL, SOURCE, STAGES,
        UI,
    };
    let odd = "zzzzzzzzzz = 1\n";
    let prometheus = crate::provider::kind("prometheus").unwrap();
    let source = "[[source]]\nname = 'p'\nkind = 'prometheus'\nurl = 'http://127.0.0.1'\n";
    let signal = format!("{source}[[signal]]\nname = 's'\nsource = 'p'\n");
    let further = |keys: &'static [crate::provider::Key]| keys.iter().map(|key| key.name).collect::<Vec<_>>();
    let of_signal = prometheus.role(crate::domain::Role::Signal).unwrap();
    let service = "[[service]]\nname = 'a'\n";
    let places: [(&[Entry], Vec<&str>, &str, String); 13] = [
        (ROOT, vec![], "", odd.to_owned()),
        (UI, vec![], "[ui]\n", odd.to_owned()),
        (JOURNAL, vec![], "[journal]\n", odd.to_owned()),
        (ANCHOR, vec![], "[journal]\n", "anchor = { repo = '/r', zzzzzzzzzz = 1 }\n".to_owned()),
        (SOURCE, further(prometheus.keys), source, odd.to_owned()),
        (SIGNAL, further(of_signal), &signal, odd.to_owned()),
        (SERVICE, vec![], service, odd.to_owned()),
        (STAGES, vec![], service, "stages = { zzzzzzzzzz = 1 }\n".to_owned()),
        (ENVIRONMENT, vec![], service, format!("[[service.environment]]\nname = 'e'\n{odd}")),
        (
            HEALTH,
            vec![],
            service,
            "[[service.environment]]\nname = 'e'\nhealth = { zzzzzzzzzz = 1 }\n".to_owned(),
        ),
        (POLICY, vec![], "[policy.p]\n", odd.to_owned()),
        (FREEZE, vec![], "[policy.p]\n", "freeze = [{ zzzzzzzzzz = 1 }]\n".to_owned()),
        (SOURCE, vec![], "[[source]]\nname = 'g'\nkind = 'git'\n", odd.to_owned()),
    ];
    for (entries, further, before, line) in places {
        let mut table: std::collections::BTreeSet<String> =
            entries.iter().map(|e| e.name.to_owned()).collect();
        table.extend(further.into_iter().map(str::to_owned));
        let mut taken = taken_at(before, &line);
        if before.contains("'git'") {
            taken.remove("git");
        }
        assert_eq!(taken, table, "at {before}{line}");
    }
}
