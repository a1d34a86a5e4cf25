//! Claims about the strict reader.

use proptest::prelude::{Strategy, any, proptest};

use crate::{BYTES_MAX, Error, FRONTMATTER_BYTES_MAX, Value, parse, parse_yaml, render_scalar};

fn text(document: &str, key: &str) -> Option<String> {
    parse(document)
        .unwrap()
        .mapping
        .text(key)
        .map(str::to_owned)
}

#[test]
fn reads_keys_in_order_and_leaves_the_body() {
    let document =
        parse("---\nverdict: APPROVED\nversion: 2\n---\n# Review\nverdict: REQUEST_CHANGES\n")
            .unwrap();
    assert_eq!(
        document.mapping.keys().collect::<Vec<_>>(),
        ["verdict", "version"]
    );
    assert_eq!(document.mapping.text("verdict"), Some("APPROVED"));
    assert_eq!(document.mapping.get("version"), Some(&Value::Integer(2)));
    assert!(document.body.starts_with("# Review"));
}

#[test]
fn prose_before_the_frontmatter_means_there_is_none() {
    for document in [
        "",
        "verdict: APPROVED",
        "\n---\nverdict: APPROVED\n---\n",
        "--- \nverdict: A\n---\n",
        "---",
    ] {
        let error = parse(document).unwrap_err();
        assert!(matches!(error, Error::NoFrontmatter { .. }), "{document:?}");
    }
    assert_eq!(parse("---\nverdict: APPROVED\n"), Err(Error::NotClosed));
}

#[test]
fn byte_order_mark_and_crlf_are_read() {
    assert_eq!(
        text("\u{feff}---\r\nresult: PASS\r\n---\r\nbody", "result").as_deref(),
        Some("PASS")
    );
}

#[test]
fn what_makes_yaml_ambiguous_is_refused() {
    for (yaml, what) in [
        ("a: &x 1\nb: *x", "anchors"),
        ("a: !!str 1", "tags"),
        ("a: !custom {}", "tags"),
        ("<<: {a: 1}", "merge keys"),
        ("a: 1\n--- \nb: 2", "several documents"),
        ("? [a]\n: 1", "lists and mappings as keys"),
    ] {
        let error = parse_yaml(yaml).unwrap_err();
        assert!(
            matches!(&error, Error::Forbidden { what: w, .. } if *w == what),
            "{yaml:?}: {error}"
        );
    }
}

#[test]
fn second_verdict_in_the_same_frontmatter_is_refused() {
    let error = parse("---\nverdict: REQUEST_CHANGES\nverdict: APPROVED\n---\n").unwrap_err();
    assert_eq!(
        error,
        Error::DuplicateKey {
            line: 3,
            key: "verdict".to_owned()
        }
    );
    assert!(
        matches!(parse_yaml("'1': a\n1: b"), Err(Error::DuplicateKey { .. })),
        "keys are compared as text"
    );
}

#[test]
fn lines_are_counted_as_an_editor_counts_them() {
    for (document, line) in [
        ("---\na: 1\nb: [\n---\n", 4),
        ("---\na: 1\nb: &x 2\n---\n", 3),
        ("\u{feff}---\r\na: 1\r\na: 2\r\n---\r\n", 3),
        ("---\nverdict: **APPROVED**\n---\n", 2),
        ("no frontmatter", 1),
    ] {
        let error = parse(document).unwrap_err();
        assert_eq!(error.line(), Some(line), "{document:?}: {error}");
        if !matches!(error, Error::NoFrontmatter { .. }) {
            assert!(
                error.to_string().starts_with(&format!("line {line}: ")),
                "{error}"
            );
        }
    }
}

#[test]
fn what_markdown_and_tabs_do_to_a_value_is_said_in_plain_words() {
    let said = |document: &str| parse(document).unwrap_err().to_string();
    let starred = said("---\nverdict: **APPROVED**\n---\n");
    assert!(
        starred.contains("without asterisks") && !starred.contains("anchor"),
        "{starred}"
    );
    let ticked = said("---\nverdict: `APPROVED`\n---\n");
    assert!(ticked.contains("in quotes"), "{ticked}");
    let tabbed = said("---\nverdict: APPROVED\n\tversion: 1\n---\n");
    assert!(tabbed.contains("tab"), "{tabbed}");
    for blank in [
        "--- \nverdict: APPROVED\n---\n",
        "---\nverdict: APPROVED\n--- \n",
    ] {
        assert!(said(blank).contains("without a blank"), "{blank:?}");
    }
}

#[test]
fn bounds_hold_on_size_depth_and_count() {
    let deep = "[".repeat(20) + &"]".repeat(20);
    assert!(matches!(parse_yaml(&deep), Err(Error::Bound { .. })));
    let many = format!("[{}]", "1,".repeat(20_000));
    assert!(matches!(parse_yaml(&many), Err(Error::Bound { .. })));
    let long = "a".repeat(BYTES_MAX + 1);
    assert!(matches!(parse_yaml(&long), Err(Error::TooLarge { .. })));
    let long = format!("---\na: {}\n---\n", "x".repeat(FRONTMATTER_BYTES_MAX));
    assert!(matches!(parse(&long), Err(Error::TooLarge { .. })));
}

#[test]
fn scalars_follow_the_core_schema() {
    for (yaml, value) in [
        ("no", Value::Text("no".into())),
        ("yes", Value::Text("yes".into())),
        ("True", Value::Bool(true)),
        ("~", Value::Null),
        ("0x10", Value::Integer(16)),
        ("007", Value::Integer(7)),
        ("1.5e3", Value::Number(1500.0)),
        ("1.2.3", Value::Text("1.2.3".into())),
        ("2026-11-20", Value::Text("2026-11-20".into())),
        ("'1'", Value::Text("1".into())),
        ("99999999999999999999", Value::Number(1e20)),
    ] {
        assert_eq!(parse_yaml(yaml), Ok(value), "{yaml}");
    }
    assert!(parse_yaml(".inf").is_err() && parse_yaml("1e999").is_err());
}

#[test]
fn top_level_must_be_a_mapping() {
    assert_eq!(parse("---\n- a\n---\n"), Err(Error::NotMapping));
    assert_eq!(parse("---\nAPPROVED\n---\n"), Err(Error::NotMapping));
    assert!(parse("---\n---\n").unwrap().mapping.is_empty());
}

#[test]
fn control_characters_and_markup_survive_rendering() {
    for nasty in [
        "a: b",
        "# x",
        "---",
        "\u{1b}[31m",
        "a\nb",
        "",
        " ",
        "*x",
        "true",
        "1",
        "\u{2028}",
        "\"\\",
        "- a",
    ] {
        let line = format!("---\nkey: {}\n---\n", render_scalar(nasty));
        assert_eq!(text(&line, "key").as_deref(), Some(nasty), "{line:?}");
        assert_eq!(render_scalar(nasty).lines().count(), 1);
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>().prop_map(|s| s.chars().take(400).collect::<String>())) {
        // Only that it answers matters here.
        drop(parse(&text));
        drop(parse_yaml(&text));
        drop(parse(&format!("---\n{text}\n---\n")));
    }

    #[test]
    fn rendered_text_reads_back_as_itself(value in any::<String>()) {
        let line = format!("---\nkey: {}\n---\n", render_scalar(&value));
        let read = parse(&line).map(|d| d.mapping.text("key").map(str::to_owned));
        proptest::prop_assert_eq!(read, Ok(Some(value)));
    }
}

#[test]
fn tab_after_the_colon_is_a_blank_or_is_named() {
    match parse("---\nverdict:\tAPPROVED\n---\n") {
        Ok(document) => assert_eq!(document.mapping.text("verdict"), Some("APPROVED")),
        Err(error) => assert!(error.to_string().contains("tab"), "{error}"),
    }
}

#[test]
fn what_stands_in_the_place_of_the_first_line_is_said() {
    for (document, instead) in [
        ("```yaml\n---\nverdict: APPROVED\n---\n```\n", "code fence"),
        ("```markdown\n---\nverdict: APPROVED\n---\n", "code fence"),
        ("\n---\nverdict: APPROVED\n---\n", "is empty"),
        ("", "is empty"),
        (" ---\nverdict: APPROVED\n---\n", "a blank"),
        ("----\nverdict: APPROVED\n----\n", "three hyphens"),
        ("———\nverdict: APPROVED\n———\n", "three hyphens"),
        ("+++\nverdict = 'APPROVED'\n+++\n", "TOML"),
        ("\u{200b}---\nverdict: APPROVED\n---\n", "nobody sees"),
        ("---\rverdict: APPROVED\r---\r", "carriage return"),
        (
            "Here is my review:\n\n---\nverdict: APPROVED\n---\n",
            "other text",
        ),
        ("# Review\n", "other text"),
    ] {
        let said = parse(document).unwrap_err().to_string();
        assert!(said.contains(instead), "{document:?}: {said}");
    }
}

#[test]
fn what_models_write_into_frontmatter_is_read_or_refused_for_a_reason() {
    // A line in the body that looks like an end of frontmatter is none.
    let document =
        parse("---\nverdict: APPROVED\n---\nx\n\n---\nverdict: REQUEST_CHANGES\n---\n").unwrap();
    assert_eq!(document.mapping.text("verdict"), Some("APPROVED"));
    assert!(document.body.contains("REQUEST_CHANGES"));
    for (yaml, key, value) in [
        ("result: \"PASS\"", "result", "PASS"),
        ("result: 'PASS'", "result", "PASS"),
        ("result: PASS # all of it", "result", "PASS"),
        ("result:   PASS   ", "result", "PASS"),
        ("\"result\": PASS", "result", "PASS"),
        ("result: >-\n  PASS", "result", "PASS"),
        ("résultat: PASS", "résultat", "PASS"),
        ("result: no", "result", "no"),
        ("result: on", "result", "on"),
        ("result: PASS.", "result", "PASS."),
        ("date: 2026-11-20T10:00:00Z", "date", "2026-11-20T10:00:00Z"),
        ("sha: 1e10a", "sha", "1e10a"),
        ("note: a: b", "", ""),
        ("result: PASS: all", "", ""),
        ("result: @PASS", "", ""),
        ("result:\u{a0}PASS", "", ""),
        ("\tresult: PASS", "result", "PASS"),
        ("result: PASS\n  extra", "result", "PASS extra"),
        ("result: !PASS", "", ""),
        ("result: PASS\nresult: PASS", "", ""),
        ("base: &b {x: 1}\nresult: PASS", "", ""),
    ] {
        match (parse(&format!("---\n{yaml}\n---\n")), key) {
            (Ok(document), key) if !key.is_empty() => {
                assert_eq!(document.mapping.text(key), Some(value), "{yaml}");
            }
            (Err(_), "") => {}
            (other, _) => panic!("{yaml}: {other:?}"),
        }
    }
}
