//! Git over HTTP, by git's own back end behind the fake's token.

use std::io::Write as _;
use std::process::{Command, Stdio};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use super::{Forgejo, held, hooks, moments};

impl Forgejo {
    /// Runs git in the bare repository.
    pub(super) fn git(&self, args: &[&str]) -> String {
        self.try_git(args)
            .unwrap_or_else(|said| panic!("git {args:?}: {said}"))
    }

    pub(super) fn try_git(&self, args: &[&str]) -> Result<String, String> {
        let mut command = Command::new("git");
        command
            .args(args)
            .current_dir(self.0.root.join(format!("{}.git", self.0.repo)))
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1");
        let done = command.output().expect("git is installed");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        match done.status.success() {
            true => Ok(text(&done.stdout)),
            false => Err(text(&done.stderr)),
        }
    }

    /// Where a branch is.
    pub fn tip(&self, branch: &str) -> Option<String> {
        let name = format!("refs/heads/{branch}");
        self.try_git(&["rev-parse", "--verify", "--quiet", &name])
            .ok()
    }

    /// Somebody pushes one more commit to a branch, with nothing in it that was not there.
    ///
    /// # Panics
    /// When the branch is not there.
    pub fn push_by_others(&self, branch: &str) -> String {
        let before = self.tip(branch).expect("the branch is there");
        let tree = format!("{before}^{{tree}}");
        let args = [
            "-c",
            "user.name=Ann",
            "-c",
            "user.email=ann@orch.invalid",
            "commit-tree",
            &tree,
            "-p",
            &before,
            "-m",
            "By Ann",
        ];
        let commit = self.git(&args);
        let name = format!("refs/heads/{branch}");
        self.git(&["update-ref", &name, &commit, &before]);
        self.pushed(branch, &commit);
        commit
    }

    /// Brings the rules about pushes into the repository.
    pub(super) fn protect(&self) {
        use std::os::unix::fs::PermissionsExt;
        let folder = self.0.root.join(format!("{}.git/hooks", self.0.repo));
        std::fs::create_dir_all(&folder).expect("folders can be made");
        let (may_push, may_write, refuses, denies) = {
            let rules = held(&self.0.rules);
            let denies = rules.denies.clone();
            (
                rules.may_push,
                rules.may_write,
                rules.refuses.clone(),
                denies,
            )
        };
        let (denied, says) = denies.unwrap_or_else(|| ("//none".to_owned(), String::new()));
        let refused = match (may_write, may_push) {
            (false, _) => "refs/",
            (true, false) => "refs/heads/main",
            (true, true) => "refs/none",
        };
        let refuses = refuses.unwrap_or_else(|| "//none".to_owned());
        // Only what comes over HTTP is held to the rules: others are themselves.
        let hook = format!(
            "#!/bin/sh\n[ -n \"$ORCH_FAKE_HTTP\" ] || exit 0\nwhile read old new name; do case \"$name\" in refs/heads/{denied}) echo \"{says}\" >&2; exit 1;; {refused}*|refs/heads/{refuses}*) \
             echo \"Forgejo: Not allowed to push to protected branch $name\" >&2; exit 1;; esac; done\n"
        );
        let path = folder.join("pre-receive");
        std::fs::write(&path, hook).expect("files can be written");
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&path, mode).expect("modes can be set");
    }
}

/// Answers whatever the API does not: git.
pub(super) async fn backend(
    State(fake): State<Forgejo>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let text = |name: &str| {
        let value = headers.get(name).and_then(|v| v.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let token = held(&fake.0.rules).token.clone();
    let given = text("authorization");
    let basic = base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        format!("orch:{token}"),
    );
    if given != format!("Basic {basic}") {
        let ask = [("www-authenticate", "Basic realm=\"Gitea\"")];
        return (StatusCode::UNAUTHORIZED, ask, "Unauthorized").into_response();
    }
    let mut path = uri.path().to_owned();
    let (old, now) = {
        let now = held(&fake.0.rules).renamed_to.clone();
        (format!("/{}.git/", fake.0.repo), now)
    };
    if let Some(now) = now.map(|now| format!("/{now}.git/")) {
        // Git follows this when it asks, and stops at it when it sends.
        if let Some(rest) = path.strip_prefix(&old) {
            let query = uri.query().map(|query| format!("?{query}"));
            let to = format!("{}{now}{rest}{}", super::BELOW, query.unwrap_or_default());
            return axum::response::Redirect::temporary(&to).into_response();
        }
        path = path.replacen(&now, &old, 1);
    }
    if !path.starts_with(&format!("/{}.git/", fake.0.repo)) {
        return (StatusCode::NOT_FOUND, "Not found.").into_response();
    }
    let query = uri.query().unwrap_or_default().to_owned();
    if held(&fake.0.rules).archived && format!("{path}?{query}").contains("git-receive-pack") {
        return (StatusCode::FORBIDDEN, "repository is archived").into_response();
    }
    let fault = fake.before_push(&method, &body);
    if fault == Some(super::Fault::FailsBefore) {
        return moments::bad_gateway();
    }
    let before = hooks::branches(&fake);
    let asked = fake.clone();
    let (kind, encoding, protocol) = (
        text("content-type"),
        text("content-encoding"),
        text("git-protocol"),
    );
    let ran = tokio::task::spawn_blocking(move || {
        let mut command = Command::new("git");
        command
            .arg("http-backend")
            .env("GIT_PROJECT_ROOT", &asked.0.root)
            .env("GIT_HTTP_EXPORT_ALL", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("ORCH_FAKE_HTTP", "1")
            .env("REMOTE_USER", super::BOT)
            .env("PATH_INFO", path)
            .env("REQUEST_METHOD", method.as_str())
            .env("QUERY_STRING", query)
            .env("CONTENT_TYPE", kind)
            .env("HTTP_CONTENT_ENCODING", encoding)
            .env("HTTP_GIT_PROTOCOL", &protocol)
            .env("GIT_PROTOCOL", protocol)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().expect("git is installed");
        let mut input = child.stdin.take().expect("it is piped");
        let writer = std::thread::spawn(move || {
            // Git may have heard enough.
            input.write_all(&body).ok();
        });
        let done = child.wait_with_output().expect("it ends");
        writer.join().expect("it does not panic");
        done.stdout
    });
    let out = ran.await.expect("it does not panic");
    hooks::after_push(&fake, &before);
    match fault {
        Some(super::Fault::FailsAfterwards) => moments::failed(),
        Some(super::Fault::Cut) => super::cut(),
        Some(fault) => panic!("a push does not fail by {fault:?}"),
        None => cgi(&out),
    }
}

/// An answer as programs behind a server write it: headers, an empty line, the body.
fn cgi(out: &[u8]) -> Response {
    let Some(end) = out.windows(4).position(|w| w == b"\r\n\r\n") else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let mut response = Response::new(axum::body::Body::from(out[end + 4..].to_vec()));
    for line in String::from_utf8_lossy(&out[..end]).lines() {
        let Some((name, value)) = line.split_once(": ") else {
            continue;
        };
        if name == "Status" {
            let code = value.split(' ').next().and_then(|code| code.parse().ok());
            *response.status_mut() = code.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            continue;
        }
        let name = axum::http::HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, value.parse()) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
