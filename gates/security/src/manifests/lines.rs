//! Which packages do the lock files hold that are written line by line: of Go, Ruby, Gradle and Elixir?

use super::{ELIXIR, GO, JVM, Manifest, RUBY, jvm};

/// Reads `go.sum`. A line about a `go.mod` alone stands for a module that was looked at and not taken.
pub(super) fn go_sum(text: &str) -> Result<Manifest, String> {
    let mut manifest = Manifest::default();
    let mut lines = 0;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            [module, version, hash] if hash.starts_with("h1:") => {
                lines += 1;
                if !version.ends_with("/go.mod") {
                    go_module(&mut manifest, module, version);
                }
            }
            _ => manifest.skip(line),
        }
    }
    match lines {
        0 if !text.trim().is_empty() => Err("no line of it names a module".to_owned()),
        _ => Ok(manifest),
    }
}

fn go_module(manifest: &mut Manifest, module: &str, version: &str) {
    let version = version.trim_end_matches("+incompatible");
    match version.strip_prefix('v') {
        Some(version) if version.starts_with(|c: char| c.is_ascii_digit()) => {
            manifest.add(GO, module, version);
        }
        Some(_) | None => manifest.skip(&format!("{module} {version}")),
    }
}

/// Reads `go.mod`: what is required, and what that is replaced by.
pub(super) fn go_mod(text: &str) -> Result<Manifest, String> {
    let mut manifest = Manifest::default();
    let mut block = "";
    let mut replaced: Vec<String> = Vec::new();
    let mut required: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        let line = line.split("//").next().unwrap_or(line).trim();
        let words: Vec<&str> = line.split_whitespace().collect();
        let (verb, rest) = match &words[..] {
            [] => continue,
            [")"] => {
                block = "";
                continue;
            }
            [verb, "("] => {
                block = verb;
                continue;
            }
            rest if !block.is_empty() => (block, rest),
            [verb, rest @ ..] => (*verb, rest),
        };
        match (verb, rest) {
            ("require", [module, version]) => {
                required.push(((*module).to_owned(), (*version).to_owned()));
            }
            ("replace", [module, .., "=>", to, version]) => {
                replaced.push((*module).to_owned());
                go_module(&mut manifest, to, version);
            }
            // A folder of the repository, or beside it.
            ("replace", [module, .., "=>", _]) => replaced.push((*module).to_owned()),
            ("require" | "replace", _) => manifest.skip(line),
            (_, _) => {}
        }
    }
    for (module, version) in required {
        if !replaced.contains(&module) {
            go_module(&mut manifest, &module, &version);
        }
    }
    Ok(manifest)
}

/// Reads `Gemfile.lock`: below `specs:` a package stands four blanks deep, what it asks for six.
pub(super) fn gemfile(text: &str) -> Result<Manifest, String> {
    let mut manifest = Manifest::default();
    let (mut section, mut has_specs) = ("", false);
    for line in text.lines().map(str::trim_end) {
        if !line.starts_with(' ') {
            section = line;
            continue;
        }
        has_specs |= line == "  specs:";
        let Some(entry) = line.strip_prefix("    ").filter(|e| !e.starts_with(' ')) else {
            continue;
        };
        let named = entry.strip_suffix(')').and_then(|e| e.split_once(" ("));
        match (section, named) {
            ("GEM", Some((name, version))) => {
                // `1.13.0-x86_64-linux` is the same version, built for a platform.
                let plain = version.split('-').next().unwrap_or(version);
                manifest.add(RUBY, name, plain);
            }
            // The repository's own.
            ("PATH", _) => {}
            ("GEM" | "GIT" | "PLUGIN SOURCE", _) => manifest.skip(entry),
            (_, _) => {}
        }
    }
    match has_specs {
        true => Ok(manifest),
        false => Err("it holds no `specs:`".to_owned()),
    }
}

/// Reads `gradle.lockfile`: `group:artifact:version=configurations`.
pub(super) fn gradle(text: &str) -> Result<Manifest, String> {
    let mut manifest = Manifest::default();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') || line.starts_with("empty=") {
            continue;
        }
        let entry = line.split('=').next().unwrap_or(line);
        let parts: Vec<&str> = entry.split(':').collect();
        match parts[..] {
            [group, artifact, version] if jvm::is_version(version) => {
                manifest.add(JVM, &format!("{group}:{artifact}"), version);
            }
            _ => manifest.skip(line),
        }
    }
    Ok(manifest)
}

/// Reads `mix.lock`: `"name": {:hex, :name, "version", …`.
pub(super) fn mix(text: &str) -> Result<Manifest, String> {
    let mut manifest = Manifest::default();
    if !text.trim_start().starts_with("%{") {
        return Err("it is no map of packages".to_owned());
    }
    for line in text.lines().map(str::trim).filter(|l| l.starts_with('"')) {
        let Some((key, value)) = line.split_once(": {") else {
            manifest.skip(line);
            continue;
        };
        let parts: Vec<&str> = value.split(',').map(str::trim).collect();
        match parts[..] {
            [":hex", name, version, ..] if version.starts_with('"') => {
                let name = name.trim_start_matches(':').trim_matches('"');
                manifest.add(ELIXIR, name, version.trim_matches('"'));
            }
            _ => manifest.skip(key.trim_matches('"')),
        }
    }
    Ok(manifest)
}

#[cfg(test)]
mod tests {
    use super::super::pairs;
    use super::*;

    #[test]
    fn go_sum_gives_what_was_taken() {
        let text = "github.com/a/b v1.2.3 h1:x=\ngithub.com/a/b v1.2.3/go.mod h1:y=\n\
                    github.com/c/d v0.0.0-2020/go.mod h1:z=\ngithub.com/e/f v2.0.0+incompatible h1:x=\nodd\n";
        let manifest = go_sum(text).unwrap();
        assert_eq!(
            pairs(&manifest),
            [("github.com/a/b", "1.2.3"), ("github.com/e/f", "2.0.0")]
        );
        assert_eq!(manifest.unaudited.len(), 1);
        assert!(go_sum("hello\n").is_err() && go_sum("").is_ok());
    }

    #[test]
    fn go_mod_gives_what_is_required_and_what_replaces_it() {
        let text = "module shop\n\ngo 1.22\n\nrequire github.com/one/x v1.0.0\nrequire (\n\tgithub.com/a/b v1.2.3 // indirect\n\
                    \tgithub.com/c/d v1.0.0\n\tgithub.com/l/m v1.0.0\n)\nreplace github.com/c/d => github.com/c/e v2.0.0\n\
                    replace github.com/l/m v1.0.0 => ../m\nexclude github.com/q/r v1.0.0\n";
        assert_eq!(
            pairs(&go_mod(text).unwrap()),
            [
                ("github.com/a/b", "1.2.3"),
                ("github.com/c/e", "2.0.0"),
                ("github.com/one/x", "1.0.0")
            ]
        );
    }

    #[test]
    fn gemfile_lock_gives_packages_and_not_what_they_ask_for() {
        let text = "GIT\n  remote: https://forge.invalid/x\n  specs:\n    x (1.0)\n\nPATH\n  remote: .\n  specs:\n    \
                    own (0.1)\n\nGEM\n  remote: https://rubygems.invalid/\n  specs:\n    nokogiri (1.10.0-x86_64-linux)\n      \
                    racc (~> 1.4)\n    rack (2.0.1)\n\nDEPENDENCIES\n  rack\n";
        let manifest = gemfile(text).unwrap();
        assert_eq!(
            pairs(&manifest),
            [("nokogiri", "1.10.0"), ("rack", "2.0.1")]
        );
        assert_eq!(manifest.unaudited.len(), 1);
    }

    #[test]
    fn gradle_and_mix_locks_are_read() {
        let text = "# This is a file\norg.a:b:1.0.0=compileClasspath\nempty=x\nodd=1\n";
        let manifest = gradle(text).unwrap();
        assert_eq!(pairs(&manifest), [("org.a:b", "1.0.0")]);
        assert_eq!(manifest.unaudited.len(), 1);
        let text = "%{\n  \"plug\": {:hex, :plug, \"1.0.0\", \"00\", [:mix], []},\n  \"g\": {:git, \"https://x\", \"00\", []},\n}\n";
        let manifest = mix(text).unwrap();
        assert_eq!(pairs(&manifest), [("plug", "1.0.0")]);
        assert_eq!(manifest.unaudited.len(), 1);
    }
}
