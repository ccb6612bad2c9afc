//! The command as a process: it says where it listens, answers there, and stops when it is told to.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;
use tailwater_client::{Client, Config, StaticCredentials};
use tailwater_wire::shapes::{CreateStreamInput, DescribeStreamSummaryInput};

/// A process that is gone when this is dropped.
struct Process(Child);

/// How long a process may take to end.
const PATIENCE: Duration = Duration::from_secs(20);

impl Process {
    /// How it ended. One that goes on fails here, instead of being waited for without end.
    fn end(mut self) -> ExitStatus {
        let id = self.0.id().to_string();
        let (tell, told) = mpsc::channel();
        thread::spawn(move || tell.send(self.0.wait()));
        let ended = told.recv_timeout(PATIENCE).unwrap_or_else(|_| {
            let _ = Command::new("kill").args(["-KILL", &id]).status();
            panic!("it goes on")
        });
        ended.unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended already, or it ends now; there is nobody to tell.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn broker(arguments: &[&str]) -> (Process, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tailwater"));
    let mut child = command.arg("broker").args(arguments).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    // Its output is closed now, which is no reason to stop.
    (Process(child), line)
}

fn url(line: &str) -> String {
    line.split_whitespace().find(|word| word.starts_with("http")).unwrap().to_owned()
}

#[tokio::test]
async fn it_says_where_it_listens_and_serves_there_as_whom_it_is_told() {
    let options = ["--listen", "127.0.0.1:0", "--memory", "--account", "123456789012", "--region", "eu-central-1"];
    let (_process, line) = broker(&options);
    let config = Config::new("us-west-2".parse().unwrap())
        .with_endpoint_url(url(&line).parse().unwrap())
        .with_credentials(StaticCredentials::new("AKIDEXAMPLE", "secret", None));
    let client = Client::new(config).unwrap();
    client.create_stream(&CreateStreamInput::provisioned("s".parse().unwrap(), 1)).await.unwrap();
    let input = DescribeStreamSummaryInput { stream_name: Some("s".parse().unwrap()), stream_arn: None };
    let summary = client.describe_stream_summary(&input).await.unwrap().stream_description_summary;
    assert_eq!(summary.stream_arn.to_string(), "arn:aws:kinesis:eu-central-1:123456789012:stream/s");
}

#[test]
fn it_ends_well_when_it_is_told_to() {
    for signal in ["-TERM", "-INT"] {
        let (process, _) = broker(&["--listen", "127.0.0.1:0"]);
        let sent = Command::new("kill").args([signal, &process.0.id().to_string()]).status().unwrap();
        assert!(sent.success());
        assert!(process.end().success(), "{signal}");
    }
}

#[test]
fn what_it_cannot_do_is_said_in_one_line() {
    let (_taken, line) = broker(&["--listen", "127.0.0.1:0"]);
    let address = url(&line).trim_start_matches("http://").to_owned();
    for (options, said) in [
        (["--listen", "0.0.0.0:0"], "allow it expressly"),
        (["--listen", &address], "cannot listen on"),
        (["--account", "12"], "account id"),
        (["--limits", "some"], "aws-strict"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tailwater"));
        let command = command.arg("broker").args(options).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut output = child.stderr.take().unwrap();
        let ended = Process(child).end();
        let mut told = String::new();
        output.read_to_string(&mut told).unwrap();
        assert!(!ended.success() && told.contains(said), "{options:?}: {told}");
    }
}
