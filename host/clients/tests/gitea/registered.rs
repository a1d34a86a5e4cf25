//! Webhooks are registered once, repaired, and looked at; and a repository is known by its number.

use orch_clients::SecretPlace;
use orch_clients::gitea::{GiteaLanding, GiteaServer, GiteaServerConfig, WantedHook};
use orch_domain::port::PortFailure;
use orch_domain::port::forge::Forge;
use orch_domain::port::webhook::Registered;

use crate::site::{Site, forge, site};

const URL: &str = "http://127.0.0.1:9/webhook/gitea";

fn server(site: &Site) -> GiteaServer {
    let made = GiteaServer::new(GiteaServerConfig {
        name: "hub".to_owned(),
        url: site.fake.url(),
        token: SecretPlace::File(site.folder.path().join("token")),
        ca: None,
        ssh: None,
    });
    made.expect("it works")
}

fn wanted(site: &Site) -> WantedHook {
    let secret = site.folder.path().join("hook.secret");
    std::fs::write(&secret, "between us\n").expect("it works");
    WantedHook {
        url: URL.to_owned(),
        secret: SecretPlace::File(secret),
    }
}

#[tokio::test]
async fn webhook_is_registered_once_and_repaired_where_it_is_off_short_or_doubled() {
    let site = site().await;
    site.fake.rule(|rules| rules.admin = true);
    let (server, wanted) = (server(&site), wanted(&site));
    assert_eq!(site.forge.webhook(URL).await, Ok(Registered::Missing));
    let first = server
        .register_hook("acme/shop", &wanted)
        .await
        .expect("registered");
    assert!(first.is_new && first.mended.is_empty(), "{first:?}");
    let again = server
        .register_hook("acme/shop", &wanted)
        .await
        .expect("registered");
    assert!(!again.is_new && again.mended.is_empty(), "{again:?}");
    let hooks = site.fake.registered();
    assert_eq!(hooks.len(), 1);
    assert!(
        hooks[0].is_active && hooks[0].secret == "between us",
        "{hooks:?}"
    );
    assert_eq!(site.forge.webhook(URL).await, Ok(Registered::Fine));
    site.fake
        .change_registered(|hooks| hooks[0].is_active = false);
    assert_eq!(site.forge.webhook(URL).await, Ok(Registered::Off));
    site.fake.change_registered(|hooks| {
        hooks[0].is_active = true;
        hooks[0].events = vec!["push".to_owned()];
        let mut twin = hooks[0].clone();
        twin.id = 7;
        hooks.push(twin);
    });
    let missing = ["pull_request", "issue_comment"].map(str::to_owned);
    let short = Registered::Short {
        missing: missing.into(),
    };
    assert_eq!(site.forge.webhook(URL).await, Ok(short));
    let mended = server
        .register_hook("acme/shop", &wanted)
        .await
        .expect("repaired");
    assert_eq!(mended.mended.len(), 2, "{mended:?}");
    assert_eq!(site.fake.registered().len(), 1);
    assert_eq!(site.forge.webhook(URL).await, Ok(Registered::Fine));
}

#[tokio::test]
async fn webhook_that_the_token_may_not_see_is_neither_registered_nor_missing() {
    let site = site().await;
    let refused = server(&site)
        .register_hook("acme/shop", &wanted(&site))
        .await;
    let error = refused.expect_err("only administrators may");
    assert_eq!(error.failure, PortFailure::Unauthorised, "{error}");
    let seen = site.forge.webhook(URL).await;
    assert!(matches!(seen, Ok(Registered::Hidden { .. })), "{seen:?}");
}

#[tokio::test]
async fn repository_that_was_renamed_is_followed_over_a_restart_and_another_one_is_refused() {
    let site = site().await;
    assert_eq!(site.forge.check().await, Ok(()));
    site.fake
        .rule(|rules| rules.renamed_to = Some("acme-2/store".to_owned()));
    let none = site.forge.pull_request("orch/SHOP-1-1").await;
    assert_eq!(none, Ok(None), "it is asked where it is now");
    assert_eq!(site.forge.check().await, Ok(()));
    let anew = forge(site.folder.path(), &site.fake, GiteaLanding::Auto);
    assert_eq!(
        anew.check().await,
        Ok(()),
        "a host that starts anew knows it"
    );
    assert!(site.fake.requests("GET", "/repos/acme-2/store") > 0);
    let tip = anew.tip("main").await.expect("git finds it");
    assert_eq!(tip.as_ref(), Some(&site.base));
    // Somebody makes another one behind the name.
    site.fake.rule(|rules| rules.repository_id = 99);
    let error = site.forge.check().await.expect_err("it is another one");
    assert_eq!(error.failure, PortFailure::Unauthorised);
    assert!(error.reason.contains("another repository"), "{error}");
}
