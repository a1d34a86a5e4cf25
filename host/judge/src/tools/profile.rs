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

/// What a run sees of the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    /// A checkout, as the operator can ask for one.
    Checkout(CheckoutKind),
    /// The files that the branch changed as they are at its head, laid out for a scanner of secrets.
    ChangedFiles,
    /// Earlier versions of files that the branch's commits bring, laid out likewise.
    EarlierVersions,
    /// The files of the base, laid out likewise.
    Base,
}

impl View {
    /// Whether the run begins in the folder of what it sees.
    pub(super) fn has_files(self) -> bool {
        self != Self::Checkout(CheckoutKind::None)
    }
}

/// A program with everything that is settled about its runs.
#[derive(Debug, Clone)]
pub(super) struct Profile {
    pub(super) program: PathBuf,
    pub(super) args: Vec<String>,
    pub(super) allow_args: Vec<String>,
    pub(super) view: View,
    pub(super) network: bool,
    pub(super) timeout: Duration,
    pub(super) output_bytes_max: usize,
    pub(super) env: BTreeMap<String, String>,
    pub(super) read: Vec<PathBuf>,
    pub(super) trusted: &'static [Trusted],
    /// Whether its report names secrets, which no gate may see.
    pub(super) is_sealed: bool,
}

/// Limit of a scanner, unless the operator sets another.
const SCAN_TIMEOUT: Duration = Duration::from_secs(300);
const OUTPUT_BYTES_MAX: usize = 1024 * 1024;

/// Scan of the files at the head; whoever may run it may run the one of the base, which tells what is not new.
pub(super) const FILES_SCAN: &str = "gitleaks-files";
/// Scan of the files of the base.
pub(super) const BASE_SCAN: &str = "gitleaks-base";

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

/// A scan of the files that are laid out. Rules and ignore list are those of the base, no inline allow counts, and
/// leaks have an exit code of their own, since 1 also stands for errors. The scanner runs no git: it would follow
/// the configuration, the attributes and the replaced commits of the repository that it judges. Nothing is redacted
/// by it, for only what it found can be compared; the host seals the report before any gate reads it.
const GITLEAKS: [&str; 16] = [
    "dir",
    ".",
    "--config",
    "{scratch}/rules.toml",
    "--gitleaks-ignore-path",
    "{scratch}/ignore",
    "--ignore-gitleaks-allow",
    "--exit-code",
    "77",
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
        view: View::Checkout(CheckoutKind::None),
        network: false,
        timeout: SCAN_TIMEOUT,
        output_bytes_max: OUTPUT_BYTES_MAX,
        env: BTreeMap::new(),
        read: Vec::new(),
        trusted: &[],
        is_sealed: false,
    };
    let gitleaks = |view| Profile {
        view,
        trusted: GITLEAKS_RULES,
        is_sealed: true,
        ..plain("gitleaks", GITLEAKS.to_vec())
    };
    match name {
        "gitleaks-history" => Some(gitleaks(View::EarlierVersions)),
        FILES_SCAN => Some(gitleaks(View::ChangedFiles)),
        BASE_SCAN => Some(gitleaks(View::Base)),
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
                view: View::Checkout(CheckoutKind::ReadOnly),
                network: false,
                timeout: SCAN_TIMEOUT,
                output_bytes_max: OUTPUT_BYTES_MAX,
                env: BTreeMap::new(),
                read: Vec::new(),
                trusted: &[],
                is_sealed: false,
            },
            (None, None) => return None,
        };
        // Whatever scans the branch scans the base.
        if name == BASE_SCAN
            && let Some(change) = tools.get(FILES_SCAN)
        {
            let view = profile.view;
            profile.change(change);
            profile.view = view;
        }
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
        set(&mut self.view, change.checkout.map(View::Checkout).as_ref());
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
