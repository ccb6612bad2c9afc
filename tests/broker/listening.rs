//! The broker on a port: what stands in HTTP itself, which no SDK shows.

use std::time::Duration;
use tailwater::broker::{Broker, Config, Error, ListenConfig, Listener, Tls};
use tailwater::client::{self, Client, HttpVersion, StaticCredentials};
use tailwater::record::ShardId;
use tailwater::wire::shapes::{
    CreateStreamInput, GetShardIteratorInput, ListStreamsInput, PutRecordInput, ShardIteratorType,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const SIGNED: &str = "Authorization: AWS4-HMAC-SHA256 Credential=A/B/us-east-1/kinesis/aws4_request, SignedHeaders=a, \
                      Signature=b\r\nX-Amz-Date: 20261121T000000Z\r\n";
const JSON: &str = "Content-Type: application/x-amz-json-1.1\r\n";

fn here() -> ListenConfig {
    ListenConfig::on("127.0.0.1:0".parse().unwrap())
}

async fn listen(config: ListenConfig) -> Listener {
    Broker::open(Config::default()).unwrap().listen(config).await.unwrap()
}

/// Sends a request and reads until the broker closes.
async fn exchange(listener: &Listener, request: &str) -> String {
    let mut stream = TcpStream::connect(listener.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn call(operation: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: Kinesis_20131202.{operation}\r\n{JSON}{SIGNED}{headers}\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = answer.split("\r\n\r\n").next()?.lines().skip(1).filter_map(|line| line.split_once(": "));
    lines.find_map(|(key, value)| key.eq_ignore_ascii_case(name).then_some(value))
}

#[tokio::test]
async fn every_answer_has_its_names_its_length_and_its_date() {
    let listener = listen(here()).await;
    let listed = exchange(&listener, &call("ListStreams", "", "{}")).await;
    assert!(
        listed.starts_with("HTTP/1.1 200")
            && listed.ends_with(r#"{"StreamNames":[],"HasMoreStreams":false,"StreamSummaries":[]}"#),
        "{listed}"
    );
    let created = exchange(&listener, &call("CreateStream", "", r#"{"StreamName":"s","ShardCount":1}"#)).await;
    assert!(created.starts_with("HTTP/1.1 200") && created.ends_with("\r\n\r\n"), "{created}");
    assert_eq!(header(&created, "content-length"), Some("0"));
    let refused = exchange(&listener, &call("CreateStream", "", r#"{"StreamName":"s","ShardCount":1}"#)).await;
    assert!(refused.starts_with("HTTP/1.1 400"), "{refused}");
    assert!(refused.ends_with(
        r#"{"__type":"ResourceInUseException","message":"Stream s under account 000000000000 already exists."}"#
    ));
    assert_eq!(header(&refused, "x-amzn-errortype"), Some("ResourceInUseException"));
    for answer in [&listed, &created, &refused] {
        assert_eq!(header(answer, "content-type"), Some("application/x-amz-json-1.1"));
        assert_eq!(header(answer, "x-amzn-requestid").map(str::len), Some(36));
        assert_eq!(header(answer, "x-amz-id-2").map(str::len), Some(96));
        assert!(header(answer, "date").is_some() && header(answer, "access-control-allow-origin").is_none());
    }
    assert_ne!(header(&listed, "x-amzn-requestid"), header(&refused, "x-amzn-requestid"));
    listener.close().await;
}

#[tokio::test]
async fn what_is_not_offered_is_one_clear_fault() {
    let listener = listen(here()).await;
    for operation in ["CreateQueue", "ListChannels", "ReceiveQueueRecords"] {
        let answer = exchange(&listener, &call(operation, "", "{}")).await;
        let expected = format!(
            r#"{{"__type":"UnknownOperationException","message":"This broker has neither queues nor channels; {operation} is not offered."}}"#
        );
        assert!(answer.starts_with("HTTP/1.1 400") && answer.ends_with(&expected), "{answer}");
    }
}

#[tokio::test]
async fn a_body_may_have_sixteen_mebibytes_and_may_be_waited_for() {
    let listener = listen(here()).await;
    let most = 16 * 1024 * 1024;
    let padded = format!("{{{}}}", " ".repeat(most - 2));
    assert!(exchange(&listener, &call("ListStreams", "", &padded)).await.starts_with("HTTP/1.1 200"));
    // By its length alone, before any of it is sent; by what comes, if no length is told.
    let told = format!("POST / HTTP/1.1\r\nHost: x\r\n{JSON}{SIGNED}Content-Length: {}\r\n\r\n", most + 1);
    assert!(exchange(&listener, &told).await.starts_with("HTTP/1.1 413"));
    let mut stream = TcpStream::connect(listener.address()).await.unwrap();
    let head = format!("POST / HTTP/1.1\r\nHost: x\r\n{JSON}{SIGNED}Transfer-Encoding: chunked\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("100000\r\n{}\r\n", " ".repeat(0x10_0000));
    for _ in 0..17 {
        if stream.write_all(chunk.as_bytes()).await.is_err() {
            break;
        }
    }
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 413");

    let mut stream = TcpStream::connect(listener.address()).await.unwrap();
    let head = format!(
        "POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: Kinesis_20131202.ListStreams\r\n{JSON}{SIGNED}Content-Length: 2\r\n\
         Expect: 100-continue\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut waited = [0; 25];
    stream.read_exact(&mut waited).await.unwrap();
    assert_eq!(&waited, b"HTTP/1.1 100 Continue\r\n\r\n");
}

#[tokio::test]
async fn a_head_has_limits() {
    let listener = listen(here()).await;
    let many: String = (0..101).map(|number| format!("X-Number-{number}: 1\r\n")).collect();
    let answer = exchange(&listener, &call("ListStreams", &many, "{}")).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    let large = format!("X-Large: {}\r\n", "x".repeat(1024 * 1024));
    let mut stream = TcpStream::connect(listener.address()).await.unwrap();
    // It may close before all of it is sent.
    let _ = stream.write_all(call("ListStreams", &large, "{}").as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    let usual = exchange(&listener, &call("ListStreams", "", "{}")).await;
    assert!(usual.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn pages_call_only_if_they_are_let_in() {
    let origin = "Origin: http://page.example\r\n";
    let preflight = format!(
        "OPTIONS / HTTP/1.1\r\nHost: x\r\n{origin}Access-Control-Request-Headers: x-amz-target\r\nConnection: close\r\n\r\n"
    );
    let closed = listen(here()).await;
    assert!(exchange(&closed, &preflight).await.starts_with("HTTP/1.1 403"));
    assert_eq!(
        header(&exchange(&closed, &call("ListStreams", origin, "{}")).await, "access-control-allow-origin"),
        None
    );
    let open = listen(here().with_cors("http://page.example")).await;
    let answer = exchange(&open, &preflight).await;
    assert!(answer.starts_with("HTTP/1.1 200"));
    assert_eq!(header(&answer, "access-control-allow-headers"), Some("x-amz-target"));
    assert_eq!((header(&answer, "x-amz-id-2"), header(&answer, "content-type")), (None, None));
    assert_eq!(header(&answer, "x-amzn-requestid").map(str::len), Some(36));
    let answer = exchange(&open, &call("ListStreams", origin, "{}")).await;
    assert_eq!(header(&answer, "access-control-allow-origin"), Some("http://page.example"));
    let other = exchange(&open, &call("ListStreams", "Origin: http://other.example\r\n", "{}")).await;
    assert_eq!(header(&other, "access-control-allow-origin"), None);
}

#[tokio::test]
async fn one_port_speaks_tls_and_clear_text_in_both_versions() {
    let tls = Tls::self_signed().unwrap();
    let listener = listen(here().with_tls(tls.clone())).await;
    let clear = listener.url().replace("https", "http");
    for (url, version) in [
        (listener.url(), HttpVersion::Negotiated),
        (listener.url(), HttpVersion::Http1),
        (clear.clone(), HttpVersion::Http1),
        (clear, HttpVersion::Http2),
    ] {
        let config = client::Config::new("us-east-1".parse().unwrap())
            .with_endpoint_url(url.parse().unwrap())
            .with_root_pem(tls.certificate_pem())
            .with_http_version(version)
            .with_credentials(StaticCredentials::new("AKIDEXAMPLE", "secret", None));
        Client::new(config).unwrap().once().list_streams(&ListStreamsInput::default()).await.unwrap();
    }
    listener.close().await;
}

#[tokio::test]
async fn other_machines_are_let_in_only_expressly() {
    let everywhere = ListenConfig::on("0.0.0.0:0".parse().unwrap());
    let refused = Broker::open(Config::default()).unwrap().listen(everywhere).await;
    assert!(matches!(refused, Err(Error::Exposed(_))), "{refused:?}");
    let broken = Tls::pem(b"no certificate", b"no key");
    assert!(matches!(broken, Err(Error::Certificate { .. })), "{broken:?}");
}

/// Time stands still but for those who wait, so that no limit is waited for in earnest.
#[tokio::test(start_paused = true)]
async fn a_client_that_stops_half_way_is_given_up() {
    let listener = listen(here()).await;
    let in_the_head = exchange(&listener, "POST / HTTP/1.1\r\nHost: x\r\n").await;
    assert!(in_the_head.is_empty() || in_the_head.starts_with("HTTP/1.1 408"), "{in_the_head}");
    let whole = call("ListStreams", "", "{}");
    let in_the_body = exchange(&listener, &whole[..whole.len() - 1]).await;
    assert!(in_the_body.starts_with("HTTP/1.1 408"), "{in_the_body}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_does_not_hold_its_place() {
    let broker = Broker::open(Config::default()).unwrap();
    let client = tailwater::local::client(&broker).unwrap();
    let mut stream = CreateStreamInput::provisioned("s".parse().unwrap(), 1);
    stream.max_record_size_in_ki_b = Some(10_240);
    client.create_stream(&stream).await.unwrap();
    let mut record = PutRecordInput::new(vec![7; 10_000_000]);
    (record.stream_name, record.partition_key) = (Some("s".parse().unwrap()), Some("k".parse().unwrap()));
    client.put_record(&record).await.unwrap();
    let iterator = GetShardIteratorInput {
        stream_name: Some("s".parse().unwrap()),
        shard_id: ShardId::numbered(0),
        shard_iterator_type: ShardIteratorType::TrimHorizon,
        starting_sequence_number: None,
        timestamp: None,
        stream_arn: None,
        dry_run: None,
    };
    let iterator = client.get_shard_iterator(&iterator).await.unwrap().shard_iterator.unwrap();

    // The only place there is.
    let listener = broker.listen(here().with_connections(1)).await.unwrap();
    let mut greedy = TcpStream::connect(listener.address()).await.unwrap();
    let read = call("GetRecords", "", &format!(r#"{{"ShardIterator":"{iterator}"}}"#)).replace("close", "keep-alive");
    greedy.write_all(read.as_bytes()).await.unwrap();
    let answer = exchange(&listener, &call("ListStreams", "", "{}")).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    // It was served, and cut off.
    let mut rest = Vec::new();
    let _ = greedy.read_to_end(&mut rest).await;
    assert!(rest.starts_with(b"HTTP/1.1 200") && rest.len() < 13_000_000, "{} bytes", rest.len());
}

#[tokio::test(start_paused = true)]
async fn bodies_wait_until_there_is_room_for_them() {
    let listener = listen(here().with_body_memory(0)).await;
    let mut greedy = TcpStream::connect(listener.address()).await.unwrap();
    let head = format!("POST / HTTP/1.1\r\nHost: x\r\n{JSON}{SIGNED}Content-Length: 16777216\r\n\r\n");
    greedy.write_all(head.as_bytes()).await.unwrap();
    // Room for one body is all there is; it is free again once the greedy one is given up.
    let mut given_up = [0; 12];
    let request = call("ListStreams", "", "{}");
    let (answer, read) = tokio::join!(exchange_after(&listener, &request), greedy.read_exact(&mut given_up));
    read.unwrap();
    assert_eq!(&given_up, b"HTTP/1.1 408");
    let (answer, waited) = answer;
    assert!(answer.starts_with("HTTP/1.1 200") && waited >= Duration::from_secs(29), "{waited:?}: {answer}");
}

/// As `exchange`, and how long it took.
async fn exchange_after(listener: &Listener, request: &str) -> (String, Duration) {
    let began = tokio::time::Instant::now();
    (exchange(listener, request).await, began.elapsed())
}

#[tokio::test]
async fn a_request_that_has_begun_is_finished_when_the_listener_closes() {
    let listener = listen(here()).await;
    let address = listener.address();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = call("ListStreams", "", "{}");
    let (head, rest) = request.split_at(request.len() - 1);
    stream.write_all(head.as_bytes()).await.unwrap();
    // The head has been read once another call on the same broker is answered behind it.
    exchange(&listener, &call("ListStreams", "", "{}")).await;
    let closing = tokio::spawn(listener.close());
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    stream.write_all(rest.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    tokio::time::timeout(Duration::from_secs(60), closing).await.unwrap().unwrap();
}
