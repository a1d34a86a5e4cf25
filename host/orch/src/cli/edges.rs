//! Verbs about forges, their webhooks, and projects on them.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum Forge {
    /// Write a Gitea or Forgejo server down, if it takes the token.
    Add(ForgeAdd),
}

#[derive(Debug, Args)]
pub(crate) struct ForgeAdd {
    /// Name of the server in orch.yaml.
    pub(crate) name: String,
    /// Its address, with the path below which it lies.
    #[arg(long)]
    pub(crate) url: String,
    /// File with the token of a user of Orch's own.
    #[arg(
        long,
        conflicts_with = "token_env",
        required_unless_present = "token_env"
    )]
    pub(crate) token_file: Option<PathBuf>,
    /// Variable with that token.
    #[arg(long)]
    pub(crate) token_env: Option<String>,
    /// File with certificates of the server's authority.
    #[arg(long)]
    pub(crate) ca: Option<PathBuf>,
    /// Address for git by ssh, such as `ssh://git@git.example.org:22`; git goes by HTTP if not given.
    #[arg(long, requires_all = ["ssh_key", "ssh_known_hosts"])]
    pub(crate) ssh_url: Option<String>,
    /// File with the private key of the user of Orch's own.
    #[arg(long, requires = "ssh_url")]
    pub(crate) ssh_key: Option<PathBuf>,
    /// File with the keys by which the server is known.
    #[arg(long, requires = "ssh_url")]
    pub(crate) ssh_known_hosts: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Webhook {
    /// Make or repair a webhook at the forge of each of its repositories; again it changes nothing.
    Register(WebhookRegister),
    /// Say how webhooks are at their forges; exit code 1 if one does not tell what it should.
    Check {
        /// Name under `webhooks`; all of them if not given.
        name: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct WebhookRegister {
    /// Name under `webhooks`.
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) admin: Admin,
}

/// Webhooks are the business of a repository's administrators.
#[derive(Debug, Args)]
pub(crate) struct Admin {
    /// File with the token of an administrator of the repository; the host's own token if not given. It is not kept.
    #[arg(long, conflicts_with = "admin_token_env")]
    pub(crate) admin_token_file: Option<PathBuf>,
    /// Variable with that token.
    #[arg(long)]
    pub(crate) admin_token_env: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Project {
    /// Take a repository of a forge on: look at it, write it down with webhook and issues, register the webhook. Again
    /// it does what is missing.
    Add(ProjectAdd),
}

#[derive(Debug, Args)]
pub(crate) struct ProjectAdd {
    /// What the repository is called here.
    pub(crate) name: String,
    /// Name of the forge in orch.yaml.
    #[arg(long)]
    pub(crate) forge: String,
    /// Owner and name on the forge.
    #[arg(long, value_name = "OWNER/NAME")]
    pub(crate) repo: String,
    /// What work items are called before their number; the name in capitals if not given.
    #[arg(long)]
    pub(crate) prefix: Option<String>,
    /// Branch to begin from and to land on; the default branch if not given.
    #[arg(long)]
    pub(crate) base: Option<String>,
    /// Where the forge reaches this host, such as https://orch.example.org: makes and registers a webhook.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) reached_at: Option<String>,
    /// Name of the webhook in orch.yaml.
    #[arg(long, default_value = "gitea")]
    pub(crate) webhook: String,
    #[command(flatten)]
    pub(crate) admin: Admin,
    /// Have the repository's issues begin tasks, as a tracker of this name.
    #[arg(long, value_name = "TRACKER")]
    pub(crate) issues: Option<String>,
    /// A project of Plane whose work items are about the repository, by its identifier; its tracker is in orch.yaml.
    #[arg(long, value_name = "TRACKER:IDENTIFIER")]
    pub(crate) plane: Option<String>,
    /// Make states of Plane that are missing.
    #[arg(long)]
    pub(crate) create: bool,
}
