//! Effects of the host that the crash sweep would never stop at.

/// What a crash must not tear in two: commits, renames, spawned programs, moved refs.
const EFFECTS: [&str; 5] = [
    "fs::rename(",
    ".spawn()",
    "; COMMIT\")",
    "\"update-ref\"",
    "\"push\",",
];
/// How many lines around an effect are looked at for its point.
const NEAR: usize = 16;

/// One problem for each effect without a point near it.
pub(super) fn problems(name: &str, text: &str) -> Vec<String> {
    let of_host = name.starts_with("host/") && name.contains("/src/");
    let is_tool = [
        "host/xtask/",
        "host/bench/",
        "host/author/",
        "host/orch/src/demo",
    ]
    .iter()
    .any(|tool| name.starts_with(tool));
    if !of_host || is_tool || name.ends_with("/tests.rs") || name.contains("/tests/") {
        return Vec::new();
    }
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines: Vec<&str> = code.lines().collect();
    let has_point = |at: usize| {
        let near = &lines[at.saturating_sub(NEAR)..lines.len().min(at + NEAR)];
        near.iter().any(|line| line.contains("point("))
    };
    lines
        .iter()
        .enumerate()
        .filter(|(at, line)| EFFECTS.iter().any(|e| line.contains(e)) && !has_point(*at))
        .map(|(at, _)| {
            format!(
                "line {}: no `orch_durable::point` near this effect; the crash sweep would miss it",
                at + 1
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::problems;

    #[test]
    fn effect_without_a_crash_point_is_found() {
        let bare = "//! x\nfn f() { std::fs::rename(a, b); }\n";
        assert_eq!(problems("host/store/src/a.rs", bare).len(), 1);
        assert!(problems("host/xtask/src/a.rs", bare).is_empty());
        let good = bare.replace("std::", "orch_durable::point(\"x\"); std::");
        assert!(problems("host/store/src/a.rs", &good).is_empty());
    }
}
