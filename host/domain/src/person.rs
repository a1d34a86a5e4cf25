//! Who is asking, what may they do, and on which way did they come?

use crate::id::PersonName;
use crate::words::words;

words! {
    "role of a person":
    /// What a person may do; each may do what those before it may.
    pub enum PersonRole {
        /// Looks.
        Viewer = "viewer",
        /// Begins, stops, resumes and holds back.
        Operator = "operator",
        /// Decides: approves, rejects, accepts findings.
        Approver = "approver",
        /// Sees to gates, to the configuration and to who may do what.
        Admin = "admin",
    }
}

words! {
    "way of asking":
    /// On which way a person asked.
    pub enum Channel {
        /// The host's unix socket: the kernel says which user it is.
        Socket = "socket",
        /// The command line, while no host ran: whoever can open the database.
        Offline = "offline",
        /// A token of the person's own.
        Token = "token",
        /// The token file that hosts made before there were tokens of persons.
        TokenFile = "token-file",
        /// A tracker said who moved an issue.
        Tracker = "tracker",
        /// A window said who pressed a button.
        Window = "window",
        /// A page of the host's own, in a browser where the person is logged in.
        Page = "page",
    }
}

/// Somebody whom the host knows, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Who.
    pub person: PersonName,
    /// What they may do.
    pub role: PersonRole,
    /// How they asked.
    pub channel: Channel,
}

impl Caller {
    /// Whether the person may do what takes `least`.
    pub fn may(&self, least: PersonRole) -> bool {
        self.role >= least
    }
}

#[cfg(test)]
mod tests {
    use super::PersonRole;
    use crate::id::PersonName;
    use crate::port::HOST_ACTOR;

    #[test]
    fn nobody_is_called_as_the_host_is() {
        assert!(PersonName::new(HOST_ACTOR).is_err());
    }

    #[test]
    fn each_role_may_do_what_those_before_it_may() {
        let [viewer, operator, approver, admin] = PersonRole::ALL;
        assert!(viewer < operator && operator < approver && approver < admin);
    }
}
