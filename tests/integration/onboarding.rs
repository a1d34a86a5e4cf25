//! A repository of a forge is taken on by commands that can be repeated, from a host that knows nothing of it to a
//! configuration that holds.

use orch_kit::World;
use orch_kit::forgejo::Forgejo;

struct Site {
    world: World,
    fake: Forgejo,
    runtime: tokio::runtime::Runtime,
}

fn site() -> Site {
    orch_kit::choose_tls();
    let world = World::new();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    std::fs::create_dir(world.path("forge")).unwrap();
    let clone = [
        "clone",
        "--quiet",
        "--bare",
        "shop.git",
        "forge/acme/store.git",
    ];
    world.git(".", &clone);
    let fake = runtime.block_on(Forgejo::start(&world.path("forge"), "acme/store"));
    fake.rule(|rules| rules.admin = true);
    world.write("token", "fake-token-of-the-bot\n", 0o600);
    Site {
        world,
        fake,
        runtime,
    }
}

impl Site {
    fn add_forge(&self) -> serde_json::Value {
        let token = self.world.path("token");
        let token = token.to_str().unwrap();
        self.world.json(&[
            "forge",
            "add",
            "hub",
            "--url",
            &self.fake.url(),
            "--token-file",
            token,
        ])
    }

    fn add_project(&self) -> serde_json::Value {
        self.world.json(&[
            "project",
            "add",
            "store",
            "--forge",
            "hub",
            "--repo",
            "acme/store",
            "--prefix",
            "ST",
            "--reached-at",
            "http://127.0.0.1:9",
            "--issues",
            "board",
        ])
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.world.path("orch.yaml")).unwrap()
    }
}

#[test]
fn project_is_taken_on_by_two_commands_and_again_without_harm() {
    for as_yaml in [false, true] {
        let site = site();
        let world = &site.world;
        if as_yaml {
            let shop = world.path("shop.git");
            let text = format!(
                "# ours\ndata: data\nrepositories:\n  shop: {{path: {}, prefix: SHOP}} # the shop\nagents: {{script: {{driver: command, \
                 program: ./agent.sh}}}}\nroles: {{default: {{agent: script}}}}\n",
                shop.display()
            );
            world.write("orch.yaml", &text, 0o644);
        }
        let added = site.add_forge();
        assert_eq!(added["user"], orch_kit::forgejo::BOT);
        let first = site.add_project();
        let (text, done) = (site.text(), first["done"].to_string());
        assert!(
            done.contains("registered") && done.contains("orch/start"),
            "{first:#}"
        );
        let again = (site.add_forge(), site.add_project());
        assert_eq!(site.text(), text, "{again:?}");
        assert_eq!(site.fake.registered().len(), 1);
        let secret = std::fs::read_to_string(world.path("gitea-webhook.secret")).unwrap();
        assert_eq!(site.fake.registered()[0].secret, secret.trim_end());
        assert!(
            !text.contains(secret.trim_end()),
            "no secret in the configuration"
        );
        assert_eq!(text.contains("# ours"), as_yaml);
        assert_eq!(text.contains("# the shop"), as_yaml);
        let shown = world.orch(&["config", "show"]);
        assert!(
            shown.status.success(),
            "{}",
            String::from_utf8_lossy(&shown.stderr)
        );
        let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
        for part in ["acme/store", "/webhook/gitea", "board"] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
    }
}

#[test]
fn repository_that_is_called_empty_for_a_moment_after_its_first_push_is_taken_on() {
    let site = site();
    site.add_forge();
    site.fake.rule(|rules| rules.called_empty = 2);
    let added = site.add_project();
    assert!(
        added["done"].to_string().contains("registered"),
        "{added:#}"
    );
    assert_eq!(site.fake.rule(|rules| rules.called_empty), 0);
}

#[test]
fn first_command_on_a_machine_without_a_configuration_begins_one_that_holds() {
    let site = site();
    let file = site.world.path("orch.yaml");
    std::fs::remove_file(&file).unwrap();
    let token = site.world.path("wrong");
    std::fs::write(&token, "wrong\n").unwrap();
    let url = site.fake.url();
    let wrong = [
        "forge",
        "add",
        "hub",
        "--url",
        &url,
        "--token-file",
        token.to_str().unwrap(),
    ];
    site.world.refused(&wrong);
    assert!(!file.exists(), "nothing is left of what failed");
    site.add_forge();
    site.add_project();
    let text = site.text();
    assert!(
        text.contains("data: orch-data") && text.contains("pipeline:"),
        "{text}"
    );
    assert!(text.contains("acme/store"), "{text}");
}

#[test]
fn what_could_never_work_is_said_with_its_remedy_and_nothing_is_written() {
    let site = site();
    let token = site.world.path("wrong");
    std::fs::write(&token, "wrong\n").unwrap();
    let before = site.text();
    let add = [
        "forge",
        "add",
        "hub",
        "--url",
        &site.fake.url(),
        "--token-file",
        token.to_str().unwrap(),
    ];
    let refused = site.world.refused(&add);
    assert!(refused.contains("token"), "{refused}");
    assert_eq!(site.text(), before);
    site.add_forge();
    let before = site.text();
    let add = |repo: &str| {
        site.world
            .refused(&["project", "add", "store", "--forge", "hub", "--repo", repo])
    };
    assert!(add("acme/none").contains("--repo"));
    site.fake.rule(|rules| rules.may_write = false);
    assert!(add("acme/store").contains("collaborator"));
    site.fake.rule(|rules| rules.may_write = true);
    site.world
        .git("forge/acme/store.git", &["branch", "orch", "main"]);
    assert!(add("acme/store").contains("rename that branch"));
    let other = site.world.refused(&[
        "project",
        "add",
        "x",
        "--forge",
        "hut",
        "--repo",
        "acme/store",
    ]);
    assert!(other.contains("orch forge add"), "{other}");
    assert_eq!(site.text(), before);
}

#[test]
fn token_of_somebody_who_is_known_here_is_refused() {
    let mut site = site();
    let account = Forgejo::account(orch_kit::forgejo::BOT);
    site.world.config["people"] =
        serde_json::json!({"ann": {"role": "approver", "gitea": [account]}});
    site.world.write_config();
    let token = site.world.path("token");
    let add = [
        "forge",
        "add",
        "hub",
        "--url",
        &site.fake.url(),
        "--token-file",
        token.to_str().unwrap(),
    ];
    let refused = site.world.refused(&add);
    assert!(refused.contains("a user of its own"), "{refused}");
}

#[test]
fn project_of_plane_is_added_to_a_workspace_that_is_there_and_again_without_harm() {
    use orch_kit::plane::{PLANE_BOT, PLANE_KEY, PROJECT, WORKSPACE};
    for as_yaml in [false, true] {
        let mut site = site();
        let plane = site.runtime.block_on(orch_kit::Plane::start());
        let url = plane.url().to_owned();
        site.world.write("plane-key", PLANE_KEY, 0o600);
        let other = "5d2370f1-45b8-48ab-94ae-e0a359b8dab0";
        let words = [
            "entry",
            "in-progress",
            "in-review",
            "needs-input",
            "approved",
            "confirm-deploy",
            "blocked",
            "done",
            "stop",
        ];
        let states: serde_json::Map<String, serde_json::Value> = words
            .iter()
            .enumerate()
            .map(|(n, word)| {
                let id = format!("00000000-0000-4000-9000-{n:012x}");
                ((*word).to_owned(), id.into())
            })
            .collect();
        let project = serde_json::json!({"repo": "shop", "prefix": "OLD", "states": states});
        let tracker = serde_json::json!({"url": url, "workspace": WORKSPACE, "key": {"file": "plane-key"},
            "projects": {other: project}});
        site.world.config["trackers"] = serde_json::json!({"work": {"plane": tracker}});
        site.world.write_config();
        if as_yaml {
            let text = site.text();
            let lines: Vec<String> =
                serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&text)
                    .unwrap()
                    .into_iter()
                    .map(|(key, value)| match (key.as_str(), value) {
                        // As a person writes it, with entries of their own lines.
                        ("trackers" | "repositories", serde_json::Value::Object(map)) => {
                            let entries = map.into_iter();
                            let entries =
                                entries.map(|(name, entry)| format!("\n  {name}: {entry} # ours"));
                            format!("{key}:{}", entries.collect::<String>())
                        }
                        (_, value) => format!("{key}: {value}"),
                    })
                    .collect();
            site.world
                .write("orch.yaml", &(lines.join("\n") + "\n"), 0o644);
        }
        site.add_forge();
        let add = |plane: &str, create: bool| {
            let mut args = vec![
                "project",
                "add",
                "store",
                "--forge",
                "hub",
                "--repo",
                "acme/store",
                "--prefix",
                "ST",
                "--plane",
                plane,
            ];
            args.extend(create.then_some("--create"));
            args.into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        let refused = |world: &World, plane: &str, create: bool| {
            let args = add(plane, create);
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            world.refused(&args)
        };
        assert!(refused(&site.world, "LED", false).contains("TRACKER:IDENTIFIER"));
        assert!(refused(&site.world, "none:LED", false).contains("orch tracker add plane"));
        assert!(refused(&site.world, "work:XXX", false).contains("it sees: LED"));
        let said = refused(&site.world, "work:LED", false);
        assert!(
            said.contains("--create") && said.contains("Ready for Orch"),
            "{said}"
        );
        assert_eq!(plane.board().states.len(), 5, "nothing is made unasked");
        let args = add("work:LED", true);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let done = site.world.json(&args)["done"].to_string();
        assert!(
            done.contains("made the state") && done.contains("project `LED` is about it"),
            "{done}"
        );
        let text = site.text();
        let again = site.world.json(&args);
        assert!(
            again["done"].to_string().contains("is about it already"),
            "{again:#}"
        );
        assert_eq!(site.text(), text);
        assert_eq!(plane.board().states.len(), 12, "no state is made twice");
        let shown = site.world.json(&["config", "show"]);
        let projects = &shown["trackers"]["work"]["plane"]["projects"];
        assert_eq!(projects[other]["repo"], "shop", "what was there stays");
        assert_eq!(projects[PROJECT]["repo"], "store");
        assert_eq!(
            projects[PROJECT]["states"]["done"],
            plane.board().state("Done").as_str()
        );
        assert_eq!(text.contains("# ours"), as_yaml);
        // Another repository cannot have it as well, and the key of somebody who also comments is refused.
        let taken = site.world.refused(&[
            "project",
            "add",
            "other",
            "--forge",
            "hub",
            "--repo",
            "acme/store",
            "--plane",
            "work:LED",
        ]);
        assert!(
            taken.contains("is about repository `store` already"),
            "{taken}"
        );
        if !as_yaml {
            site.world.config = serde_json::from_str(&site.text()).unwrap();
            site.world.config["people"] =
                serde_json::json!({"ann": {"role": "approver", "work": [PLANE_BOT]}});
            site.world.write_config();
            assert!(refused(&site.world, "work:LED", true).contains("who is `ann` here"));
        }
    }
}
