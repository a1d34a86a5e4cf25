//! Two tasks for one base, a base that conflicts, and a pass that holds for the same bytes.

use std::fs;

use orch_kit::World;
use orch_kit::world::{AGENT, until};
use serde_json::json;

/// Makes the repository's tests wait for as long as the file `hold` is there.
fn tests_that_can_be_held(world: &mut World) {
    // The tests may see the file; what else lies there stays hidden or is the world's to show.
    world.config["repositories"]["shop"]["sandbox"] = json!({"read": ["."]});
    world.write_config();
    let hold = world.path("hold");
    let test = format!(
        "while [ -e {} ]; do sleep 0.05; done; tests/run.sh",
        hold.display()
    );
    let text = json!({"ci": {"test": test}}).to_string();
    world.write("seed/.orch.yaml", &text, 0o644);
    world.push_seed("Tests that can be held");
}

#[test]
fn second_task_waits_for_the_merge_lease_by_the_holders_name_and_lands_after_it() {
    let mut world = World::new();
    tests_that_can_be_held(&mut world);
    let _host = world.serve();
    let first = world.begin("First");
    let second = world.begin("Second");
    for item in [&first, &second] {
        orch_kit::until("it is ready to be merged", || {
            let view = world.task(item);
            if view["status"] == "waiting" && view["step"] == "analysis-approved" {
                // Refused if an approval before is still on its way: the next look decides.
                world.orch(&["task", "approve", item]);
            }
            (view["status"] == "awaiting-approval").then_some(())
        });
    }
    world.write("hold", "", 0o644);
    world.json(&["task", "approve", &first]);
    orch_kit::until("the first holds the lease", || {
        let queue = world.json(&["queue"]);
        let leases = queue["transition_lease"]["leases"].as_array()?.clone();
        let mut held = leases
            .iter()
            .filter(|l| l["resource"] == "merge:shop" && l["work_item"] == first.as_str());
        held.next().map(|_| ())
    });
    world.json(&["task", "approve", &second]);
    let waiting = orch_kit::until("the second waits for it", || {
        let view = world.task(&second);
        (view["status"] == "waiting").then_some(view)
    });
    let why = waiting["why"].as_str().unwrap();
    assert!(
        why.contains(&format!("the merge lease, held by {first}")),
        "{why}"
    );
    fs::remove_file(world.path("hold")).unwrap();
    let landed = |item: &str| {
        let view = world.follow(item, |view| view["status"] == "ended");
        assert_eq!(view["stage"], "done", "{view:#}");
        assert_eq!(view["rework_rounds"], 1, "waiting cost no round");
        view["merged_commit"].as_str().unwrap().to_owned()
    };
    let (earlier, later) = (landed(&first), landed(&second));
    assert_ne!(earlier, later);
    world.git(
        "shop.git",
        &["merge-base", "--is-ancestor", &earlier, &later],
    );
    assert_eq!(world.git("shop.git", &["rev-parse", "main"]), later);
}

#[test]
fn commit_that_was_taken_out_of_the_base_does_not_come_back_with_a_landing() {
    let world = World::new();
    world.write("seed/secret.txt", "leaked\n", 0o644);
    world.push_seed("Taken out later");
    let leaked = world.git("seed", &["rev-parse", "HEAD"]);
    let _host = world.serve();
    let item = world.begin("On a base that is rewritten");
    world.follow(&item, |view| view["status"] == "awaiting-approval");
    world.git("seed", &["reset", "--quiet", "--hard", "HEAD~1"]);
    world.write("seed/NEWS.md", "# News\n", 0o644);
    world.commit_seed("In its place");
    world.git(
        "seed",
        &["push", "--quiet", "--force", "../shop.git", "HEAD:main"],
    );
    let rewritten = world.git("seed", &["rev-parse", "HEAD"]);
    world.json(&["task", "approve", &item]);
    let view = until("the task is blocked", || {
        Some(world.task(&item)).filter(|view| view["status"] == "blocked")
    });
    let why = view["why"].as_str().unwrap();
    assert!(
        why.contains("base-rewritten") && why.contains(&leaked),
        "{why}"
    );
    assert_eq!(world.git("shop.git", &["rev-parse", "main"]), rewritten);
    // The remedy that it names leads on.
    let remedy = &view["remedies"][0]["command"];
    assert_eq!(*remedy, json!(["task", "resume", item, "--rebase"]));
    let runs = |view: &serde_json::Value| view["totals"]["runs"].as_u64().unwrap();
    let before = runs(&view);
    let head = view["head"].as_str().unwrap().to_owned();
    world.json(&["task", "resume", &item, "--rebase"]);
    let view = until("it is judged anew and waits for approval again", || {
        Some(world.task(&item)).filter(|view| view["status"] == "awaiting-approval")
    });
    let moved = view["head"].as_str().unwrap().to_owned();
    let subjects = |range: &str| {
        let text = world.git("shop.git", &["log", "--format=%s", "--no-merges", range]);
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let was = subjects(&format!("{leaked}..{head}"));
    let is = subjects(&format!("{rewritten}..{moved}"));
    assert!(
        !was.is_empty() && was.iter().all(|own| is.contains(own)),
        "{was:?} {is:?}"
    );
    assert!(!is.iter().any(|own| own == "Taken out later"), "{is:?}");
    // What came after its review stands on top of what was reviewed.
    let reviewed = |verdict: &serde_json::Value| {
        let head = verdict["head_sha"].as_str().unwrap();
        let below = world.git("shop.git", &["rev-list", head]);
        verdict["entry"] == "review-verdict" && below.contains(&rewritten)
    };
    let mut judged = view["verdicts"].as_array().unwrap().iter();
    assert!(judged.any(reviewed), "{view:#}");
    let view = world.follow(&item, |view| view["status"] == "ended");
    assert_eq!(view["stage"], "done", "{view:#}");
    assert!(runs(&view) > before, "reviewed and tested again");
    let landed = world.git("shop.git", &["log", "--format=%H", "main"]);
    assert!(landed.contains(&rewritten) && !landed.contains(&leaked));
    let files = world.git("shop.git", &["ls-tree", "-r", "--name-only", "main"]);
    assert!(
        files.contains("NEWS.md") && !files.contains("secret.txt"),
        "{files}"
    );
}

#[test]
fn branch_into_which_somebody_merged_a_rewritten_base_is_moved_onto_it_without_what_was_taken_out()
{
    let world = World::new();
    world.write("seed/secret.txt", "leaked\n", 0o644);
    world.push_seed("Taken out later");
    let leaked = world.git("seed", &["rev-parse", "HEAD"]);
    let _host = world.serve();
    let item = world.begin("Brought up to date by a button");
    let view = world.follow(&item, |view| view["status"] == "awaiting-approval");
    let branch = view["branch"].as_str().unwrap().to_owned();
    world.git("seed", &["reset", "--quiet", "--hard", "HEAD~1"]);
    world.write("seed/NEWS.md", "# News\n", 0o644);
    world.commit_seed("In its place");
    world.git(
        "seed",
        &["push", "--quiet", "--force", "../shop.git", "HEAD:main"],
    );
    let rewritten = world.git("seed", &["rev-parse", "HEAD"]);
    // As the button of a forge does that brings a branch up to date.
    world.git("seed", &["fetch", "--quiet", "../shop.git", &branch]);
    world.git("seed", &["checkout", "--quiet", "FETCH_HEAD"]);
    let who = ["-c", "user.name=Ann", "-c", "user.email=ann@orch.invalid"];
    let merge = ["merge", "--quiet", "--no-edit", &rewritten];
    world.git("seed", &[&who[..], &merge].concat());
    let to = format!("HEAD:{branch}");
    world.git("seed", &["push", "--quiet", "../shop.git", &to]);
    let merged = world.git("seed", &["rev-parse", "HEAD"]);
    let view = until("the task stops at what was taken out", || {
        let view = world.task(&item);
        if view["status"] == "awaiting-approval" {
            world.orch(&["task", "approve", &item]);
        }
        (view["status"] == "blocked").then_some(view)
    });
    let head = view["head"].as_str().unwrap();
    world.git("shop.git", &["merge-base", "--is-ancestor", &merged, head]);
    let why = view["why"].as_str().unwrap();
    assert!(why.contains("base-rewritten"), "{why}");
    let remedy = view["remedies"][0]["command"].as_array().unwrap().iter();
    let remedy: Vec<&str> = remedy.map(|word| word.as_str().unwrap()).collect();
    world.json(&remedy);
    let view = world.follow(&item, |view| view["status"] == "ended");
    assert_eq!(view["stage"], "done", "{view:#}");
    let landed = world.git("shop.git", &["log", "--format=%H", "main"]);
    assert!(landed.contains(&rewritten) && !landed.contains(&leaked));
    let files = world.git("shop.git", &["ls-tree", "-r", "--name-only", "main"]);
    assert!(
        files.contains("NEWS.md") && files.contains("tests/cases/discount.txt"),
        "{files}"
    );
    assert!(!files.contains("secret.txt"), "{files}");
}

#[test]
fn branch_that_somebody_moved_off_a_rewritten_base_is_judged_anew_and_lands() {
    let world = World::new();
    world.write("seed/secret.txt", "leaked\n", 0o644);
    world.push_seed("Taken out later");
    let leaked = world.git("seed", &["rev-parse", "HEAD"]);
    let _host = world.serve();
    let item = world.begin("Moved by hand");
    world.follow(&item, |view| view["status"] == "awaiting-approval");
    world.git("seed", &["reset", "--quiet", "--hard", "HEAD~1"]);
    world.write("seed/NEWS.md", "# News\n", 0o644);
    world.commit_seed("In its place");
    world.git(
        "seed",
        &["push", "--quiet", "--force", "../shop.git", "HEAD:main"],
    );
    world.json(&["task", "approve", &item]);
    let view = until("the task is blocked", || {
        Some(world.task(&item)).filter(|view| view["status"] == "blocked")
    });
    let branch = view["branch"].as_str().unwrap();
    world.git("seed", &["fetch", "--quiet", "../shop.git", branch]);
    world.git(
        "seed",
        &["checkout", "--quiet", "-B", "moved", "FETCH_HEAD"],
    );
    let named = ["-c", "user.name=Ann", "-c", "user.email=ann@example.org"];
    let rebase = ["rebase", "--quiet", "--onto", "main", &leaked];
    world.git("seed", &[&named[..], &rebase[..]].concat());
    let to = format!("HEAD:refs/heads/{branch}");
    world.git("seed", &["push", "--quiet", "--force", "../shop.git", &to]);
    world.git("seed", &["checkout", "--quiet", "main"]);
    world.json(&["task", "resume", &item]);
    let view = world.follow(&item, |view| view["status"] == "ended");
    assert_eq!(view["stage"], "done", "{view:#}");
    let files = world.git("shop.git", &["ls-tree", "-r", "--name-only", "main"]);
    assert!(
        files.contains("NEWS.md") && !files.contains("secret.txt"),
        "{files}"
    );
    let landed = world.git("shop.git", &["log", "--format=%H", "main"]);
    assert!(!landed.contains(&leaked));
}

#[test]
fn change_that_conflicts_with_a_rewritten_base_is_resolved_on_it_without_what_was_taken_out() {
    let world = World::new();
    resolving_agent(&world);
    world.write("seed/secret.txt", "leaked\n", 0o644);
    world.push_seed("Taken out later");
    let _host = world.serve();
    let item = world.begin("In the way of another history");
    world.follow(&item, |view| view["status"] == "awaiting-approval");
    world.git("seed", &["reset", "--quiet", "--hard", "HEAD~1"]);
    in_the_way(&world);
    world.commit_seed("In its place, the same lines");
    world.git(
        "seed",
        &["push", "--quiet", "--force", "../shop.git", "HEAD:main"],
    );
    world.json(&["task", "approve", &item]);
    until("the task is blocked", || {
        (world.task(&item)["status"] == "blocked").then_some(())
    });
    world.json(&["task", "resume", &item, "--rebase"]);
    let view = world.follow(&item, |view| view["status"] == "ended");
    assert_eq!(view["stage"], "done", "{view:#}");
    assert_eq!(view["rework_rounds"], 2, "the review's and the conflict's");
    let found = fs::read_to_string(world.path("found-3")).unwrap();
    assert!(
        found.contains("<<<<<<<")
            && found.contains("with nothing yet")
            && found.contains("discount"),
        "{found}"
    );
    let files = world.git("shop.git", &["ls-tree", "-r", "--name-only", "main"]);
    assert!(!files.contains("secret.txt"), "{files}");
    let subjects = world.git("shop.git", &["log", "--format=%s", "main"]);
    assert!(!subjects.contains("Taken out later"), "{subjects}");
}

/// A developer who keeps what he finds, and fixes the review's finding and conflicts in every round.
fn resolving_agent(world: &World) {
    let keep = format!(
        "say \"changing cart.sh\"; cp cart.sh {0}/found-$ORCH_ATTEMPT; printf '%s' \"$prompt\" > {0}/prompt-$ORCH_ATTEMPT\n",
        world.path(".").display()
    );
    let agent = AGENT
        .replacen("say \"changing cart.sh\"\n", &keep, 1)
        .replacen(
            "grep -q 'src: review, the discount is not checked'",
            "grep -qE 'the discount is not checked|conflicts with'",
            1,
        );
    world.write("agent.sh", &agent, 0o755);
}

/// Changes the lines in the seed that the agent changes too.
fn in_the_way(world: &World) {
    let theirs = fs::read_to_string(world.path("seed/cart.sh"))
        .unwrap()
        .replace("Prints the sum", "Prints, with nothing yet, the sum");
    world.write("seed/cart.sh", &theirs, 0o755);
}

#[test]
fn conflict_with_the_base_goes_back_with_its_files_and_is_resolved_in_a_merge_commit() {
    let world = World::new();
    resolving_agent(&world);
    let _host = world.serve();
    let item = world.begin("In the way of another");
    world.follow(&item, |view| view["status"] == "awaiting-approval");
    in_the_way(&world);
    world.push_seed("Another change of the same lines");
    let other = world.git("seed", &["rev-parse", "HEAD"]);
    let view = world.follow(&item, |view| view["status"] == "ended");
    assert_eq!(view["stage"], "done", "{view:#}");
    assert_eq!(view["rework_rounds"], 2, "the review's and the conflict's");
    let prompt = fs::read_to_string(world.path("prompt-3")).unwrap();
    assert!(
        prompt.contains("conflict") && prompt.contains("cart.sh"),
        "{prompt}"
    );
    let found = fs::read_to_string(world.path("found-3")).unwrap();
    assert!(
        found.contains("<<<<<<<")
            && found.contains("with nothing yet")
            && found.contains("discount"),
        "{found}"
    );
    let merges = world.git("shop.git", &["log", "--merges", "--format=%P %s", "main"]);
    assert!(
        merges.lines().count() == 1 && merges.contains(&other),
        "one merge commit, with the base as a parent: {merges}"
    );
    let landed = world.git("shop.git", &["show", "main:cart.sh"]);
    assert!(!landed.contains("<<<<<<<"), "{landed}");
}

#[test]
fn pass_is_reused_for_the_same_artefacts_and_not_for_others() {
    let world = World::new();
    // An architect who changes his mind at the third attempt, and a developer who cannot work.
    let third = "    [ \"$ORCH_ATTEMPT\" = 3 ] && echo 'Rounding down is fair.' >> \"$folder/06-adr/ADR-001-integer-discount.md\"\n    done_with \"decision recorded\"\n";
    let agent = AGENT
        .replacen("    done_with \"decision recorded\"\n", third, 1)
        .replacen("    say \"changing cart.sh\"\n", "    exit 3\n", 1);
    world.write("agent.sh", &agent, 0o755);
    let _host = world.serve();
    let item = world.begin("Decided three times");
    let mut passes = Vec::new();
    for _ in 1..=3 {
        let view = world.follow(&item, |view| view["status"] == "blocked");
        passes = view["verdicts"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|v| v["entry"] == "architecture-done")
            .map(|v| {
                assert_eq!(v["decision"], "pass", "{v:#}");
                v["reused"].as_bool().unwrap()
            })
            .collect();
        world.json(&["task", "resume", &item, "--stage", "architecture"]);
        orch_kit::until("it goes on", || {
            (world.task(&item)["status"] != "blocked").then_some(())
        });
    }
    assert_eq!(
        passes,
        [false, true, false],
        "judged, written the same again, written anew"
    );
}
