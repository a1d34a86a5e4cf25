//! No file of a crate leads back to itself by what it uses.

use std::collections::{BTreeMap, VecDeque};

use super::uses::Uses;

/// One problem for each knot of files, with the shortest way round.
pub(super) fn problems(uses: &Uses) -> Vec<String> {
    let mut used: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (user, other) in uses.edges.keys() {
        used.entry(*user).or_default().push(*other);
    }
    let files = 0..uses.files.len();
    let way = |from: usize, to: usize| shortest(&used, from, to);
    let mut knotted = vec![false; uses.files.len()];
    let mut found = Vec::new();
    for first in files.clone() {
        if knotted[first] {
            continue;
        }
        let Some(circle) = way(first, first) else {
            continue;
        };
        let both = |other: &usize| way(first, *other).is_some() && way(*other, first).is_some();
        let knot: Vec<usize> = files.clone().filter(both).collect();
        for file in &knot {
            knotted[*file] = true;
        }
        let steps = circle.windows(2).map(|step| {
            let line = uses.edges.get(&(step[0], step[1])).copied().unwrap_or(0);
            format!("{}:{line} -> ", uses.files[step[0]])
        });
        found.push(format!(
            "{} files use each other in a circle: {}{}",
            knot.len(),
            steps.collect::<String>(),
            uses.files[first]
        ));
    }
    found
}

/// The shortest way from `from` to `to`, both included, of one step at least.
fn shortest(used: &BTreeMap<usize, Vec<usize>>, from: usize, to: usize) -> Option<Vec<usize>> {
    let mut came_from: BTreeMap<usize, usize> = BTreeMap::new();
    let mut queue = VecDeque::from([from]);
    while let Some(at) = queue.pop_front() {
        for next in used.get(&at).into_iter().flatten() {
            if came_from.contains_key(next) {
                continue;
            }
            came_from.insert(*next, at);
            if *next == to {
                let mut way = vec![to, at];
                let mut step = at;
                while step != from {
                    step = *came_from.get(&step)?;
                    way.push(step);
                }
                way.reverse();
                return Some(way);
            }
            queue.push_back(*next);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::problems;
    use crate::tidy::uses::tests::uses;

    const TOP: (&str, &str) = ("lib.rs", "mod a; mod b; mod c;");

    #[test]
    fn circle_is_told_by_its_shortest_way_round() {
        let (a, b) = (("a.rs", "use crate::b;"), ("b.rs", "\nuse crate::c;"));
        assert!(problems(&uses(&[TOP, a, b, ("c.rs", "")])).is_empty());
        let c = ("c.rs", "fn f() { crate::a::g() }");
        let found = problems(&uses(&[TOP, a, b, c]));
        let expected = "3 files use each other in a circle: a.rs:1 -> b.rs:2 -> c.rs:1 -> a.rs";
        assert_eq!(found, [expected]);
    }
}
