//! Who is it? Persons by their users and accounts, as `orch.yaml` names them.

use std::collections::BTreeMap;

use orch_domain::id::{DoorName, PersonName};
use orch_domain::person::PersonRole;

use crate::host::HostConfig;
use crate::people::{PersonConfig, UNIX};

impl HostConfig {
    /// The person who has the user `name` with the number `uid` on this machine.
    pub fn person_of_user(&self, uid: u32, name: &str) -> Option<(PersonName, PersonRole)> {
        let uid = uid.to_string();
        self.person(|person| {
            let accounts = person.accounts.get(UNIX).into_iter().flatten();
            accounts.into_iter().any(|a| a.is(&uid) || a.is(name))
        })
    }

    /// The person who has this account of a source: the id that the source itself gives it.
    pub fn person_of_account(
        &self,
        source: &DoorName,
        account: &str,
    ) -> Option<(PersonName, PersonRole)> {
        self.person(|person| {
            let accounts = person.accounts.get(source.as_str()).into_iter().flatten();
            accounts.into_iter().any(|a| a.is(account))
        })
        .or_else(|| self.approver(account))
    }

    /// Persons by their accounts of a source.
    pub fn persons_by_account(&self, source: &DoorName) -> BTreeMap<String, String> {
        let accounts = |(name, person): (&String, &PersonConfig)| {
            let own = person.accounts.get(source.as_str()).into_iter().flatten();
            let named = own.map(|account| (account.to_string(), name.clone()));
            named.collect::<Vec<_>>()
        };
        self.people.iter().flat_map(accounts).collect()
    }

    /// The role of a person by name.
    pub fn role_of(&self, person: &PersonName) -> Option<PersonRole> {
        let named = self.people.get(person.as_str()).map(|p| p.role);
        named.or_else(|| self.approver(person.as_str()).map(|(_, role)| role))
    }

    /// Whether `approvers` keeps a person from deciding: a list that names others, and no word of them in `people`.
    pub fn keeps_from_deciding(&self, person: &PersonName) -> bool {
        !self.approvers.is_empty() && self.role_of(person).is_none()
    }

    /// What to write instead of `approvers`; none if there are none.
    pub fn instead_of_approvers(&self) -> Option<String> {
        let line = |login: &String| format!("{login}: {{role: approver, local: [{login}]}}");
        let lines: Vec<String> = self.approvers.iter().map(line).collect();
        (!lines.is_empty()).then(|| format!("people: {{{}}}", lines.join(", ")))
    }

    fn person(&self, is_it: impl Fn(&PersonConfig) -> bool) -> Option<(PersonName, PersonRole)> {
        let (name, person) = self.people.iter().find(|(_, person)| is_it(person))?;
        Some((PersonName::new(name.clone()).ok()?, person.role))
    }

    fn approver(&self, login: &str) -> Option<(PersonName, PersonRole)> {
        let login = self.approvers.iter().find(|a| *a == login)?;
        Some((PersonName::new(login.clone()).ok()?, PersonRole::Approver))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEOPLE: &str = "people:\n  ann: {role: approver, unix: [1000, anna], gitea: [7], plane: [u-1]}\n  \
        bob: {role: operator, local: [bob]}\n";

    fn parse(text: &str) -> HostConfig {
        HostConfig::parse("orch.yaml", text).unwrap()
    }

    fn door(name: &str) -> DoorName {
        DoorName::new(name).unwrap()
    }

    fn ann() -> Option<(PersonName, PersonRole)> {
        Some((PersonName::new("ann").unwrap(), PersonRole::Approver))
    }

    #[test]
    fn person_is_known_by_each_account_and_by_no_other() {
        let config = parse(PEOPLE);
        assert_eq!(config.person_of_user(1000, "x"), ann());
        assert_eq!(config.person_of_user(5, "anna"), ann());
        assert_eq!(config.person_of_user(7, "u-1"), None);
        assert_eq!(config.person_of_account(&door("gitea"), "7"), ann());
        assert_eq!(config.person_of_account(&door("plane"), "u-1"), ann());
        // The same number elsewhere is somebody else, and a person's name is no account.
        assert_eq!(config.person_of_account(&door("plane"), "7"), None);
        assert_eq!(config.person_of_account(&door("gitea"), "ann"), None);
    }

    #[test]
    fn list_of_approvers_keeps_everybody_else_from_deciding() {
        let named = |name: &str| PersonName::new(name).unwrap();
        let config = parse("approvers: [ann]\npeople: {bob: {role: admin}}");
        assert!(!config.keeps_from_deciding(&named("ann")));
        assert!(!config.keeps_from_deciding(&named("bob")));
        assert!(config.keeps_from_deciding(&named("eve")));
        assert!(!parse("{}").keeps_from_deciding(&named("eve")));
        assert_eq!(config.person_of_account(&door("local"), "ann"), ann());
        let instead = config.instead_of_approvers().unwrap();
        assert_eq!(
            parse(&instead).role_of(&named("ann")),
            Some(PersonRole::Approver)
        );
    }

    #[test]
    fn what_names_nobody_or_two_persons_is_refused() {
        for (text, says) in [
            ("people: {orch: {role: admin}}", "which is the host"),
            (
                "people: {ann: {role: boss}}",
                "`boss` is not a known role of a person",
            ),
            (
                "people: {ann: {role: viewer, gitae: [7]}}",
                "did you mean `gitea`?",
            ),
            (
                "people: {ann: {role: viewer, local: [orch]}}",
                "the host's own account",
            ),
            (
                "people: {ann: {role: viewer, gitea: [7]}, bob: {role: viewer, gitea: ['7']}}",
                "`7` is `ann` already",
            ),
        ] {
            let error = HostConfig::parse("orch.yaml", text)
                .unwrap_err()
                .to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
