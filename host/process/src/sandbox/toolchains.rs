//! Which folders of this machine hold the tools that a program finds on its PATH? Found by themselves, and only the
//! parts that run: never the whole home of a version manager, where its credentials lie.

mod managers;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use self::managers::MANAGERS;
use super::resolve::resolve;
use super::secrets::of_home;

/// Parts of an installation's folder that its programs use.
const PARTS: [&str; 16] = [
    "bin",
    "conf",
    "include",
    "jmods",
    "jre",
    "legal",
    "lib",
    "lib32",
    "lib64",
    "libexec",
    "man",
    "node_modules",
    "pyvenv.cfg",
    "release",
    "sbin",
    "share",
];
/// Parts of Go's folder beside these.
const PARTS_OF_GO: [&str; 6] = ["api", "go.env", "misc", "pkg", "src", "VERSION"];
/// Whole folders of the system in which software is installed by hand.
const WHOLE: [&str; 3] = ["/opt", "/nix/store", "/home/linuxbrew/.linuxbrew"];
/// Folders that are there anyway.
const SYSTEM: [&str; 6] = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64"];
/// Bytes of a script in which its interpreter is named.
const HEAD_BYTES: u64 = 256;
/// Entries of one folder of PATH that are looked at.
const ENTRIES_MAX: usize = 8192;

/// Where tools lie, and what tells them so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Toolchains {
    /// Folders and files to be read, each with what it was found by.
    pub read: BTreeMap<PathBuf, String>,
    /// Variables that say where a manager keeps its tools, for a program with another home.
    pub variables: Vec<(String, String)>,
    /// What holds credentials in the home that they were looked for in.
    pub secrets: Vec<PathBuf>,
}

/// Where to look.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The PATH.
    pub path: String,
    /// Home of the person who installed the tools.
    pub home: Option<PathBuf>,
    /// Variables of that person.
    pub variables: BTreeMap<String, String>,
}

impl Surroundings {
    /// Those of this process.
    pub fn own() -> Self {
        // A variable that is no text names no folder that could be handed on.
        let variables: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self {
            path: variables.get("PATH").cloned().unwrap_or_default(),
            home: variables.get("HOME").map(PathBuf::from),
            variables,
        }
    }
}

impl Toolchains {
    /// Looks for them: first the managers, then every folder of PATH and every link in it.
    pub fn find(around: &Surroundings) -> Self {
        let mut found = Self {
            secrets: around.home.as_deref().map(of_home).unwrap_or_default(),
            ..Self::default()
        };
        for manager in MANAGERS {
            found.of_manager(manager, around);
        }
        for folder in WHOLE {
            found.add(Path::new(folder), "system");
        }
        for folder in std::env::split_paths(&around.path) {
            found.of_path(&folder, around);
        }
        found
    }

    /// Adds what one program needs: itself, its installation, and those of its interpreter.
    pub fn add_program(&mut self, program: &Path, around: &Surroundings) {
        self.of_program(program, around, "the program");
    }

    /// Those that the operator lists, instead of what would be found.
    pub fn listed(paths: &[PathBuf], around: &Surroundings) -> Self {
        let why = |path: &PathBuf| (path.clone(), "orch.yaml".to_owned());
        Self {
            read: paths.iter().map(why).collect(),
            variables: Vec::new(),
            secrets: around.home.as_deref().map(of_home).unwrap_or_default(),
        }
    }

    fn add(&mut self, path: &Path, why: &str) {
        if is_of_system(path) || self.covers(path) || std::fs::symlink_metadata(path).is_err() {
            return;
        }
        self.read.insert(path.to_owned(), why.to_owned());
    }

    fn covers(&self, path: &Path) -> bool {
        path.ancestors().any(|above| self.read.contains_key(above))
    }

    fn of_manager(&mut self, manager: &managers::Manager, around: &Surroundings) {
        let named = around.variables.get(manager.variable).map(PathBuf::from);
        let usual = around.home.as_ref().map(|home| home.join(manager.usual));
        let Some(root) = named
            .or(usual)
            .filter(|root| root.is_absolute() && root.is_dir())
        else {
            return;
        };
        for part in manager.parts {
            self.add(&root.join(part), manager.name);
        }
        if manager.is_told {
            let value = root.display().to_string();
            self.variables.push((manager.variable.to_owned(), value));
        }
    }

    fn of_path(&mut self, folder: &Path, around: &Surroundings) {
        // A relative folder of PATH is a folder of wherever the program happens to be.
        if !folder.is_absolute() || !folder.is_dir() {
            return;
        }
        let Some(seen) = resolve(folder) else { return };
        let is_managed = self.covers(&seen.path);
        if !is_managed {
            self.of_installation(&seen.path, around, "PATH");
        }
        self.add(folder, "PATH");
        let entries = std::fs::read_dir(&seen.path).into_iter().flatten();
        for entry in entries.take(ENTRIES_MAX).filter_map(Result::ok) {
            let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
            if is_link {
                self.of_link(&entry.path(), around);
            }
        }
    }

    /// A link in a folder of PATH: whatever it leads to is a tool too.
    fn of_link(&mut self, link: &Path, around: &Surroundings) {
        let Some(seen) = resolve(link) else { return };
        if is_of_system(&seen.path) || self.covers(&seen.path) {
            return;
        }
        self.of_program(&seen.path, around, "a link on PATH");
    }

    fn of_program(&mut self, program: &Path, around: &Surroundings, why: &str) {
        let Some(seen) = resolve(program) else { return };
        self.add(program, why);
        self.add(&seen.path, why);
        if let Some(modules) = modules_of(&seen.path) {
            self.add(&modules, why);
        }
        if let Some(folder) = seen.path.parent() {
            self.of_installation(folder, around, why);
        }
        // A virtual environment's program is a link to another installation.
        for (at, _) in &seen.links {
            if let Some(folder) = at.parent().filter(|folder| is_bin(folder)) {
                self.of_installation(folder, around, why);
            }
        }
        if let Some(interpreter) = interpreter(&seen.path).filter(|it| *it != seen.path) {
            let known = is_of_system(&interpreter) || self.covers(&interpreter);
            if !known {
                self.of_program(&interpreter, around, "an interpreter");
            }
        }
    }

    /// `…/bin` belongs to `…`: its parts come along, unless `…` is somebody's home.
    fn of_installation(&mut self, bin: &Path, around: &Surroundings, why: &str) {
        let Some(root) = bin.parent().filter(|_| is_bin(bin)) else {
            return;
        };
        if is_of_system(root) || is_personal(root, around) || root == Path::new("/") {
            return;
        }
        let of_go = PARTS_OF_GO
            .iter()
            .filter(|_| root.join("pkg/tool").is_dir());
        for part in PARTS.iter().chain(of_go) {
            self.add(&root.join(part), why);
        }
    }
}

fn is_bin(folder: &Path) -> bool {
    ["bin", "sbin", "shims"]
        .iter()
        .any(|name| folder.ends_with(name))
}

fn is_of_system(path: &Path) -> bool {
    SYSTEM.iter().any(|folder| path.starts_with(folder))
}

/// Whether a folder is somebody's home, or what a home uses as one place for everything.
fn is_personal(folder: &Path, around: &Surroundings) -> bool {
    let homes = around
        .home
        .iter()
        .map(PathBuf::as_path)
        .chain([Path::new("/root")]);
    let is_home = |folder: &Path| {
        homes.clone().any(|home| home == folder) || folder.parent() == Some(Path::new("/home"))
    };
    let is_hidden = folder
        .file_name()
        .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    is_home(folder) || (is_hidden && folder.parent().is_some_and(is_home))
}

/// The outermost `node_modules` that a program lies in: packages use each other.
fn modules_of(program: &Path) -> Option<PathBuf> {
    let within = program
        .ancestors()
        .filter(|at| at.ends_with("node_modules"));
    within.last().map(Path::to_owned)
}

/// The interpreter that the first line of a script names by its path.
fn interpreter(program: &Path) -> Option<PathBuf> {
    let mut head = Vec::new();
    let file = std::fs::File::open(program).ok()?;
    file.take(HEAD_BYTES).read_to_end(&mut head).ok()?;
    let head = String::from_utf8_lossy(&head);
    let line = head.strip_prefix("#!")?.lines().next()?;
    let path = PathBuf::from(line.split_whitespace().next()?);
    path.is_absolute().then_some(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    struct Home(tempfile::TempDir);

    impl Home {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn at(&self, name: &str) -> PathBuf {
            std::fs::canonicalize(self.0.path()).unwrap().join(name)
        }

        fn file(&self, name: &str, text: &str) -> PathBuf {
            let path = self.at(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
            path
        }

        fn around(&self, path: &[&str]) -> Surroundings {
            let folders: Vec<PathBuf> = path.iter().map(|name| self.at(name)).collect();
            Surroundings {
                path: std::env::join_paths(folders)
                    .unwrap()
                    .into_string()
                    .unwrap(),
                home: Some(self.at("")),
                variables: BTreeMap::new(),
            }
        }
    }

    #[test]
    fn only_the_parts_of_cargo_that_run_are_found() {
        let home = Home::new();
        home.file(".cargo/bin/cargo", "");
        home.file(".cargo/registry/index", "");
        home.file(".cargo/credentials.toml", "token");
        home.file(".rustup/toolchains/stable/bin/cargo", "");
        home.file(".rustup/settings.toml", "");
        let found = Toolchains::find(&home.around(&[".cargo/bin"]));
        for name in [
            ".cargo/bin",
            ".cargo/registry",
            ".rustup/toolchains",
            ".rustup/settings.toml",
        ] {
            assert!(
                found.read.contains_key(&home.at(name)),
                "{name}: {found:#?}"
            );
        }
        for name in [".cargo", ".cargo/credentials.toml", ".rustup", ""] {
            assert!(!found.covers(&home.at(name)), "{name}: {found:#?}");
        }
        let rustup = (
            "RUSTUP_HOME".to_owned(),
            home.at(".rustup").display().to_string(),
        );
        assert!(found.variables.contains(&rustup), "{found:#?}");
    }

    #[test]
    fn link_on_the_path_brings_its_installation_along() {
        let home = Home::new();
        home.file(".local/lib/node-20/bin/node", "");
        home.file(".local/lib/node-20/lib/data", "");
        home.file(".local/lib/node-20/.npmrc", "token");
        std::fs::create_dir_all(home.at(".local/bin")).unwrap();
        symlink("../lib/node-20/bin/node", home.at(".local/bin/node")).unwrap();
        let found = Toolchains::find(&home.around(&[".local/bin"]));
        for name in [
            ".local/bin/node",
            ".local/lib/node-20/bin/node",
            ".local/lib/node-20/lib/data",
        ] {
            assert!(found.covers(&home.at(name)), "{name}: {found:#?}");
        }
        for name in [".local/lib/node-20/.npmrc", ".local", ".local/lib"] {
            assert!(!found.covers(&home.at(name)), "{name}: {found:#?}");
        }
    }

    #[test]
    fn script_brings_its_interpreter_and_never_its_folder() {
        let home = Home::new();
        let python = home.file("envs/x/bin/python", "");
        home.file("envs/x/pyvenv.cfg", "");
        let script = home.file("work/agent.py", &format!("#!{}\n", python.display()));
        home.file("work/secret", "");
        let around = home.around(&[]);
        let mut found = Toolchains::find(&around);
        found.add_program(&script, &around);
        for path in [&script, &python, &home.at("envs/x/pyvenv.cfg")] {
            assert!(found.covers(path), "{path:?}: {found:#?}");
        }
        assert!(!found.covers(&home.at("work/secret")), "{found:#?}");
    }
}
