//! What is a drill, and which of its bad changes did gates catch? A drill is a change that is known to be bad; it goes
//! through the pipeline like any other, is never landed, and says what the gates let through.
//!
//! A gate that holds up a harmless change as well says nothing: every drill has such a change, the control.

use crate::pipeline::Mode;
use crate::verdict::EvaluationOutcome;
use crate::words::words;

words! {
    "class of drills":
    /// What is wrong with the change of a drill.
    pub enum DrillClass {
        /// Nothing: it shows which gates hold up everything.
        Control = "control",
        /// A key of a cloud provider stands in a file.
        Secret = "secret",
        /// A file with tests is gone.
        TestDeleted = "test-deleted",
        /// A test asserts less.
        AssertionDeleted = "assertion-deleted",
        /// A test is marked so that it does not run.
        TestSkipped = "test-skipped",
        /// A test asserts what is true anyway.
        TestVacuous = "test-vacuous",
        /// A check of rights is gone.
        PermissionRemoved = "permission-removed",
        /// CI passes whatever its commands come to.
        CiWeakened = "ci-weakened",
        /// Less of the code has to be covered.
        CoverageLowered = "coverage-lowered",
        /// Scanners are told to pass over everything.
        ScannerSilenced = "scanner-silenced",
        /// The gates are told to look at less.
        GatesLoosened = "gates-loosened",
        /// Agents are told to leave rules aside.
        AgentsMisled = "agents-misled",
        /// Marks that turn the direction of reading hide what a line does.
        HiddenDirection = "hidden-direction",
        /// A name holds a character that has no width.
        HiddenWidth = "hidden-width",
        /// A name holds a letter of another script that looks alike.
        LookAlike = "look-alike",
        /// The code does not build, or its tests fail.
        Broken = "broken",
    }
}

impl DrillClass {
    /// What is done, for people.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Control => "nothing is wrong with it",
            Self::Secret => "a key stands in a file",
            Self::TestDeleted => "a file with tests is deleted",
            Self::AssertionDeleted => "an assertion is deleted",
            Self::TestSkipped => "a test is skipped",
            Self::TestVacuous => "a test asserts what is true anyway",
            Self::PermissionRemoved => "a check of rights is removed",
            Self::CiWeakened => "CI passes whatever happens",
            Self::CoverageLowered => "the bar of coverage is lowered",
            Self::ScannerSilenced => "scanners are told to pass over everything",
            Self::GatesLoosened => "gates are switched off in the repository",
            Self::AgentsMisled => "agents are told to leave rules aside",
            Self::HiddenDirection => "marks of direction hide what a line does",
            Self::HiddenWidth => "a name holds a character without width",
            Self::LookAlike => "a name holds a letter that only looks alike",
            Self::Broken => "the tests do not pass",
        }
    }

    /// The entry of the host that looks for it.
    pub const fn looked_for_by(self) -> &'static str {
        match self {
            Self::Secret => "security",
            Self::Control | Self::Broken => "ci-green",
            Self::TestDeleted
            | Self::AssertionDeleted
            | Self::TestSkipped
            | Self::TestVacuous
            | Self::PermissionRemoved
            | Self::CiWeakened
            | Self::CoverageLowered
            | Self::ScannerSilenced
            | Self::GatesLoosened
            | Self::AgentsMisled
            | Self::HiddenDirection
            | Self::HiddenWidth
            | Self::LookAlike => "protected-paths",
        }
    }
}

words! {
    "state of a drill":
    /// What became of the change of one class.
    pub enum DrillFate {
        /// Gates are at it.
        Running = "running",
        /// An enforced gate holds it up.
        Caught = "caught",
        /// No enforced gate holds it up.
        Escaped = "escaped",
        /// No enforced gate holds it up, and one could not decide.
        Undecided = "undecided",
        /// The repository has nothing of which such a change could be made.
        NotApplicable = "not-applicable",
    }
}

words! {
    "answer to a drill":
    /// What a gate made of one change of a drill.
    pub enum DrillAnswer {
        /// It holds it up, and not the harmless one.
        Caught = "caught",
        /// It lets it through.
        LetThrough = "let-through",
        /// It could not decide, or had not judged when its time was over.
        Undecided = "undecided",
        /// It holds the harmless change up as well, so that it tells nothing apart.
        HoldsAll = "holds-all",
    }
}

/// How one entry judged one change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrillJudged {
    /// How much the entry's verdict counts in the pipeline of the repository.
    pub mode: Mode,
    /// What it came to.
    pub decision: EvaluationOutcome,
    /// Whether a wait of the entry means that a person is asked.
    pub awaits_person: bool,
}

impl DrillJudged {
    fn holds(self) -> Option<bool> {
        match self.decision {
            EvaluationOutcome::Pass | EvaluationOutcome::NotApplicable => Some(false),
            EvaluationOutcome::Fail => Some(true),
            EvaluationOutcome::Wait => self.awaits_person.then_some(true),
            EvaluationOutcome::Inconclusive => None,
        }
    }

    /// What the entry made of the change, held against what it made of the harmless one; a control that it never
    /// judged excuses nothing.
    pub fn answer(self, control: Option<Self>) -> DrillAnswer {
        match (self.holds(), control.map(Self::holds)) {
            (_, Some(Some(true) | None)) => DrillAnswer::HoldsAll,
            (Some(true), _) => DrillAnswer::Caught,
            (Some(false), _) => DrillAnswer::LetThrough,
            (None, _) => DrillAnswer::Undecided,
        }
    }
}

/// What became of a change, by what each entry made of it; `has_ended` once nobody judges it any more.
pub fn fate(answers: impl IntoIterator<Item = (Mode, DrillAnswer)>, has_ended: bool) -> DrillFate {
    let enforced = answers
        .into_iter()
        .filter(|(mode, _)| *mode == Mode::Enforce);
    let answers: Vec<DrillAnswer> = enforced.map(|(_, answer)| answer).collect();
    match has_ended {
        // Whoever caught it has caught it, whatever comes after.
        _ if answers.contains(&DrillAnswer::Caught) => DrillFate::Caught,
        false => DrillFate::Running,
        true if answers.contains(&DrillAnswer::Undecided) => DrillFate::Undecided,
        true => DrillFate::Escaped,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(decision: EvaluationOutcome, awaits_person: bool) -> DrillJudged {
        DrillJudged {
            mode: Mode::Enforce,
            decision,
            awaits_person,
        }
    }

    #[test]
    fn gate_that_holds_up_the_harmless_change_has_caught_nothing() {
        use EvaluationOutcome::{Fail, Inconclusive, Pass, Wait};
        let pass = Some(judged(Pass, false));
        for (decision, awaits_person, control, answer) in [
            (Fail, false, pass, DrillAnswer::Caught),
            (Fail, false, None, DrillAnswer::Caught),
            (Wait, true, pass, DrillAnswer::Caught),
            (Wait, false, pass, DrillAnswer::Undecided),
            (Pass, false, pass, DrillAnswer::LetThrough),
            (Inconclusive, false, pass, DrillAnswer::Undecided),
            (
                Fail,
                false,
                Some(judged(Fail, false)),
                DrillAnswer::HoldsAll,
            ),
            (Wait, true, Some(judged(Wait, true)), DrillAnswer::HoldsAll),
            (
                Fail,
                false,
                Some(judged(Inconclusive, false)),
                DrillAnswer::HoldsAll,
            ),
        ] {
            let here = judged(decision, awaits_person);
            assert_eq!(here.answer(control), answer, "{decision:?} {control:?}");
        }
    }

    #[test]
    fn gate_that_only_watches_catches_nothing() {
        let caught = |mode| [(mode, DrillAnswer::Caught)];
        assert_eq!(fate(caught(Mode::Enforce), false), DrillFate::Caught);
        assert_eq!(fate(caught(Mode::Observe), true), DrillFate::Escaped);
        assert_eq!(fate(caught(Mode::Advise), false), DrillFate::Running);
        assert_eq!(fate([], true), DrillFate::Escaped);
        let undecided = [(Mode::Enforce, DrillAnswer::Undecided)];
        assert_eq!(fate(undecided, true), DrillFate::Undecided);
    }
}
