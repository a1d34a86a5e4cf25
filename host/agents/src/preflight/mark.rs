//! Has what an agent logs in with changed? Told by a mark of it, which is compared and never shown.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use super::{CLAUDE_VARIABLES, Failure, Subject, credentials, on_disk};

/// How long the disk may take to answer.
const LIMIT: Duration = Duration::from_secs(5);

/// Stands for one state of a login, in this process only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoginMark(u64);

/// The mark of what an agent would log in with now: the secrets of its environment, among them `credential_env`, and
/// the login file in its home. What lies elsewhere is not seen.
///
/// # Errors
/// [`Failure::Unexpected`] when the disk does not answer.
pub async fn login_mark(
    subject: &Subject,
    credential_env: Option<&str>,
) -> Result<LoginMark, Failure> {
    let mut hasher = DefaultHasher::new();
    for name in CLAUDE_VARIABLES.into_iter().chain(credential_env) {
        subject.variable(name).hash(&mut hasher);
    }
    let file = credentials::path(subject);
    // One that is missing or unreadable is a state too: the next one will differ.
    let bytes = on_disk(LIMIT, move || credentials::read(&file).ok()).await?;
    bytes.hash(&mut hasher);
    Ok(LoginMark(hasher.finish()))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::preflight::Credential;

    #[tokio::test]
    async fn mark_changes_with_the_file_and_with_the_key_and_with_nothing_else() {
        let home = tempfile::tempdir().unwrap();
        let subject = |key: &str| Subject {
            program: PathBuf::from("/bin/true"),
            home: home.path().to_owned(),
            env: vec![
                ("MY_KEY".to_owned(), key.to_owned()),
                ("LANG".to_owned(), key.to_owned()),
            ],
            credential: Credential::None,
            confinement: None,
        };
        let of = async |key: &str, name| login_mark(&subject(key), name).await.unwrap();
        let before = of("a", Some("MY_KEY")).await;
        assert_eq!(of("a", Some("MY_KEY")).await, before);
        assert_ne!(of("b", Some("MY_KEY")).await, before);
        assert_eq!(of("b", None).await, of("a", None).await);
        std::fs::create_dir(home.path().join(".claude")).unwrap();
        std::fs::write(home.path().join(".claude/.credentials.json"), "{}").unwrap();
        assert_ne!(of("a", Some("MY_KEY")).await, before);
    }
}
