//! The git of the host's own user: with that person's helpers, agents and known hosts, and asking nothing.

/// Variables of the host's user that git and ssh go by.
const VARIABLES: [&str; 22] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
    "SSH_AUTH_SOCK",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_SSL_CAINFO",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CURL_CA_BUNDLE",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "ALL_PROXY",
];

/// The environment of the person's own git, in which nothing is asked.
pub fn own_environment() -> Vec<(String, String)> {
    let own = VARIABLES
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)));
    let mut all: Vec<(String, String)> = own.collect();
    let mut set = |name: &str, value: &str| all.push((name.to_owned(), value.to_owned()));
    set("LC_ALL", "C");
    set("GIT_TERMINAL_PROMPT", "0");
    set("GIT_OPTIONAL_LOCKS", "0");
    // What was set by the person stands; without it ssh asks nothing and takes no unknown host.
    let names_ssh = ["GIT_SSH_COMMAND", "GIT_SSH"].map(std::env::var_os);
    if names_ssh.iter().all(Option::is_none) {
        set(
            "GIT_SSH_COMMAND",
            "ssh -o BatchMode=yes -o StrictHostKeyChecking=yes",
        );
    }
    all
}
