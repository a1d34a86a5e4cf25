//! Is a submodule that is not public had with the credential of its server, and only if the operator lists it?

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use orch_domain::submodule::Sources;

use super::*;
use crate::git::{Access, Modules, Wanted};

const SECRET: &str = "Basic b3JjaDpzZWNyZXQ=";

/// A server of plain files that wants a credential; says where it listens, and what was asked with it.
fn server(root: PathBuf) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let granted: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = granted.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut head = Vec::new();
            let mut byte = [0_u8; 1];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n > 0) {
                head.push(byte[0]);
            }
            let head = String::from_utf8_lossy(&head).into_owned();
            let path = head.split_whitespace().nth(1).unwrap_or("/");
            let path = path
                .split('?')
                .next()
                .unwrap_or(path)
                .trim_start_matches('/');
            let is_known = head
                .lines()
                .any(|line| line.eq_ignore_ascii_case(&format!("authorization: {SECRET}")));
            let (status, body) = match (is_known, fs::read(root.join(path))) {
                (false, _) => ("401 Unauthorized", Vec::new()),
                (true, Err(_)) => ("404 Not Found", Vec::new()),
                (true, Ok(body)) => {
                    seen.lock().unwrap().push(path.to_owned());
                    ("200 OK", body)
                }
            };
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            // A client that has gone away is no matter of the server.
            stream.write_all(head.as_bytes()).ok();
            stream.write_all(&body).ok();
        }
    });
    (port, granted)
}

#[tokio::test]
async fn submodule_of_the_own_server_is_had_with_its_credential_if_it_is_listed() {
    let (inner, outer) = (repo().await, repo().await);
    inner
        .git
        .set_ref("refs/heads/main", &inner.root)
        .await
        .unwrap();
    inner
        .git
        .with(&["update-server-info"], &[], None, &[])
        .await
        .unwrap();
    let (port, granted) = server(inner.folder.path().to_owned());
    let address = format!("http://127.0.0.1:{port}/bare.git");
    let modules = format!("[submodule \"v\"]\n\tpath = v\n\turl = {address}\n");
    let files = [(".gitmodules".to_owned(), Some(modules.into_bytes()))];
    let tree = outer.git.tree_with(&outer.root, &files).await.unwrap();
    let listed = outer
        .git
        .with(&["ls-tree", "-z", tree.as_str()], &[], None, &[])
        .await
        .unwrap();
    let link = format!("160000 commit {}\tv\0", inner.root);
    let entries = [listed.stdout.bytes.as_slice(), link.as_bytes()].concat();
    let made = outer
        .git
        .with(&["mktree", "-z", "--missing"], &[], None, &entries)
        .await
        .unwrap();
    let tree = ObjectId::new(made.stdout.text().trim()).unwrap();
    let head = outer
        .git
        .commit(&tree, &outer.root, "Link\n", &who())
        .await
        .unwrap();

    let folder = tempfile::tempdir().unwrap();
    let lay_out = async |name: &str, from: Vec<String>, access: Option<Access>| {
        let at = folder.path().join(name);
        let tree = at.join("tree");
        outer.git.export(&head, &tree).await.unwrap();
        let wanted = Wanted {
            sources: Sources {
                parent: Some(address.replace("bare", "outer")),
                from,
            },
            access,
            ..Wanted::default()
        };
        let modules = Modules::at(at.join("copies"));
        let laid = modules
            .lay_out(&outer.git, &head, &head, &tree, &wanted)
            .await
            .unwrap();
        (tree, laid)
    };
    let own = |port: u16| {
        Access::new(format!("http://127.0.0.1:{port}"), None, || {
            Some(SECRET.to_owned())
        })
    };
    let from = vec![address.clone()];

    let (_, laid) = lay_out("without", from.clone(), None).await;
    assert_eq!(laid.left_out.len(), 1, "{laid:?}");
    let (_, laid) = lay_out("other server", from.clone(), Some(own(port ^ 1))).await;
    assert_eq!(laid.left_out.len(), 1, "{laid:?}");
    let (_, laid) = lay_out("not listed", Vec::new(), Some(own(port))).await;
    assert_eq!(laid.left_out.len(), 1, "{laid:?}");
    assert!(granted.lock().unwrap().is_empty());

    let (tree, laid) = lay_out("listed", from, Some(own(port))).await;
    assert!(laid.left_out.is_empty(), "{laid:?}");
    let read = fs::read_to_string(tree.join("v/a.txt")).unwrap();
    assert_eq!(read, "one\n");
    assert!(!format!("{:?}", own(port)).contains("Basic"));
}
