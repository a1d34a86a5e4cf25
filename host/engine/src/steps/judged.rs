//! Does a command of `orch.yaml` run files of the branch? Then it is judged as the branch is, and runs in the cage; what
//! starts nothing but the operator's own programs is trusted.
//!
//! A line is taken apart as a shell would, roughly and on the safe side: what starts a program by a relative path, hands
//! a file of the checkout to an interpreter, or starts a program that is known to run what it finds in its working
//! folder, is judged. Copying files of the branch somewhere is not running them.

use std::path::Path;

/// Programs that carry out files of their working folder without being told which.
const RUN_THE_FOLDER: [&str; 38] = [
    "ansible-playbook",
    "bazel",
    "bundle",
    "buildah",
    "cargo",
    "cmake",
    "composer",
    "docker",
    "docker-compose",
    "dotnet",
    "go",
    "gradle",
    "helmfile",
    "invoke",
    "just",
    "make",
    "mix",
    "mvn",
    "ninja",
    "nox",
    "npm",
    "npx",
    "nx",
    "pip",
    "pip3",
    "pnpm",
    "podman",
    "poetry",
    "pulumi",
    "pytest",
    "rake",
    "sbt",
    "skaffold",
    "terraform",
    "tox",
    "turbo",
    "vagrant",
    "yarn",
];
/// Programs that carry out a file, or a command, that they are given.
const RUN_A_FILE: [&str; 26] = [
    ".", "ash", "awk", "bash", "bun", "busybox", "dash", "deno", "env", "find", "fish", "gawk",
    "ksh", "lua", "node", "nodejs", "parallel", "perl", "php", "ruby", "sed", "sh", "source",
    "tclsh", "xargs", "zsh",
];
/// Words before a program that are not it.
const BEFORE: [&str; 23] = [
    "!",
    "command",
    "do",
    "doas",
    "elif",
    "else",
    "exec",
    "flock",
    "if",
    "ionice",
    "nice",
    "nohup",
    "setsid",
    "stdbuf",
    "sudo",
    "systemd-run",
    "then",
    "time",
    "timeout",
    "unbuffer",
    "until",
    "while",
    "eval",
];

/// Whether `command`, a line for the shell that is run in `tree`, runs files of it.
pub(super) fn runs_files_of(tree: &Path, command: &str) -> bool {
    let ends = [';', '&', '|', '\n', '(', ')', '{', '}', '`'];
    command.split(ends).any(|part| starts_file_of(tree, part))
}

/// Whether a simple command starts a file of the tree.
fn starts_file_of(tree: &Path, command: &str) -> bool {
    let mut is_target = false;
    let mut words = command
        .split_whitespace()
        .filter(|word| {
            // `> FILE`, `2>FILE`, `< FILE`: no program, and none of its words.
            let is_redirection = word.contains(['<', '>']);
            let is_of_one = is_redirection || is_target;
            is_target = is_redirection && word.ends_with(['<', '>']);
            !is_of_one
        })
        .map(|word| word.trim_matches(['"', '\'', '$', '\\']))
        .filter(|word| !word.is_empty())
        .peekable();
    let mut is_wrapped = false;
    while let Some(word) = words.peek() {
        let is_assignment = word
            .split_once('=')
            .is_some_and(|(name, _)| name.chars().all(|c| c.is_alphanumeric() || c == '_'));
        // Options and numbers of a wrapper, such as those of `timeout -k 5 60`.
        let is_of_wrapper =
            is_wrapped && (word.starts_with('-') || word.starts_with(|c: char| c.is_ascii_digit()));
        if !(is_assignment || is_of_wrapper || BEFORE.contains(word)) {
            break;
        }
        is_wrapped |= BEFORE.contains(word);
        words.next();
    }
    let Some(program) = words.next() else {
        return false;
    };
    if is_of_tree(tree, program) {
        return true;
    }
    // `.`, which reads a file, is a name of its own and none of a path.
    let name = Path::new(program).file_name();
    let name = name.and_then(|name| name.to_str()).unwrap_or(program);
    let is_interpreter = RUN_A_FILE.contains(&name) || name.starts_with("python") || program == ".";
    RUN_THE_FOLDER.contains(&name)
        || (is_interpreter && words.any(|word| names_something_of(tree, word)))
}

/// Whether a program's own word leads into the tree: a path that does not begin at the root does, wherever the line may
/// have gone before.
fn is_of_tree(tree: &Path, program: &str) -> bool {
    let path = Path::new(program);
    let is_path = program.contains('/') && !program.starts_with("~/");
    is_path && (path.is_relative() || path.starts_with(tree))
}

fn names_something_of(tree: &Path, word: &str) -> bool {
    let word = word.rsplit_once('=').map_or(word, |(_, value)| value);
    let path = Path::new(word);
    if path.is_absolute() {
        return path.starts_with(tree);
    }
    let leads_here = word.starts_with("./") || word.starts_with("../") || word == ".";
    // `*.sh` stands for what is there, `-m NAME` for a module of the working folder.
    leads_here
        || word == "-m"
        || word.contains(['*', '?', '['])
        || (!word.is_empty() && std::fs::symlink_metadata(tree.join(path)).is_ok())
        || ["sh", "py", "js", "ts", "rb", "pl", "php", "lua"]
            .iter()
            .any(|ending| path.extension().is_some_and(|e| e == *ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(command: &str) -> bool {
        let tree = tempfile::tempdir().unwrap();
        std::fs::create_dir(tree.path().join("ops")).unwrap();
        std::fs::write(tree.path().join("ops/deploy.sh"), "").unwrap();
        std::fs::write(tree.path().join("suite"), "").unwrap();
        runs_files_of(tree.path(), command)
    }

    #[test]
    fn command_that_starts_a_file_of_the_branch_is_judged() {
        for command in [
            "./ops/deploy.sh --now",
            "ops/deploy.sh",
            "bash ops/deploy.sh",
            "/bin/bash -e \"ops/deploy.sh\"",
            "cd ops && sh deploy.sh",
            "X=1 exec \"./ops/deploy.sh\"",
            "timeout -k 5 60 ./ops/deploy.sh",
            "sh suite",
            ". ./env",
            "sh *.sh",
            "make deploy",
            "sudo /usr/bin/docker build /srv",
            "curl -sf http://staging.invalid/health && npm test",
            "test \"$(./cart.sh 1)\" = 1",
            "python3 -m suite",
            "echo ops/deploy.sh | xargs -n1 sh ops/deploy.sh",
        ] {
            assert!(verdict(command), "{command}");
        }
    }

    #[test]
    fn command_that_starts_only_the_operators_programs_is_trusted() {
        for command in [
            "true",
            "echo deployed $EXPECTED_REVISION",
            "/srv/ops/deploy.sh \"$EXPECTED_REVISION\"",
            "curl -sf https://shop.invalid/health",
            "test -e /srv/up",
            "mkdir -p /srv/staging && cp suite /srv/staging/",
            "rsync -a ops/ /srv/ops/",
            "exec 8>/srv/lock; flock -n 8 || touch /srv/twice; echo $$ >> /srv/pids; mkdir /srv/x && exec sleep 9",
            "until test -e /srv/go; do sleep 1; done > /srv/log 2>&1",
        ] {
            assert!(!verdict(command), "{command}");
        }
    }
}
