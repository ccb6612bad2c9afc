//! Keys from `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`.

use super::{Credentials, CredentialsFault, Keys, ProvidedKeys};

/// The process's environment, read anew each time.
#[derive(Clone, Copy, Debug, Default)]
pub struct EnvironmentCredentials(());

impl EnvironmentCredentials {
    /// The environment.
    #[must_use]
    pub fn new() -> Self {
        Self(())
    }
}

fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Keys, CredentialsFault> {
    let must = |name: &str| variable(name).ok_or_else(|| CredentialsFault::Missing(format!("{name} is not set")));
    let (id, secret) = (must("AWS_ACCESS_KEY_ID")?, must("AWS_SECRET_ACCESS_KEY")?);
    Ok(Keys::new(&id, &secret, variable("AWS_SESSION_TOKEN").as_deref(), None))
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

impl Credentials for EnvironmentCredentials {
    fn provide(&self) -> ProvidedKeys<'_> {
        Box::pin(std::future::ready(read(variable)))
    }

    fn check(&self) -> Result<(), CredentialsFault> {
        read(variable).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_without_its_secret_is_none() {
        let with = |names: &'static [&'static str]| {
            read(move |name| names.contains(&name).then(|| format!("the {name}")))
                .map(|keys| keys.access_key_id().to_owned())
        };
        assert_eq!(with(&["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]), Ok("the AWS_ACCESS_KEY_ID".to_owned()));
        let missing = CredentialsFault::Missing("AWS_SECRET_ACCESS_KEY is not set".to_owned());
        assert_eq!(with(&["AWS_ACCESS_KEY_ID"]), Err(missing));
    }
}
