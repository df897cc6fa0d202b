//! Settings from flags and environment, parsed whole.
//!
//! clap stops at the first fault. An operator who fixes one variable per
//! restart is not amused, so [`parse`] notes each fault, takes that argument
//! out of the way, and asks clap again until nothing is left to report.

use std::{ffi::OsString, fmt::Write as _, fs, net::SocketAddr, path::PathBuf, time::Duration};

use clap::{
    Arg, Args, Command, CommandFactory, Error, FromArgMatches, ValueEnum, ValueHint,
    builder::{OsStringValueParser, ValueParser},
    error::{ContextKind, ContextValue, ErrorKind},
};
use secrecy::{ExposeSecret, SecretString};

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// `--help` or `--version` was asked for; the text goes to standard output.
    #[error("{0}")]
    Help(String),
    /// Everything that is wrong, one line each.
    #[error("{}", list(.0))]
    Faults(Vec<String>),
}

fn list(faults: &[String]) -> String {
    faults.iter().fold(String::new(), |mut text, fault| {
        let _ = writeln!(text, "  {fault}");
        text
    })
}

/// Parses `arguments` (program name first) and the environment into `C`.
///
/// A secret (an argument with `hide_env_values`) may also come from the file
/// that the variable with `_FILE` appended names; trailing line breaks are cut.
pub fn parse<C>(arguments: impl IntoIterator<Item = OsString>) -> Result<C, SettingsError>
where
    C: CommandFactory + FromArgMatches,
{
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let mut faults = Vec::new();
    let mut command = C::command();
    // Until a command is built, its arguments do not know what they are called in errors.
    command.build();
    let mut command = secrets_from_files(command, &mut faults);
    loop {
        let error = match command.clone().try_get_matches_from(&arguments) {
            Ok(matches) if faults.is_empty() => match C::from_arg_matches(&matches) {
                Ok(settings) => return Ok(settings),
                Err(error) => error,
            },
            Ok(_) => return Err(SettingsError::Faults(faults)),
            Err(error) => error,
        };
        if matches!(
            error.kind(),
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
        ) {
            return Err(SettingsError::Help(error.render().to_string()));
        }
        let blamed = blamed_arguments(&command, &error);
        if blamed.is_empty() {
            faults.push(first_line(&error));
            return Err(SettingsError::Faults(faults));
        }
        for id in blamed {
            faults.push(describe(&command, &id, &error));
            command = for_each_argument(command, &|argument| {
                if argument.get_id().as_str() == id {
                    argument
                        .required(false)
                        .value_parser(ValueParser::new(OsStringValueParser::new()))
                } else {
                    argument
                }
            });
        }
    }
}

fn secrets_from_files(command: Command, faults: &mut Vec<String>) -> Command {
    let mut found: Vec<(String, String)> = Vec::new();
    visit_arguments(&command, &mut |argument| {
        let Some(variable) = argument
            .get_env()
            .filter(|_| argument.is_hide_env_values_set())
        else {
            return;
        };
        let variable = variable.to_string_lossy().into_owned();
        let Some(path) = std::env::var_os(format!("{variable}_FILE")).map(PathBuf::from) else {
            return;
        };
        if std::env::var_os(&variable).is_some() {
            faults.push(format!("{variable} and {variable}_FILE are both set"));
            return;
        }
        match fs::read_to_string(&path) {
            Ok(secret) => found.push((
                argument.get_id().to_string(),
                secret.trim_end_matches(['\r', '\n']).to_owned(),
            )),
            Err(error) => faults.push(format!(
                "{variable}_FILE: cannot read {}: {error}",
                path.display()
            )),
        }
    });
    for_each_argument(command, &|argument| match found
        .iter()
        .find(|(id, _)| argument.get_id() == id)
    {
        Some((_, secret)) => argument
            .required(false)
            .default_value(secret.clone())
            .hide_default_value(true),
        None => argument,
    })
}

fn visit_arguments(command: &Command, visit: &mut impl FnMut(&Arg)) {
    command.get_arguments().for_each(&mut *visit);
    for subcommand in command.get_subcommands() {
        visit_arguments(subcommand, visit);
    }
}

fn for_each_argument(command: Command, change: &impl Fn(Arg) -> Arg) -> Command {
    command
        .mut_args(change)
        .mut_subcommands(|subcommand| for_each_argument(subcommand, change))
}

/// The ids of the arguments an error is about.
fn blamed_arguments(command: &Command, error: &Error) -> Vec<String> {
    let names: Vec<String> = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(name)) => vec![name.clone()],
        Some(ContextValue::Strings(names)) => names.clone(),
        _ => return Vec::new(),
    };
    let mut ids = Vec::new();
    visit_arguments(command, &mut |argument| {
        let id = argument.get_id().to_string();
        if names.contains(&argument.to_string()) && !ids.contains(&id) {
            ids.push(id);
        }
    });
    // An unknown flag or a fault already noted leads nowhere: report and end.
    if matches!(
        error.kind(),
        ErrorKind::ValueValidation | ErrorKind::InvalidValue | ErrorKind::MissingRequiredArgument
    ) {
        ids
    } else {
        Vec::new()
    }
}

fn describe(command: &Command, id: &str, error: &Error) -> String {
    let mut name = id.to_owned();
    let mut is_secret = false;
    visit_arguments(command, &mut |argument| {
        if argument.get_id() == id {
            let flag = argument.get_long().map(|long| format!("--{long}"));
            let variable = argument.get_env().map(|v| v.to_string_lossy().into_owned());
            name = [variable, flag]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join(" / ");
            is_secret = argument.is_hide_env_values_set();
        }
    });
    if error.kind() == ErrorKind::MissingRequiredArgument {
        return format!("{name}: is required");
    }
    if is_secret {
        return format!("{name}: is not valid");
    }
    let value = match error.get(ContextKind::InvalidValue) {
        Some(ContextValue::String(value)) if !value.is_empty() => format!("{value:?}: "),
        _ => String::new(),
    };
    let reason = std::error::Error::source(error).map_or_else(
        || match error.get(ContextKind::ValidValue) {
            Some(ContextValue::Strings(valid)) => format!("must be one of {}", valid.join(", ")),
            _ => "is not valid".to_owned(),
        },
        ToString::to_string,
    );
    format!("{name}: {value}{reason}")
}

fn first_line(error: &Error) -> String {
    let text = error.render().to_string();
    let line = text.lines().next().unwrap_or_default();
    line.trim_start_matches("error: ").to_owned()
}

/// Where a service listens for operators and how it ends.
#[derive(Clone, Debug, Args)]
pub struct LifecycleSettings {
    /// Address of the admin port: /livez, /readyz and /metrics
    #[arg(long, env = "ADMIN_ADDR", default_value = "127.0.0.1:9000")]
    pub admin_addr: SocketAddr,
    /// How long to go on accepting after the first signal, until load balancers have noticed
    #[arg(long, env = "DRAIN_DELAY", default_value = "3s", value_parser = parse_duration)]
    pub drain_delay: Duration,
    /// How long the drain may take after that before everything is stopped
    #[arg(long, env = "DRAIN_GRACE", default_value = "25s", value_parser = parse_duration)]
    pub drain_grace: Duration,
}

/// The secret that services show each other.
#[derive(Clone, Debug, Args)]
pub struct ServiceCredentialSettings {
    /// Secret that services of one deployment share, at least 32 characters (also `SERVICE_CREDENTIAL_FILE`)
    #[arg(
        long,
        env = "SERVICE_CREDENTIAL",
        hide_env_values = true,
        value_parser = parse_credential,
        value_hint = ValueHint::Other
    )]
    pub service_credential: SecretString,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Pretty,
}

/// Parses `250ms`, `3s`, `15min`, `90days`.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| error.to_string())
}

fn parse_credential(text: &str) -> Result<SecretString, String> {
    let secret = SecretString::from(text);
    if secret.expose_secret().chars().count() < 32 {
        return Err("must be at least 32 characters long".to_owned());
    }
    if !secret.expose_secret().bytes().all(|b| b.is_ascii_graphic()) {
        return Err("must be visible ASCII, since it travels in a header".to_owned());
    }
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Settings {
        #[arg(long, env = "SETTINGS_TEST_PORT")]
        port: u16,
        #[arg(long, env = "SETTINGS_TEST_NAME")]
        name: String,
        #[arg(long, default_value = "1s", value_parser = parse_duration)]
        timeout: Duration,
        #[command(flatten)]
        credential: ServiceCredentialSettings,
    }

    fn parse_words(words: &str) -> Result<Settings, SettingsError> {
        parse(words.split_whitespace().map(OsString::from))
    }

    fn faults(words: &str) -> Vec<String> {
        match parse_words(words) {
            Err(SettingsError::Faults(faults)) => faults,
            other => panic!("expected faults, got {other:?}"),
        }
    }

    #[test]
    fn all_faults_are_reported_at_once() {
        let faults = faults("x --port 99999 --timeout soon --service-credential short");
        assert_eq!(faults.len(), 4, "{faults:#?}");
        for part in [
            "SETTINGS_TEST_PORT / --port",
            "--timeout",
            "SERVICE_CREDENTIAL",
            "SETTINGS_TEST_NAME / --name: is required",
        ] {
            assert!(
                faults.iter().any(|fault| fault.contains(part)),
                "{part}: {faults:#?}"
            );
        }
    }

    #[test]
    fn a_secret_is_not_repeated_in_its_fault() {
        let faults = faults("x --port 1 --name a --service-credential hunter2");
        assert!(!faults.concat().contains("hunter2"), "{faults:#?}");
    }

    #[test]
    fn an_unknown_flag_is_a_fault() {
        assert!(faults("x --port 1 --nmae a").concat().contains("--nmae"));
    }

    #[test]
    fn faults_below_a_subcommand_are_found_too() {
        #[derive(Debug, Parser)]
        enum Command {
            Serve(Settings),
        }
        let parsed = parse::<Command>(["x", "serve", "--port", "no"].map(OsString::from));
        let Err(SettingsError::Faults(faults)) = parsed else {
            panic!("expected faults, got {parsed:?}")
        };
        assert_eq!(faults.len(), 3, "{faults:#?}");
    }

    #[test]
    fn good_settings_are_taken() {
        let credential = "0123456789abcdef0123456789abcdef";
        let settings = parse_words(&format!(
            "x --port 1 --name a --service-credential {credential}"
        ))
        .unwrap();
        assert_eq!((settings.port, settings.name.as_str()), (1, "a"));
        assert_eq!(settings.timeout, Duration::from_secs(1));
        assert_eq!(
            settings.credential.service_credential.expose_secret(),
            credential
        );
    }
}
