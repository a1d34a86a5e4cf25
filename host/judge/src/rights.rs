//! What a gate may do beyond reading, for one evaluation: tools, advisories, addresses, memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::advisories::OsvClient;
use orch_domain::imports::{HttpResponse, ServiceError};
use orch_store::Remembered;

use crate::tools::ToolBox;

/// Limit of one GET.
const HTTP_TIMEOUT: Duration = Duration::from_secs(20);
/// Largest body that a gate gets, bytes.
const HTTP_BODY_BYTES_MAX: usize = 1024 * 1024;
/// Keys that one evaluation may set, and bytes of a key and of a value.
const KEYS_MAX: usize = 64;
const KEY_BYTES_MAX: usize = 200;
const VALUE_BYTES_MAX: usize = 16 * 1024;

/// The rights of one gate in one evaluation.
pub(crate) struct Rights {
    pub(crate) tools: ToolBox,
    pub(crate) advisories: Arc<OsvClient>,
    /// Beginnings of addresses that may be asked.
    pub(crate) http: Vec<String>,
    /// What the gate keeps of this repository.
    pub(crate) kept: Vec<Remembered>,
    /// What it set: in force when the task's change lands.
    pub(crate) staged: Mutex<BTreeMap<String, Option<String>>>,
}

/// A value that a gate set or only read, with the version of the one it found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Staged {
    pub(crate) key: String,
    /// None if it only read it.
    pub(crate) value: Option<String>,
    pub(crate) read_version: i64,
}

impl Rights {
    /// Asks an address of the gate's list. Redirects are not followed: they could lead off the list.
    pub(crate) async fn get(&self, url: &str) -> Result<HttpResponse, ServiceError> {
        if !self.http.iter().any(|granted| covers(granted, url)) {
            return Err(ServiceError::Denied(format!(
                "`{url}` is not granted; add `http/…` with its beginning to the gate's `grants` in orch.yaml"
            )));
        }
        let failed = |e: reqwest::Error| ServiceError::Unavailable(e.without_url().to_string());
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(HTTP_TIMEOUT)
            .build()
            .map_err(failed)?;
        let mut response = client.get(url).send().await.map_err(failed)?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            body.extend_from_slice(&chunk);
            if body.len() > HTTP_BODY_BYTES_MAX {
                let text = format!("the answer has more than {HTTP_BODY_BYTES_MAX} bytes");
                return Err(ServiceError::Unavailable(text));
            }
        }
        let body = String::from_utf8_lossy(&body).into_owned();
        Ok(HttpResponse { status, body })
    }

    /// A value: what this evaluation set, else what is kept.
    pub(crate) fn recall(&self, key: &str) -> Option<String> {
        let mut staged = self.staged.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Some(value)) = staged.get(key) {
            return Some(value.clone());
        }
        let kept = self.kept.iter().find(|k| k.key == key);
        if key.len() <= KEY_BYTES_MAX && staged.len() < KEYS_MAX {
            // What it judged by counts as well as what it sets: another landing may change it.
            staged.entry(key.to_owned()).or_default();
        }
        kept.map(|k| k.value.clone())
    }

    /// Stages a value within the bounds; what goes beyond them is dropped and said in the log.
    pub(crate) fn remember(&self, key: &str, value: &str) {
        let mut staged = self.staged.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = key.len() <= KEY_BYTES_MAX
            && value.len() <= VALUE_BYTES_MAX
            && (staged.len() < KEYS_MAX || staged.contains_key(key));
        if fits {
            staged.insert(key.to_owned(), Some(value.to_owned()));
        } else {
            tracing::warn!(
                key.bytes = key.len(),
                value.bytes = value.len(),
                "a gate's value is over its bounds and is dropped"
            );
        }
    }

    /// Everything that was read or set.
    pub(crate) fn staged(&self) -> Vec<Staged> {
        let staged = self.staged.lock().unwrap_or_else(PoisonError::into_inner);
        let version = |key: &str| {
            self.kept
                .iter()
                .find(|k| k.key == key)
                .map_or(0, |k| k.version)
        };
        staged
            .iter()
            .map(|(key, value)| Staged {
                key: key.clone(),
                value: value.clone(),
                read_version: version(key),
            })
            .collect()
    }
}

/// Whether an address lies below a granted one: same scheme, host and port, and a path below its path.
fn covers(granted: &str, url: &str) -> bool {
    let (Ok(granted), Ok(url)) = (reqwest::Url::parse(granted), reqwest::Url::parse(url)) else {
        return false;
    };
    let path = granted.path();
    let below = url.path() == path
        || (path.ends_with('/') && url.path().starts_with(path))
        || url.path().starts_with(&format!("{path}/"));
    granted.origin() == url.origin() && below && url.username().is_empty()
}

#[cfg(test)]
mod tests {
    use super::covers;

    #[test]
    fn grant_reaches_below_its_path_and_nowhere_else() {
        let granted = "http://127.0.0.1:9/api";
        for good in ["http://127.0.0.1:9/api", "http://127.0.0.1:9/api/x?y=1"] {
            assert!(covers(granted, good), "{good}");
        }
        for bad in [
            "http://127.0.0.1:9/apix",
            "http://127.0.0.1:9/",
            "http://127.0.0.1:90/api",
            "https://127.0.0.1:9/api",
            "http://127.0.0.1:9@evil/api",
            "http://me@127.0.0.1:9/api",
            "http://127.0.0.1:9/api/../secret",
            "file:///etc/passwd",
        ] {
            assert!(!covers(granted, bad), "{bad}");
        }
        assert!(covers("http://127.0.0.1:9/", "http://127.0.0.1:9/anything"));
    }
}
