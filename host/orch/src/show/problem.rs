//! How does a refusal look, to people and to programs?

use orch_config::ConfigError;
use orch_engine::CommandError;
use orch_views::problem::{Problem, ProblemCode, Refused};

use super::{out, plain};

/// A refusal of the host.
#[derive(Debug)]
pub(crate) struct HostRefused(pub(crate) Problem);

impl std::fmt::Display for HostRefused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for HostRefused {}

/// Says an error: to programs on standard output as JSON, where they read the answer; to people on standard error.
///
/// # Errors
/// When it cannot be printed.
pub(crate) fn report(error: &anyhow::Error, to_program: bool) -> anyhow::Result<()> {
    if to_program {
        return out(&format!("{}\n", json(error)));
    }
    eprintln!("error: {}", text(error));
    Ok(())
}

/// An error for people: what happened, what caused it, and what would help.
pub(crate) fn text(error: &anyhow::Error) -> String {
    let mut page = plain::block(&chain(error));
    if let Some(remedy) = problem(error).remedy {
        page.push_str("\n  try: ");
        page.push_str(&plain::block(&remedy));
    }
    page
}

/// An error for programs.
pub(crate) fn json(error: &anyhow::Error) -> String {
    let refused = Refused {
        error: problem(error),
    };
    // Three texts can always be written.
    plain::json(&serde_json::to_string_pretty(&refused).unwrap_or_default())
}

/// A command line that makes no sense, for programs.
pub(crate) fn usage_json(message: &str) -> String {
    let error = HostRefused(Problem {
        code: ProblemCode::Invalid,
        message: message.to_owned(),
        remedy: None,
    });
    json(&error.into())
}

fn problem(error: &anyhow::Error) -> Problem {
    if let Some(HostRefused(problem)) = error.downcast_ref::<HostRefused>() {
        return problem.clone();
    }
    let refused = error.downcast_ref::<CommandError>();
    let unusable = error.downcast_ref::<ConfigError>();
    Problem {
        code: ProblemCode::Failed,
        message: chain(error),
        remedy: refused
            .and_then(CommandError::remedy)
            .or(unusable.and_then(ConfigError::remedy))
            .map(str::to_owned),
    }
}

/// An error with what caused it, one line each.
pub(crate) fn chain(error: &anyhow::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    for cause in error.chain() {
        let text = cause.to_string();
        if !parts.iter().any(|p| p.contains(&text)) {
            parts.push(text);
        }
    }
    parts.join("\n  because: ")
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;
    use crate::show::plain::tests::hostile;

    fn refusal(message: String, remedy: Option<&str>) -> anyhow::Error {
        HostRefused(Problem {
            code: ProblemCode::Conflict,
            message,
            remedy: remedy.map(str::to_owned),
        })
        .into()
    }

    #[test]
    fn refusal_of_the_host_says_what_would_help() {
        let error = refusal("nothing of SHOP-1 waits".into(), Some("wait"));
        insta::assert_snapshot!(text(&error), @r"
        nothing of SHOP-1 waits
          try: wait
        ");
        insta::assert_snapshot!(json(&error), @r#"
        {
          "error": {
            "code": "conflict",
            "message": "nothing of SHOP-1 waits",
            "remedy": "wait"
          }
        }
        "#);
    }

    #[test]
    fn failure_beside_the_host_names_its_causes_once() {
        let error = anyhow!("no such file").context("`orch.yaml` cannot be read");
        let error = error.context("`orch.yaml` cannot be read");
        insta::assert_snapshot!(text(&error), @r"
        `orch.yaml` cannot be read
          because: no such file
        ");
        insta::assert_snapshot!(json(&error), @r#"
        {
          "error": {
            "code": "failed",
            "message": "`orch.yaml` cannot be read\n  because: no such file"
          }
        }
        "#);
    }

    #[test]
    fn command_that_ran_without_a_host_says_what_would_help_too() {
        let refused = CommandError::conflict("`shop` has no base").with_remedy("push one");
        let error = anyhow::Error::from(refused);
        insta::assert_snapshot!(text(&error), @r"
        `shop` has no base
          try: push one
        ");
        insta::assert_snapshot!(json(&error), @r#"
        {
          "error": {
            "code": "failed",
            "message": "`shop` has no base",
            "remedy": "push one"
          }
        }
        "#);
    }

    #[test]
    fn nothing_acts_in_a_refusal() {
        let error = refusal(hostile(), None);
        insta::assert_snapshot!(text(&error), @r"
        \u{1b}[31mred\u{1b}[0m\u{7}\u{d}over\u{202e}drawn\u{2066}
        next
        ");
        insta::assert_snapshot!(json(&error), @r#"
        {
          "error": {
            "code": "conflict",
            "message": "\u001b[31mred\u001b[0m\u0007\rover\u202edrawn\u2066\nnext"
          }
        }
        "#);
    }
}
