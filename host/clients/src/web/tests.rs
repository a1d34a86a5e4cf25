//! Claims about what a gate may fetch: nothing beside its grants, not by a redirect either, and only so much for so long.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// A server that answers every request with `answer`, and keeps the connection open after it. Notes the first line of
/// every request.
async fn server(answer: impl Into<Vec<u8>>) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (answer, asked): (Vec<u8>, Arc<Mutex<Vec<String>>>) = (answer.into(), Arc::default());
    let noted = asked.clone();
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                match stream.read_u8().await {
                    Ok(byte) => head.push(byte),
                    Err(_) => break,
                }
            }
            let head = String::from_utf8(head).unwrap();
            let line = head.lines().next().unwrap_or_default().to_owned();
            noted.lock().unwrap().push(line);
            // A client that has read enough goes away.
            stream.write_all(&answer).await.ok();
            open.push(stream);
        }
    });
    (address, asked)
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
}

async fn get(client: &WebClient, granted: &str, url: &str) -> Result<HttpResponse, ServiceError> {
    client.get(&[granted.to_owned()], url).await
}

#[tokio::test]
async fn granted_address_is_answered_with_status_and_body() {
    let (address, asked) = server(answer("418 Teapot", "", "short and stout")).await;
    let client = WebClient::new().unwrap();
    let url = format!("{address}/pot?of=tea");
    let response = get(&client, &address, &url).await.unwrap();
    assert_eq!(
        (response.status, response.body.as_str()),
        (418, "short and stout")
    );
    assert_eq!(*asked.lock().unwrap(), ["GET /pot?of=tea HTTP/1.1"]);
}

#[tokio::test]
async fn address_that_is_not_granted_is_refused_and_nothing_is_sent() {
    let (address, asked) = server(answer("200 OK", "", "")).await;
    let client = WebClient::new().unwrap();
    let granted = format!("{address}/api");
    let refused = get(&client, &granted, &format!("{address}/secret")).await;
    let Err(ServiceError::Denied(text)) = refused else {
        panic!("{refused:?}")
    };
    assert!(
        text.contains("/secret") && text.contains("`grants`"),
        "{text}"
    );
    assert!(asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn redirect_is_an_answer_and_followed_neither_to_another_host_nor_on_the_same_one() {
    let (other, asked_of_other) = server(answer("200 OK", "", "secret")).await;
    for code in ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"] {
        for target in [format!("{other}/secret"), "/elsewhere".to_owned()] {
            let location = format!("location: {target}\r\n");
            let (address, asked) = server(answer(code, &location, "go there")).await;
            let client = WebClient::new().unwrap();
            let response = get(&client, &address, &format!("{address}/a"))
                .await
                .unwrap();
            assert!(code.starts_with(&response.status.to_string()), "{code}");
            assert_eq!(response.body, "go there");
            assert_eq!(asked.lock().unwrap().len(), 1, "{code} {target}");
        }
    }
    assert!(asked_of_other.lock().unwrap().is_empty());
}

#[tokio::test]
async fn body_up_to_the_limit_is_read_and_a_longer_one_refused_whatever_it_says_of_its_length() {
    let client = WebClient::new().unwrap();
    let whole = "x".repeat(BODY_BYTES_MAX);
    let (address, _) = server(answer("200 OK", "", &whole)).await;
    let response = get(&client, &address, &address).await.unwrap();
    assert_eq!(response.body.len(), BODY_BYTES_MAX);

    let endless = "10000\r\n".to_owned() + &"x".repeat(0x10000) + "\r\n";
    let chunked =
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_owned() + &endless.repeat(17);
    for too_long in [answer("200 OK", "", &(whole + "x")), chunked] {
        let (address, _) = server(too_long).await;
        let refused = get(&client, &address, &address).await;
        let Err(ServiceError::Unavailable(text)) = refused else {
            panic!("{refused:?}")
        };
        assert!(text.contains("more than 1048576 bytes"), "{text}");
    }
}

#[tokio::test]
async fn server_that_does_not_answer_or_not_to_the_end_is_unavailable_after_the_limit() {
    let client = WebClient {
        timeout: Duration::from_millis(50),
        ..WebClient::new().unwrap()
    };
    let begun = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf";
    for silent in ["", begun] {
        let (address, _) = server(silent).await;
        let refused = get(&client, &address, &address).await;
        let Err(ServiceError::Unavailable(text)) = refused else {
            panic!("{refused:?}")
        };
        assert!(
            !text.contains(&address),
            "an address may hold a secret: {text}"
        );
    }
}

#[tokio::test]
async fn limit_of_time_is_there_for_every_client() {
    assert_eq!(WebClient::new().unwrap().timeout, Duration::from_secs(20));
}

fn covers(granted: &str, url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| super::covers(granted, &url))
}

#[test]
fn grant_reaches_below_its_path_and_nowhere_else() {
    let granted = "http://127.0.0.1:9/api";
    for good in ["http://127.0.0.1:9/api", "http://127.0.0.1:9/api/x?y=1"] {
        assert!(covers(granted, good), "{good}");
    }
    for bad in [
        "http://127.0.0.1:9/apix",
        "http://127.0.0.1:9/",
        "http://127.0.0.1:90/api",
        "https://127.0.0.1:9/api",
        "http://127.0.0.1:9@evil/api",
        "http://me@127.0.0.1:9/api",
        "http://127.0.0.1:9/api/../secret",
        "file:///etc/passwd",
    ] {
        assert!(!covers(granted, bad), "{bad}");
    }
    assert!(covers("http://127.0.0.1:9/", "http://127.0.0.1:9/anything"));
}
