//! Every feature of the reference system, by the name of its branch, and what becomes of it.

/// What becomes of a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Feature {
    /// It is here.
    Built(&'static str),
    /// Something else does what it was for.
    Replaced(&'static str),
    /// It is not wanted; why.
    Dropped(&'static str),
    /// It is wanted and not here yet.
    Open(&'static str),
}
use Feature::{Built, Dropped, Open, Replaced};

/// What the branches of the reference are named by, in its own words, with what becomes of what each was for.
pub(super) const FEATURES: &[(&str, Feature)] = &[
    (
        "109 timeout budgets, launch timeouts",
        Built("`roles.R.limits`"),
    ),
    (
        "106 onboarding of projects",
        Replaced("`orch tracker add plane`, `orch config check`"),
    ),
    (
        "103 bundled bootstrap",
        Dropped("one program and one file; nothing is bundled"),
    ),
    ("102 lite watchdog", Open("an outside watchdog of the host")),
    ("101 common smoke test", Replaced("`orch demo`")),
    (
        "100 sidecar watchdog",
        Open("an outside watchdog of the host"),
    ),
    (
        "009 turnkey Plane",
        Replaced("`orch tracker add plane --create`"),
    ),
    (
        "098, 099 liveness metrics of agents",
        Replaced("`GET /status`, `GET /queue`"),
    ),
    (
        "095 HTML in the live message",
        Built("titles and texts are escaped in every window"),
    ),
    (
        "094 done and deploy in Plane",
        Built("states of the tracker follow the task"),
    ),
    (
        "093 merge: 405 and 5xx of Gitea",
        Replaced("the tip of the base says what landed"),
    ),
    (
        "092 escalation",
        Built("`escalation`, and notifiers that tell `escalations`"),
    ),
    ("091 stage deploy-staging", Built("stage `deploy-staging`")),
    ("090 stop from Plane", Built("the state `stop`")),
    (
        "089 auto-approve, auto-deploy",
        Open("analysis and deploy wait for a person"),
    ),
    ("088 serial gate", Built("`repositories.R.serial`")),
    (
        "087, 067, 042 bump of the tracker, live message",
        Built("one live message per task"),
    ),
    (
        "086 reconciler and Telegram",
        Built("`reconcile`, `notifiers`"),
    ),
    (
        "082, 071 verified merge of pull requests",
        Built("every landed commit has a pass of its own"),
    ),
    (
        "081 configuration from the environment",
        Replaced("`orch.yaml`; this page"),
    ),
    ("080 link previews off", Built("previews are off")),
    (
        "079, 078, 077, 076, 075, 074 documents and hand-over",
        Built("artefacts with frontmatter"),
    ),
    (
        "073, 069 title, lost main",
        Built("titles are bounded; the base moves forward only"),
    ),
    (
        "068 livelock of the reconciler",
        Built("a blocked task is left to a person"),
    ),
    ("066, 016 Plane", Built("`trackers.T.plane`")),
    ("065 zombie jobs, merge lease", Built("`reaper`")),
    ("063 disk alert", Built("`disk`")),
    (
        "062 pruning of docker's build cache",
        Dropped("the host does not build images; the operator's hook does"),
    ),
    (
        "061, 035, 034, 033, 031 staging",
        Built("`repositories.R.staging`"),
    ),
    ("060 escalated retries", Built("`rules.rework_rounds_max`")),
    (
        "059, 036 confirmed deploy",
        Built("the state `confirm-deploy`"),
    ),
    (
        "058 retagging of staging images",
        Replaced("gate `image-freshness` with `staging.image.rebuild`"),
    ),
    (
        "057, 040 clean-up of worktrees, git of root",
        Replaced("a fresh clone for each run; `orch gc`"),
    ),
    ("053 sweeper of stuck tasks", Built("`reconcile`")),
    (
        "048, 047, 046 verdicts of tests and reviews",
        Built("gates `tests`, `review`"),
    ),
    ("045 polling of CI", Built("gate `ci` waits")),
    ("044 preflight", Built("`preflight`")),
    (
        "043 merge gate with rebase and re-test",
        Built("`merge-prepare` and the gate `merge`"),
    ),
    ("041 models of agents", Built("`roles.R.model`")),
    ("039, 005 webhooks and their doubles", Built("`webhooks`")),
    ("027 coverage", Built("gate `coverage`")),
    ("026 order of tasks", Built("`orch task new --after`")),
    ("022 security", Built("gate `security`")),
    (
        "021 after a deploy",
        Built("`repositories.R.post_deploy`, with `reaction` and `deploy.rollback`"),
    ),
    (
        "017 brief to Plane and Telegram",
        Open("the brief is in the repository"),
    ),
    (
        "011, 019, 105 without a name",
        Dropped("nothing is known of them"),
    ),
    (
        "010 states by project",
        Built("`trackers.T.plane.projects.P.states`"),
    ),
    ("007 hardening", Replaced("confinement of what is judged")),
    ("006 several repositories", Built("`repositories`")),
    ("004 stage engine", Built("one transition function")),
    ("002 worktrees", Replaced("a fresh clone for each run")),
    ("001 queue", Built("one durable queue")),
    (
        "an author of its own for each agent in Plane",
        Open("one user writes, and says for which role"),
    ),
    (
        "sequence numbers of Plane",
        Built("work items are named by project and number"),
    ),
    (
        "Gitea's public address",
        Open("statuses and comments link nowhere yet"),
    ),
];
