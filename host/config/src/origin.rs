//! Where do browsers find the host, if a proxy with TLS is in front of it?

use serde::{Deserialize, Serialize};

/// An address such as `https://orch.example.org`, without a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicOrigin(String);

impl TryFrom<String> for PublicOrigin {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let authority = text.strip_prefix("https://").unwrap_or_default();
        let is_authority = |c: char| {
            c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | ':' | '[' | ']')
        };
        if authority.is_empty() || authority.len() > 255 || !authority.chars().all(is_authority) {
            return Err(format!(
                "`{text}` is not where browsers find the host: write it as `https://orch.example.org`, in lower case \
                 and without a path"
            ));
        }
        Ok(Self(text))
    }
}

impl From<PublicOrigin> for String {
    fn from(origin: PublicOrigin) -> Self {
        origin.0
    }
}

impl std::fmt::Display for PublicOrigin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::PublicOrigin;

    #[test]
    fn origin_is_https_and_nothing_behind_it() {
        for good in [
            "https://orch.example.org",
            "https://[::1]:8443",
            "https://orch:8443",
        ] {
            let origin = PublicOrigin::try_from(good.to_owned()).expect(good);
            assert_eq!(origin.to_string(), good);
        }
        for bad in [
            "http://orch.example.org",
            "https://",
            "https://orch.example.org/",
            "https://Orch.example.org",
            "https://ann@orch.example.org",
            "orch.example.org",
        ] {
            let said = PublicOrigin::try_from(bad.to_owned()).expect_err(bad);
            assert!(
                said.contains(bad) && said.contains("https://orch"),
                "{said}"
            );
        }
    }
}
