//! The programs in `interop/sdks`: what each is installed from, and the command that runs it.
//! Called by `sdks`.

use crate::interop::install::Pinned;
use crate::shell::Outcome;
use std::fmt;
use std::process::Command;

const MODULES: &[&str] = &[
    "absent.mjs",
    "checks.mjs",
    "consumers.mjs",
    "main.mjs",
    "records.mjs",
    "settings.mjs",
    "shards.mjs",
    "streams.mjs",
];

/// Variables by which a machine says where AWS is and as whom to call it; no program is to hear of that.
const UNHEARD: &[&str] = &["AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_KINESIS", "CBOR_ENABLED"];

/// Somebody's SDK, as one of our programs uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Program {
    Boto3,
    /// It speaks HTTP/2, as it does when nobody says otherwise.
    JavaScript,
    JavaScriptInHttp1,
    /// It speaks CBOR, as it does when nobody says otherwise.
    Java,
    JavaInJson,
    Rust,
    Aiokpl,
    AsyncKinesis,
}

impl Program {
    pub(super) const ALL: [Self; 8] = [
        Self::Boto3,
        Self::JavaScript,
        Self::Java,
        Self::Rust,
        Self::JavaScriptInHttp1,
        Self::JavaInJson,
        Self::Aiokpl,
        Self::AsyncKinesis,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Boto3 => "boto3",
            Self::JavaScript => "JavaScript in HTTP/2",
            Self::JavaScriptInHttp1 => "JavaScript in HTTP/1.1",
            Self::Java => "Java in CBOR",
            Self::JavaInJson => "Java in JSON",
            Self::Rust => "Rust",
            Self::Aiokpl => "aiokpl",
            Self::AsyncKinesis => "async-kinesis",
        }
    }

    fn pinned(self) -> Pinned {
        let python = &["requirements.txt"];
        match self {
            Self::Boto3 => Pinned::new("sdks/boto3", "sdks/boto3", python),
            Self::JavaScript | Self::JavaScriptInHttp1 => {
                Pinned::new("sdks/javascript", "sdks/javascript", &["package.json", "package-lock.json"])
            }
            Self::Java | Self::JavaInJson => Pinned::new("sdks/java", "sdks/java", &["pom.xml"]),
            Self::Rust => Pinned::new("sdks/rust", "sdks/rust", &[]),
            Self::Aiokpl => Pinned::new("sdks/aiokpl", "sdks/aiokpl", python),
            Self::AsyncKinesis => Pinned::new("sdks/async_kinesis", "sdks/async_kinesis", python),
        }
    }

    /// Installs what is pinned, unless it is there already, and builds what is to be built.
    pub(super) fn install(self) -> Outcome {
        let pinned = self.pinned();
        match self {
            Self::Boto3 | Self::Aiokpl | Self::AsyncKinesis => pinned.python(),
            Self::JavaScript => {
                pinned.node()?;
                // Node looks for packages beside the program, nowhere else.
                pinned.copy(MODULES)
            }
            Self::Java => pinned.java(),
            Self::Rust => pinned.rust(),
            // They are the same programs.
            Self::JavaScriptInHttp1 | Self::JavaInJson => Ok(()),
        }
    }

    /// The command that runs it; the endpoint is still to be said.
    pub(super) fn command(self) -> Command {
        let pinned = self.pinned();
        let home = pinned.home();
        let mut command = match self {
            Self::Boto3 | Self::Aiokpl | Self::AsyncKinesis => {
                let mut command = Command::new(pinned.interpreter());
                command.arg(pinned.sources().join("main.py"));
                // Whatever the locale, lines are UTF-8; and nothing is written beside the program.
                command.env("PYTHONUTF8", "1").env("PYTHONDONTWRITEBYTECODE", "1");
                command
            }
            Self::JavaScript | Self::JavaScriptInHttp1 => {
                let mut command = Command::new("node");
                // It would warn of a Node that a later version is to want.
                command.arg("--no-warnings").arg(home.join("main.mjs"));
                command
            }
            Self::Java | Self::JavaInJson => {
                let mut command = Command::new("java");
                if self == Self::JavaInJson {
                    command.arg("-Daws.cborEnabled=false");
                }
                command.arg("-cp").arg(pinned.class_path()).arg("interop.Main");
                command
            }
            Self::Rust => Command::new(home.join("debug/tailwater-interop-sdk")),
        };
        for name in UNHEARD {
            command.env_remove(name);
        }
        command.env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
        command.env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1");
        command
    }

    /// What it is told besides.
    pub(super) const fn flags(self) -> &'static [&'static str] {
        match self {
            Self::JavaScriptInHttp1 => &["--http1"],
            _ => &[],
        }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}
