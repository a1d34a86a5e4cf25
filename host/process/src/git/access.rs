//! Which credential opens what lies on one server, for addresses that the operator lists?

use std::path::PathBuf;
use std::sync::Arc;

use orch_domain::submodule::authority;

/// Value of the header `Authorization`, as it is now; none if it cannot be had.
type Authorization = dyn Fn() -> Option<String> + Send + Sync;

/// A credential for one server. Shows it nowhere.
#[derive(Clone)]
pub struct Access {
    /// An address of the server.
    url: String,
    ca: Option<PathBuf>,
    authorization: Arc<Authorization>,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Access {
    /// Access to the server at `url`, with certificates to trust beside the machine's. The credential is asked for at each
    /// use, because files of credentials are replaced.
    pub fn new(
        url: impl Into<String>,
        ca: Option<PathBuf>,
        authorization: impl Fn() -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        Self {
            url: url.into(),
            ca,
            authorization: Arc::new(authorization),
        }
    }

    /// Whether an address lies on this very server.
    pub(super) fn is_of(&self, address: &str) -> bool {
        authority(address).is_some_and(|own| authority(&self.url) == Some(own))
    }

    /// Environment that hands it to git for one address, and to nobody who reads command lines; none without it.
    pub(super) fn environment(&self, address: &str) -> Vec<(String, String)> {
        let Some(authorization) = (self.authorization)() else {
            return Vec::new();
        };
        let mut settings = vec![
            // No helper of the user's is asked in its place.
            ("credential.helper".to_owned(), String::new()),
            (
                format!("http.{address}.extraHeader"),
                format!("Authorization: {authorization}"),
            ),
        ];
        if let Some(ca) = &self.ca {
            settings.push(("http.sslCAInfo".to_owned(), ca.display().to_string()));
        }
        let mut all = vec![("GIT_CONFIG_COUNT".to_owned(), settings.len().to_string())];
        for (index, (key, value)) in settings.into_iter().enumerate() {
            all.push((format!("GIT_CONFIG_KEY_{index}"), key));
            all.push((format!("GIT_CONFIG_VALUE_{index}"), value));
        }
        all
    }
}
