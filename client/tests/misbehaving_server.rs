//! What a client makes of a server that misbehaves, and of a network that breaks: each failure is told for what it is.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use support::{Act, Server, answer, fault, good};
use tailwater_client::{Client, Config, Credentials, Error, Keys, ProvidedKeys, RetryPolicy, Sent, StaticCredentials};
use tailwater_wire::FaultCode;
use tailwater_wire::shapes::{ListStreamsInput, ListStreamsOutput, PutRecordInput};
use tokio_rustls::rustls;

/// Long enough that only what never comes exceeds it.
const SOON: Duration = Duration::from_secs(1);

fn config(server: &Server) -> Config {
    Config::new("us-east-1".parse().unwrap())
        .with_endpoint_url(format!("http://{}", server.address).parse().unwrap())
        .with_credentials(StaticCredentials::new("AKIDEXAMPLE", "hidden-secret", Some("hidden-token")))
        .with_retry(RetryPolicy::default().with_first_wait(Duration::from_millis(1)))
        .with_seed(7)
}

async fn list(config: Config) -> Result<ListStreamsOutput, Error> {
    Client::new(config).unwrap().list_streams(&ListStreamsInput::default()).await
}

async fn list_once(config: Config) -> Error {
    Client::new(config).unwrap().once().list_streams(&ListStreamsInput::default()).await.unwrap_err()
}

#[tokio::test]
async fn a_good_answer_is_read_and_the_request_is_signed() {
    let mut server = Server::start(vec![good()]).await;
    let output = list(config(&server)).await.unwrap();
    assert_eq!(output.stream_names[0].as_str(), "orders");
    let request = server.request().await.to_ascii_lowercase();
    for part in [
        "post / http/1.1",
        "x-amz-target: kinesis_20131202.liststreams",
        "content-type: application/x-amz-json-1.1",
        "authorization: aws4-hmac-sha256 credential=akidexample/",
        "x-amz-security-token: hidden-token",
        "user-agent: tailwater/",
        &format!("host: {}", server.address),
    ] {
        assert!(request.contains(part), "{part} in {request}");
    }
}

#[tokio::test]
async fn a_good_status_with_a_page_in_it_is_no_answer() {
    let server =
        Server::start(vec![Act::Answer(answer("200 OK", "Content-Type: text/html\r\n", "<html>log in</html>"))]).await;
    let error = list(config(&server)).await.unwrap_err();
    assert!(matches!(error, Error::Alien { status: 200, .. }), "{error:?}");
    assert!(error.may_have_happened() && !error.is_retryable());
    // Without a type, it is taken for an answer and cannot be read.
    let server = Server::start(vec![Act::Answer(answer("200 OK", "", "<html>log in</html>"))]).await;
    let error = list(config(&server)).await.unwrap_err();
    assert!(matches!(error, Error::Unreadable { .. }) && error.may_have_happened(), "{error:?}");
}

#[tokio::test]
async fn a_proxys_failure_is_repeated() {
    let bad = Act::Answer(answer("502 Bad Gateway", "Content-Type: text/html\r\n", "<html>Bad Gateway</html>"));
    let server = Server::start(vec![bad.clone(), bad.clone(), good()]).await;
    assert!(list(config(&server)).await.is_ok());
    assert_eq!(server.accepted(), 3);

    let server = Server::start(vec![bad]).await;
    let error = list_once(config(&server)).await;
    assert!(matches!(error, Error::Alien { status: 502, .. }), "{error:?}");
    assert!(error.may_have_happened() && error.is_retryable());
}

#[tokio::test]
async fn without_a_connection_nothing_has_happened() {
    let server = Server::start(vec![]).await;
    let config = config(&server);
    // The port is free again, and nobody listens on it.
    let port = server.address.port();
    drop(server);
    while tokio::net::TcpListener::bind(("127.0.0.1", port)).await.is_err() {
        tokio::task::yield_now().await;
    }
    let error = list_once(config).await;
    assert!(matches!(&error, Error::Cut { cut, .. } if cut.sent == Sent::Nothing), "{error:?}");
    assert!(!error.may_have_happened() && error.is_retryable());
}

#[tokio::test]
async fn a_connection_cut_before_or_instead_of_an_answer_may_have_carried_the_request() {
    for act in [Act::CutBefore, Act::CutInstead] {
        let server = Server::start(vec![act.clone()]).await;
        let error = list_once(config(&server)).await;
        assert!(matches!(&error, Error::Cut { cut, .. } if cut.sent == Sent::Unknown), "{act:?}: {error:?}");
        assert!(error.may_have_happened() && error.is_retryable());

        let server = Server::start(vec![act, good()]).await;
        assert!(list(config(&server)).await.is_ok());
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_has_an_operation_behind_it() {
    let half = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"StreamNames\":[".to_vec();
    let server = Server::start(vec![Act::Answer(half)]).await;
    let error = list_once(config(&server)).await;
    assert!(matches!(&error, Error::Cut { cut, .. } if cut.sent == Sent::All), "{error:?}");
    assert!(error.may_have_happened());
}

#[tokio::test]
async fn a_body_that_stops_is_given_up_in_time() {
    let half = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"StreamNames\":[".to_vec();
    let server = Server::start(vec![Act::AnswerAndStall(half)]).await;
    let error = list_once(config(&server).with_attempt_timeout(SOON)).await;
    assert!(
        matches!(&error, Error::Cut { cut, .. } if cut.sent == Sent::All && cut.reason.contains("in time")),
        "{error:?}"
    );
}

#[tokio::test]
async fn an_answer_that_never_begins_is_given_up_in_time() {
    let server = Server::start(vec![Act::AnswerAndStall(Vec::new())]).await;
    let error = list_once(config(&server).with_attempt_timeout(SOON)).await;
    assert!(matches!(&error, Error::Cut { cut, .. } if cut.sent == Sent::Unknown), "{error:?}");
    // The whole call has a limit too, however many attempts are left.
    let server = Server::start(vec![Act::AnswerAndStall(Vec::new()); 9]).await;
    let patient = RetryPolicy::default().with_attempts(9).with_first_wait(Duration::from_millis(1));
    let config = config(&server).with_attempt_timeout(SOON).with_call_timeout(SOON * 2).with_retry(patient);
    let error = list(config).await.unwrap_err();
    assert!(error.coordinates().unwrap().attempt <= 3, "{error}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Server::start(vec![good()]).await;
    let location = format!("Location: http://{}/\r\n", elsewhere.address);
    let server = Server::start(vec![Act::Answer(answer("307 Temporary Redirect", &location, ""))]).await;
    let error = list(config(&server)).await.unwrap_err();
    assert!(matches!(error, Error::Alien { status: 307, .. }), "{error:?}");
    assert_eq!((server.accepted(), elsewhere.accepted()), (1, 0));
}

#[tokio::test]
async fn an_answer_beyond_the_limit_is_given_up() {
    let long = answer("200 OK", "Content-Type: application/x-amz-json-1.1\r\n", &" ".repeat(100_000));
    let server = Server::start(vec![Act::Answer(long)]).await;
    let error = list_once(config(&server).with_answer_limit(10_000)).await;
    assert!(matches!(&error, Error::Cut { cut, .. } if cut.reason.contains("longer than 10000 bytes")), "{error:?}");
}

#[tokio::test]
async fn an_answer_that_trickles_is_read() {
    let Act::Answer(bytes) = good() else { panic!("an answer") };
    let server = Server::start(vec![Act::Trickle(bytes)]).await;
    assert!(list(config(&server)).await.is_ok());
}

#[tokio::test]
async fn what_the_service_refuses_is_not_repeated_and_told_with_its_place() {
    let server = Server::start(vec![fault("400 Bad Request", "", "ResourceNotFoundException")]).await;
    let client = Client::new(config(&server)).unwrap();
    let mut input = PutRecordInput::new("hidden payload");
    input.stream_name = Some("orders".parse().unwrap());
    let error = client.put_record(&input).await.unwrap_err();
    assert_eq!(error.code(), Some(&FaultCode::ResourceNotFound));
    assert_eq!(error.to_string(), "PutRecord on orders, attempt 1, request id-9: ResourceNotFoundException: why");
    assert!(!error.is_retryable() && !error.may_have_happened());
    let shown = format!("{error:?} {client:?}");
    assert!(!shown.contains("hidden"), "{shown}");
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn throttling_is_repeated_until_the_attempts_or_the_budget_are_spent() {
    let slow = fault("400 Bad Request", "", "LimitExceededException");
    let server = Server::start(vec![slow.clone(); 20]).await;
    let error = list(config(&server)).await.unwrap_err();
    assert_eq!((error.coordinates().unwrap().attempt, server.accepted()), (4, 4));
    assert!(error.is_retryable() && !error.may_have_happened());

    // Two repetitions are saved up; each call would make three.
    let server = Server::start(vec![slow; 20]).await;
    let retry = RetryPolicy::default().with_budget(2).with_first_wait(Duration::from_millis(1));
    let client = Client::new(config(&server).with_retry(retry)).unwrap();
    for _ in 0..5 {
        client.list_streams(&ListStreamsInput::default()).await.unwrap_err();
    }
    assert_eq!(server.accepted(), 5 + 2);
}

/// Keys with a number, counted.
#[derive(Clone, Debug, Default)]
struct Numbered(Arc<AtomicU32>);

impl Credentials for Numbered {
    fn provide(&self) -> ProvidedKeys<'_> {
        let number = self.0.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move { Ok(Keys::new(&format!("AKID{number}"), "secret", Some("token"), None)) })
    }
}

#[tokio::test]
async fn expired_keys_are_fetched_anew_once() {
    let expired = fault("400 Bad Request", "", "ExpiredTokenException");
    let mut server = Server::start(vec![expired.clone(), good()]).await;
    let keys = Numbered::default();
    assert!(list(config(&server).with_credentials(keys.clone())).await.is_ok());
    assert!(server.request().await.contains("Credential=AKID0/"));
    assert!(server.request().await.contains("Credential=AKID1/"));

    // If fresh ones are refused too, it is not for their age.
    let server = Server::start(vec![expired; 9]).await;
    let error = list(config(&server).with_credentials(Numbered::default())).await.unwrap_err();
    assert_eq!((error.code(), server.accepted()), (Some(&FaultCode::ExpiredToken), 2));
}

#[tokio::test]
async fn a_clock_that_is_off_is_corrected_by_the_refusal() {
    /// An hour slow.
    #[derive(Debug)]
    struct Slow;
    impl tailwater_wire::time::WallClock for Slow {
        fn now(&self) -> tailwater_record::Timestamp {
            tailwater_record::Timestamp::from_millis(1_700_000_000_000)
        }
    }
    let date = "Date: Tue, 14 Nov 2023 23:13:20 GMT\r\n";
    let refusal = fault("400 Bad Request", date, "InvalidSignatureException");
    let mut server = Server::start(vec![refusal.clone(), good(), good()]).await;
    let client = Client::new(config(&server).with_clock(Slow)).unwrap();
    client.list_streams(&ListStreamsInput::default()).await.unwrap();
    assert!(server.request().await.contains("x-amz-date: 20231114T221320Z"));
    assert!(server.request().await.contains("x-amz-date: 20231114T231320Z"));
    client.list_streams(&ListStreamsInput::default()).await.unwrap();
    assert!(server.request().await.contains("x-amz-date: 20231114T231320Z"), "remembered");

    let server = Server::start(vec![refusal; 9]).await;
    let error = list(config(&server).with_clock(Slow)).await.unwrap_err();
    assert_eq!((error.code(), server.accepted()), (Some(&FaultCode::InvalidSignature), 2));
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused_before_anything_is_sent() {
    let made = |name: &str| {
        let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        (tokio_rustls::TlsAcceptor::from(Arc::new(tls)), made.cert.pem())
    };
    let over_tls = |server: &Server, pem: String| {
        config(server)
            .with_endpoint_url(format!("https://localhost:{}", server.address.port()).parse().unwrap())
            .with_root_pem(pem)
    };
    let (tls, pem) = made("localhost");
    let server = Server::start_with(vec![good()], Some(tls)).await;
    assert!(list(over_tls(&server, pem)).await.is_ok());

    let (tls, pem) = made("kinesis.example");
    let server = Server::start_with(vec![good()], Some(tls)).await;
    let error = list_once(over_tls(&server, pem)).await;
    assert!(matches!(&error, Error::Cut { cut, .. } if cut.sent == Sent::Nothing), "{error:?}");
    assert!(!error.may_have_happened());
}

#[tokio::test]
async fn all_faults_of_a_configuration_are_found_before_the_first_call() {
    let config = Config::new("us-east-1".parse().unwrap())
        .with_endpoint_url("http://localhost:1".parse().unwrap())
        .with_fips(true)
        .with_credentials(StaticCredentials::new("", "", None))
        .with_attempt_timeout(Duration::ZERO)
        .with_root_pem("no certificate");
    let Err(Error::Config { faults }) = Client::new(config) else { panic!("not refused") };
    assert_eq!(faults.len(), 4, "{faults:?}");
}
