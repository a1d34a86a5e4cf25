//! Which packages do the files of npm, Yarn, pnpm, Bun and Deno hold?

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::loose::{Entries, Text, entry, whole};
use super::{JAVASCRIPT, Manifest, yaml};

/// Deepest nesting of packages of version 1.
const DEPTH_MAX: usize = 64;

/// One locked package of `package-lock.json`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Locked {
    name: Text,
    version: Text,
    resolved: Text,
    link: Option<Box<RawValue>>,
    dependencies: Option<Box<RawValue>>,
}

/// Reads `package-lock.json`: version 1 has `dependencies`, versions 2 and 3 have `packages`.
pub(super) fn package_lock(text: &str) -> Result<Manifest, String> {
    #[derive(Deserialize)]
    struct Lock {
        #[serde(rename = "lockfileVersion")]
        version: Option<Box<RawValue>>,
        packages: Option<Entries>,
        dependencies: Option<Entries>,
    }
    let lock: Lock = whole(text)?;
    let mut manifest = Manifest::default();
    match (lock.packages, lock.dependencies, lock.version) {
        (Some(packages), _, _) => {
            for (key, raw) in &packages {
                // Keys outside of `node_modules` are the project itself and its workspace members.
                let Some((_, folder)) = key.rsplit_once("node_modules/") else {
                    continue;
                };
                match entry::<Locked>(raw) {
                    Some(locked) if is_true(locked.link.as_deref()) => {}
                    Some(locked) => locked_package(&mut manifest, folder, &locked),
                    None => manifest.skip(folder),
                }
            }
        }
        (None, Some(dependencies), _) => tree(&mut manifest, &dependencies, 0),
        (None, None, Some(_)) => {}
        (None, None, None) => {
            return Err("it holds neither `packages` nor `dependencies`".to_owned());
        }
    }
    Ok(manifest)
}

fn is_true(raw: Option<&RawValue>) -> bool {
    raw.is_some_and(|raw| raw.get() == "true")
}

fn tree(manifest: &mut Manifest, dependencies: &Entries, depth: usize) {
    for (name, raw) in dependencies {
        let Some(locked) = entry::<Locked>(raw) else {
            manifest.skip(name);
            continue;
        };
        locked_package(manifest, name, &locked);
        let nested = locked.dependencies.as_deref().map(entry::<Entries>);
        match nested {
            None => {}
            Some(Some(nested)) if depth < DEPTH_MAX => tree(manifest, &nested, depth + 1),
            Some(_) => manifest.skip(&format!("what {name} depends on")),
        }
    }
}

fn locked_package(manifest: &mut Manifest, key: &str, locked: &Locked) {
    let name = match locked.name.as_str() {
        "" => key,
        name => name,
    };
    let version = locked.version.as_str();
    // A package under another name is written `npm:name@version` in version 1.
    let alias = version.strip_prefix("npm:");
    let (name, version) = match alias.and_then(|alias| alias.rsplit_once('@')) {
        Some(named) => named,
        None => (name, version),
    };
    let elsewhere = ["git", "file:"]
        .iter()
        .any(|prefix| locked.resolved.as_str().starts_with(prefix));
    match elsewhere {
        true => manifest.skip(name),
        false => package(manifest, name, version),
    }
}

/// A package if the version is one, or else an unaudited entry.
fn package(manifest: &mut Manifest, name: &str, version: &str) {
    let version = version.strip_prefix(['v', '=']).unwrap_or(version);
    let is_version = version.starts_with(|c: char| c.is_ascii_digit())
        && version.contains('.')
        && version
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+'));
    let is_wild = version.split('.').any(|part| matches!(part, "x" | "X"));
    if name.is_empty() || !is_version || is_wild {
        manifest.skip(if name.is_empty() {
            "an entry without a name"
        } else {
            name
        });
    } else {
        manifest.add(JAVASCRIPT, name, version);
    }
}

/// Reads what `package.json` asks for, where no lock file says what is taken.
pub(super) fn package_json(text: &str) -> Result<Manifest, String> {
    let whole: Value = whole(text)?;
    let mut manifest = Manifest::default();
    for list in ["dependencies", "devDependencies", "optionalDependencies"] {
        let entries = whole.get(list).and_then(Value::as_object);
        for (name, wanted) in entries.into_iter().flatten() {
            let wanted = wanted.as_str().unwrap_or_default();
            let alias = wanted.strip_prefix("npm:").and_then(|a| a.rsplit_once('@'));
            let (real, wanted) = alias.unwrap_or((name, wanted));
            let count = manifest.packages.len();
            package(&mut manifest, real, wanted);
            if manifest.packages.len() == count && manifest.unaudited.remove(real) {
                manifest.skip(&format!("{name} {wanted}"));
            }
        }
    }
    Ok(manifest)
}

/// Reads `yarn.lock`, that of Yarn 1 and that of its successors: a key of one or more `name@wanted`, and indented
/// below it a `version`.
pub(super) fn yarn(text: &str) -> Result<Manifest, String> {
    let mut manifest = Manifest::default();
    let mut key: Option<&str> = None;
    for line in text.lines() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        if !line.starts_with(' ') {
            if line.trim_end() != ":"
                && let Some(open) = key.take().filter(|open| !is_own(open))
            {
                manifest.skip(open);
            }
            // A key of more than a thousand letters stands after `? `, and the colon on a line of its own.
            if line.trim_end() == ":" {
                continue;
            }
            let long = line.strip_prefix("? ").map(str::trim_end);
            let Some(named) = long.or_else(|| line.trim_end().strip_suffix(':')) else {
                return Err(format!("{:?} is no entry", shortened(line)));
            };
            key = Some(named).filter(|named| *named != "__metadata");
            continue;
        }
        let Some((indented, open)) = line.strip_prefix("  ").zip(key) else {
            continue;
        };
        let words = indented.split_once(' ');
        let Some((word, value)) = words.filter(|(word, _)| word.trim_end_matches(':') == "version")
        else {
            continue;
        };
        if word.is_empty() {
            continue;
        }
        if !is_own(open) {
            let unquoted = |text: &'_ str| text.trim().trim_matches('"').to_owned();
            let first = open.split(',').next().unwrap_or(open);
            let first = unquoted(first);
            match first.get(1..).and_then(|rest| rest.find('@')) {
                Some(at) => {
                    let (name, wanted) = first.split_at(at + 1);
                    let alias = wanted
                        .strip_prefix("@npm:")
                        .filter(|a| a[1.min(a.len())..].contains('@'));
                    let real = alias.and_then(|alias| alias.rsplit_once('@'));
                    package(
                        &mut manifest,
                        real.map_or(name, |(real, _)| real),
                        &unquoted(value),
                    );
                }
                None => manifest.skip(&first),
            }
        }
        key = None;
    }
    if let Some(open) = key.filter(|open| !is_own(open)) {
        manifest.skip(open);
    }
    Ok(manifest)
}

/// Whether a key of `yarn.lock` stands for a member of the workspace.
fn is_own(key: &str) -> bool {
    key.contains("@workspace:") || key.contains("@link:") || key.contains("@portal:")
}

fn shortened(text: &str) -> String {
    text.chars().take(60).collect()
}

/// Reads `pnpm-lock.yaml`. The keys of `packages` are `/name/1.0.0`, `/name@1.0.0(peer@2.0.0)` or `name@1.0.0`, as the
/// versions of the file go.
pub(super) fn pnpm(text: &str) -> Result<Manifest, String> {
    let lock = yaml::value(text)?;
    let packages = match (lock.get("packages"), lock.get("lockfileVersion")) {
        (Some(Value::Object(packages)), _) => packages,
        (None | Some(Value::Null), Some(_)) => return Ok(Manifest::default()),
        (_, _) => return Err("it holds no `packages`".to_owned()),
    };
    let mut manifest = Manifest::default();
    // Before version 6 a key is `/name/1.0.0_peer@2.0.0`.
    let version = lock.get("lockfileVersion").and_then(Value::as_str);
    let major = version.and_then(|v| v.split('.').next()?.parse::<u32>().ok());
    let is_old = major.is_some_and(|major| major < 6);
    for (key, entry) in packages {
        let plain = key.split('(').next().unwrap_or(key);
        let plain = plain.strip_prefix('/').unwrap_or(plain);
        let text = |name: &str| entry.get(name).and_then(Value::as_str);
        let named = match plain.get(1..).and_then(|rest| rest.find('@')) {
            Some(at) if !is_old => Some((&plain[..=at], &plain[at + 2..])),
            Some(_) | None => old_key(plain),
        };
        match (text("name").zip(text("version")), named) {
            (Some((name, version)), _) => package(&mut manifest, name, version),
            (None, Some((name, version))) => package(&mut manifest, name, version),
            (None, None) => manifest.skip(key),
        }
    }
    Ok(manifest)
}

/// Name and version of `name/1.0.0_peer@2.0.0`; the peers may hold slashes of their own.
fn old_key(key: &str) -> Option<(&str, &str)> {
    let slashes = if key.starts_with('@') { 2 } else { 1 };
    let (at, _) = key.match_indices('/').nth(slashes - 1)?;
    let version = &key[at + 1..];
    Some((&key[..at], version.split('_').next().unwrap_or(version)))
}

/// Reads `bun.lock`, which is JSON with commas at the ends of lists: YAML allows them.
pub(super) fn bun(text: &str) -> Result<Manifest, String> {
    let lock = yaml::value(text)?;
    let Some(Value::Object(packages)) = lock.get("packages") else {
        return Err("it holds no `packages`".to_owned());
    };
    let mut manifest = Manifest::default();
    for (key, entry) in packages {
        let named = entry.get(0).and_then(Value::as_str).unwrap_or_default();
        match named.get(1..).and_then(|rest| rest.find('@')) {
            Some(at) if named[at + 2..].starts_with("workspace:") => {}
            Some(at) => package(&mut manifest, &named[..=at], &named[at + 2..]),
            None => manifest.skip(key),
        }
    }
    Ok(manifest)
}

/// Reads `deno.lock`: packages of npm by `name@version`; what comes from elsewhere is named.
pub(super) fn deno(text: &str) -> Result<Manifest, String> {
    let lock: Value = whole(text)?;
    let of_npm = |at: &str| lock.pointer(at).and_then(Value::as_object);
    let mut manifest = Manifest::default();
    let npm = [
        of_npm("/npm"),
        of_npm("/npm/packages"),
        of_npm("/packages/npm"),
    ];
    for key in npm.into_iter().flatten().flat_map(|list| list.keys()) {
        let plain = key.split('_').next().unwrap_or(key);
        match plain.get(1..).and_then(|rest| rest.find('@')) {
            Some(at) => package(&mut manifest, &plain[..=at], &plain[at + 2..]),
            None if matches!(key.as_str(), "packages" | "specifiers") => {}
            None => manifest.skip(key),
        }
    }
    for at in ["/jsr", "/packages/jsr", "/remote"] {
        let others = lock.pointer(at).and_then(Value::as_object);
        for key in others.into_iter().flat_map(|list| list.keys()) {
            manifest.skip(key);
        }
    }
    Ok(manifest)
}

#[cfg(test)]
mod tests;
