//! A real browser over a host's pages: the script in `tests/browser` drives it, and says what is wrong with them.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::world::{World, root};

/// Names under which a browser is installed.
const NAMES: [&str; 4] = [
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
];

/// What the pages of a world are looked at with.
#[derive(Debug)]
pub struct Browser {
    /// Where the pages are.
    pub base: String,
    chromium: PathBuf,
    modules: PathBuf,
}

impl Browser {
    /// Lets a host that starts from now on have pages, at a port that was free.
    ///
    /// # Panics
    /// When browser or driver are not installed.
    pub fn of(world: &mut World) -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = free.local_addr().expect("an address");
        world.config["http"] = json!({"listen": address.to_string()});
        world.write_config();
        Self {
            base: format!("http://{address}"),
            chromium: chromium(),
            modules: modules(),
        }
    }

    /// Has the script take `steps` as somebody who is logged in; `answer` does what the script asks for in between.
    ///
    /// # Panics
    /// When anything is wrong with the pages, with all that is.
    pub fn takes(&self, world: &World, name: &str, steps: &Value, mut answer: impl FnMut(&str)) {
        let link = world.json(&["open"])["url"].clone();
        let shots = shots();
        let given = json!({
            "base": self.base, "link": link, "name": name, "steps": steps,
            "shots": shots, "chromium": self.chromium,
        });
        let mut child = Command::new("node")
            .arg(root().join("tests/browser/window.cjs"))
            .arg(given.to_string())
            .env("NODE_PATH", &self.modules)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node is installed; run `cargo xtask tools`");
        let mut to = child.stdin.take().expect("a pipe");
        let from = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut last = String::new();
        for line in from.lines() {
            last = line.expect("text");
            if let Some(word) = last.strip_prefix('@') {
                answer(word);
                // A script that has ended says so by its last line.
                to.write_all(b"done\n").ok();
            } else if last.starts_with('#') {
                eprintln!("{last}");
            }
        }
        child.wait().expect("the script ends");
        let said: Value = serde_json::from_str(&last)
            .unwrap_or_else(|e| panic!("the script ended with `{last}`: {e}"));
        let wrong = said["wrong"].as_array().expect("a list");
        let list: Vec<&str> = wrong.iter().filter_map(Value::as_str).collect();
        assert!(
            wrong.is_empty(),
            "{name}:\n{}\n{}",
            list.join("\n"),
            world.log()
        );
    }
}

/// Where pictures of pages go.
fn shots() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    // Tests lie in target/PROFILE/deps.
    let target = test.ancestors().nth(3).map(Path::to_path_buf);
    target.expect("a target folder").join("shots")
}

/// The browser that is installed here.
///
/// # Panics
/// When there is none.
pub fn chromium() -> PathBuf {
    if let Some(named) = std::env::var_os("ORCH_TEST_CHROMIUM") {
        return named.into();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let places = NAMES
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    places
        .into_iter()
        .find(|place| place.is_file())
        .expect("a browser is installed; run `cargo xtask tools`")
}

/// Folder of its driver.
///
/// # Panics
/// When it is not there.
pub fn modules() -> PathBuf {
    let installed = root().join(".tools/browser/node_modules");
    let modules = std::env::var_os("ORCH_TEST_BROWSER").map_or(installed, PathBuf::from);
    assert!(
        modules.join("playwright-core").is_dir(),
        "`{}` has no driver; run `cargo xtask tools`",
        modules.display()
    );
    modules
}
