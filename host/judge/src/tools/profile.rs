//! What is settled about a tool's runs? The host's own profiles, and how the operator changes them or adds others.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use orch_config::{CheckoutKind, SandboxConfig, ToolConfig};

/// A file of the trusted base that is laid into the scratch folder: rules that the branch cannot change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trusted {
    /// Path at the base.
    pub(super) path: &'static str,
    /// Name in the scratch folder.
    pub(super) name: &'static str,
    /// Content if the base has no such file.
    pub(super) otherwise: &'static str,
}

/// A program with everything that is settled about its runs.
#[derive(Debug, Clone)]
pub(super) struct Profile {
    pub(super) program: PathBuf,
    pub(super) args: Vec<String>,
    pub(super) allow_args: Vec<String>,
    pub(super) checkout: CheckoutKind,
    pub(super) network: bool,
    pub(super) timeout: Duration,
    pub(super) output_bytes_max: usize,
    pub(super) env: BTreeMap<String, String>,
    pub(super) read: Vec<PathBuf>,
    pub(super) trusted: &'static [Trusted],
}

/// Limit of a scanner, unless the operator sets another.
const SCAN_TIMEOUT: Duration = Duration::from_secs(300);
const OUTPUT_BYTES_MAX: usize = 1024 * 1024;

const GITLEAKS_RULES: &[Trusted] = &[
    Trusted {
        path: ".gitleaks.toml",
        name: "rules.toml",
        otherwise: "[extend]\nuseDefault = true\n",
    },
    Trusted {
        path: ".gitleaksignore",
        name: "ignore",
        otherwise: "",
    },
];

/// Options that keep a branch from blinding the scanner: rules and ignore list of the base, no inline allows,
/// and an exit code of its own for leaks, since 1 also stands for errors.
const GITLEAKS_SURE: [&str; 15] = [
    "--config",
    "{scratch}/rules.toml",
    "--gitleaks-ignore-path",
    "{scratch}/ignore",
    "--ignore-gitleaks-allow",
    "--exit-code",
    "77",
    "--redact=100",
    "--report-format",
    "json",
    "--report-path",
    "{scratch}/report.json",
    "--no-banner",
    "--no-color",
    "--max-decode-depth=2",
];

fn own(name: &str) -> Option<Profile> {
    let plain = |program: &str, args: Vec<&str>| Profile {
        program: PathBuf::from(program),
        args: args.into_iter().map(str::to_owned).collect(),
        allow_args: Vec::new(),
        checkout: CheckoutKind::None,
        network: false,
        timeout: SCAN_TIMEOUT,
        output_bytes_max: OUTPUT_BYTES_MAX,
        env: BTreeMap::new(),
        read: Vec::new(),
        trusted: &[],
    };
    let sure = |first: &[&'static str]| [first, &GITLEAKS_SURE[..]].concat();
    match name {
        // `--text` because the branch's attributes may call a file binary, `-m` because a merge commit may
        // add what none of its parents has.
        "gitleaks-history" => Some(Profile {
            trusted: GITLEAKS_RULES,
            ..plain(
                "gitleaks",
                sure(&["git", "--log-opts=--text -m {base}..{head}", "{repository}"]),
            )
        }),
        "gitleaks-files" => Some(Profile {
            checkout: CheckoutKind::ChangedFiles,
            trusted: GITLEAKS_RULES,
            ..plain("gitleaks", sure(&["dir", "."]))
        }),
        // Nothing is resolved or installed: resolving an unpinned package may run its build.
        "pip-audit" => Some(Profile {
            network: true,
            ..plain(
                "pip-audit",
                vec![
                    "--requirement",
                    "{scratch}/requirements.txt",
                    "--no-deps",
                    "--disable-pip",
                    "--vulnerability-service",
                    "osv",
                    "--osv-url",
                    "{osv}/v1/query",
                    "--format",
                    "json",
                    "--output",
                    "{scratch}/report.json",
                    "--progress-spinner",
                    "off",
                    "--timeout",
                    "15",
                    "--cache-dir",
                    "{scratch}/cache",
                ],
            )
        }),
        _ => None,
    }
}

impl Profile {
    /// The profile of this name as the operator's configuration has it.
    pub(super) fn of(
        tools: &BTreeMap<String, ToolConfig>,
        sandbox: &SandboxConfig,
        name: &str,
    ) -> Option<Self> {
        let change = tools.get(name);
        let mut profile = match (own(name), change) {
            (Some(profile), _) => profile,
            (None, Some(change)) => Self {
                program: change.program.clone()?,
                args: Vec::new(),
                allow_args: Vec::new(),
                checkout: CheckoutKind::ReadOnly,
                network: false,
                timeout: SCAN_TIMEOUT,
                output_bytes_max: OUTPUT_BYTES_MAX,
                env: BTreeMap::new(),
                read: Vec::new(),
                trusted: &[],
            },
            (None, None) => return None,
        };
        if let Some(change) = change {
            profile.change(change);
        }
        profile.read.extend(sandbox.read.iter().cloned());
        Some(profile)
    }

    fn change(&mut self, change: &ToolConfig) {
        fn set<T: Clone>(to: &mut T, from: Option<&T>) {
            if let Some(from) = from {
                to.clone_from(from);
            }
        }
        set(&mut self.program, change.program.as_ref());
        set(&mut self.args, change.args.as_ref());
        set(&mut self.allow_args, change.allow_args.as_ref());
        set(&mut self.checkout, change.checkout.as_ref());
        set(&mut self.network, change.network.as_ref());
        set(&mut self.env, change.env.as_ref());
        set(&mut self.read, change.read.as_ref());
        if let Some(seconds) = change.timeout_s {
            self.timeout = Duration::from_secs(u64::from(seconds));
        }
        if let Some(kib) = change.output_kib {
            self.output_bytes_max = usize::try_from(kib)
                .unwrap_or(usize::MAX)
                .saturating_mul(1024);
        }
    }
}
