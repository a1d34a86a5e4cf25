//! What others do in the very moment in which the host does something, and how the server fails at a push of one branch.

use axum::body::Bytes;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::{Fault, Forgejo, held};

/// What somebody does once, to the server as it is then.
type Doing = Box<dyn FnOnce(&Forgejo) + Send>;

/// What waits for its moment.
#[derive(Default)]
pub(super) struct Moments {
    /// Before a request whose method and path contain these words is carried out.
    requests: Vec<(String, Doing)>,
    /// Before a push to this branch is carried out, when the host was told already where the branch is.
    pushes: Vec<(String, Doing)>,
    /// After the host was answered that this context of a commit is green.
    green: Vec<(String, Doing)>,
    /// How the server fails at pushes to a branch.
    faults: Vec<(String, Fault)>,
}

/// Takes the first that is wanted out of a list.
fn taken<T>(list: &mut Vec<(String, T)>, is_it: impl Fn(&str) -> bool) -> Option<T> {
    let at = list.iter().position(|(of, _)| is_it(of))?;
    Some(list.remove(at).1)
}

/// Whether a line with method and path contains both words of `at`, in this order.
pub(super) fn matches(at: &str, line: &str) -> bool {
    let (method, path) = at.split_once(' ').unwrap_or(("", at));
    line.starts_with(method) && line.contains(path)
}

impl Forgejo {
    /// Somebody does this once, right before a request such as `POST /merge` is carried out.
    pub fn meanwhile(&self, at: &str, doing: impl FnOnce(&Self) + Send + 'static) {
        let moment = (at.to_owned(), Box::new(doing) as Doing);
        held(&self.0.moments).requests.push(moment);
    }

    /// Somebody does this once, right before a push to a branch is carried out.
    pub fn meanwhile_pushed(&self, branch: &str, doing: impl FnOnce(&Self) + Send + 'static) {
        let moment = (branch.to_owned(), Box::new(doing) as Doing);
        held(&self.0.moments).pushes.push(moment);
    }

    /// Somebody does this once, right after the host was answered that a context of a commit is green.
    pub fn once_seen_green(&self, context: &str, doing: impl FnOnce(&Self) + Send + 'static) {
        let moment = (context.to_owned(), Box::new(doing) as Doing);
        held(&self.0.moments).green.push(moment);
    }

    /// Fails once at a push to a branch.
    pub fn fail_push(&self, branch: &str, fault: Fault) {
        held(&self.0.moments)
            .faults
            .push((branch.to_owned(), fault));
    }

    pub(super) fn before_request(&self, line: &str) {
        let doing = taken(&mut held(&self.0.moments).requests, |at| matches(at, line));
        if let Some(doing) = doing {
            doing(self);
        }
    }

    /// The host was answered so about the statuses of a commit.
    pub(super) fn after_green(&self, answer: &Value) {
        let rows = answer["statuses"].as_array().into_iter().flatten();
        let green = rows.filter(|row| row["status"] == "success");
        let green: Vec<&Value> = green.map(|row| &row["context"]).collect();
        let is_green = |context: &str| green.iter().any(|name| **name == context);
        let doing = taken(&mut held(&self.0.moments).green, is_green);
        if let Some(doing) = doing {
            doing(self);
        }
    }

    /// What happens before a push, and how the server fails at it.
    pub(super) fn before_push(&self, method: &Method, body: &Bytes) -> Option<Fault> {
        if method != Method::POST {
            return None;
        }
        let is_pushed = |branch: &str| {
            let name = format!(" refs/heads/{branch}\0");
            body.windows(name.len()).any(|part| part == name.as_bytes())
        };
        let (doing, fault) = {
            let mut moments = held(&self.0.moments);
            let doing = taken(&mut moments.pushes, is_pushed);
            (doing, taken(&mut moments.faults, is_pushed))
        };
        if let Some(doing) = doing {
            doing(self);
        }
        fault
    }
}

/// How a server fails that did nothing.
pub(super) fn bad_gateway() -> Response {
    let page = "<html><body>Bad Gateway</body></html>";
    (StatusCode::BAD_GATEWAY, page).into_response()
}

/// How a server fails that did what was asked.
pub(super) fn failed() -> Response {
    let nothing = serde_json::json!({"message": "", "url": "http://forge.test/api/swagger"});
    (StatusCode::INTERNAL_SERVER_ERROR, axum::Json(nothing)).into_response()
}
