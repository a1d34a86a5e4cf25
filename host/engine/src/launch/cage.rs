//! What does a judged process see and do? Put together from what the operator says, the toolchains of this machine, and
//! the workspace; what is the host's own is hidden whatever is granted.

use std::path::{Path, PathBuf};

use orch_config::{HostConfig, SandboxGrants, SandboxMode};
use orch_judge::{limits, profile};
use orch_process::Spec;
use orch_process::sandbox::{
    Confinement, Limits, Network, Surroundings, Toolchains, proxy_variables, user_of,
};

/// A judged process, and where it works.
pub(crate) struct Judged<'a> {
    /// What was granted to it by name.
    pub(crate) grants: &'a SandboxGrants,
    /// The program, if it is the operator's: it is shown wherever it lies.
    pub(crate) program: Option<&'a Path>,
    /// Folder that all its own folders lie in; names its user on a host that runs as root.
    pub(crate) workspace: &'a Path,
    /// Folders that it works in.
    pub(crate) write: Vec<PathBuf>,
    /// Folder of its temporary files; in memory if there is none.
    pub(crate) temporary: Option<PathBuf>,
    /// Files of the host that it reads beside that.
    pub(crate) read: Vec<PathBuf>,
    /// Where it is said why it was not started.
    pub(crate) refusal: Option<PathBuf>,
    /// Where it is said for which limit of the whole it was ended.
    pub(crate) passed: Option<PathBuf>,
    /// Where it is said by what it is held.
    pub(crate) held_by: Option<PathBuf>,
    pub(crate) network: Network,
    /// Folder of the socket of the host's proxy, with a network that is proxied.
    pub(crate) proxy: Option<PathBuf>,
    /// Whether the socket of a model gateway lies there as well.
    pub(crate) gateway: bool,
    pub(crate) limits: Limits,
}

/// How a judged process is confined.
#[derive(Debug, Clone)]
pub(crate) struct Cage {
    orch: PathBuf,
    confinement: Confinement,
    /// Where its toolchains are, for programs that look for them in a home.
    variables: Vec<(String, String)>,
}

impl Cage {
    /// The cage of a process; none if the operator has switched the sandbox off.
    pub(crate) fn of(config: &HostConfig, orch: &Path, judged: Judged<'_>) -> Option<Self> {
        if config.sandbox.mode == SandboxMode::Off {
            return None;
        }
        let around = Surroundings::own();
        let mut found = match &config.sandbox.toolchains {
            Some(listed) => Toolchains::listed(listed, &around),
            None => Toolchains::find(&around),
        };
        if let Some(program) = judged.program {
            found.add_program(program, &around);
        }
        let both = |of_all: &[PathBuf], own: &[PathBuf]| [of_all, own].concat();
        let (all, own) = (&config.sandbox, judged.grants);
        let mut read: Vec<PathBuf> = found.read.into_keys().collect();
        read.extend(both(&all.read, &own.read));
        read.extend(judged.read);
        let confinement = Confinement {
            read,
            write: judged.write,
            lent: both(&all.write, &own.write),
            sockets: both(&all.sockets, &own.sockets),
            hide: config.own_places(),
            secrets: found.secrets,
            temporary: judged.temporary,
            refusal: judged.refusal,
            passed: judged.passed,
            user: Some(all.user.unwrap_or_else(|| user_of(judged.workspace))),
            profile: profile(all.profile),
            external: all.external.clone(),
            held_by: judged.held_by,
            unspaced: None,
            network: judged.network,
            proxy: judged.proxy,
            gateway: judged.gateway,
            limits: limits(judged.limits, own.limits.or(all.limits), all.profile),
        };
        Some(Self {
            orch: orch.to_owned(),
            confinement,
            variables: found.variables,
        })
    }

    /// The command line and environment that run a program in it.
    pub(crate) fn around(
        &self,
        program: &Path,
        args: &[String],
        env: Vec<(String, String)>,
    ) -> (PathBuf, Vec<String>, Vec<(String, String)>) {
        let wrapped = self.confinement.wrap(&self.orch, program, args);
        // What the caller sets stands: of a name that is there twice the last one counts.
        let mut all = self.variables.clone();
        if self.confinement.network == Network::Proxied {
            all.extend(proxy_variables());
        }
        all.extend(env);
        all.push(wrapped.variable);
        (wrapped.program, wrapped.args, all)
    }

    /// What confines, and how: for whoever starts the program itself.
    pub(crate) fn parts(&self) -> (PathBuf, Confinement) {
        (self.orch.clone(), self.confinement.clone())
    }

    /// The same command, in it.
    pub(crate) fn command(&self, spec: Spec) -> Spec {
        let (program, args, env) = self.around(&spec.program, &spec.args, spec.env);
        Spec {
            program,
            args,
            env,
            ..spec
        }
    }
}
