//! A server whose certificate is of an authority of its own.

use orch_clients::gitea::GiteaLanding;
use orch_domain::port::PortFailure;
use orch_domain::port::forge::{Forge, LandOutcome, PushOutcome};

use crate::forgejo::Forgejo;
use crate::site::{forge_at, site};

#[tokio::test]
async fn own_authority_is_trusted_by_api_and_git_alike_and_by_nobody_who_was_not_told() {
    let site = site().await;
    let url = site.fake.with_tls().await;
    let folder = site.folder.path();
    let untold = forge_at(folder, &url, None, GiteaLanding::Auto);
    for answer in [untold.check().await, untold.fetch().await] {
        let error = answer.expect_err("nobody knows the authority");
        assert_eq!(error.failure, PortFailure::Unavailable, "{error}");
        assert!(!error.to_string().contains("fake-token"), "{error}");
    }
    assert_eq!(
        site.fake.requests("GET", "/api"),
        0,
        "the token went nowhere"
    );
    let ca = Forgejo::authority(folder);
    let told = forge_at(folder, &url, Some(ca), GiteaLanding::Auto);
    assert_eq!(told.check().await, Ok(()));
    assert_eq!(told.fetch().await, Ok(()));
    let commit = orch_conformance::forge::ForgeSite::commit(&site, &site.base, "one").await;
    let pushed = told.push("orch/SHOP-1-1", &commit, None).await;
    assert_eq!(pushed, Ok(PushOutcome::Done));
    let landed = told.land("main", &commit, &site.base).await;
    assert_eq!(landed, Ok(LandOutcome::Landed));
}
