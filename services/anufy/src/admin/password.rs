use std::{
    fs,
    io::{self, IsTerminal},
    path::Path,
};

use anyhow::{Context, ensure};
use secrecy::{ExposeSecret, SecretString};

/// A password from `file`, or typed twice at the terminal without being shown,
/// or the first line of standard input. Never from the command line, which
/// others on the machine can read.
pub(crate) fn read(file: Option<&Path>) -> anyhow::Result<SecretString> {
    if let Some(file) = file {
        let text = fs::read_to_string(file);
        let text = text.with_context(|| format!("cannot read {}", file.display()))?;
        return Ok(first_line(&text));
    }
    if io::stdin().is_terminal() {
        return prompt().context("cannot ask for the password");
    }
    let mut line = String::new();
    let read = io::stdin().read_line(&mut line);
    read.context("cannot read the password from standard input")?;
    Ok(first_line(&line))
}

fn prompt() -> anyhow::Result<SecretString> {
    let typed = SecretString::from(rpassword::prompt_password("Password: ")?);
    let again = SecretString::from(rpassword::prompt_password("Again: ")?);
    ensure!(
        typed.expose_secret() == again.expose_secret(),
        "these are two passwords"
    );
    Ok(typed)
}

fn first_line(text: &str) -> SecretString {
    text.lines().next().unwrap_or_default().into()
}
