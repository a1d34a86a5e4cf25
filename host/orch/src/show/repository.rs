//! Repositories as text: their pipelines, what of those can never work, and how their bases stand.

use std::fmt::Write as _;

use orch_views::page::Page;
use orch_views::repository::{BaseView, PipelineProblem, PipelineView, RepositoryView, StepView};

use super::plain;
use super::table::{page, table};

/// Repositories, with how their bases stood.
pub(crate) fn list(list: &Page<RepositoryView>) -> String {
    let header = ["repository", "base", "tested", "lies in"];
    page(header, list, |repo| {
        [
            repo.name.clone(),
            repo.base.clone(),
            repo.base_state
                .clone()
                .unwrap_or_else(|| "not yet".to_owned()),
            repo.upstream.clone().unwrap_or_else(|| repo.path.clone()),
        ]
    })
}

/// How a base stands.
pub(crate) fn base(view: &BaseView) -> String {
    let commit: String = view.commit.chars().take(12).collect();
    let head = format!("{}: `{}` at {commit}", view.repo, view.base);
    match (&view.problem, view.state.is_some()) {
        (Some(problem), _) => plain::block(&format!("{head}\n{problem}")),
        (None, true) => plain::line(&format!("{head} passes its tests")),
        (None, false) => plain::line(&format!("{head} has no tests")),
    }
}

/// A pipeline step by step.
pub(crate) fn pipeline(view: &PipelineView) -> String {
    let header = ["stage", "step", "mode", "from"];
    let steps = table(header, &view.steps, |step: &StepView| {
        let from = match step.changed_by.is_empty() {
            true => step.from.clone(),
            false => format!("{}; {}", step.from, step.changed_by.join(", ")),
        };
        [
            step.stage.clone(),
            step.step.clone(),
            step.mode.clone().unwrap_or_default(),
            from,
        ]
    });
    format!("{}\n\n{steps}\n{}", line(view), problems(&view.problems))
}

/// What a check of every repository found.
pub(crate) fn checked(views: &[PipelineView]) -> String {
    let count: usize = views.iter().map(|view| view.problems.len()).sum();
    let mut page = match count {
        0 => "the configuration can be used\n".to_owned(),
        1 => "1 thing can never work\n".to_owned(),
        _ => format!("{count} things can never work\n"),
    };
    for view in views {
        // Writing to a String cannot fail.
        writeln!(page, "{}{}", line(view), problems(&view.problems)).ok();
    }
    page
}

fn line(view: &PipelineView) -> String {
    let digest: String = view.configuration.chars().take(12).collect();
    plain::line(&format!(
        "{}: base {}, configuration {digest}",
        view.repo, view.base
    ))
}

fn problems(list: &[PipelineProblem]) -> String {
    let mut page = String::new();
    for problem in list {
        let (place, what) = (plain::line(&problem.place), plain::line(&problem.what));
        let remedy = plain::line(&problem.remedy);
        write!(page, "\n  error: {place}: {what}\n    try: {remedy}").ok();
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(problems: Vec<PipelineProblem>) -> PipelineView {
        PipelineView {
            repo: "shop".into(),
            base: "4711".into(),
            configuration: "0123456789abcdef".into(),
            steps: vec![
                StepView {
                    stage: "development".into(),
                    step: "run developer".into(),
                    does: "An agent changes the code.".into(),
                    gate: None,
                    mode: None,
                    from: "default".into(),
                    changed_by: vec![],
                },
                StepView {
                    stage: "development".into(),
                    step: "gate ci-green".into(),
                    does: String::new(),
                    gate: Some("ci".into()),
                    mode: Some("enforce".into()),
                    from: "default".into(),
                    changed_by: vec!["`gates.ci-green` of .orch.yaml".into()],
                },
            ],
            problems,
        }
    }

    fn problem() -> PipelineProblem {
        PipelineProblem {
            place: "deploy-staging: staging".into(),
            what: "the repository has no\u{1b}[2J staging".into(),
            remedy: "set it".into(),
        }
    }

    #[test]
    fn pipeline_shows_every_line_with_where_it_comes_from() {
        insta::assert_snapshot!(pipeline(&view(vec![])), @r"
        shop: base 4711, configuration 0123456789ab

        stage        step           mode     from
        development  run developer           default
        development  gate ci-green  enforce  default; `gates.ci-green` of .orch.yaml
        ");
    }

    #[test]
    fn check_names_what_can_never_work_with_its_remedy() {
        insta::assert_snapshot!(checked(&[view(vec![])]), @r"
        the configuration can be used
        shop: base 4711, configuration 0123456789ab
        ");
        insta::assert_snapshot!(checked(&[view(vec![problem()])]), @r"
        1 thing can never work
        shop: base 4711, configuration 0123456789ab
          error: deploy-staging: staging: the repository has no\u{1b}[2J staging
            try: set it
        ");
    }
}
