//! `cargo xtask mutants`: takes each guard of the claim protocol out of the real code and demands that a test fails.
//!
//! Works on a copy below the target directory, so that nothing of the checkout is touched; what cargo builds of it
//! lies beside the rest, so that most dependencies are there already. That the tests pass on what is there is
//! `cargo xtask test`'s to say; here they have to pass once before anything is taken out, or a failure would mean
//! nothing.

mod copy;
mod nextest;
mod table;

use std::fs::{self, File};
use std::time::Instant;

use anyhow::{Context, bail, ensure};

use crate::shell::target_dir;
use nextest::{Bench, Scope, TESTS_MAX, Tests};
use table::{MUTANTS, Mutant};

/// Most failing tests that are named.
const NAMED_MAX: usize = 3;

/// A mutant that was tried.
struct Tried {
    mutant: &'static Mutant,
    tests: Tests,
    seconds: f64,
}

impl Tried {
    fn caught_by(&self) -> String {
        match &self.tests {
            Tests::Passed => "NOTHING: it survives".to_owned(),
            Tests::Failed(names) => {
                let names: Vec<_> = names.iter().take(NAMED_MAX).cloned().collect();
                names.join(", ")
            }
            Tests::Hung => format!(
                "hanging: the tests were ended after {} s",
                TESTS_MAX.as_secs()
            ),
        }
    }
}

/// The three that every change has to face: an ending without its epoch, a reaping by id alone, a renewal of what
/// has expired.
pub(crate) const SAMPLE: [&str; 3] = ["complete-without-epoch", "reap-by-id", "renew-after-expiry"];

/// Tries the mutants called `only`, or every one.
pub(crate) fn run<N: AsRef<str>>(only: &[N]) -> anyhow::Result<()> {
    let begun = Instant::now();
    let names: Vec<&str> = MUTANTS.iter().map(|mutant| mutant.name).collect();
    if let Some(name) = only.iter().find(|name| !names.contains(&name.as_ref())) {
        bail!(
            "no mutant `{}`; there are {}",
            name.as_ref(),
            names.join(", ")
        );
    }
    let is_asked =
        |mutant: &&Mutant| only.is_empty() || only.iter().any(|name| name.as_ref() == mutant.name);
    let mutants: Vec<&Mutant> = MUTANTS.iter().filter(is_asked).collect();
    let target = target_dir()?;
    let top = target.join("mutants");
    let bench = Bench {
        copy: top.join("src"),
        target,
        logs: top.join("logs"),
    };
    fs::create_dir_all(&bench.logs)?;
    let lock = File::create(top.join("lock"))?;
    lock.try_lock()
        .context("another `cargo xtask mutants` works on the copy; wait until it has ended")?;
    copy::refresh(&bench.copy)?;
    // Said of all before the first is tried.
    for mutant in &mutants {
        mutated(mutant, &original(&bench, mutant)?)?;
    }

    eprintln!("== unchanged");
    let unchanged = bench.tests("unchanged", Scope::Everything)?;
    ensure!(
        unchanged == Tests::Passed,
        "the tests have to pass before anything is taken out: {unchanged:?}; see {}",
        bench.logs.display()
    );
    eprintln!("== unchanged: {:.0} s", begun.elapsed().as_secs_f64());

    let mut tried = Vec::new();
    for mutant in mutants {
        let begun = Instant::now();
        let tests =
            tests_of(&bench, mutant).with_context(|| format!("mutant `{}`", mutant.name))?;
        let one = Tried {
            mutant,
            tests,
            seconds: begun.elapsed().as_secs_f64(),
        };
        eprintln!(
            "== {}: {:.0} s, {}",
            mutant.name,
            one.seconds,
            one.caught_by()
        );
        tried.push(one);
    }
    print!("{}", page(&tried));
    println!(
        "{} mutants in {:.0} s",
        tried.len(),
        begun.elapsed().as_secs_f64()
    );
    demand_all_caught(&tried)
}

/// Hanging counts as caught: whoever runs the tests would notice.
fn demand_all_caught(tried: &[Tried]) -> anyhow::Result<()> {
    let survive: Vec<_> = tried
        .iter()
        .filter(|one| one.tests == Tests::Passed)
        .map(|one| one.mutant.name)
        .collect();
    ensure!(
        survive.is_empty(),
        "no test notices that a guard is missing: {}",
        survive.join(", ")
    );
    Ok(())
}

fn original(bench: &Bench, mutant: &Mutant) -> anyhow::Result<String> {
    let path = bench.copy.join(mutant.file);
    fs::read_to_string(&path).with_context(|| {
        format!(
            "the table of mutants is out of date: `{}` of mutant `{}` cannot be read",
            mutant.file, mutant.name
        )
    })
}

/// The text of the mutant's file without the guard.
fn mutated(mutant: &Mutant, original: &str) -> anyhow::Result<String> {
    let count = original.matches(mutant.text).count();
    ensure!(
        count == 1,
        "the table of mutants is out of date: `{}` has the text of mutant `{}` {count} times instead of once:\n{}",
        mutant.file,
        mutant.name,
        mutant.text
    );
    Ok(original.replace(mutant.text, mutant.instead))
}

/// What the tests come to without the guard: those of its own crate first, and only if these pass all of them.
fn tests_of(bench: &Bench, mutant: &Mutant) -> anyhow::Result<Tests> {
    let path = bench.copy.join(mutant.file);
    let original = original(bench, mutant)?;
    fs::write(&path, mutated(mutant, &original)?)?;
    let package = package_of(mutant.file)?;
    let tests = match bench.tests(mutant.name, Scope::Package(&package)) {
        Ok(Tests::Passed) => bench.tests(mutant.name, Scope::Everything),
        decided => decided,
    };
    fs::write(&path, original)?;
    tests
}

/// Crates are called after their folders; the schema is the store's.
fn package_of(file: &str) -> anyhow::Result<String> {
    let mut parts = file.split('/');
    match (parts.next(), parts.next()) {
        (Some("migrations"), _) => Ok("orch-store".to_owned()),
        (Some("host"), Some(folder)) => Ok(format!("orch-{folder}")),
        _ => bail!("`{file}` belongs to no crate"),
    }
}

fn page(tried: &[Tried]) -> String {
    let mut page = String::from("| mutant | takes out | caught by | s |\n|---|---|---|---|\n");
    for one in tried {
        page.push_str(&format!(
            "| {} | {} | {} | {:.0} |\n",
            one.mutant.name,
            one.mutant.takes_out,
            one.caught_by(),
            one.seconds
        ));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::{MUTANTS, Mutant, Tests, Tried, demand_all_caught, mutated, page};

    fn tried(index: usize, tests: Tests) -> Tried {
        Tried {
            mutant: &MUTANTS[index],
            tests,
            seconds: 1.0,
        }
    }

    #[test]
    fn mutant_that_no_test_notices_is_an_error_with_its_name() {
        let names = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
        let mut all = vec![tried(0, Tests::Failed(names)), tried(1, Tests::Hung)];
        demand_all_caught(&all).unwrap();
        assert!(page(&all).contains("| a, b, c | 1 |"));
        all.push(tried(2, Tests::Passed));
        let error = demand_all_caught(&all).unwrap_err().to_string();
        assert!(
            error.ends_with(&format!(": {}", MUTANTS[2].name)),
            "{error}"
        );
    }

    #[test]
    fn text_that_is_gone_or_stands_there_twice_is_said_with_its_file() {
        let mutant = Mutant {
            name: "m",
            takes_out: "a guard",
            file: "host/store/src/a.rs",
            text: "AND epoch = ?",
            instead: "",
        };
        assert_eq!(mutated(&mutant, "x AND epoch = ? y").unwrap(), "x  y");
        for text in ["", "AND epoch = ? AND epoch = ?"] {
            let error = mutated(&mutant, text).unwrap_err().to_string();
            let says = |part: &str| error.contains(part);
            assert!(says("out of date") && says("host/store/src/a.rs") && says("AND epoch = ?"));
        }
    }
}
