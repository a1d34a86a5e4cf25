//! Real tools do their work inside. A tool that the machine has not is not tried.

use orch_process::sandbox::{Surroundings, Toolchains};

use super::kit::{Host, hosts};

/// Hosts whose programs see the machine's toolchains, as agents do.
fn equipped() -> Vec<Host> {
    let around = Surroundings::own();
    let found = Toolchains::find(&around);
    let equip = |host: Host| {
        let host = host.env("PATH", &around.path);
        let host = found
            .variables
            .iter()
            .fold(host, |host, (name, value)| host.env(name, value));
        host.with(|confinement, _| {
            confinement.read.extend(found.read.keys().cloned());
            confinement.secrets.clone_from(&found.secrets);
        })
    };
    // Of a home that only root may enter nobody sees the toolchains.
    let is_seen = |host: &Host| {
        host.shell("cargo --version && git --version")
            .status
            .success()
    };
    let hosts: Vec<Host> = hosts().into_iter().map(equip).filter(is_seen).collect();
    assert!(
        !hosts.is_empty(),
        "the tool that builds this test runs inside"
    );
    hosts
}

fn has(program: &str) -> bool {
    orch_process::resolve_program(program.as_ref(), &Surroundings::own().path).is_ok()
}

#[test]
fn cargo_builds_with_a_build_script_and_renames_across_folders() {
    for host in equipped() {
        host.works(
            "mkdir -p src a b && printf '[package]\\nname=\"x\"\\nversion=\"0.1.0\"\\nedition=\"2021\"\\n' > Cargo.toml && \
             echo 'fn main() { println!(\"cargo:rustc-env=MADE=by-script\"); }' > build.rs && \
             echo 'fn main() { println!(\"{}\", env!(\"MADE\")); }' > src/main.rs && \
             cargo build --offline 2>&1 && ./target/debug/x | grep by-script && \
             touch a/file && mv a/file b/file && mv a b/a",
        );
    }
}

#[test]
fn make_builds_with_gcc() {
    if !has("gcc") || !has("make") {
        return;
    }
    for host in equipped() {
        host.works(
            "printf '#include <stdio.h>\\nint main(){puts(\"built\");return 0;}\\n' > x.c && \
             printf 'x: x.c\\n\\tgcc -o x x.c\\n' > Makefile && make && ./x | grep built",
        );
    }
}

#[test]
fn python_makes_a_virtual_environment_and_uses_several_processes() {
    if !has("python3") {
        return;
    }
    for host in equipped() {
        host.works("python3 -m venv --without-pip env && env/bin/python -c 'import sys; assert sys.prefix != sys.base_prefix'");
        host.works("python3 -c 'import multiprocessing as m, os; p = m.get_context(\"fork\").Pool(2); print(p.map(abs, [-1, -2]))'");
        host.works(
            "python3 -c 'import os, getpass; print(getpass.getuser(), os.path.expanduser(\"~\"))'",
        );
    }
}

#[test]
fn git_commits_clones_and_merges() {
    for host in equipped() {
        host.works(
            "git init -q r && cd r && git config user.name A && git config user.email a@b.invalid && \
             echo 1 > f && git add f && git commit -qm one && git checkout -qb side && echo 2 > g && git add g && \
             git commit -qm two && git checkout -q - && git merge -q --no-ff -m m side && cd .. && git clone -q r s && \
             test -e s/g",
        );
    }
}

#[test]
fn git_checks_submodules_out() {
    for host in equipped() {
        host.works(
            "git init -q lib && git -C lib -c user.name=A -c user.email=a@b.invalid commit -q --allow-empty -m one && \
             git init -q app && cd app && git -c protocol.file.allow=always submodule --quiet add \"$PWD/../lib\" deps/lib && \
             git -c user.name=A -c user.email=a@b.invalid commit -qm two && cd .. && \
             git -c protocol.file.allow=always clone -q --recurse-submodules app copy && \
             git -C copy/deps/lib log --format=%s | grep -q one",
        );
    }
}

#[test]
fn node_runs_and_starts_workers() {
    if !has("node") {
        return;
    }
    for host in equipped() {
        host.works(
            "node -e 'const w=require(\"worker_threads\"); const {execSync}=require(\"child_process\"); \
             new w.Worker(\"1\",{eval:true}); console.log(execSync(\"echo child\").toString())' | grep child",
        );
    }
}

#[test]
fn go_builds() {
    if !has("go") {
        return;
    }
    for host in equipped() {
        host.works(
            "printf 'module x\\ngo 1.20\\n' > go.mod && printf 'package main\\nfunc main(){println(\"built\")}\\n' > m.go && \
             GOFLAGS=-mod=mod GOTOOLCHAIN=local go build -o x . && ./x 2>&1 | grep built",
        );
    }
}

#[test]
fn terminal_of_its_own_is_had() {
    for host in hosts() {
        host.works("/usr/bin/python3 -c 'import pty, os; m, s = pty.openpty(); os.write(s, b\"x\"); print(os.read(m, 1))'");
    }
}
