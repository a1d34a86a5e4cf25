//! Which files a role owes, which it may write, and where a task's folder lies.
//!
//! The rules are what keeps one role from writing another's verdict; the host enforces them on every
//! run's change before it commits anything.

use crate::id::WorkItem;
use crate::path::RepoPath;
use crate::stage::Role;

/// The request the task came from; written by the host.
pub const BUSINESS_REQUEST: &str = "00-business-request.md";
/// The reviewer's verdict.
pub const REVIEW: &str = "12-review.md";
/// The tester's verdict.
pub const TEST_REPORT: &str = "13-test-report.md";
/// What the production deploy hook left; written by the host.
pub const DEPLOY_LOG: &str = "14-deploy-log.md";
/// What the staging deploy and its suite left; written by the host.
pub const STAGING_LOG: &str = "15-staging-log.md";
/// What probing production after a deploy came to; written by the host.
pub const POST_DEPLOY_LOG: &str = "16-post-deploy-log.md";

/// Agent configuration that is restored from the trusted base before every run, because the branch
/// under judgement must not instruct the agents that judge it.
pub const AGENT_CONFIGURATION: [&str; 9] = [
    "CLAUDE.md",
    "CLAUDE.local.md",
    "AGENTS.md",
    "GEMINI.md",
    ".claude",
    ".codex",
    ".gemini",
    ".mcp.json",
    ".orch",
];

/// Where the folders of all work items lie, without a trailing slash.
pub const FOLDERS: &str = "docs/work-items";

/// The task's folder inside the repository, without a trailing slash.
pub fn folder(work_item: &WorkItem) -> String {
    format!("{FOLDERS}/{work_item}")
}

/// Who may leave an artefact of this name in the task's folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The host only.
    Host,
    /// One role only.
    Role(Role),
}

/// The owner of `name`, a path inside the task's folder. Unlisted names belong to the developer.
pub fn owner(name: impl AsRef<[u8]>) -> Owner {
    let number = name.as_ref().get(..2).unwrap_or_default();
    match number {
        b"00" | b"14" | b"15" | b"16" | b"17" => Owner::Host,
        b"01" | b"02" | b"03" | b"04" => Owner::Role(Role::Analyst),
        b"06" | b"07" | b"08" | b"10" => Owner::Role(Role::Architect),
        b"12" => Owner::Role(Role::Reviewer),
        b"13" => Owner::Role(Role::Tester),
        _ => Owner::Role(Role::Developer),
    }
}

/// Files a completed run of `role` must have left, relative to the task's folder. The architect owes at
/// least one decision record of any name, which [`owes`] checks.
pub fn required(role: Role) -> &'static [&'static str] {
    match role {
        Role::Analyst => &[
            "01-brd.md",
            "02-trz.md",
            "03-acceptance-criteria.md",
            "04-test-plan.yaml",
        ],
        Role::Architect | Role::Developer => &[],
        Role::Reviewer => &[REVIEW],
        Role::Tester => &[TEST_REPORT],
    }
}

/// What `role` owes but is not among `present`, the files of the task's folder that this run left.
pub fn owes<'a>(
    role: Role,
    present: impl Fn(&str) -> bool,
    names: impl IntoIterator<Item = &'a str>,
) -> Vec<String> {
    let mut missing: Vec<String> = required(role)
        .iter()
        .filter(|name| !present(name))
        .map(|name| (*name).to_owned())
        .collect();
    if role == Role::Architect && !names.into_iter().any(is_decision_record) {
        missing.push("06-adr/ADR-*.md".to_owned());
    }
    missing
}

/// Whether `name`, a path inside the task's folder, is an architecture decision record.
pub fn is_decision_record(name: &str) -> bool {
    name.strip_prefix("06-adr/ADR-")
        .is_some_and(|rest| rest.ends_with(".md") && !rest.contains('/'))
}

/// Verdict artefacts the host removes from the workspace before a run of `role`, so that only this run
/// can have left them.
pub fn removed_before(role: Role) -> &'static [&'static str] {
    match role {
        Role::Analyst | Role::Architect | Role::Developer => &[],
        Role::Reviewer => &[REVIEW],
        Role::Tester => &[TEST_REPORT],
    }
}

/// Whether `role` may change `path`, a path inside the repository, while working on `work_item`.
///
/// The developer may change everything but other owners' artefacts; every other role only its own
/// artefacts, and the architect `docs/` besides. Folders of other work items are nobody's. Agent
/// configuration may be changed by the developer only: what becomes of it is for a person to judge.
pub fn may_write(role: Role, work_item: &WorkItem, path: &RepoPath) -> bool {
    if let Some(name) = path.below(&folder(work_item)) {
        return owner(name.as_bytes()) == Owner::Role(role);
    }
    if path.below(FOLDERS).is_some() {
        return false;
    }
    match role {
        Role::Developer => true,
        Role::Architect => path.below("docs").is_some(),
        Role::Analyst | Role::Reviewer | Role::Tester => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item() -> WorkItem {
        WorkItem::new("SHOP-1").unwrap()
    }

    #[test]
    fn developer_cannot_write_a_verdict_of_another_role() {
        for name in [
            REVIEW,
            TEST_REPORT,
            STAGING_LOG,
            DEPLOY_LOG,
            "04-test-plan.yaml",
            "17-security-report.md",
        ] {
            let path = format!("docs/work-items/SHOP-1/{name}");
            assert!(
                !may_write(Role::Developer, &item(), &path.as_str().into()),
                "{path}"
            );
        }
        assert!(may_write(Role::Developer, &item(), &"src/lib.rs".into()));
    }

    #[test]
    fn reviewer_and_tester_write_their_verdict_and_nothing_else() {
        assert!(may_write(
            Role::Reviewer,
            &item(),
            &"docs/work-items/SHOP-1/12-review.md".into()
        ));
        assert!(!may_write(Role::Reviewer, &item(), &"src/lib.rs".into()));
        assert!(!may_write(
            Role::Tester,
            &item(),
            &"docs/work-items/SHOP-1/12-review.md".into()
        ));
        assert!(!may_write(Role::Tester, &item(), &"tests/a.rs".into()));
    }

    #[test]
    fn nobody_writes_into_the_folder_of_another_work_item() {
        for role in Role::ALL {
            assert!(!may_write(
                role,
                &item(),
                &"docs/work-items/SHOP-2/12-review.md".into()
            ));
        }
        assert!(may_write(
            Role::Architect,
            &item(),
            &"docs/overview.md".into()
        ));
        assert!(!may_write(Role::Architect, &item(), &"src/lib.rs".into()));
    }

    #[test]
    fn name_that_is_no_text_has_the_owner_of_its_number_and_the_scope_of_its_folder() {
        let verdict = RepoPath::new(&b"docs/work-items/SHOP-1/12-\xff.md"[..]);
        assert!(may_write(Role::Reviewer, &item(), &verdict));
        assert!(!may_write(Role::Developer, &item(), &verdict));
        let code = RepoPath::new(&b"src/\xff.rs"[..]);
        assert!(may_write(Role::Developer, &item(), &code));
        assert!(!may_write(Role::Tester, &item(), &code));
    }

    #[test]
    fn architect_owes_a_decision_record_of_any_name() {
        assert_eq!(
            owes(Role::Architect, |_| true, ["07-data.md"]),
            ["06-adr/ADR-*.md"]
        );
        assert!(owes(Role::Architect, |_| true, ["06-adr/ADR-001-x.md"]).is_empty());
        assert_eq!(owes(Role::Reviewer, |_| false, []), [REVIEW]);
    }
}
