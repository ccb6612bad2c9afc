//! The standard chain: what a profile says about region, endpoint and keys reaches the client.
//! A profile is found through environment variables, which a test must not change for its neighbours; so each case runs
//! in a process of its own, made of this same binary.

#![cfg(feature = "aws-config")]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::process::Command;
use tailwater_client::{Client, load_config};

const PROFILE: &str = "
[default]
region = eu-central-1
aws_access_key_id = AKIDPROFILE
aws_secret_access_key = secret
endpoint_url = http://127.0.0.1:1111
services = mine

[services mine]
kinesis =
  endpoint_url = http://127.0.0.1:2222
";

/// What a process with this environment finds.
fn found(variables: &[(&str, &str)]) -> String {
    let folder = std::env::temp_dir().join(format!("tailwater-profile-{}-{}", std::process::id(), variables.len()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("config");
    std::fs::write(&file, PROFILE).unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "tell_what_is_found", "--nocapture"])
        .env_clear()
        .env("AWS_CONFIG_FILE", &file)
        .env("AWS_SHARED_CREDENTIALS_FILE", folder.join("none"))
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().find_map(|line| line.strip_prefix("found ")).unwrap_or_else(|| panic!("{text}")).to_owned()
}

#[tokio::test]
#[ignore = "runs in the processes of the other tests"]
async fn tell_what_is_found() {
    let config = load_config().await.unwrap();
    println!("found {config:?}");
    Client::new(config).unwrap();
}

#[test]
fn the_services_own_address_of_a_profile_wins() {
    let found = found(&[]);
    assert!(found.contains("eu-central-1") && found.contains("127.0.0.1:2222"), "{found}");
    assert!(!found.contains("secret"), "{found}");
}

#[test]
fn variables_win_over_the_profile() {
    let one = found(&[("AWS_ENDPOINT_URL_KINESIS", "http://127.0.0.1:3333"), ("AWS_REGION", "us-west-2")]);
    assert!(one.contains("127.0.0.1:3333") && one.contains("us-west-2"), "{one}");
}

#[test]
fn configured_addresses_are_ignored_when_told_so() {
    let found = found(&[("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"), ("A", ""), ("B", "")]);
    assert!(!found.contains("127.0.0.1"), "{found}");
}
