//! Tokens of persons: made, listed, revoked; and who asks.

use orch_views::message::Nothing;
use orch_views::person::{self, NewTokenRequest};
use orch_views::session;

use crate::cli::token::Token;
use crate::client::Host;
use crate::show::{self, print};

pub(crate) async fn run(host: &Host, verb: Token, json: bool) -> anyhow::Result<()> {
    match verb {
        Token::New {
            name,
            role,
            expires,
        } => {
            let request = NewTokenRequest {
                person: name,
                role,
                expires,
            };
            let made = host.ask(&person::NEW_TOKEN, [], &request).await?;
            print(json, &made, show::token::made)
        }
        Token::List(part) => {
            let tokens = host.ask(&person::TOKENS, [], &part.page()).await?;
            print(json, &tokens, show::token::list)
        }
        Token::Revoke { which } => {
            let done = host.ask(&person::REVOKE, [&which], &Nothing {}).await?;
            print(json, &done, show::message::message)
        }
    }
}

pub(crate) async fn whoami(host: &Host, json: bool) -> anyhow::Result<()> {
    let me = host.ask(&person::ME, [], &Nothing {}).await?;
    print(json, &me, show::token::me)
}

pub(crate) async fn open(host: &Host, json: bool) -> anyhow::Result<()> {
    let link = host.ask(&session::NEW_LINK, [], &Nothing {}).await?;
    print(json, &link, show::token::link)
}
