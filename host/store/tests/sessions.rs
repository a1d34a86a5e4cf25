//! Claims about sessions and the links that begin them.

use orch_domain::id::{PersonName, TokenId};
use orch_store::{NewSession, Owner, SessionKind, Store};

fn new(kind: SessionKind, expires_ms: i64) -> NewSession {
    NewSession {
        kind,
        person: PersonName::new("ann").expect("a name"),
        token: Some(TokenId(7)),
        hash: "ab".repeat(32),
        expires_ms,
    }
}

#[tokio::test]
async fn session_counts_until_its_time_and_a_link_is_no_session() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("orch.db"), Owner("host".into())).await;
    let store = store.expect("the store opens");
    let done = store.write(|tx| {
        Box::pin(async move {
            let (session, link) = (SessionKind::Session, SessionKind::Link);
            let of_ann = tx.insert_session(&new(session, 100), 1).await?;
            let to_begin = tx.insert_session(&new(link, 50), 1).await?;
            let row = tx.session(session, of_ann, 99).await?.expect("it counts");
            assert_eq!((row.person.as_str(), row.token), ("ann", Some(TokenId(7))));
            assert_eq!(tx.session(session, of_ann, 100).await?, None);
            assert_eq!(tx.session(session, to_begin, 1).await?, None);
            assert_eq!(tx.session(link, of_ann, 1).await?, None);
            assert!(tx.session(link, to_begin, 49).await?.is_some());
            assert!(tx.end_session(to_begin).await?);
            assert!(!tx.end_session(to_begin).await?, "it is used up");
            assert_eq!(tx.sweep_sessions(99).await?, 0);
            assert_eq!(tx.sweep_sessions(100).await?, 1);
            assert_eq!(tx.count_sessions().await?, 0);
            // A number that was used once is never another's.
            let later = tx.insert_session(&new(session, 200), 101).await?;
            assert!(later > to_begin);
            Ok(())
        })
    });
    done.await.expect("written");
}
