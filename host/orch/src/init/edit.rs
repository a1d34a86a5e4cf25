//! Adds an entry to a part of a configuration that is there, such as a repository, and takes one out: comments and order
//! are kept.

use std::path::Path;

use anyhow::Context;

/// The part with the repositories.
const REPOSITORIES: &str = "repositories";

/// Writes `entry` as `name` into the part `part` of the configuration `file`, in the place of one that is there; answers
/// the file's name.
pub(crate) fn put(
    file: &Path,
    part: &str,
    name: &str,
    entry: &serde_json::Value,
) -> anyhow::Result<String> {
    let shown = file.display().to_string();
    let text = std::fs::read_to_string(file).with_context(|| format!("`{shown}`"))?;
    let rest = without_in(&text, part, name).unwrap_or_else(|| text.clone());
    let next = with_in(&rest, part, name, entry).with_context(|| {
        format!("`{shown}` has a form that is not edited here; add under `{part}`: {name}: {entry}")
    })?;
    orch_config::HostConfig::parse(&shown, &next)?;
    replace(file, &next)?;
    Ok(shown)
}

/// The text with `entry`, the value of the repository `name` in one line of JSON; none if the file has a form in which
/// there is no place for it.
pub(crate) fn with(text: &str, name: &str, entry: &serde_json::Value) -> Option<String> {
    with_in(text, REPOSITORIES, name, entry)
}

fn with_in(text: &str, part: &str, name: &str, entry: &serde_json::Value) -> Option<String> {
    let top = format!("{part}:");
    if let Ok(serde_json::Value::Object(mut map)) = serde_json::from_str(text) {
        let list = map.entry(part).or_insert_with(|| serde_json::json!({}));
        list.as_object_mut()?.insert(name.to_owned(), entry.clone());
        return serde_json::to_string_pretty(&map)
            .ok()
            .map(|text| text + "\n");
    }
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    match lines.iter().position(|line| line.trim_end() == top) {
        Some(at) => {
            // As deep as the entries that are there.
            let next = lines[at + 1..].iter().find(|line| is_content(line));
            let indent = next.map_or(2, |line| indent_of(line)).max(1);
            lines.insert(at + 1, format!("{}{name}: {entry}", " ".repeat(indent)));
        }
        None if lines.iter().any(|line| line.starts_with(&top)) => return None,
        None => {
            lines.push(top);
            lines.push(format!("  {name}: {entry}"));
        }
    }
    Some(lines.join("\n") + "\n")
}

/// The text without the repository `name`; none if it stands there in another form.
pub(crate) fn without(text: &str, name: &str) -> Option<String> {
    without_in(text, REPOSITORIES, name)
}

fn without_in(text: &str, part: &str, name: &str) -> Option<String> {
    if let Ok(serde_json::Value::Object(mut map)) = serde_json::from_str(text) {
        map.get_mut(part)?.as_object_mut()?.remove(name)?;
        return serde_json::to_string_pretty(&map)
            .ok()
            .map(|text| text + "\n");
    }
    let lines: Vec<&str> = text.lines().collect();
    let top = lines
        .iter()
        .position(|line| line.trim_end().strip_suffix(':') == Some(part))?;
    let block = lines[top + 1..].iter();
    // Up to the next key of the top: a name may stand in other places too.
    let of_block = block.take_while(|line| !is_content(line) || indent_of(line) > 0);
    let block = &lines[top + 1..top + 1 + of_block.count()];
    let depth = indent_of(block.iter().find(|line| is_content(line))?);
    let entry = [
        format!("{name}:"),
        format!("\"{name}\":"),
        format!("'{name}':"),
    ];
    let is_entry = |line: &&str| {
        let text = line.trim_start();
        indent_of(line) == depth && entry.iter().any(|entry| text.starts_with(entry))
    };
    let at = top + 1 + block.iter().position(is_entry)?;
    let deeper = |line: &&&str| !is_content(line) || indent_of(line) > depth;
    let of_entry = lines[at + 1..].iter().take_while(deeper).count();
    // Blank lines and comments behind it belong to what follows.
    let behind = lines[at + 1..=at + of_entry].iter().rev();
    let behind = behind.take_while(|line| !is_content(line)).count();
    let end = at + 1 + of_entry - behind;
    let rest: Vec<&str> = [&lines[..at], &lines[end..]].concat();
    Some(rest.join("\n") + "\n")
}

fn is_content(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with('#')
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// Puts a text in the place of a file: a host that watches it never sees half of it.
pub(crate) fn replace(file: &Path, text: &str) -> anyhow::Result<()> {
    let done = orch_durable::replace(file, text.as_bytes());
    done.with_context(|| format!("`{}`", file.display()))
}

#[cfg(test)]
mod tests {
    use orch_config::HostConfig;

    use super::*;

    #[test]
    fn repository_is_added_and_taken_out_and_everything_else_stays() {
        for text in [
            "# ours\nrepositories:\n  shop:\n    path: shop.git\n    # of the shop\n    base: main\n\n# end\nconcurrency: { agents: 2 }\n",
            "# ours\nrepositories:\n    shop: { path: shop.git }\n# end\n",
            r#"{"repositories": {"shop": {"path": "shop.git"}}}"#,
        ] {
            let entry = serde_json::json!({"path": "/srv/till.git", "base": "main"});
            let more = with(text, "till", &entry).unwrap();
            let config =
                HostConfig::parse("orch.yaml", &more).unwrap_or_else(|e| panic!("{e}\n{more}"));
            let names: Vec<&String> = config.repositories.keys().collect();
            assert_eq!(names, ["shop", "till"], "{more}");
            let back = without(&more, "till").unwrap();
            if text.starts_with('#') {
                assert_eq!(back, text);
            }
            let other = without(&more, "shop").unwrap();
            let config =
                HostConfig::parse("orch.yaml", &other).unwrap_or_else(|e| panic!("{e}\n{other}"));
            let names: Vec<&String> = config.repositories.keys().collect();
            assert_eq!(names, ["till"], "{other}");
            for comment in ["# ours", "# end"] {
                assert_eq!(text.contains(comment), other.contains(comment), "{other}");
            }
        }
        // A name that is a key of another one, or of another part, as well.
        let text = "repositories:\n  till:\n    path: till.git\n    deploy: { hook: 'true' }\n  deploy:\n    path: d.git\n";
        let left = without(text, "deploy").unwrap();
        assert_eq!(
            left,
            "repositories:\n  till:\n    path: till.git\n    deploy: { hook: 'true' }\n"
        );
        let text =
            "repositories:\n  till:\n    path: till.git\nagents:\n  shop: { driver: claude }\n";
        assert_eq!(without(text, "shop"), None);
        assert_eq!(without("repositories: {shop: {path: a}}", "shop"), None);
        assert_eq!(
            with(
                "repositories: {shop: {path: a}}",
                "till",
                &serde_json::json!({})
            ),
            None
        );
    }
}
