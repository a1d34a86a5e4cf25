//! Is the Claude command line logged in, by its own file?

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use serde_json::Value;

use super::{Failure, Subject};

/// The command line itself reads no more than this of the file (version 2.1).
const BYTES_MAX: u64 = 1024 * 1024;

/// Where the command line would look. `CLAUDE_CONFIG_DIR` stands for `.claude` in the home folder if set.
pub(super) fn path(subject: &Subject) -> PathBuf {
    let folder = match subject.variable("CLAUDE_CONFIG_DIR") {
        Some(folder) if !folder.is_empty() => PathBuf::from(folder),
        Some(_) | None => subject.effective_home().join(".claude"),
    };
    folder.join(".credentials.json")
}

/// When the login in `file` expires, Unix milliseconds, if it says so. Blocks on the file system.
pub(super) fn look(file: &Path, skew_ms: u32, now_ms: i64) -> Result<Option<i64>, Failure> {
    let bytes = read(file)?;
    judge(file, &bytes, skew_ms, now_ms)
}

/// The file as it is. Blocks on the file system.
pub(super) fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let unreadable = |reason: String| Failure::CredentialsUnreadable {
        path: file.to_owned(),
        reason,
    };
    if !file.is_absolute() {
        return Err(unreadable(
            "its path is relative, and the agent works in a folder of its own".to_owned(),
        ));
    }
    // Without blocking: the file may be a pipe that nobody writes to.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let open = rustix::fs::open(file, flags, Mode::empty()).map_err(|errno| {
        let error = std::io::Error::from(errno);
        if error.kind() == ErrorKind::NotFound {
            Failure::CredentialsMissing {
                path: file.to_owned(),
            }
        } else {
            unreadable(error.to_string())
        }
    })?;
    let open = File::from(open);
    let meta = open.metadata().map_err(|e| unreadable(e.to_string()))?;
    if !meta.is_file() {
        return Err(unreadable("it is not a regular file".to_owned()));
    }
    let mut bytes = Vec::new();
    open.take(BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| unreadable(e.to_string()))?;
    if u64::try_from(bytes.len()).is_ok_and(|len| len <= BYTES_MAX) {
        return Ok(bytes);
    }
    Err(Failure::CredentialsTooLarge {
        path: file.to_owned(),
        bytes_max: BYTES_MAX,
    })
}

/// The rule of the reference: valid JSON, a token, an expiry later than `now_ms` and the margin. An expiry that
/// is absent or cannot be parsed is no objection: tokens without end have none.
fn judge(file: &Path, bytes: &[u8], skew_ms: u32, now_ms: i64) -> Result<Option<i64>, Failure> {
    // Parsed without a type: messages about types quote the content, and the content is a secret.
    let login: Value =
        serde_json::from_slice(bytes).map_err(|error| Failure::CredentialsMalformed {
            path: file.to_owned(),
            reason: error.to_string(),
        })?;
    let login = &login["claudeAiOauth"];
    let has_token = login["accessToken"]
        .as_str()
        .is_some_and(|token| !token.trim().is_empty());
    if !has_token {
        return Err(Failure::CredentialsWithoutToken {
            path: file.to_owned(),
        });
    }
    let Some(expires_ms) = milliseconds(&login["expiresAt"]) else {
        return Ok(None);
    };
    let needed_ms = now_ms.saturating_add(i64::from(skew_ms));
    if expires_ms > needed_ms {
        return Ok(Some(expires_ms));
    }
    Err(Failure::CredentialsExpired {
        path: file.to_owned(),
        expires_ms,
        skew_ms,
        needed_ms,
    })
}

/// A number, or a text that is one.
fn milliseconds(value: &Value) -> Option<i64> {
    let float = match value {
        Value::Number(number) => match number.as_i64() {
            Some(whole) => return Some(whole),
            None => number.as_f64(),
        },
        Value::String(text) => match text.trim().parse::<i64>() {
            Ok(whole) => return Some(whole),
            Err(_) => text.trim().parse::<f64>().ok(),
        },
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    // The conversion saturates, which is right for a date beyond all dates.
    float.filter(|f| f.is_finite()).map(|f| f as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: i64 = 1_800_000_000_000;

    fn verdict(expiry: Value) -> Result<Option<i64>, &'static str> {
        let login = json!({"claudeAiOauth": {"accessToken": "t", "expiresAt": expiry}});
        judge(Path::new("/f"), login.to_string().as_bytes(), 1000, NOW)
            .map_err(|failure| failure.marker())
    }

    #[test]
    fn expiry_must_be_later_than_now_and_the_margin() {
        assert_eq!(verdict(json!(NOW + 1001)), Ok(Some(NOW + 1001)));
        assert_eq!(verdict(json!(NOW + 1000)), Err("credentials_expired"));
        assert_eq!(verdict(json!(0)), Err("credentials_expired"));
        assert_eq!(verdict(json!(-1)), Err("credentials_expired"));
        assert_eq!(
            verdict(json!(NOW.to_string())),
            Err("credentials_expired"),
            "a number in quotes is one"
        );
        assert_eq!(verdict(json!(1.5e12)), Err("credentials_expired"));
    }

    #[test]
    fn expiry_that_is_absent_or_unparsable_is_no_objection() {
        for expiry in [
            json!(null),
            json!("soon"),
            json!("NaN"),
            json!([1]),
            json!({}),
            json!(""),
        ] {
            assert_eq!(verdict(expiry.clone()), Ok(None), "{expiry}");
        }
        let login = br#"{"claudeAiOauth":{"accessToken":"t"}}"#;
        assert_eq!(judge(Path::new("/f"), login, 1000, NOW), Ok(None));
    }

    #[test]
    fn expiry_beyond_all_dates_is_later() {
        assert_eq!(verdict(json!(u64::MAX)), Ok(Some(i64::MAX)));
        assert_eq!(verdict(json!(1e300)), Ok(Some(i64::MAX)));
    }

    #[test]
    fn token_must_be_a_text_that_is_not_empty() {
        for text in [
            "{}",
            "[]",
            "null",
            r#"{"claudeAiOauth":null}"#,
            r#"{"claudeAiOauth":{"accessToken":""}}"#,
            r#"{"claudeAiOauth":{"accessToken":"  "}}"#,
            r#"{"claudeAiOauth":{"accessToken":7}}"#,
            r#"{"accessToken":"t"}"#,
        ] {
            let failure = judge(Path::new("/f"), text.as_bytes(), 0, NOW).unwrap_err();
            assert_eq!(failure.marker(), "credentials_without_token", "{text}");
        }
    }

    #[test]
    fn refusal_of_a_malformed_login_does_not_quote_it() {
        let text = br#"{"claudeAiOauth":{"accessToken":"sk-secret"#;
        let failure = judge(Path::new("/f"), text, 0, NOW).unwrap_err();
        assert_eq!(failure.marker(), "credentials_malformed");
        assert!(!failure.to_string().contains("secret"), "{failure}");
    }
}
