use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use quoted_printable::{ParseMode, decode};

use crate::{sandbox::folder, wait::eventually_some};

/// How long a mail may take.
const ARRIVAL: Duration = Duration::from_secs(20);

/// The folder that stands for the mail server of a deployment; it goes with it.
pub struct MailFolder {
    path: PathBuf,
}

/// A mail that somebody got.
#[derive(Clone, Debug)]
pub struct Letter {
    /// What it is about.
    pub subject: String,
    /// What it says.
    pub text: String,
}

impl Letter {
    /// The token in its link; panics if it has none.
    #[must_use]
    pub fn token(&self) -> String {
        let (_, rest) = self
            .text
            .split_once("?token=")
            .expect("a link with a token");
        rest.split_whitespace()
            .next()
            .unwrap_or_default()
            .to_owned()
    }
}

impl MailFolder {
    pub(crate) fn create() -> Self {
        let path = folder().join(format!("mail-{}", uuid::Uuid::now_v7().simple()));
        fs::create_dir_all(&path).expect("a folder for mails");
        Self { path }
    }

    /// What auth takes as `MAIL_URL`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("file://{}", self.path.display())
    }

    /// What was sent to `address` with the subject `subject`, in no order.
    #[must_use]
    pub fn letters(&self, address: &str, subject: &str) -> Vec<Letter> {
        let files = fs::read_dir(&self.path).expect("the folder of mails");
        let mails = files.filter_map(|file| read(&file.ok()?.path(), address));
        mails.filter(|letter| letter.subject == subject).collect()
    }

    /// Waits for the first mail to `address` with the subject `subject`.
    pub async fn letter(&self, address: &str, subject: &str) -> Letter {
        let first = async || self.letters(address, subject).into_iter().next();
        eventually_some(ARRIVAL, first).await
    }
}

impl Drop for MailFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// The mail in a file, if it is complete and to `address`.
fn read(path: &Path, address: &str) -> Option<Letter> {
    let mail = fs::read_to_string(path).ok()?.replace("\r\n", "\n");
    let (head, body) = mail.split_once("\n\n")?;
    let text = decode(body, ParseMode::Robust).ok()?;
    let text = String::from_utf8(text).ok()?;
    let header = |name: &str| {
        let mut lines = head.lines();
        lines
            .find_map(|line| line.strip_prefix(name))
            .map(str::trim)
    };
    // Written last.
    let is_complete = text.trim_end().ends_with("Anufy");
    let is_theirs = header("To:")?.eq_ignore_ascii_case(address);
    (is_complete && is_theirs).then(|| Letter {
        subject: header("Subject:").unwrap_or_default().to_owned(),
        text,
    })
}
