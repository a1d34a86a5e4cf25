//! Tokens of persons as text, and who asks.

use orch_views::page::Page;
use orch_views::person::{MeView, NewTokenView, TokenView};
use orch_views::session::LinkView;

use super::plain;
use super::table::page;

pub(crate) fn made(made: &NewTokenView) -> String {
    let TokenView {
        id, person, role, ..
    } = &made.kept;
    let until = match &made.kept.expires {
        Some(until) => format!("until {}", plain::line(until)),
        None => "until it is revoked".to_owned(),
    };
    format!(
        "{}\n\nThis is token {id} of {}, {role}, {until}. It is shown this once: keep it where only {} can read it.",
        plain::line(&made.token),
        plain::line(person),
        plain::line(person),
    )
}

pub(crate) fn list(tokens: &Page<TokenView>) -> String {
    let header = ["nr", "person", "role", "state", "until", "made", "by"];
    page(header, tokens, |token| {
        [
            token.id.to_string(),
            token.person.clone(),
            token.role.to_string(),
            token.state.as_str().to_owned(),
            token.expires.clone().unwrap_or_default(),
            token.created.clone(),
            token.created_by.clone(),
        ]
    })
}

pub(crate) fn me(me: &MeView) -> String {
    let (person, channel) = (plain::line(&me.person), me.channel);
    format!("{person}, {}, by {channel}", me.role)
}

/// The link alone on its line, so that a terminal opens it whole.
pub(crate) fn link(link: &LinkView) -> String {
    format!(
        "{}\n\nOpen it before {}: it logs {} in, once.",
        plain::line(&link.url),
        plain::line(&link.expires),
        plain::line(&link.person)
    )
}

#[cfg(test)]
mod tests {
    use orch_domain::person::{Channel, PersonRole};
    use orch_views::person::TokenState;

    use super::*;

    fn token(id: i64, state: TokenState, expires: Option<&str>) -> TokenView {
        TokenView {
            id,
            person: "ann".into(),
            role: PersonRole::Approver,
            state,
            created_by: "root".into(),
            created: "2026-01-01".into(),
            expires: expires.map(str::to_owned),
        }
    }

    #[test]
    fn token_is_shown_once_and_its_rows_without_it() {
        let kept = token(1, TokenState::Counts, Some("2026-04-01"));
        let new = NewTokenView {
            token: "orch_1_secret".into(),
            kept,
        };
        insta::assert_snapshot!(made(&new), @r"
        orch_1_secret

        This is token 1 of ann, approver, until 2026-04-01. It is shown this once: keep it where only ann can read it.
        ");
        assert!(!format!("{new:?}").contains("secret"));
        let rows = vec![new.kept, token(2, TokenState::Revoked, None)];
        insta::assert_snapshot!(list(&Page::of_list(rows, 0, 50)), @r"
        nr  person  role      state    until       made        by
        1   ann     approver  counts   2026-04-01  2026-01-01  root
        2   ann     approver  revoked              2026-01-01  root
        ");
        let asks = MeView {
            person: "ann".into(),
            role: PersonRole::Approver,
            channel: Channel::Socket,
        };
        assert_eq!(me(&asks), "ann, approver, by socket");
    }
}
