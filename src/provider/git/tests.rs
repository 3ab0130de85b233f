//! Real repositories in temporary folders, read by both readers.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

use super::*;
use crate::domain::code::{Breaking, FileDelta, FileKind};
use crate::domain::{Bound, ChangeSet, Settings, SourceName, SpanAsk};

/// A repository that is written by git itself.
struct Written {
    folder: TempDir,
    clock: i64,
}

impl Written {
    fn new(args: &[&str]) -> Self {
        let written = Self { folder: TempDir::new().unwrap(), clock: 1_700_000_000 };
        fs::create_dir(written.path()).unwrap();
        let mut init = vec!["init", "--quiet", "--initial-branch=main"];
        init.extend(args);
        written.git(&init);
        written
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    fn command(&self) -> Command {
        let mut command = Command::new("git");
        command.env_clear().envs(env(self.folder.path()));
        let date = format!("{} +0000", self.clock);
        command.env("GIT_AUTHOR_DATE", &date).env("GIT_COMMITTER_DATE", &date);
        for (who, name) in [("AUTHOR", "Ada"), ("COMMITTER", "Grace")] {
            command
                .env(format!("GIT_{who}_NAME"), name)
                .env(format!("GIT_{who}_EMAIL"), format!("{name}@x.test"));
        }
        command.current_dir(self.path());
        command
    }

    fn git(&self, args: &[&str]) -> String {
        let output = self.command().args(args).output().unwrap();
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn file(&self, path: &str, content: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn commit(&mut self, message: &str, files: &[(&str, &str)]) -> String {
        self.clock += 60;
        for (path, content) in files {
            self.file(path, content);
        }
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Two releases of a shop.
    fn shop(args: &[&str]) -> Self {
        let mut shop = Self::new(args);
        shop.commit(
            "feat: begin",
            &[("src/a.rs", "1\n2\n3\n4\n5\n"), ("gone.txt", "x\n"), ("config/app.yml", "a: 1\n")],
        );
        shop.git(&["tag", "v1.9.0"]);
        shop.commit("chore: release", &[]);
        shop.git(&["tag", "-a", "-m", "ten", "v1.10.0"]);
        shop.git(&["tag", "nightly"]);
        shop.commit("fix(cart): round prices\n\nSHOP-812\n", &[("src/a.rs", "1\n2\n3\n4\nfive\nsix\n")]);
        fs::remove_file(shop.path().join("gone.txt")).unwrap();
        fs::rename(shop.path().join("config/app.yml"), shop.path().join("config/main.yml")).unwrap();
        shop.commit(
            "feat!: pay by card (SHOP-815, SHOP-812)",
            &[("db/migrations/7 ünï.sql", "select 1;\n"), ("b.bin", "a\0b")],
        );
        shop.commit("Say hello", &[("hello.txt", "hello\n")]);
        shop.git(&["tag", "v1.11.0-rc.1"]);
        shop
    }
}

fn env(home: &Path) -> BTreeMap<String, String> {
    let path = std::env::var("PATH").unwrap();
    [("PATH", path), ("HOME", home.display().to_string())].map(|(k, v)| (k.to_owned(), v)).into()
}

fn provider(path: &Path, home: &Path, settings: Settings) -> Arc<dyn Provider> {
    let bound = Bound {
        role: Role::Code,
        service: ServiceName::new("shop"),
        environment: None,
        settings: settings.with_text("path", &path.display().to_string()),
    };
    let spec = SourceSpec {
        name: SourceName::new("git"),
        settings: Settings::default(),
        secrets: BTreeMap::new(),
        bounds: vec![bound],
        env: Arc::new(env(home)),
    };
    build(spec).unwrap()
}

fn ask(spans: &[(&str, &str)]) -> Ask {
    let spans = spans.iter().map(|(base, head)| SpanAsk {
        service: ServiceName::new("shop"),
        span: Span { base: (*base).into(), head: (*head).into() },
    });
    Ask { spans: spans.collect(), ..Ask::default() }
}

async fn seen(path: &Path, home: &Path, spans: &[(&str, &str)]) -> Result<Repository, Fault> {
    let looked = provider(path, home, Settings::default()).observe(&ask(spans)).await.unwrap();
    match looked.repositories.into_values().next() {
        Some(repository) => Ok(repository),
        None => Err(looked.faults.into_values().next().unwrap()),
    }
}

/// Through the command, whatever the format.
async fn seen_by_command(path: &Path, home: &Path, spans: &[(&str, &str)]) -> Result<Repository, Fault> {
    let (path, env, handle) = (path.to_owned(), env(home), Handle::current());
    let spans = ask(spans).spans.into_iter().map(|ask| ask.span).collect();
    tokio::task::spawn_blocking(move || {
        let mut command = GitCommand::new(Path::new("git"), &path, &env, handle);
        let meaning = Meaning::of(&Settings::default()).unwrap();
        look(&mut command, &mut Memory::default(), &meaning, (&path, Reader::Libgit2), &spans)
    })
    .await
    .unwrap()
}

fn only(repository: &Repository) -> &ChangeSet {
    assert_eq!(repository.changes.len(), 1);
    repository.changes.values().next().unwrap().as_ref().unwrap()
}

fn words(texts: &[crate::domain::SafeText]) -> Vec<&str> {
    texts.iter().map(crate::domain::SafeText::as_str).collect()
}

fn expect_the_shop(repository: &Repository) {
    assert_eq!(repository.head.as_ref().unwrap(), "main");
    let tags: Vec<&str> = repository.tags.iter().map(|tag| tag.name.as_str()).collect();
    assert_eq!(tags, ["v1.11.0-rc.1", "v1.10.0", "v1.9.0", "nightly"]);
    assert_eq!(repository.tags[1].commit, repository.tags[3].commit, "annotated tags are peeled");
    let changes = only(repository);
    assert_eq!((changes.total, changes.lost, changes.files_total), (3, 0, 6));
    let subjects: Vec<&str> = changes.commits.iter().map(|c| c.subject.as_str()).collect();
    assert_eq!(subjects, ["Say hello", "pay by card (SHOP-815, SHOP-812)", "round prices"]);
    assert_eq!(changes.commits[1].breaking, Breaking::Yes);
    assert_eq!(changes.commits[2].scope.as_ref().unwrap(), "cart");
    assert_eq!(changes.commits[0].author, "Ada");
    assert_eq!(words(&changes.tickets), ["SHOP-815", "SHOP-812"]);
    assert_eq!(words(&changes.authors), ["Ada"]);
    let files: Vec<_> = changes.files.iter().map(|f| (f.path.as_str(), f.delta, f.kind)).collect();
    assert_eq!(
        files,
        [
            ("b.bin", FileDelta::Added, FileKind::Other),
            ("config/main.yml", FileDelta::Renamed, FileKind::Config),
            ("db/migrations/7 ünï.sql", FileDelta::Added, FileKind::Migration),
            ("gone.txt", FileDelta::Deleted, FileKind::Other),
            ("hello.txt", FileDelta::Added, FileKind::Other),
            ("src/a.rs", FileDelta::Modified, FileKind::Other),
        ]
    );
    assert_eq!((changes.added, changes.removed), (4, 2));
    assert!(changes.remarks.is_empty());
}

const RELEASE: &[(&str, &str)] = &[("1.10.0", "main")];

#[tokio::test]
async fn a_release_is_read_with_all_that_it_brings() {
    let shop = Written::shop(&[]);
    let repository = seen(&shop.path(), shop.folder.path(), RELEASE).await.unwrap();
    assert_eq!(repository.reader, Reader::Libgit2);
    expect_the_shop(&repository);
}

#[tokio::test]
async fn sha256_and_reftable_are_read_through_the_command() {
    for (format, why) in
        [("--object-format=sha256", "object format"), ("--ref-format=reftable", "refstorage")]
    {
        let shop = Written::shop(&[format]);
        let repository = seen(&shop.path(), shop.folder.path(), RELEASE).await.unwrap();
        let Reader::GitCommand(said) = &repository.reader else { panic!("the library read {format}") };
        assert!(said.as_str().contains(why), "{said}");
        expect_the_shop(&repository);
    }
}

#[tokio::test]
async fn both_readers_agree() {
    let mut shop = Written::shop(&[]);
    let old = shop.git(&["rev-parse", "v1.9.0"]);
    shop.git(&["checkout", "--quiet", "-b", "hotfix", "v1.10.0"]);
    shop.commit("fix: hot\n\nPAY-1", &[("src/a.rs", "0\n2\n"), ("hot.env", "x")]);
    shop.git(&["branch", "--set-upstream-to=main"]);
    shop.git(&["checkout", "--quiet", "main"]);
    shop.clock += 60;
    shop.git(&["merge", "--quiet", "--no-ff", "-m", "Merge the fix", "hotfix", "-s", "ours"]);
    let side = shop.git(&["commit-tree", "-m", "island\n\nlast line", "HEAD^{tree}"]);
    shop.git(&["tag", "island", &side]);
    shop.git(&["tag", "tree", "HEAD^{tree}"]);
    shop.git(&["tag", "-a", "-m", "twice", "twice", "v1.10.0"]);
    let spans = [
        ("v1.9.0", "main"),
        ("main", "hotfix"),
        ("island", "v1.10.0"),
        (old.as_str(), &old[..9]),
        ("HEAD", "twice"),
        ("missing", "main"),
        ("tree", "main"),
    ];
    let home = shop.folder.path();
    let one = seen(&shop.path(), home, &spans).await.unwrap();
    let other = seen_by_command(&shop.path(), home, &spans).await.unwrap();
    assert_eq!(one, other);
    assert_eq!(one.changes.values().filter(|answer| answer.is_ok()).count(), 5);
    assert_eq!(one.branches[0].name, "main");
    let upstream = one.branches[1].upstream.as_ref().unwrap();
    assert_eq!((upstream.name.as_str(), upstream.ahead, upstream.behind), ("main", 0, 4));
}

#[tokio::test]
async fn going_back_loses_commits() {
    let shop = Written::shop(&[]);
    let repository = seen(&shop.path(), shop.folder.path(), &[("main", "v1.10.0")]).await.unwrap();
    let changes = only(&repository);
    assert_eq!((changes.total, changes.lost, changes.files_total), (0, 3, 6));
}

#[tokio::test]
async fn a_missing_revision_is_named_with_what_to_do() {
    let shop = Written::shop(&[]);
    for missing in ["v2.0.0", "--upload-pack=x", "HEAD~1", &"a".repeat(40), &"f".repeat(64), "zzzzzzz", ""] {
        for sha256 in [&[][..], &["--object-format=sha256"]] {
            let other = (!sha256.is_empty()).then(|| Written::shop(sha256));
            let shop = other.as_ref().unwrap_or(&shop);
            let repository = seen(&shop.path(), shop.folder.path(), &[(missing, "main")]).await.unwrap();
            let fault = repository.changes.values().next().unwrap().as_ref().unwrap_err();
            assert_eq!(fault.cause, Cause::NotFound, "{fault}");
            assert!(fault.detail.as_str().contains(&format!("{missing:?}")), "{fault}");
            assert!(fault.hint.as_ref().unwrap().as_str().contains("fetch --tags"));
        }
    }
}

#[tokio::test]
async fn unrelated_histories_are_told() {
    let mut shop = Written::shop(&[]);
    shop.git(&["checkout", "--quiet", "--orphan", "island"]);
    shop.commit("feat: alone", &[]);
    let repository = seen(&shop.path(), shop.folder.path(), &[("main", "island")]).await.unwrap();
    let changes = only(&repository);
    assert_eq!((changes.total, changes.lost), (1, 5));
    assert!(changes.remarks[0].as_str().starts_with("unrelated histories"), "{:?}", changes.remarks);
}

#[tokio::test]
async fn a_shallow_clone_never_gives_an_empty_or_silently_cut_change_set() {
    let shop = Written::shop(&[]);
    let from = format!("file://{}", shop.path().display());
    let home = shop.folder.path();
    let clone = |name: &str, depth: &str| {
        let to = home.join(name);
        shop.git(&["clone", "--quiet", "--depth", depth, &from, to.to_str().unwrap()]);
        shop.git(&[
            "-C",
            to.to_str().unwrap(),
            "fetch",
            "--quiet",
            "--depth",
            "1",
            "origin",
            "tag",
            "v1.9.0",
        ]);
        to
    };
    let cut = clone("cut", "1");
    let deep = clone("deep", "3");
    for command in [false, true] {
        let see = async |path: &Path, spans: &[(&str, &str)]| {
            if command { seen_by_command(path, home, spans).await } else { seen(path, home, spans).await }
                .unwrap()
        };
        let repository = see(&cut, &[("v1.9.0", "main")]).await;
        assert!(repository.remarks[0].as_str().starts_with("shallow clone: history ends at "));
        let fault = repository.changes.values().next().unwrap().as_ref().unwrap_err();
        assert!(fault.hint.as_ref().unwrap().as_str().contains("--unshallow"), "{fault}");
        let repository = see(&deep, &[("v1.9.0", "main")]).await;
        assert!(repository.changes.values().next().unwrap().is_err());
        let tip = shop.git(&["rev-parse", "main~1"]);
        let repository = see(&deep, &[(&tip, "main")]).await;
        assert_eq!((only(&repository).total, only(&repository).remarks.len()), (1, 0));
    }
}

#[tokio::test]
async fn a_boundary_inside_the_span_is_remarked() {
    // base and head share an ancestor, but head also merges a line whose history is cut.
    let mut shop = Written::shop(&[]);
    shop.git(&["checkout", "--quiet", "-b", "side", "v1.9.0"]);
    shop.commit("fix: side one", &[]);
    let side = shop.commit("fix: side two", &[]);
    shop.git(&["checkout", "--quiet", "main"]);
    shop.clock += 60;
    shop.git(&["merge", "--quiet", "--no-ff", "-m", "Merge side", "side"]);
    fs::write(shop.path().join(".git/shallow"), format!("{side}\n")).unwrap();
    let (path, home) = (shop.path(), shop.folder.path());
    for repository in [
        seen(&path, home, &[("v1.11.0-rc.1", "main")]).await.unwrap(),
        seen_by_command(&path, home, &[("v1.11.0-rc.1", "main")]).await.unwrap(),
    ] {
        assert!(only(&repository).remarks[0].as_str().starts_with("shallow clone"), "{repository:?}");
    }
}

#[tokio::test]
async fn an_empty_repository_is_told() {
    for format in [&[][..], &["--object-format=sha256"], &["--bare"]] {
        let empty = Written::new(format);
        let repository = seen(&empty.path(), empty.folder.path(), &[("v1", "main")]).await.unwrap();
        assert_eq!((repository.head.as_ref().unwrap().as_str(), &repository.tip), ("main", &None));
        assert_eq!(words(&repository.remarks), ["empty repository: no commit yet"]);
        assert!(repository.changes.values().next().unwrap().is_err());
    }
}

#[tokio::test]
async fn bare_and_detached_repositories_are_read() {
    let shop = Written::shop(&[]);
    let bare = shop.folder.path().join("bare.git");
    shop.git(&["clone", "--quiet", "--bare", ".", bare.to_str().unwrap()]);
    let repository = seen(&bare, shop.folder.path(), RELEASE).await.unwrap();
    assert_eq!(only(&repository).total, 3);
    shop.git(&["checkout", "--quiet", "--detach", "v1.9.0"]);
    let repository = seen(&shop.path(), shop.folder.path(), &[]).await.unwrap();
    assert_eq!((repository.head, repository.tip.is_some()), (None, true));
}

#[tokio::test]
async fn what_is_no_repository_is_told_and_parents_are_not_searched() {
    let shop = Written::shop(&[]);
    shop.file("sub/x", "");
    let home = shop.folder.path();
    let fault = seen(&shop.path().join("sub"), home, &[]).await.unwrap_err();
    assert!(fault.detail.as_str().ends_with("is not a git repository"), "{fault}");
    let fault = seen_by_command(&shop.path().join("sub"), home, &[]).await.unwrap_err();
    assert!(fault.detail.as_str().ends_with("is not a git repository"), "{fault}");
    let fault = seen(&shop.path().join("nowhere"), home, &[]).await.unwrap_err();
    assert!(fault.detail.as_str().starts_with("there is no folder"), "{fault}");
}

#[tokio::test]
async fn a_repository_of_another_user_is_not_read() {
    let shop = Written::shop(&[]);
    // Only an administrator can give files away; everybody else has no such repository to try it on.
    let everything = [shop.path(), shop.path().join(".git")];
    if everything.iter().any(|path| std::os::unix::fs::chown(path, Some(65_534), None).is_err()) {
        return;
    }
    for answer in [
        seen(&shop.path(), shop.folder.path(), &[]).await,
        seen_by_command(&shop.path(), shop.folder.path(), &[]).await,
    ] {
        let fault = answer.unwrap_err();
        let detail = format!("{} belongs to another user; git does not trust it", shop.path().display());
        assert_eq!(fault.detail, detail.as_str());
        assert!(fault.hint.unwrap().as_str().contains("safe.directory"));
    }
}

#[tokio::test]
async fn a_look_sees_what_moved_since_the_last_one() {
    let mut shop = Written::shop(&[]);
    let git = provider(&shop.path(), shop.folder.path(), Settings::default());
    let ask = ask(RELEASE);
    let service = ServiceName::new("shop");
    let first = git.observe(&ask).await.unwrap();
    assert_eq!(first, git.observe(&ask).await.unwrap());
    let tip = shop.commit("feat: more", &[("more.txt", "1\n")]);
    shop.git(&["tag", "v2.0.0"]);
    let next = git.observe(&ask).await.unwrap();
    let repository = &next.repositories[&service];
    assert_eq!(repository.tip.as_ref().unwrap().as_str(), tip);
    assert_eq!(repository.tags[0].name, "v2.0.0");
    assert_eq!(only(repository).total, 4);
}

#[tokio::test]
async fn nothing_in_a_repository_executes() {
    for format in [&[][..], &["--object-format=sha256"], &["--ref-format=reftable"]] {
        let shop = Written::shop(format);
        let home = shop.folder.path().to_owned();
        let trap = |name: &str| format!("sh -c 'touch {}/ran-{name}; cat' --", home.display());
        let config = [
            ("core.fsmonitor", "fsmonitor"),
            ("core.sshCommand", "ssh"),
            ("core.pager", "pager"),
            ("core.alternateRefsCommand", "alternates"),
            ("diff.external", "external"),
            ("diff.trap.textconv", "textconv"),
            ("diff.trap.command", "driver"),
            ("filter.trap.clean", "clean"),
            ("filter.trap.smudge", "smudge"),
            ("credential.helper", "credential"),
            ("gpg.program", "gpg"),
        ];
        for (key, name) in config {
            shop.git(&["config", key, &trap(name)]);
        }
        shop.git(&["config", "log.showSignature", "true"]);
        shop.git(&["config", "core.hooksPath", &home.join("hooks").display().to_string()]);
        shop.file(".gitattributes", "* diff=trap filter=trap\n");
        shop.file(".git/info/attributes", "* diff=trap filter=trap\n");
        let ran = || {
            let names = fs::read_dir(&home).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
            names.filter(|name| name.starts_with("ran-")).collect::<Vec<_>>()
        };
        // The control: git itself springs the traps.
        let control = shop.command().args(["diff", "v1.10.0", "main"]).output().unwrap();
        assert!(!ran().is_empty(), "{control:?}");
        ran().iter().for_each(|name| fs::remove_file(home.join(name)).unwrap());
        expect_the_shop(&seen(&shop.path(), &home, RELEASE).await.unwrap());
        expect_the_shop(&seen_by_command(&shop.path(), &home, RELEASE).await.unwrap());
        assert_eq!(ran(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_missing_object_is_not_fetched() {
    let shop = Written::shop(&["--object-format=sha256"]);
    let home = shop.folder.path();
    let partial = home.join("partial");
    shop.git(&["config", "uploadpack.allowFilter", "true"]);
    let from = format!("file://{}", shop.path().display());
    let to = partial.to_str().unwrap();
    shop.git(&["clone", "--quiet", "--filter=blob:none", "--no-checkout", &from, to]);
    let trap = format!("touch {}/ran; false", home.display());
    shop.git(&["-C", to, "config", "core.sshCommand", &trap]);
    shop.git(&["-C", to, "config", "remote.origin.url", "ssh://host.test/x"]);
    let repository = seen(&partial, home, &[("v1.10.0", "main")]).await.unwrap();
    assert!(repository.changes.values().next().unwrap().is_err(), "without blobs lines cannot be counted");
    assert!(!home.join("ran").exists());
}

#[tokio::test]
async fn without_git_the_fault_says_what_to_install() {
    let shop = Written::shop(&["--object-format=sha256"]);
    let nowhere = shop.folder.path().join("no-git");
    let settings = Settings::default().with_text("path", &shop.path().display().to_string());
    let bounds =
        vec![Bound { role: Role::Code, service: ServiceName::new("shop"), environment: None, settings }];
    let spec = SourceSpec {
        name: SourceName::new("git"),
        settings: Settings::default().with_text("git", &nowhere.display().to_string()),
        secrets: BTreeMap::new(),
        bounds,
        env: Arc::default(),
    };
    let looked = build(spec).unwrap().observe(&Ask::default()).await.unwrap();
    let fault = looked.faults.into_values().next().unwrap();
    assert!(fault.detail.as_str().contains("could not be started"), "{fault}");
}

/// 100,000 commits, 400 tags, 120 branches: `cargo test --lib provider::git -- --ignored --nocapture`.
#[tokio::test]
#[ignore = "writes a repository of 100,000 commits; for measuring"]
async fn a_long_history_is_read_in_time() {
    use std::io::Write;
    const COMMITS: usize = 100_000;
    let long = Written::new(&["--bare"]);
    let mut import = long.command();
    let mut import =
        import.args(["fast-import", "--quiet"]).stdin(std::process::Stdio::piped()).spawn().unwrap();
    let mut to = std::io::BufWriter::new(import.stdin.take().unwrap());
    for n in 1..=COMMITS {
        let (at, text) = (1_600_000_000 + n * 60, format!("fix: SHOP-{n}"));
        writeln!(to, "commit refs/heads/main\nmark :{n}\ncommitter Ada <ada@x.test> {at} +0000").unwrap();
        writeln!(to, "data {}\n{text}", text.len()).unwrap();
        writeln!(to, "M 644 inline src/f{}\ndata {}\n{n}\n", n % 500, n.to_string().len() + 1).unwrap();
        if n % 250 == 0 {
            writeln!(to, "reset refs/tags/v1.{}.0\nfrom :{n}\n", n / 250).unwrap();
        }
        if n % 833 == 0 {
            writeln!(to, "reset refs/heads/b{n}\nfrom :{n}\n").unwrap();
        }
    }
    drop(to.into_inner().unwrap());
    assert!(import.wait().unwrap().success());
    let git = provider(&long.path(), long.folder.path(), Settings::default());
    let ask = ask(&[("v1.399.0", "main"), ("v1.1.0", "main"), ("main", "v1.1.0")]);
    for look in ["first", "second"] {
        let began = std::time::Instant::now();
        let seen = git.observe(&ask).await.unwrap();
        println!("library, {look} look: {:?}", began.elapsed());
        let repository = seen.repositories.values().next().unwrap();
        let totals: Vec<usize> = repository.changes.values().map(|c| c.as_ref().unwrap().total).collect();
        assert_eq!(totals, [0, COMMITS - 250, 250]);
    }
    let began = std::time::Instant::now();
    let spans = [("v1.399.0", "main"), ("v1.1.0", "main"), ("main", "v1.1.0")];
    seen_by_command(&long.path(), long.folder.path(), &spans).await.unwrap();
    println!("command, first look: {:?}", began.elapsed());
}
