//! How an entry of `extra_gates` is written into the configuration file, comments and order kept.

use orch_config::ExtraGate;

/// The entry in one line of YAML, which is JSON.
pub(super) fn line_of(extra: &ExtraGate) -> String {
    let mut map = serde_json::Map::new();
    map.insert("gate".to_owned(), extra.gate.clone().into());
    map.insert("stage".to_owned(), extra.stage.clone().into());
    if let Some(repo) = &extra.repo {
        map.insert("repo".to_owned(), repo.clone().into());
    }
    map.insert("mode".to_owned(), extra.mode.clone().into());
    if !extra.settings.is_empty() {
        map.insert("settings".to_owned(), extra.settings.clone().into());
    }
    format!("- {}", serde_json::Value::Object(map))
}

/// The text without an entry that was written by [`with_line`]; none if it stands there in another form.
pub(super) fn without_line(text: &str, extra: &ExtraGate) -> Option<String> {
    if let Ok(serde_json::Value::Object(mut map)) = serde_json::from_str(text) {
        let list = map.get_mut("extra_gates")?.as_array_mut()?;
        let same = |v: &serde_json::Value| {
            serde_json::from_value::<ExtraGate>(v.clone()).is_ok_and(|v| v == *extra)
        };
        let at = list.iter().position(same)?;
        list.remove(at);
        return serde_json::to_string_pretty(&map).ok();
    }
    let line = line_of(extra);
    let lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().position(|l| l.trim() == line)?;
    let rest: Vec<&str> = [&lines[..at], &lines[at + 1..]].concat();
    Some(rest.join("\n") + "\n")
}

/// The text with the entry added, comments and order kept.
pub(super) fn with_line(text: &str, extra: &ExtraGate) -> String {
    // A file in JSON, as programs write it, is written as JSON again.
    if let Ok(serde_json::Value::Object(mut map)) = serde_json::from_str(text) {
        let list = map
            .entry("extra_gates")
            .or_insert_with(|| serde_json::json!([]));
        if let (Some(list), Ok(value)) = (list.as_array_mut(), serde_json::to_value(extra)) {
            list.push(value);
        }
        return serde_json::to_string_pretty(&map).unwrap_or_default() + "\n";
    }
    let line = line_of(extra);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let at = lines.iter().position(|l| l.trim_end() == "extra_gates:");
    match at {
        Some(at) => {
            // As deep as the entries that are there.
            let next = lines
                .get(at + 1)
                .filter(|l| l.trim_start().starts_with("- "));
            let indent = next.map_or(2, |l| l.len() - l.trim_start().len());
            lines.insert(at + 1, format!("{}{line}", " ".repeat(indent)));
        }
        None => {
            lines.push("extra_gates:".to_owned());
            lines.push(format!("  {line}"));
        }
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use orch_config::HostConfig;

    use super::*;

    fn extra(gate: &str) -> ExtraGate {
        ExtraGate {
            gate: gate.to_owned(),
            stage: "review".to_owned(),
            repo: Some("shop".to_owned()),
            mode: "advise".to_owned(),
            settings: serde_json::Map::new(),
        }
    }

    #[test]
    fn entry_that_is_enabled_anew_stands_there_once() {
        let shop = "repositories: {shop: {path: shop.git}}";
        for text in [
            format!("# ours\n{shop}\n"),
            r#"{"repositories": {"shop": {"path": "shop.git"}}}"#.to_owned(),
        ] {
            let first = with_line(&text, &extra("mine"));
            let bare = without_line(&first, &extra("mine")).expect("it is found");
            let enforced = ExtraGate {
                mode: "enforce".to_owned(),
                ..extra("mine")
            };
            let next = with_line(&bare, &enforced);
            let config = HostConfig::parse("orch.yaml", &next).expect("it parses");
            assert_eq!(config.extra_gates, [enforced], "{next}");
        }
        let by_hand = format!("{shop}\nextra_gates:\n- gate: mine\n  stage: review\n");
        assert_eq!(without_line(&by_hand, &extra("mine")), None);
    }

    #[test]
    fn line_is_added_and_everything_else_stays() {
        let shop = "repositories: {shop: {path: shop.git}}";
        for text in [
            format!("# ours\n{shop}\n"),
            format!("{shop}\nextra_gates:\n  - {{gate: other, stage: review}}\n# end\n"),
            format!("{shop}\nextra_gates:\n- gate: other\n  stage: review\n"),
            r#"{"repositories": {"shop": {"path": "shop.git"}}}"#.to_owned(),
        ] {
            let next = with_line(&text, &extra("mine"));
            let config =
                HostConfig::parse("orch.yaml", &next).unwrap_or_else(|e| panic!("{e}\n{next}"));
            assert!(config.extra_gates.contains(&extra("mine")), "{next}");
            assert_eq!(
                config.extra_gates.len(),
                1 + usize::from(text.contains("other"))
            );
            for comment in ["# ours", "# end"] {
                assert_eq!(text.contains(comment), next.contains(comment), "{next}");
            }
        }
    }
}
