//! The trial of the confinement as text.

use std::fmt::Write as _;

use orch_views::doctor::{CheckAnswer, DoctorView};

use super::plain;

pub(crate) fn doctor(view: &DoctorView) -> String {
    let mut page = match &view.landlock {
        Some(version) => format!("Landlock {}\n", plain::line(version)),
        None => "Landlock: none; judged processes cannot be confined on this kernel\n".to_owned(),
    };
    // Writing to a String cannot fail.
    for what in &view.landlock_lacks {
        writeln!(
            page,
            "lacks  Landlock of this kernel does not keep from {}",
            plain::line(what)
        )
        .ok();
    }
    if let Some(git) = &view.git {
        let (version, path) = (plain::line(&git.version), plain::line(&git.path));
        writeln!(page, "git    {version} ({path})").ok();
    }
    match view.profile.as_deref() {
        Some(profile) => writeln!(
            page,
            "cage   what is judged is held by {}",
            plain::line(profile)
        )
        .ok(),
        None => writeln!(
            page,
            "cage   NOTHING holds what is judged on this machine; nothing judged is started"
        )
        .ok(),
    };
    for check in &view.sandbox {
        let mark = match check.answer {
            CheckAnswer::Holds => "holds",
            CheckAnswer::DoesNotHold => "does not hold",
            CheckAnswer::NotEnforcedHere => "not enforced here",
        };
        let (of, name) = (plain::line(&check.of), plain::line(&check.name));
        writeln!(page, "{mark}: {of}: {name}").ok();
        if check.answer == CheckAnswer::DoesNotHold {
            writeln!(page, "       {}", plain::line(&check.detail)).ok();
        }
        if let Some(remedy) = &check.remedy {
            writeln!(page, "       {}", plain::line(remedy)).ok();
        }
    }
    for seen in &view.toolchains {
        let (path, by) = (plain::line(&seen.path), plain::line(&seen.found_by));
        writeln!(page, "reads  {path} ({by})").ok();
    }
    for grant in &view.grants {
        let (key, path) = (plain::line(&grant.key), plain::line(&grant.path));
        writeln!(page, "grant  {key}: {path} {}", plain::line(&grant.opens)).ok();
    }
    for person in &view.people {
        let (name, by) = (plain::line(&person.name), plain::line(&person.known_by));
        writeln!(page, "person {name} is {} by {by}", person.role).ok();
    }
    for window in &view.windows {
        let name = plain::line(&window.name);
        let heard = match window.answered_s_ago {
            Some(seconds) => format!("answered {seconds} s ago"),
            None => "has not answered since the host started".to_owned(),
        };
        writeln!(page, "window {name} {heard}").ok();
        if let Some(why) = &window.failing {
            writeln!(
                page,
                "       nobody hears what is answered there: {}",
                plain::line(why)
            )
            .ok();
        }
    }
    for advice in &view.advice {
        writeln!(page, "mend   {}", plain::line(advice)).ok();
    }
    if let Some(base) = &view.repository {
        writeln!(page, "base   {}", super::repository::base(base)).ok();
    }
    page
}

#[cfg(test)]
mod tests {
    use orch_domain::person::PersonRole;
    use orch_views::doctor::{ConfinementCheck, GitSeen, KnownPerson, SandboxGrant, SeenPlace};

    use super::*;
    use crate::show::plain::tests::hostile;

    #[test]
    fn trial_that_held_that_broke_and_that_could_not_be_made() {
        let check = |held, detail: &str| ConfinementCheck {
            of: "namespaces".into(),
            name: "reads no secret".into(),
            held,
            answer: if held {
                CheckAnswer::Holds
            } else {
                CheckAnswer::DoesNotHold
            },
            detail: detail.into(),
            remedy: None,
        };
        let view = |landlock: Option<&str>, sandbox| DoctorView {
            landlock: landlock.map(str::to_owned),
            landlock_lacks: vec![],
            git: None,
            profile: landlock.map(|_| "namespaces".to_owned()),
            sandbox,
            held: false,
            toolchains: vec![],
            grants: vec![],
            people: vec![],
            windows: vec![],
            advice: vec![],
            repository: None,
        };
        insta::assert_snapshot!(doctor(&view(None, vec![])), @r"
        Landlock: none; judged processes cannot be confined on this kernel
        cage   NOTHING holds what is judged on this machine; nothing judged is started
        ");
        insta::assert_snapshot!(doctor(&view(Some("6"), vec![check(true, "")])), @r"
        Landlock 6
        cage   what is judged is held by namespaces
        holds: namespaces: reads no secret
        ");
        let seen = DoctorView {
            toolchains: vec![SeenPlace {
                path: "/opt".into(),
                found_by: "system".into(),
            }],
            grants: vec![SandboxGrant {
                key: "agents.a.sandbox.write".into(),
                path: "/srv/cache".into(),
                opens: "may be written to".into(),
            }],
            people: vec![KnownPerson {
                name: "ann".into(),
                role: PersonRole::Approver,
                known_by: "gitea 7".into(),
            }],
            advice: vec!["take `approvers` out".into()],
            git: Some(GitSeen {
                path: "/usr/bin/git".into(),
                version: "2.39.5".into(),
            }),
            ..view(Some("6"), vec![])
        };
        insta::assert_snapshot!(doctor(&seen), @r"
        Landlock 6
        git    2.39.5 (/usr/bin/git)
        cage   what is judged is held by namespaces
        reads  /opt (system)
        grant  agents.a.sandbox.write: /srv/cache may be written to
        person ann is approver by gitea 7
        mend   take `approvers` out
        ");
        let broken = vec![check(true, ""), check(false, &hostile())];
        insta::assert_snapshot!(doctor(&view(Some("6"), broken)), @r"
        Landlock 6
        cage   what is judged is held by namespaces
        holds: namespaces: reads no secret
        does not hold: namespaces: reads no secret
               \u{1b}[31mred\u{1b}[0m\u{7}\u{d}over\u{202e}drawn\u{2066}⏎next
        ");
    }
}
