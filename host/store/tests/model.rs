//! The protocol of claims, leases, recovery and endings, explored in full: what holds in every reachable state,
//! which missing guard breaks what, and that the real store answers as the model does.

#[path = "model/properties.rs"]
mod properties;
#[path = "model/protocol.rs"]
mod protocol;
#[path = "model/replay.rs"]
mod replay;
#[path = "model/rows.rs"]
mod rows;
#[path = "model/together.rs"]
mod together;

use std::time::Instant;

use stateright::{Checker, Model};

use properties::{
    ATTEMPT_ADDS_UP, DEAD_OWN_NOTHING, ENDS_AFTER_RESTART, EPOCH_ADDS_UP, EPOCH_IS_NEW,
    HANDED_TO_ONE, LIVING_KEEP_THEIRS, NO_LATE_RENEWAL, ONE_COMPLETION, PRESENT_EPOCH,
    PRESENT_PUT_OFF, PRESENT_RENEWAL, REAPED_AS_SEEN, REFUSED_CHANGES_NOTHING, TERMINAL_STAYS,
};
use protocol::{Action, Answer, Key, Protocol, State, World};
use replay::{Rig, Tally};
use rows::{Ending, Mutant, Seen};

/// Longest counterexample looked for.
const DEPTH_MAX: usize = 16;

fn protocol(world: World, mutant: Mutant) -> Protocol {
    // Both multiply the states: where the reaper works, the twins of handlers' writes do not.
    let has_reaper = matches!(mutant, Mutant::ReapByIdOnly | Mutant::ReapWithoutEpoch);
    Protocol {
        world,
        mutant,
        asked: None,
        jobs: 2,
        has_twins: !has_reaper,
        has_reaper,
        now_max: 2,
        epoch_max: 4,
    }
}

/// Explores every state of the unmutated protocol and asserts its properties.
fn holds(protocol: Protocol) {
    let begun = Instant::now();
    let checker = protocol.checker().spawn_bfs().join();
    println!(
        "{protocol:?}: {} states, {} steps, depth {}, {:?}",
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth(),
        begun.elapsed(),
    );
    checker.assert_properties();
}

/// Finds how the mutant breaks `property`, in as few steps as possible.
fn counterexample(protocol: Protocol, property: &'static str) -> Vec<Action> {
    let protocol = Protocol {
        asked: Some(property),
        ..protocol
    };
    for depth in 1..=DEPTH_MAX {
        let checker = protocol
            .checker()
            .target_max_depth(depth)
            .spawn_bfs()
            .join();
        let Some(path) = checker.discovery(property) else {
            continue;
        };
        let (mutant, states) = (protocol.mutant, checker.unique_state_count());
        let actions: Vec<_> = path.into_actions();
        println!("{mutant:?} breaks \"{property}\" after {states} states: {actions:?}");
        return actions;
    }
    panic!("{:?} keeps \"{property}\"", protocol.mutant)
}

/// The mutant breaks `property`, and on the same way the real store answers otherwise than the mutant.
async fn is_caught(world: World, mutant: Mutant, property: &'static str) {
    let protocol = protocol(world, mutant);
    let actions = counterexample(protocol, property);
    let mut rig = Rig::open().await;
    let replayed = rig.replay(&protocol, &actions, &mut Tally::default()).await;
    let difference = replayed.expect_err("the real store answers as the mutant does");
    println!("the real store: {difference}");
}

#[test]
fn every_property_holds_under_the_lock() {
    holds(protocol(World::Locked, Mutant::None));
}

#[test]
fn every_property_but_the_locks_holds_without_it() {
    let protocol = protocol(World::Forfeited, Mutant::None);
    holds(Protocol {
        has_twins: false,
        now_max: 1,
        epoch_max: 3,
        ..protocol
    });
}

#[test]
fn every_property_holds_beside_a_reaper() {
    let protocol = protocol(World::Locked, Mutant::None);
    holds(Protocol {
        has_twins: false,
        has_reaper: true,
        epoch_max: 3,
        ..protocol
    });
}

#[test]
fn one_job_is_safe_from_reapers_without_the_lock() {
    let protocol = protocol(World::Forfeited, Mutant::None);
    holds(Protocol {
        jobs: 1,
        has_twins: false,
        has_reaper: true,
        now_max: 1,
        ..protocol
    });
}

#[test]
fn one_job_is_safe_over_many_take_ups() {
    let protocol = protocol(World::Forfeited, Mutant::None);
    holds(Protocol {
        jobs: 1,
        epoch_max: 5,
        ..protocol
    });
}

#[tokio::test]
async fn completion_without_an_epoch_check_is_caught() {
    is_caught(
        World::Forfeited,
        Mutant::CompleteWithoutEpoch,
        PRESENT_EPOCH,
    )
    .await;
}

#[tokio::test]
async fn completion_without_a_state_check_is_caught() {
    is_caught(World::Forfeited, Mutant::CompleteInAnyState, ONE_COMPLETION).await;
}

#[tokio::test]
async fn putting_off_without_an_epoch_check_is_caught() {
    is_caught(
        World::Forfeited,
        Mutant::PutOffWithoutEpoch,
        PRESENT_PUT_OFF,
    )
    .await;
}

#[tokio::test]
async fn renewal_after_expiry_is_caught() {
    is_caught(World::Locked, Mutant::RenewAfterExpiry, NO_LATE_RENEWAL).await;
}

#[tokio::test]
async fn renewal_without_an_epoch_check_is_caught() {
    is_caught(World::Forfeited, Mutant::RenewWithoutEpoch, PRESENT_RENEWAL).await;
}

#[tokio::test]
async fn claim_of_what_runs_is_caught() {
    is_caught(World::Locked, Mutant::ClaimWhatRuns, LIVING_KEEP_THEIRS).await;
}

#[tokio::test]
async fn claim_that_keeps_the_epoch_is_caught() {
    is_caught(World::Locked, Mutant::ClaimKeepsEpoch, EPOCH_IS_NEW).await;
}

#[tokio::test]
async fn reaping_by_id_without_evidence_is_caught() {
    let mutant = Mutant::ReapByIdWithoutEvidence;
    is_caught(World::Locked, mutant, LIVING_KEEP_THEIRS).await;
}

#[tokio::test]
async fn reaping_by_id_only_is_caught() {
    is_caught(World::Locked, Mutant::ReapByIdOnly, REAPED_AS_SEEN).await;
    is_caught(World::Locked, Mutant::ReapByIdOnly, LIVING_KEEP_THEIRS).await;
}

#[tokio::test]
async fn reaping_without_a_look_at_the_epoch_is_caught() {
    is_caught(World::Locked, Mutant::ReapWithoutEpoch, REAPED_AS_SEEN).await;
}

#[tokio::test]
async fn recovery_that_keeps_the_epoch_is_caught() {
    is_caught(World::Locked, Mutant::RecoverKeepsEpoch, EPOCH_IS_NEW).await;
}

#[tokio::test]
async fn recovery_that_keeps_the_attempt_is_caught() {
    is_caught(World::Locked, Mutant::RecoverKeepsAttempt, ATTEMPT_ADDS_UP).await;
}

#[tokio::test]
async fn cancelling_what_ended_is_caught() {
    is_caught(World::Locked, Mutant::CancelWhatEnded, TERMINAL_STAYS).await;
}

#[tokio::test]
async fn cancelling_that_keeps_the_epoch_is_caught() {
    is_caught(World::Locked, Mutant::CancelKeepsEpoch, EPOCH_ADDS_UP).await;
}

#[tokio::test]
async fn joined_writes_without_an_epoch_check_are_caught() {
    let mutant = Mutant::JoinedWithoutEpoch;
    is_caught(World::Forfeited, mutant, PRESENT_EPOCH).await;
    is_caught(World::Forfeited, mutant, PRESENT_PUT_OFF).await;
    is_caught(World::Forfeited, mutant, PRESENT_RENEWAL).await;
}

#[tokio::test]
async fn joined_renewals_after_expiry_are_caught() {
    let mutant = Mutant::JoinedRenewsAfterExpiry;
    is_caught(World::Locked, mutant, NO_LATE_RENEWAL).await;
}

#[tokio::test]
async fn group_that_is_believed_whatever_it_wrote_is_caught() {
    let mutant = Mutant::GroupTrustsItsStatement;
    is_caught(World::Locked, mutant, PRESENT_EPOCH).await;
}

#[tokio::test]
async fn group_that_is_done_again_over_what_it_wrote_is_caught() {
    let mutant = Mutant::GroupKeepsWhatItUndoes;
    is_caught(World::Locked, mutant, REFUSED_CHANGES_NOTHING).await;
}

#[tokio::test]
async fn joined_claims_that_hand_a_job_out_twice_are_caught() {
    is_caught(World::Locked, Mutant::ClaimsHandOutTwice, HANDED_TO_ONE).await;
}

#[tokio::test]
async fn recovery_that_is_left_out_is_caught() {
    let mutant = Mutant::NeverRecovers;
    counterexample(protocol(World::Locked, mutant), ENDS_AFTER_RESTART);
    is_caught(World::Locked, mutant, DEAD_OWN_NOTHING).await;
}

/// The rows alone do not refuse it: the lock is the only evidence that an owner is dead.
#[tokio::test]
async fn second_host_beside_the_first_is_caught() {
    let protocol = protocol(World::Locked, Mutant::StartWithoutLock);
    let actions = counterexample(protocol, LIVING_KEEP_THEIRS);
    let replayed = Rig::open()
        .await
        .replay(&protocol, &actions, &mut Tally::default())
        .await;
    assert_eq!(replayed, Ok(()));
}

/// What the model answers along `actions`, after the real store has answered the same.
async fn answers(protocol: &Protocol, actions: &[Action]) -> Vec<Answer> {
    let mut rig = Rig::open().await;
    let replayed = rig.replay(protocol, actions, &mut Tally::default()).await;
    assert_eq!(replayed, Ok(()));
    let mut state = State::FIRST;
    let mut answer = |action: &Action| {
        let (next, answer) = protocol.step(&state, *action);
        state = next;
        answer
    };
    actions.iter().map(&mut answer).collect()
}

#[tokio::test]
async fn zombie_that_wakes_is_refused_by_the_real_store() {
    let late = Key {
        host: 1,
        job: 0,
        epoch: 1,
    };
    let taken = Key {
        host: 2,
        epoch: 3,
        ..late
    };
    let before = [Action::Start(1), Action::Recover(1), Action::Claim(1, 1)];
    let meanwhile = [
        Action::Pause(1),
        Action::Start(2),
        Action::Recover(2),
        Action::Claim(2, 2),
        Action::Resume(1),
    ];
    let writes = [
        Action::Finish(late, Ending::Complete),
        Action::PutOff(late, true),
        Action::Finish(taken, Ending::Complete),
        Action::Finish(late, Ending::Complete),
        Action::Renew(late),
    ];
    let protocol = protocol(World::Forfeited, Mutant::None);
    let answers = answers(&protocol, &[&before[..], &meanwhile, &writes].concat()).await;
    let written = [false, false, true, false, false].map(Answer::Row);
    assert_eq!(answers[before.len() + meanwhile.len()..], written);
}

/// `recover` asks for another owner, so a host does not take up what it has itself lost: that is the reaper's.
#[tokio::test]
async fn row_that_a_living_host_lost_is_left_to_its_reaper_or_the_next_start() {
    let lost = Key {
        host: 1,
        job: 0,
        epoch: 1,
    };
    let loses = [
        Action::Start(1),
        Action::Recover(1),
        Action::Claim(1, 1),
        Action::Tick,
        Action::Tick,
        Action::Renew(lost),
        Action::Recover(1),
    ];
    let restarts = [Action::Die(1), Action::Start(2), Action::Recover(2)];
    let seen = Seen {
        host: 1,
        job: 0,
        epoch: 1,
        owner: 1,
        lease_until: 1,
    };
    let reaps = [Action::See(1, 0), Action::Reap(seen)];
    let protocol = protocol(World::Locked, Mutant::None);
    let restarted = answers(&protocol, &[&loses[..], &restarts].concat()).await;
    assert_eq!(restarted[5], Answer::Row(false));
    assert_eq!(restarted[6], Answer::Recovered(Vec::new()));
    assert_eq!(restarted[9], Answer::Recovered(vec![0]));
    let reaped = answers(&protocol, &[&loses[..], &reaps].concat()).await;
    assert_eq!(reaped[8], Answer::Row(true));
}

#[tokio::test]
async fn real_store_answers_as_the_model_does() {
    let begun = Instant::now();
    let mut rig = Rig::open().await;
    let mut tally = Tally::default();
    for (seed, world) in [(1, World::Forfeited), (2, World::Locked)] {
        let protocol = Protocol {
            has_reaper: true,
            ..protocol(world, Mutant::None)
        };
        for walk in replay::walks(&protocol, seed) {
            let replayed = rig.replay(&protocol, &walk, &mut tally).await;
            assert_eq!(replayed, Ok(()), "{world:?}: {walk:?}");
        }
    }
    println!("{tally:?} in {:?}", begun.elapsed());
    tally.assert_saw_everything();
}
