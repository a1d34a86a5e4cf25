//! What other people do to a task, and how they mend it.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Output};

use serde_json::Value;

use super::super::{Chance, Site};
use crate::world::World;

/// Something that somebody does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Move {
    /// Pushes to the base, elsewhere than the task works.
    PushElsewhere,
    /// Takes the latest own commit out of the base and puts another one there.
    RewriteBase,
    /// Renames the base away and back.
    RenameBase,
    /// Adds a commit to the task's branch.
    PushToBranch,
    /// Deletes the task's branch.
    DeleteBranch,
    /// Deletes it and makes it again where it was.
    RemakeBranch,
    /// Empties the configuration, as a save that truncates first.
    EmptyConfig,
    /// Writes half of the configuration.
    HalfConfig,
    /// Puts the whole configuration back by renaming.
    WholeConfig,
    /// Overwrites a gate with garbage.
    BreakGate,
    /// Removes a gate's file.
    RemoveGate,
    /// Approves, whatever it waits for.
    Approve,
    /// Resumes, whatever it does.
    Resume,
    /// Says no.
    Reject,
    /// Holds the repository back and lets it go on.
    Pause,
    /// Makes it more urgent.
    Hurry,
    /// Moves its issue.
    DragIssue,
    /// Stops it.
    Stop,
    /// Kills the host.
    KillHost,
}

impl Move {
    const ALL: [Self; 19] = [
        Self::PushElsewhere,
        Self::RewriteBase,
        Self::RenameBase,
        Self::PushToBranch,
        Self::DeleteBranch,
        Self::RemakeBranch,
        Self::EmptyConfig,
        Self::HalfConfig,
        Self::WholeConfig,
        Self::BreakGate,
        Self::RemoveGate,
        Self::Approve,
        Self::Resume,
        Self::Reject,
        Self::Pause,
        Self::Hurry,
        Self::DragIssue,
        Self::Stop,
        Self::KillHost,
    ];

    /// The next one; most often a push, and rarely a stop, after which there is little left to see.
    pub(super) fn draw(chance: &mut Chance) -> Self {
        let draw = |chance: &mut Chance| {
            let at = usize::try_from(chance.below(Self::ALL.len() as u64)).unwrap_or_default();
            Self::ALL[at]
        };
        match chance.below(4) {
            0 => Self::PushElsewhere,
            _ => match draw(chance) {
                Self::Stop if chance.below(4) > 0 => Self::RewriteBase,
                drawn => drawn,
            },
        }
    }
}

/// The other people, with what they have done.
#[derive(Debug)]
pub(super) struct People<'a> {
    world: &'a World,
    config: String,
    pushes: u32,
    /// Names of files whose commits were taken out of the base.
    pub(super) taken_out: Vec<String>,
    /// Names of files that stand in the base by their hand.
    pub(super) in_base: Vec<String>,
    /// Names of files that were pushed to the branch of a task, and nothing done to the branch since.
    pub(super) in_branch: BTreeMap<String, Vec<String>>,
    broken: Vec<String>,
    config_is_broken: bool,
}

impl<'a> People<'a> {
    pub(super) fn new(world: &'a World) -> Self {
        world.git(".", &["clone", "--quiet", "shop.git", "people"]);
        Self {
            world,
            config: world.config.to_string(),
            pushes: 0,
            taken_out: Vec::new(),
            in_base: Vec::new(),
            in_branch: BTreeMap::new(),
            broken: Vec::new(),
            config_is_broken: false,
        }
    }

    /// Runs git where it may be refused: others move the same things.
    fn git(&self, folder: &str, args: &[&str]) -> Output {
        let who = ["-c", "user.name=Ben", "-c", "user.email=ben@orch.invalid"];
        Command::new("git")
            .args(who)
            .args(args)
            .current_dir(self.world.path(folder))
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .expect("git is installed")
    }

    fn works(&self, folder: &str, args: &[&str]) -> bool {
        self.git(folder, args).status.success()
    }

    /// A commit of its own file on top of what `from` is at; the name of the file.
    fn commit_on(&mut self, from: &str) -> Option<String> {
        self.pushes += 1;
        let name = format!("notes/{}.md", self.pushes);
        if !self.works("people", &["fetch", "--quiet", "origin"])
            || !self.works("people", &["checkout", "--quiet", "--detach", from])
        {
            return None;
        }
        self.world
            .write(&format!("people/{name}"), "A note\n", 0o644);
        let done = self.works("people", &["add", "--all"])
            && self.works("people", &["commit", "--quiet", "-m", &name]);
        done.then_some(name)
    }

    /// Does it; nothing comes of what does not fit the moment.
    pub(super) fn make(&mut self, what: Move, site: &Site, item: &str, view: Option<&Value>) {
        let branch = view
            .and_then(|v| v["branch"].as_str())
            .unwrap_or("orch/none")
            .to_owned();
        match what {
            Move::PushElsewhere => {
                if let Some(name) = self.commit_on("origin/main")
                    && self.works("people", &["push", "--quiet", "origin", "HEAD:main"])
                {
                    self.in_base.push(name);
                }
            }
            Move::RewriteBase => self.rewrite_base(),
            Move::RenameBase => {
                self.works("shop.git", &["branch", "-m", "main", "elsewhere"]);
                self.works("shop.git", &["branch", "-m", "elsewhere", "main"]);
            }
            Move::PushToBranch => {
                let to = format!("HEAD:{branch}");
                if let Some(name) = self.commit_on(&format!("origin/{branch}"))
                    && self.works("people", &["push", "--quiet", "origin", &to])
                {
                    let pushed = self.in_branch.entry(item.to_owned());
                    pushed.or_default().push(name);
                }
            }
            Move::DeleteBranch => {
                self.works("shop.git", &["branch", "-D", &branch]);
                self.in_branch.remove(item);
            }
            Move::RemakeBranch => {
                let at = self.git("shop.git", &["rev-parse", &branch]);
                let at = String::from_utf8_lossy(&at.stdout).trim().to_owned();
                if self.works("shop.git", &["branch", "-D", &branch]) {
                    self.works("shop.git", &["branch", &branch, &at]);
                }
            }
            Move::EmptyConfig => self.write_config(""),
            Move::HalfConfig => {
                let half = self.config[..self.config.len() / 2].to_owned();
                self.write_config(&half);
            }
            Move::WholeConfig => self.mend_config(),
            Move::BreakGate => {
                self.world.write("gates/review.wasm", "garbage", 0o644);
                self.broken.push("review.wasm".to_owned());
            }
            Move::RemoveGate => {
                fs::remove_file(self.world.path("gates/tests.wasm")).ok();
                self.broken.push("tests.wasm".to_owned());
            }
            Move::Approve => self.ask(site, &["task", "approve", item]),
            Move::Resume => self.ask(site, &["task", "resume", item]),
            Move::Reject => self.ask(
                site,
                &["task", "reject", item, "--comment", "not like this"],
            ),
            Move::Pause => {
                self.ask(site, &["pause", "repo:shop", "--reason", "a look"]);
                self.ask(site, &["unpause", "repo:shop"]);
            }
            Move::Hurry => self.ask(site, &["task", "priority", item, "1"]),
            Move::DragIssue => self.ask(site, &["issue", "move", item, "in-progress"]),
            Move::Stop => self.ask(site, &["task", "stop", item]),
            Move::KillHost => {}
        }
    }

    /// A look at the answer would say nothing: orders at odd moments may be refused.
    fn ask(&self, site: &Site, args: &[&str]) {
        site.world.orch(args);
    }

    fn rewrite_base(&mut self) {
        let Some(last) = self.in_base.last().cloned() else {
            return;
        };
        self.works("people", &["fetch", "--quiet", "origin"]);
        let tip = self.git("people", &["log", "-1", "--format=%s", "origin/main"]);
        // Only what was pushed last is taken out: a landing is nobody's to take back.
        if String::from_utf8_lossy(&tip.stdout).trim() != last {
            return;
        }
        let Some(name) = self.commit_on("origin/main~1") else {
            return;
        };
        let at = self.git("people", &["rev-parse", "origin/main"]);
        let at = String::from_utf8_lossy(&at.stdout).trim().to_owned();
        let lease = format!("--force-with-lease=main:{at}");
        if self.works(
            "people",
            &["push", "--quiet", &lease, "origin", "HEAD:main"],
        ) {
            self.in_base.pop();
            self.taken_out.push(last);
            self.in_base.push(name);
        }
    }

    fn write_config(&mut self, text: &str) {
        self.world.write("orch.yaml", text, 0o644);
        self.config_is_broken = true;
    }

    fn mend_config(&mut self) {
        self.world.write("orch.yaml.new", &self.config, 0o644);
        fs::rename(
            self.world.path("orch.yaml.new"),
            self.world.path("orch.yaml"),
        )
        .expect("files can be renamed");
        self.config_is_broken = false;
    }

    /// Puts back what was broken; says whether anything was.
    pub(super) fn mend(&mut self) -> bool {
        let any = self.config_is_broken || !self.broken.is_empty();
        if self.config_is_broken {
            self.mend_config();
        }
        for name in self.broken.drain(..) {
            let (from, to) = (
                crate::world::gates().join(&name),
                self.world.path("gates").join(&name),
            );
            let beside = to.with_extension("new");
            fs::copy(from, &beside).expect("files can be copied");
            fs::rename(beside, to).expect("files can be renamed");
        }
        any
    }

    /// Does what a remedy wants done outside of the host first.
    pub(super) fn prepare(&mut self, remedy: &Value, view: &Value) {
        let kind = remedy["first"]["kind"].as_str();
        let (Some(branch), Some(item)) = (view["branch"].as_str(), view["work_item"].as_str())
        else {
            return;
        };
        match (kind, view["head"].as_str()) {
            (Some("push-branch" | "move-branch-back"), Some(head)) => {
                self.works("shop.git", &["branch", "-f", branch, head]);
                self.in_branch.remove(item);
            }
            (Some("move-branch-back"), None) => {
                self.works("shop.git", &["branch", "-D", branch]);
                self.in_branch.remove(item);
            }
            (Some(_) | None, _) => {}
        }
    }
}
