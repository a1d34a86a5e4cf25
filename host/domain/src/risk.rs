//! How risky is a change? Told from its paths and numbers of lines alone; nothing that anybody wrote into a file, a
//! message or a verdict has a say.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::imports::Change;
use crate::path::RepoPath;
use crate::words::words;

/// Changed lines above which a change is too large to be looked through. Lock files and documents count none.
pub const LINES_MAX: u64 = 1_000;
/// Changed files above which it is, documents aside.
pub const FILES_MAX: u64 = 50;
/// Reasons that are kept, the weightiest first.
pub const REASONS_MAX: usize = 30;

words! {
    "risk tier":
    /// How much may go wrong with a change.
    pub enum Tier {
        /// It can break nothing that runs.
        Low = "low",
        /// It changes what runs.
        Medium = "medium",
        /// It changes what guards, or more than anybody looks through.
        High = "high",
    }
}

words! {
    "reason of a risk":
    /// Why a change is in its tier.
    pub enum RiskReason {
        /// The configuration lists the path as `high`.
        ListedHigh = "listed-high",
        /// The path guards the repository: CI, owners, what configures gates, agents, scanners or tests.
        Guard = "guard",
        /// A test is gone.
        TestDeleted = "test-deleted",
        /// A test lost more lines than it gained.
        TestShrunk = "test-shrunk",
        /// The path is, or was, a link or a repository in the repository.
        Link = "link",
        /// Many lines changed.
        Lines = "lines",
        /// Many files changed.
        Files = "files",
        /// The configuration lists the path as `medium`.
        ListedMedium = "listed-medium",
        /// The path says which packages are used.
        Dependencies = "dependencies",
        /// Others rely on what the path says: an interface, a schema, a migration.
        Interface = "interface",
        /// The path says how it is built.
        Build = "build",
        /// Files that are none of this.
        Code = "code",
        /// The configuration lists the files as `low`.
        ListedLow = "listed-low",
        /// Documents.
        Documents = "documents",
    }
}

impl RiskReason {
    /// The tier that it puts a change in, at least.
    pub fn tier(self) -> Tier {
        match self {
            Self::ListedHigh
            | Self::Guard
            | Self::TestDeleted
            | Self::TestShrunk
            | Self::Link
            | Self::Lines
            | Self::Files => Tier::High,
            Self::ListedMedium
            | Self::Dependencies
            | Self::Interface
            | Self::Build
            | Self::Code => Tier::Medium,
            Self::ListedLow | Self::Documents => Tier::Low,
        }
    }
}

/// What a path is, as its name says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a file may be several of these"
)]
pub struct PathSort {
    /// It guards the repository.
    pub is_guard: bool,
    /// It is a test.
    pub is_test: bool,
    /// It is a manifest or a lock file.
    pub is_dependency: bool,
    /// Others rely on it.
    pub is_interface: bool,
    /// It says how things are built.
    pub is_build: bool,
    /// It is for people to read.
    pub is_document: bool,
    /// What the configuration lists it as.
    pub listed: Option<Tier>,
}

/// One changed path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touched {
    /// From the top.
    pub path: RepoPath,
    /// How.
    pub change: Change,
    /// Lines that came.
    pub added: u32,
    /// Lines that went.
    pub removed: u32,
    /// Whether it is, or was, no plain file.
    pub is_link: bool,
    /// What it is.
    pub sort: PathSort,
}

/// One reason, with the path or the number that it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// Which.
    pub why: RiskReason,
    /// The path, as it is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// How many files or lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

/// How risky a change is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ChangeRisk")]
pub struct Risk {
    /// Its tier.
    pub tier: Tier,
    /// Why, the weightiest first.
    pub reasons: Vec<Reason>,
    /// Reasons beyond those that are kept.
    #[serde(default)]
    pub more: u64,
}

impl Risk {
    /// How risky the change of these paths is; none if it changes nothing, of which nothing can be said.
    pub fn of(touched: &[Touched]) -> Option<Self> {
        if touched.is_empty() {
            return None;
        }
        let mut reasons = Vec::new();
        let [mut code, mut documents, mut listed_low, mut lines] = [0_u64; 4];
        for one in touched {
            let found = reasons_of(one);
            match (found.is_empty(), one.sort.listed) {
                (true, Some(Tier::Low)) => listed_low += 1,
                (true, _) if one.sort.is_document => documents += 1,
                (_, _) => {
                    code += 1;
                    // Nobody looks through what a program wrote.
                    if !one.sort.is_dependency {
                        lines += u64::from(one.added) + u64::from(one.removed);
                    }
                }
            }
            reasons.extend(found.into_iter().map(|why| Reason {
                why,
                path: Some(one.path.to_string()),
                count: None,
            }));
        }
        let counted = [
            (RiskReason::Lines, lines, LINES_MAX),
            (RiskReason::Files, code, FILES_MAX),
            (RiskReason::Code, code, 0),
            (RiskReason::ListedLow, listed_low, 0),
            (RiskReason::Documents, documents, 0),
        ];
        let above = counted.into_iter().filter(|(_, count, most)| count > most);
        reasons.extend(above.map(|(why, count, _)| Reason {
            why,
            path: None,
            count: Some(count),
        }));
        // The words stand in the order of their weight; paths keep theirs.
        reasons.sort_by_key(|reason| reason.why);
        let tier = reasons.iter().map(|reason| reason.why.tier()).max()?;
        let more = reasons.len().saturating_sub(REASONS_MAX);
        reasons.truncate(REASONS_MAX);
        Some(Self {
            tier,
            reasons,
            more: u64::try_from(more).unwrap_or(u64::MAX),
        })
    }
}

/// What is to be said of one path by its name. What the operator lists as `low` is still a guard, a lost test or a
/// link if it is one: a glob that is too wide must not take that away.
fn reasons_of(one: &Touched) -> Vec<RiskReason> {
    let sort = &one.sort;
    let is_test_gone = sort.is_test && one.change == Change::Deleted;
    let is_low = sort.listed == Some(Tier::Low);
    [
        (RiskReason::ListedHigh, sort.listed == Some(Tier::High)),
        (RiskReason::Guard, sort.is_guard),
        (RiskReason::TestDeleted, is_test_gone),
        (
            RiskReason::TestShrunk,
            sort.is_test && !is_test_gone && one.removed > one.added,
        ),
        (RiskReason::Link, one.is_link),
        (RiskReason::ListedMedium, sort.listed == Some(Tier::Medium)),
        (RiskReason::Dependencies, sort.is_dependency && !is_low),
        (RiskReason::Interface, sort.is_interface && !is_low),
        (RiskReason::Build, sort.is_build && !is_low),
    ]
    .into_iter()
    .filter_map(|(why, holds)| holds.then_some(why))
    .collect()
}

/// The risk of the change that an evaluation was about, as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedRisk {
    /// How risky the change was.
    #[serde(flatten)]
    pub risk: Risk,
    /// Tier from which on the gate is asked, if that is why it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_asked_below: Option<Tier>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touched(path: &str, sort: PathSort) -> Touched {
        Touched {
            path: path.into(),
            change: Change::Modified,
            added: 3,
            removed: 1,
            is_link: false,
            sort,
        }
    }

    fn document() -> PathSort {
        PathSort {
            is_document: true,
            ..PathSort::default()
        }
    }

    fn test() -> PathSort {
        PathSort {
            is_test: true,
            ..PathSort::default()
        }
    }

    fn whys(touched: &[Touched]) -> (Tier, Vec<RiskReason>) {
        let risk = Risk::of(touched).unwrap();
        let whys = risk.reasons.iter().map(|reason| reason.why).collect();
        (risk.tier, whys)
    }

    #[test]
    fn documents_alone_are_low_and_one_file_of_code_is_not() {
        let mut change = vec![touched("README.md", document())];
        assert_eq!(whys(&change), (Tier::Low, vec![RiskReason::Documents]));
        change.push(touched("src/a.rs", PathSort::default()));
        let both = vec![RiskReason::Code, RiskReason::Documents];
        assert_eq!(whys(&change), (Tier::Medium, both));
    }

    #[test]
    fn nothing_can_be_said_of_a_change_of_nothing() {
        assert_eq!(Risk::of(&[]), None);
    }

    #[test]
    fn lost_tests_are_high_and_new_ones_are_code() {
        let grown = touched("tests/a.py", test());
        assert_eq!(whys(std::slice::from_ref(&grown)).0, Tier::Medium);
        let shrunk = Touched {
            added: 1,
            removed: 2,
            ..grown.clone()
        };
        let (tier, why) = whys(&[shrunk]);
        assert_eq!((tier, why[0]), (Tier::High, RiskReason::TestShrunk));
        let deleted = Touched {
            change: Change::Deleted,
            added: 0,
            removed: 0,
            ..grown
        };
        let (tier, why) = whys(&[deleted]);
        assert_eq!((tier, why[0]), (Tier::High, RiskReason::TestDeleted));
    }

    #[test]
    fn what_is_listed_as_low_still_guards() {
        let low = PathSort {
            is_dependency: true,
            listed: Some(Tier::Low),
            ..PathSort::default()
        };
        let lock = touched("tools/yarn.lock", low);
        assert_eq!(
            whys(std::slice::from_ref(&lock)),
            (Tier::Low, vec![RiskReason::ListedLow])
        );
        let guard = Touched {
            sort: PathSort {
                is_guard: true,
                ..low
            },
            ..lock.clone()
        };
        assert_eq!(whys(&[guard]).0, Tier::High);
        let link = Touched {
            is_link: true,
            ..lock
        };
        assert_eq!(whys(&[link]).0, Tier::High);
    }

    #[test]
    fn document_that_is_listed_is_in_that_tier() {
        let listed = |tier| {
            let sort = PathSort {
                listed: Some(tier),
                ..document()
            };
            whys(&[touched("docs/prices.md", sort)]).0
        };
        assert_eq!(Tier::ALL.map(listed), Tier::ALL);
    }

    #[test]
    fn size_makes_a_change_high_and_lock_files_and_documents_have_none() {
        let lines = |path, sort, added| Touched {
            added,
            removed: 0,
            ..touched(path, sort)
        };
        let code = |added| whys(&[lines("src/a.rs", PathSort::default(), added)]);
        assert_eq!(code(1_000).0, Tier::Medium);
        assert_eq!(code(1_001).1[0], RiskReason::Lines);
        let lock = PathSort {
            is_dependency: true,
            ..PathSort::default()
        };
        assert_eq!(whys(&[lines("yarn.lock", lock, 9_000)]).0, Tier::Medium);
        assert_eq!(whys(&[lines("a.md", document(), 9_000)]).0, Tier::Low);
        let many = |n: u32| {
            let files = (0..n).map(|i| touched(&format!("src/{i}.rs"), PathSort::default()));
            whys(&files.collect::<Vec<_>>())
        };
        assert_eq!(many(50).0, Tier::Medium);
        assert_eq!(many(51).1[0], RiskReason::Files);
    }

    #[test]
    fn reasons_are_bounded_and_the_weightiest_are_kept() {
        let interface = PathSort {
            is_interface: true,
            ..PathSort::default()
        };
        let mut change: Vec<Touched> = (0..40)
            .map(|i| touched(&format!("api/{i}.proto"), interface))
            .collect();
        let guard = PathSort {
            is_guard: true,
            ..PathSort::default()
        };
        change.push(touched("Jenkinsfile", guard));
        let risk = Risk::of(&change).unwrap();
        assert_eq!(risk.reasons.len(), REASONS_MAX);
        // 41 paths and how many files they are.
        assert_eq!(risk.more, 12);
        assert_eq!(risk.reasons[0].path.as_deref(), Some("Jenkinsfile"));
    }

    #[test]
    fn recorded_risk_is_read_back_as_it_was_written() {
        let recorded = RecordedRisk {
            risk: Risk::of(&[touched("README.md", document())]).unwrap(),
            not_asked_below: Some(Tier::Medium),
        };
        let text = serde_json::to_string(&recorded).unwrap();
        assert_eq!(
            text,
            r#"{"tier":"low","reasons":[{"why":"documents","count":1}],"more":0,"not_asked_below":"medium"}"#
        );
        let read: RecordedRisk = serde_json::from_str(&text).unwrap();
        assert_eq!(read, recorded);
    }
}
