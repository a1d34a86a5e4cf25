//! Which names does a run find that looks them up itself? Those that are listed, all at one address of its own loopback;
//! nothing is looked up for it, and no question leaves the host.

use std::time::Duration;

use orch_domain::reach::{DOOR, Reached, Target};
use simple_dns::rdata::{A, RData};
use simple_dns::{CLASS, Name, Packet, QTYPE, RCODE, ResourceRecord, TYPE};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::Policy;
use crate::run::Run;

/// Where names are asked for; stands in records of what was refused.
const PORT: u16 = 53;
/// How long an answer may be kept, seconds: it is the same for as long as the run lives.
const KEPT_S: u32 = 60;
/// How long the next question may take.
const QUESTION_MAX: Duration = Duration::from_secs(30);
/// Longest question, bytes; its length tells it from everything else that a run may begin with.
const QUESTION_BYTES_MAX: u16 = 4 * 256 + 255;
/// Questions of one connection.
const QUESTIONS_MAX: usize = 256;

/// Answers questions, each with its length before it, until no more come.
pub(crate) async fn answer(mut stream: UnixStream, run: &Run) {
    for _ in 0..QUESTIONS_MAX {
        let Ok(Some(question)) = timeout(QUESTION_MAX, read(&mut stream)).await else {
            return;
        };
        let (answer, refused) = answer_to(&run.policy, &question);
        if let Some((name, why)) = refused {
            run.refused(name, PORT, why);
        }
        let Some(answer) = answer else { return };
        let Ok(length) = u16::try_from(answer.len()) else {
            return;
        };
        let framed = [&length.to_be_bytes()[..], &answer].concat();
        if stream.write_all(&framed).await.is_err() {
            return;
        }
    }
}

async fn read(stream: &mut UnixStream) -> Option<Vec<u8>> {
    let length = stream.read_u16().await.ok()?;
    if length > QUESTION_BYTES_MAX {
        return None;
    }
    let mut bytes = vec![0; usize::from(length)];
    stream.read_exact(&mut bytes).await.ok()?;
    Some(bytes)
}

/// The answer, unless the question is none; and which name was refused, and why.
fn answer_to(policy: &Policy, question: &[u8]) -> (Option<Vec<u8>>, Option<(String, Reached)>) {
    let Ok(packet) = Packet::parse(question) else {
        return (None, None);
    };
    let mut reply = packet.into_reply();
    let mut refused = None;
    // Nobody asks two at once, and what two would mean is written nowhere.
    if let [asked] = &reply.questions[..] {
        let name = text(&asked.qname);
        let (named, kind) = (asked.qname.clone(), asked.qtype);
        match judge(policy, &name) {
            Err(why) => {
                refused = Some((name, why));
                *reply.rcode_mut() = RCODE::NameError;
            }
            // Of a listed name there is this one address; above all no keys for hiding a server's name.
            Ok(()) if matches!(kind, QTYPE::TYPE(TYPE::A) | QTYPE::ANY) => {
                let data = RData::A(A {
                    address: DOOR.to_bits(),
                });
                let record = ResourceRecord::new(named, CLASS::IN, KEPT_S, data);
                reply.answers.push(record);
            }
            Ok(()) => {}
        }
    } else {
        *reply.rcode_mut() = RCODE::FormatError;
    }
    (reply.build_bytes_vec().ok(), refused)
}

fn text(name: &Name<'_>) -> String {
    let labels = name.as_bytes().map(String::from_utf8_lossy);
    labels.collect::<Vec<_>>().join(".")
}

fn judge(policy: &Policy, name: &str) -> Result<(), Reached> {
    // Rules are asked for the name alone: which port follows is seen when it comes.
    let target = Target::new(name, PORT).map_err(|_| Reached::NoName)?;
    let mut rules = policy.reach.iter().chain(&policy.reach_private);
    match rules.any(|rule| rule.names(&target)) {
        true => Ok(()),
        false => Err(Reached::NotListed),
    }
}

#[cfg(test)]
mod tests {
    use simple_dns::{QCLASS, Question};

    use super::*;

    fn ask(name: &str, kind: TYPE) -> (RCODE, Vec<u32>, Option<(String, Reached)>) {
        let policy = Policy {
            reach: vec!["listed.test".parse().unwrap()],
            reach_private: vec!["*.corp.test:8080".parse().unwrap()],
            ..Policy::default()
        };
        let mut query = Packet::new_query(7);
        let name = Name::new(name).unwrap();
        let class = QCLASS::CLASS(CLASS::IN);
        let question = Question::new(name, QTYPE::TYPE(kind), class, false);
        query.questions.push(question);
        let (answer, refused) = answer_to(&policy, &query.build_bytes_vec().unwrap());
        let answer = answer.unwrap();
        let reply = Packet::parse(&answer).unwrap();
        assert_eq!(reply.id(), 7);
        let addresses = reply.answers.iter().map(|answer| match &answer.rdata {
            RData::A(a) => a.address,
            other => panic!("{other:?}"),
        });
        (reply.rcode(), addresses.collect(), refused)
    }

    #[test]
    fn listed_names_are_found_at_the_door_and_no_other() {
        let door = vec![DOOR.to_bits()];
        assert_eq!(
            ask("Listed.test", TYPE::A),
            (RCODE::NoError, door.clone(), None)
        );
        assert_eq!(ask("m.corp.test", TYPE::A), (RCODE::NoError, door, None));
        for kind in [TYPE::AAAA, TYPE::HTTPS, TYPE::TXT] {
            assert_eq!(
                ask("listed.test", kind),
                (RCODE::NoError, Vec::new(), None),
                "{kind:?}"
            );
        }
        for name in ["c2VjcmV0.evil.test", "listed.test.evil.test", "corp.test"] {
            let told = Some((name.to_owned(), Reached::NotListed));
            let expected = (RCODE::NameError, Vec::new(), told);
            assert_eq!(ask(name, TYPE::A), expected.clone(), "{name}");
            assert_eq!(ask(name, TYPE::TXT), expected, "{name}");
        }
        let odd = ask("_sip._tcp.evil.test", TYPE::SRV);
        assert_eq!(
            odd.2,
            Some(("_sip._tcp.evil.test".to_owned(), Reached::NoName))
        );
        assert_eq!(
            answer_to(&Policy::default(), b"\0\x01nonsense"),
            (None, None)
        );
    }
}
