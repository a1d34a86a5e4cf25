//! Tries the confinement on this machine, and says what judged processes see of it.

mod trials;

use std::path::{Path, PathBuf};

use orch_config::HostConfig;
use orch_domain::person::PersonRole;
use orch_engine::Paths;
use orch_engine::commands::{advice, own_person};
use orch_process::git::{GitError, InstalledGit, MENDED};
use orch_process::sandbox::{self, Surroundings, Toolchains};
use orch_views::doctor::{DoctorView, GitSeen, KnownPerson, SandboxGrant, SeenPlace, WindowSeen};
use orch_views::host::STATUS;
use orch_views::message::Nothing;
use orch_views::page::{LIMIT_MAX, PageRequest};
use orch_views::person::{TOKENS, TokenState};
use orch_views::repository::{self, BaseView};

use crate::client::{Host, Unborn};
use crate::show::{self, print};

/// Exit code 1 if something did not hold, or the base of `repo` does not pass.
pub(crate) async fn run(file: &Path, repo: Option<&str>, json: bool) -> anyhow::Result<u8> {
    let view = look(file, repo).await?;
    print(json, &view, show::doctor::doctor)?;
    let is_red = view
        .repository
        .as_ref()
        .is_some_and(|base| base.problem.is_some());
    Ok(u8::from(!view.held || is_red))
}

/// Tries the confinement, and tests the base of `repo`.
pub(crate) async fn look(file: &Path, repo: Option<&str>) -> anyhow::Result<DoctorView> {
    let orch = crate::setup::this_program()?;
    // Without a configuration the machine alone is looked at.
    let config = if file.exists() {
        HostConfig::load(file, |name| std::env::var(name).ok())?
    } else {
        HostConfig::default()
    };
    let tried = trials::all(&orch, &config).await?;
    let kernel = sandbox::kernel();
    let git = InstalledGit::look().await;
    let mut advice = advice(&config, &Paths::below(config.data_dir()).token());
    advice.extend(git_advice(&git));
    Ok(DoctorView {
        git: git.ok().map(|git| GitSeen {
            path: git.program.display().to_string(),
            version: git.version,
        }),
        landlock: kernel.landlock,
        landlock_lacks: kernel
            .not_enforced
            .iter()
            .map(|what| (*what).to_owned())
            .collect(),
        held: tried.profile.is_some() && tried.checks.iter().all(|check| check.held),
        profile: tried.profile,
        sandbox: tried.checks,
        toolchains: toolchains(&config),
        grants: grants(&config),
        people: people(&config).await,
        windows: windows(&config).await,
        advice,
        repository: match repo {
            Some(name) => Some(base_of(file, name).await?),
            None => None,
        },
    })
}

/// What should be mended about git.
fn git_advice(git: &Result<InstalledGit, GitError>) -> Option<String> {
    match git {
        Ok(git) if git.keeps_line_ends => None,
        Ok(git) => Some(format!(
            "git {} at `{}` takes the end of a line off the path of a submodule (CVE-2025-48384); install one that is \
             mended: {MENDED} or later, or an older one that your distribution has mended",
            git.version,
            git.program.display()
        )),
        Err(error) => Some(format!(
            "git cannot be used, and nothing works without it: {error}"
        )),
    }
}

/// The base of a repository, tested now by the host, or by one that is opened for it.
async fn base_of(file: &Path, name: &str) -> anyhow::Result<BaseView> {
    let host = Host::find_or(file, Unborn::Make).await?;
    host.ask(&repository::CHECK, [name], &Nothing {}).await
}

fn toolchains(config: &HostConfig) -> Vec<SeenPlace> {
    let around = Surroundings::own();
    let found = match &config.sandbox.toolchains {
        Some(listed) => Toolchains::listed(listed, &around),
        None => Toolchains::find(&around),
    };
    let seen = found.read.into_iter().map(|(path, found_by)| SeenPlace {
        path: path.display().to_string(),
        found_by,
    });
    seen.collect()
}

/// Who may do what. Tokens are known to the host that runs.
async fn people(config: &HostConfig) -> Vec<KnownPerson> {
    let known = |name: &str, role, known_by: String| KnownPerson {
        name: name.to_owned(),
        role,
        known_by,
    };
    let own = own_person(config).map(|(name, role)| {
        known(
            name.as_str(),
            role,
            "the socket, as the host's own user".to_owned(),
        )
    });
    let named = config.people.iter().flat_map(|(name, person)| {
        let accounts = person.accounts.iter();
        let accounts =
            accounts.flat_map(|(source, of)| of.iter().map(move |a| format!("{source} {a}")));
        accounts.map(move |by| known(name, person.role, by))
    });
    let listed = config.approvers.iter();
    let listed = listed.map(|name| known(name, PersonRole::Approver, "`approvers`".to_owned()));
    own.into_iter()
        .chain(named)
        .chain(listed)
        .chain(by_token(config).await)
        .collect()
}

/// How the host that runs listens to windows; nothing if none runs.
async fn windows(config: &HostConfig) -> Vec<WindowSeen> {
    let Some(host) = Host::at(&Paths::below(config.data_dir()).socket()).await else {
        return Vec::new();
    };
    // Whoever may not see it sees the rest.
    let Ok(status) = host.ask(&STATUS, [], &Nothing {}).await else {
        return Vec::new();
    };
    let now = status.now_ms;
    let seen = status.windows.into_iter().map(|(name, window)| WindowSeen {
        name,
        answered_s_ago: window
            .answered_ms
            .map(|at| u64::try_from(now.saturating_sub(at) / 1000).unwrap_or_default()),
        failing: window.failing,
    });
    seen.collect()
}

async fn by_token(config: &HostConfig) -> Vec<KnownPerson> {
    let Some(host) = Host::at(&Paths::below(config.data_dir()).socket()).await else {
        return Vec::new();
    };
    let page = PageRequest {
        limit: Some(LIMIT_MAX),
        after: None,
    };
    // Whoever may not see them sees the rest.
    let tokens = host
        .ask(&TOKENS, [], &page)
        .await
        .map_or_else(|_| Vec::new(), |page| page.items);
    let counting = tokens
        .into_iter()
        .filter(|token| token.state == TokenState::Counts);
    let known = counting.map(|token| KnownPerson {
        known_by: format!("token {}", token.id),
        name: token.person,
        role: token.role,
    });
    known.collect()
}

/// What is said of a name behind which others have their sites as well.
const SHARED_FRONT: &str = "a shared front: every site behind it can be asked, and where accounts are had they can be written to";

/// Everything that was opened by name, with what it opens.
fn grants(config: &HostConfig) -> Vec<SandboxGrant> {
    let all = &config.sandbox;
    let mut places = vec![("sandbox".to_owned(), [&all.read, &all.write, &all.sockets])];
    places.extend(config.agents.iter().map(|(name, agent)| {
        let own = &agent.sandbox;
        let key = format!("agents.{name}.sandbox");
        (key, [&own.read, &own.write, &own.sockets])
    }));
    places.extend(config.repositories.iter().map(|(name, repository)| {
        let own = &repository.sandbox;
        let key = format!("repositories.{name}.sandbox");
        (key, [&own.read, &own.write, &own.sockets])
    }));
    let of_network = config.networks().flat_map(|(place, own)| {
        let (reach, reach_private) = own.rules();
        let lists = [
            (
                "reach",
                reach,
                "may be reached: what is sent there is not read by anybody",
            ),
            (
                "reach_private",
                reach_private,
                "may be reached, on a private network or this machine too",
            ),
        ];
        lists.into_iter().flat_map(move |(key, list, opens)| {
            let place = place.clone();
            list.into_iter().map(move |host| SandboxGrant {
                key: format!("{place}.{key}"),
                path: host.to_string(),
                opens: match host.is_shared_front() {
                    true => format!("{opens}; {SHARED_FRONT}"),
                    false => opens.to_owned(),
                },
            })
        })
    });
    places
        .into_iter()
        .flat_map(|(key, kinds)| of_kinds(&key, kinds))
        .chain(of_network)
        .collect()
}

fn of_kinds(key: &str, kinds: [&Vec<PathBuf>; 3]) -> Vec<SandboxGrant> {
    let named = [
        ("read", "may be read"),
        ("write", "may be read and written"),
        (
            "sockets",
            "may be connected to: whatever listens there works for the branch",
        ),
    ];
    let grants = named
        .into_iter()
        .zip(kinds)
        .flat_map(|((name, opens), paths)| {
            paths.iter().map(move |path| SandboxGrant {
                key: format!("{key}.{name}"),
                path: path.display().to_string(),
                opens: opens.to_owned(),
            })
        });
    grants.collect()
}
