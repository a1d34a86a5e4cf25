//! Holds what a gate says of itself to the contract's rules.

use orch_domain::verdict::Descriptor;

use crate::artefact::{HOST_KEYS, NOT_APPLICABLE, is_plain_key};
use crate::gate::LoadError;

/// Holds a description to its rules; answers the validator of the settings.
pub(crate) fn check_description(
    about: &Descriptor,
) -> Result<Option<jsonschema::Validator>, LoadError> {
    let bad = |what: String| Err(LoadError::Description(what));
    let plain = |text: &str, max: usize| {
        !text.is_empty() && text.len() <= max && !text.chars().any(char::is_control)
    };
    if !plain(&about.name, 64) || !plain(&about.version, 64) || !plain(&about.summary, 500) {
        return bad("name, version and summary must be one line each".to_owned());
    }
    if !is_plain_key(&about.status_key) {
        return bad(format!(
            "status key `{}` must be of a-z, 0-9 and _",
            about.status_key
        ));
    }
    // Keys of the roles' and the host's own artefacts: a gate that wrote one could be taken for them.
    let reserved = ["verdict", "result", "deploy_status", "staging_status"];
    if reserved.contains(&about.status_key.as_str())
        || HOST_KEYS.contains(&about.status_key.as_str())
    {
        return bad(format!(
            "status key `{}` belongs to a role or to the host",
            about.status_key
        ));
    }
    let token = |text: &str| {
        plain(text, 64)
            && text
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
    };
    if !token(&about.status_pass)
        || !token(&about.status_fail)
        || about.status_pass == about.status_fail
    {
        return bad("the status values must be two different words of A-Z, 0-9 and _".to_owned());
    }
    if about.status_pass == NOT_APPLICABLE || about.status_fail == NOT_APPLICABLE {
        return bad(format!(
            "`{}` is the host's own status value",
            NOT_APPLICABLE
        ));
    }
    if let Some(name) = &about.artefact {
        let safe = name.len() <= 100
            && name.ends_with(".md")
            && !name.starts_with('.')
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
        let owned_by_role = matches!(orch_domain::artefact::owner(name), orch_domain::artefact::Owner::Role(role)
                if role != orch_domain::stage::Role::Developer);
        if !safe || owned_by_role {
            return bad(format!(
                "artefact `{name}` must be a plain .md name that no role owns"
            ));
        }
    }
    if about.settings_schema.trim().is_empty() {
        return Ok(None);
    }
    if about.settings_schema.len() > 64 * 1024 {
        return bad("the settings schema is larger than 64 KiB".to_owned());
    }
    let schema: serde_json::Value = serde_json::from_str(&about.settings_schema)
        .map_err(|e| LoadError::Description(format!("schema: {e}")))?;
    // Expressions that cannot backtrack: a pattern of the gate's must not be able to keep the host busy.
    let validator = jsonschema::options()
        .with_pattern_options(jsonschema::PatternOptions::regex())
        .build(&schema)
        .map_err(|e| LoadError::Description(format!("schema: {e}")))?;
    Ok(Some(validator))
}
