//! Claims about preflight, on real processes: shell scripts that stand for command lines, and the real one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use orch_agents::preflight::{Answer, Cache, Credential, Failure, Settings, Subject, check};
use rustix::fs::{CWD, FileType, Mode, mknodat};

const NOW: i64 = 1_800_000_000_000;
const HOUR: i64 = 3_600_000;

/// A folder with a home and fake command lines.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().expect("a folder"));
        fs::create_dir_all(place.path("home/.claude")).expect("a home");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// An executable script that knows its folder as `$place`.
    fn script(&self, body: &str) -> PathBuf {
        let path = self.path("agent");
        let text = format!("#!/bin/sh\nplace='{}'\n{body}\n", self.0.path().display());
        fs::write(&path, text).expect("a script");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("rights");
        path
    }

    /// A script that works and leaves a line in `calls` each time.
    fn counting(&self) -> Subject {
        self.subject(self.script("echo call >> \"$place/calls\"; echo 1.2.3"))
    }

    fn calls(&self) -> usize {
        fs::read_to_string(self.path("calls")).map_or(0, |text| text.lines().count())
    }

    fn subject(&self, program: impl Into<PathBuf>) -> Subject {
        Subject {
            program: program.into(),
            home: self.path("home"),
            env: vec![("PATH".to_owned(), "/usr/bin:/bin".to_owned())],
            credential: Credential::None,
            confinement: None,
        }
    }

    fn login_file(&self) -> PathBuf {
        self.path("home/.claude/.credentials.json")
    }

    /// A subject that works, with this text as its login.
    fn with_login(&self, login: &str) -> Subject {
        fs::write(self.login_file(), login).expect("a login");
        Subject {
            credential: Credential::ClaudeFile,
            ..self.counting()
        }
    }

    fn pipe(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        mknodat(CWD, &path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).expect("a pipe");
        path
    }
}

fn login(expires_ms: i64) -> String {
    format!(r#"{{"claudeAiOauth":{{"accessToken":"sk-secret","expiresAt":{expires_ms}}}}}"#)
}

async fn look(subject: &Subject) -> Answer {
    check(subject, &Settings::default(), NOW).await
}

/// The refusal, whose text names `thing` and quotes no secret.
async fn refusal(subject: &Subject, thing: &Path) -> Failure {
    let failure = look(subject).await.expect_err("a refusal");
    let text = failure.to_string();
    assert!(text.contains(&thing.display().to_string()), "{text}");
    assert!(
        text.contains(';') && !text.contains("sk-secret"),
        "a remedy and no secret: {text}"
    );
    failure
}

#[tokio::test]
async fn agent_that_answers_and_is_logged_in_may_start() {
    let place = Place::new();
    let passed = look(&place.with_login(&login(NOW + HOUR))).await.unwrap();
    assert_eq!(passed.version, "1.2.3");
    assert_eq!(passed.program, place.path("agent"));
    assert_eq!(passed.expires_ms, Some(NOW + HOUR));
}

#[tokio::test]
async fn name_is_looked_for_in_the_path_of_the_run() {
    let place = Place::new();
    place.script("echo found");
    let mut subject = place.subject("agent");
    let failure = refusal(&subject, Path::new("agent")).await;
    assert_eq!(failure.marker(), "program_missing");
    let folder = place.0.path().display();
    subject.env[0].1 = format!("{folder}:/usr/bin:/bin");
    let passed = look(&subject).await.unwrap();
    assert_eq!(passed.program, place.path("agent"));
}

#[tokio::test]
async fn missing_program_refuses_the_start() {
    let place = Place::new();
    let program = place.path("nowhere/agent");
    let failure = refusal(&place.subject(&program), &program).await;
    assert_eq!(failure.marker(), "program_missing");
}

#[tokio::test]
async fn relative_path_refuses_the_start() {
    let place = Place::new();
    let failure = refusal(&place.subject("bin/agent"), Path::new("bin/agent")).await;
    assert_eq!(failure.marker(), "program_relative");
}

#[tokio::test]
async fn file_that_is_not_executable_and_a_folder_refuse_the_start() {
    let place = Place::new();
    let program = place.script("echo 1");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o644)).unwrap();
    let failure = refusal(&place.subject(&program), &program).await;
    assert_eq!(failure.marker(), "program_not_executable");
    let failure = refusal(&place.subject(place.path("home")), &place.path("home")).await;
    assert_eq!(failure.marker(), "program_not_executable");
}

#[tokio::test]
async fn program_that_the_system_cannot_start_refuses_the_start() {
    let place = Place::new();
    let program = place.script("");
    fs::write(&program, "#!/no/such/interpreter\n").unwrap();
    let failure = refusal(&place.subject(&program), &program).await;
    assert_eq!(failure.marker(), "version_not_started");
}

#[tokio::test]
async fn failing_program_refuses_the_start_with_its_last_words() {
    let place = Place::new();
    let program = place.script("echo 'libnode is \u{1b}[31mmissing' >&2; exit 1");
    let failure = refusal(&place.subject(&program), &program).await;
    assert_eq!(
        failure,
        Failure::VersionFailed {
            program,
            code: 1,
            said: "libnode is [31mmissing".to_owned(),
        }
    );
}

#[tokio::test]
async fn hanging_program_refuses_the_start_and_leaves_no_process() {
    let place = Place::new();
    let program = place.script(
        "trap '' TERM\n(trap '' TERM; exec sleep 600) &\necho $! > \"$place/child\"; wait; wait",
    );
    let settings = Settings {
        version_timeout_ms: 300,
        ..Settings::default()
    };
    let failure = check(&place.subject(&program), &settings, NOW)
        .await
        .unwrap_err();
    assert_eq!(failure.marker(), "version_timed_out");
    assert!(failure.to_string().contains("300 ms"), "{failure}");
    let child = fs::read_to_string(place.path("child")).unwrap();
    gone(child.trim()).await;
}

/// Waits until the process has ended.
async fn gone(pid: &str) {
    let lives = || match fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => !stat.contains(") Z "),
        Err(_) => false,
    };
    let deadline = Instant::now() + Duration::from_secs(10);
    while lives() {
        assert!(Instant::now() < deadline, "process {pid} lives on");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn program_that_prints_a_megabyte_may_start_and_little_is_kept() {
    let place = Place::new();
    let program = place.script("head -c 1000000 /dev/zero | tr '\\0' x");
    let passed = look(&place.subject(program)).await.unwrap();
    assert_eq!(passed.version, "x".repeat(200));
}

#[tokio::test]
async fn program_gets_the_environment_and_home_of_the_run_and_nothing_else() {
    let place = Place::new();
    let program = place.script("env > \"$place/env\"; echo \"$@\"");
    let mut subject = place.subject(program);
    subject.env.push(("MODE".to_owned(), "headless".to_owned()));
    assert_eq!(look(&subject).await.unwrap().version, "--version");
    let text = fs::read_to_string(place.path("env")).unwrap();
    let mut names: Vec<&str> = text
        .lines()
        .filter_map(|line| line.split_once('=').map(|(name, _)| name))
        .filter(|name| !["PWD", "OLDPWD", "SHLVL", "_"].contains(name))
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["HOME", "MODE", "PATH"]);
    assert!(text.contains(&format!("HOME={}\n", place.path("home").display())));
}

#[tokio::test]
async fn home_in_the_environment_wins_as_it_does_for_the_run() {
    let place = Place::new();
    let mut subject = place.with_login(&login(NOW + HOUR));
    let other = place.path("other");
    subject
        .env
        .push(("HOME".to_owned(), other.display().to_string()));
    let failure = refusal(&subject, &other.join(".claude/.credentials.json")).await;
    assert_eq!(failure.marker(), "credentials_missing");
}

#[tokio::test]
async fn configuration_folder_of_the_command_line_is_where_its_login_is() {
    let place = Place::new();
    let mut subject = place.with_login(&login(NOW - HOUR));
    fs::create_dir(place.path("config")).unwrap();
    let file = place.path("config/.credentials.json");
    fs::write(&file, login(NOW + HOUR)).unwrap();
    let folder = place.path("config").display().to_string();
    subject.env.push(("CLAUDE_CONFIG_DIR".to_owned(), folder));
    assert_eq!(look(&subject).await.unwrap().expires_ms, Some(NOW + HOUR));
    subject.env.last_mut().unwrap().1 = "config".to_owned();
    let failure = refusal(&subject, Path::new("config/.credentials.json")).await;
    assert_eq!(failure.marker(), "credentials_unreadable");
}

#[tokio::test]
async fn missing_credentials_refuse_the_start() {
    let place = Place::new();
    let subject = place.with_login("");
    fs::remove_file(place.login_file()).unwrap();
    let failure = refusal(&subject, &place.login_file()).await;
    assert_eq!(failure.marker(), "credentials_missing");
}

#[tokio::test]
async fn expired_credentials_refuse_the_start() {
    let place = Place::new();
    let margin = i64::from(Settings::default().expiry_skew_ms);
    let failure = refusal(&place.with_login(&login(NOW + margin)), &place.login_file()).await;
    assert_eq!(failure.marker(), "credentials_expired");
    let passed = look(&place.with_login(&login(NOW + margin + 1))).await;
    assert!(passed.is_ok(), "{passed:?}");
}

#[tokio::test]
async fn credentials_without_an_expiry_may_start() {
    let place = Place::new();
    for text in [
        r#"{"claudeAiOauth":{"accessToken":"t"}}"#,
        r#"{"claudeAiOauth":{"accessToken":"t","expiresAt":"some day"}}"#,
    ] {
        let passed = look(&place.with_login(text)).await.unwrap();
        assert_eq!(passed.expires_ms, None);
    }
}

#[tokio::test]
async fn credentials_that_are_no_login_refuse_the_start() {
    let place = Place::new();
    for (text, marker) in [
        (String::new(), "credentials_malformed"),
        ("sk-secret".to_owned(), "credentials_malformed"),
        ("[".repeat(100_000), "credentials_malformed"),
        ("{}".to_owned(), "credentials_without_token"),
        (" ".repeat(1024 * 1024 + 1), "credentials_too_large"),
    ] {
        let failure = refusal(&place.with_login(&text), &place.login_file()).await;
        assert_eq!(failure.marker(), marker);
    }
}

#[tokio::test]
async fn credentials_that_cannot_be_read_refuse_the_start_without_blocking() {
    let place = Place::new();
    let subject = place.with_login("");
    fs::remove_file(place.login_file()).unwrap();
    fs::create_dir(place.login_file()).unwrap();
    let failure = refusal(&subject, &place.login_file()).await;
    assert_eq!(failure.marker(), "credentials_unreadable");
    fs::remove_dir(place.login_file()).unwrap();
    // A pipe that nobody writes to would hold a plain `open` for ever.
    place.pipe("home/.claude/.credentials.json");
    let failure = refusal(&subject, &place.login_file()).await;
    assert_eq!(failure.marker(), "credentials_unreadable");
}

#[tokio::test]
async fn given_key_satisfies_without_a_login_file() {
    let place = Place::new();
    let mut subject = place.counting();
    assert_eq!(
        Credential::of_claude(&subject.env, Some("MY_KEY")),
        Credential::ClaudeFile
    );
    subject
        .env
        .push(("MY_KEY".to_owned(), "sk-secret".to_owned()));
    subject.credential = Credential::of_claude(&subject.env, Some("MY_KEY"));
    assert_eq!(subject.credential, Credential::Given);
    assert!(look(&subject).await.is_ok());
    assert!(!format!("{subject:?}").contains("sk-secret"));
    subject.env.push(("MY_KEY".to_owned(), String::new()));
    assert_eq!(
        Credential::of_claude(&subject.env, Some("MY_KEY")),
        Credential::ClaudeFile,
        "the last value counts, and an empty one is none"
    );
}

#[tokio::test]
async fn pass_is_believed_for_its_time_and_not_beyond_its_login() {
    let place = Place::new();
    let cache = Cache::new(Settings::default());
    let subject = place.with_login(&login(NOW + 90_000));
    for (now, calls) in [(NOW, 1), (NOW + 29_999, 1)] {
        assert!(cache.look("a", &subject, now).await.is_ok());
        assert_eq!(place.calls(), calls);
    }
    let answer = cache.look("a", &subject, NOW + 30_000).await;
    assert_eq!(answer.unwrap_err().marker(), "credentials_expired");
    let unlimited = place.counting();
    for (now, calls) in [
        (NOW, 3),
        (NOW + 59_999, 3),
        (NOW + 60_000, 4),
        (NOW - HOUR, 5),
    ] {
        assert!(cache.look("b", &unlimited, now).await.is_ok());
        assert_eq!(place.calls(), calls, "at {now}");
    }
}

#[tokio::test]
async fn refusal_is_believed_for_a_shorter_time() {
    let place = Place::new();
    let cache = Cache::new(Settings::default());
    let subject = place.with_login("{}");
    assert!(cache.look("a", &subject, NOW).await.is_err());
    fs::write(place.login_file(), login(NOW + HOUR)).unwrap();
    assert!(cache.look("a", &subject, NOW + 9_999).await.is_err());
    assert_eq!(place.calls(), 1);
    assert!(cache.look("a", &subject, NOW + 10_000).await.is_ok());
    assert_eq!(cache.known("a").unwrap().asked_ms, NOW + 10_000);
}

#[tokio::test]
async fn forced_look_and_reset_ask_again_for_that_agent_only() {
    let place = Place::new();
    let cache = Cache::new(Settings::default());
    let subject = place.counting();
    for name in ["a", "b"] {
        assert!(cache.look(name, &subject, NOW).await.is_ok());
    }
    assert!(cache.forced("a", &subject, NOW).await.is_ok());
    assert_eq!(place.calls(), 3);
    cache.reset("a");
    assert_eq!(cache.known("a"), None);
    for name in ["a", "b"] {
        assert!(cache.look(name, &subject, NOW).await.is_ok());
    }
    assert_eq!(place.calls(), 4);
}

#[tokio::test]
async fn concurrent_callers_share_one_check() {
    let place = Place::new();
    // No memory at all: only being there at the same time makes them share.
    let cache = Cache::new(Settings {
        passed_ttl_ms: 0,
        ..Settings::default()
    });
    let subject = place.counting();
    let ask = || cache.look("a", &subject, NOW);
    let answers = tokio::join!(ask(), ask(), ask(), ask());
    assert_eq!(place.calls(), 1);
    assert!(answers.0.is_ok() && answers.3.is_ok());
    let ask = || cache.forced("a", &subject, NOW);
    let answers = tokio::join!(ask(), ask(), ask(), ask());
    assert!(answers.0.is_ok() && answers.3.is_ok());
    assert_eq!(
        place.calls(),
        3,
        "the first had begun when the others came, so they share a second one"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn check_that_began_before_a_reset_is_not_believed_after_it() {
    let place = Place::new();
    let (begun, go) = (place.pipe("begun"), place.pipe("go"));
    let subject = place.subject(place.script(
        "echo call >> \"$place/calls\"; echo x > \"$place/begun\"; read -r x < \"$place/go\"; echo 1",
    ));
    let cache = Arc::new(Cache::new(Settings {
        version_timeout_ms: 60_000,
        ..Settings::default()
    }));
    let ask = |cache: Arc<Cache>| {
        let subject = subject.clone();
        tokio::spawn(async move { cache.look("a", &subject, NOW).await })
    };
    let first = ask(Arc::clone(&cache));
    tokio::fs::read(&begun).await.unwrap();
    cache.reset("a");
    tokio::fs::write(&go, "x\n").await.unwrap();
    assert!(first.await.unwrap().is_ok());
    assert_eq!(cache.known("a"), None);
    let second = ask(Arc::clone(&cache));
    tokio::fs::read(&begun).await.unwrap();
    tokio::fs::write(&go, "x\n").await.unwrap();
    assert!(second.await.unwrap().is_ok());
    assert_eq!(place.calls(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn caller_that_gives_up_leaves_no_process_and_the_next_one_asks() {
    let place = Place::new();
    let begun = place.pipe("begun");
    let subject =
        place.subject(place.script("echo $$ > \"$place/begun\"; trap '' TERM; exec sleep 600"));
    let cache = Arc::new(Cache::new(Settings::default()));
    let first = tokio::spawn({
        let (cache, subject) = (Arc::clone(&cache), subject.clone());
        async move { cache.look("a", &subject, NOW).await }
    });
    let pid = tokio::fs::read_to_string(&begun).await.unwrap();
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    gone(pid.trim()).await;
    assert!(cache.look("a", &place.counting(), NOW).await.is_ok());
}

/// Where `cargo xtask tools` installs the real command line.
fn claude() -> PathBuf {
    let installed =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/npm/node_modules/.bin/claude");
    let path = std::env::var_os("ORCH_TEST_CLAUDE").map_or(installed, PathBuf::from);
    assert!(
        path.exists(),
        "the agent command line is not installed; run `cargo xtask test`"
    );
    path
}

#[tokio::test]
async fn real_command_line_answers_and_leaves_its_home_alone() {
    let place = Place::new();
    let mut subject = place.with_login(&login(NOW + HOUR));
    subject.program = claude();
    let passed = look(&subject).await.unwrap();
    assert!(passed.version.contains("Claude Code"), "{passed:?}");
    fs::remove_file(place.login_file()).unwrap();
    let failure = refusal(&subject, &place.login_file()).await;
    assert_eq!(failure.marker(), "credentials_missing");
    let left: Vec<_> = fs::read_dir(place.path("home")).unwrap().collect();
    assert_eq!(left.len(), 1, "only the folder that was there: {left:?}");
}
