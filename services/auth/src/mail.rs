//! Mail: what it says, and how it gets away.

mod letter;
mod sending;

use std::{fs, path::PathBuf, str::FromStr, time::Duration};

use lettre::{
    Address, AsyncFileTransport, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{Mailbox, header::ContentType},
    transport::smtp::AsyncSmtpTransportBuilder,
};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

pub(crate) use letter::{Letter, Links};
pub(crate) use sending::MailSending;

/// How long a mail server may take.
const SMTP_TIMEOUT: Duration = Duration::from_secs(10);

/// Hands mails to a mail server, or puts them into a folder as `.eml` files,
/// for development and tests.
#[derive(Clone)]
pub(crate) struct Mailer {
    transport: Transport,
    from: Mailbox,
}

#[derive(Clone)]
enum Transport {
    Server(AsyncSmtpTransport<Tokio1Executor>),
    Folder(AsyncFileTransport<Tokio1Executor>),
}

/// What became of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// The mail server has it.
    Done,
    /// It may be taken later.
    Later,
    /// This address is not one, or the mail server does not want it.
    Never,
}

/// The text is not the address of a mail server or a folder.
#[derive(Debug, thiserror::Error)]
#[error("must be smtps://, smtp:// or file:// and an address")]
pub(crate) struct InvalidMailUrl;

impl Mailer {
    /// Reads `url` (`smtps://user:password@host`, `smtp://host:port`,
    /// `file:///folder`); mails come from `from`. The server need not be up,
    /// and the folder is made if it is not there.
    pub(crate) fn new(url: &SecretString, from: Mailbox) -> Result<Self, InvalidMailUrl> {
        let transport = if let Some(folder) = folder(url) {
            fs::create_dir_all(&folder).or(Err(InvalidMailUrl))?;
            Transport::Folder(AsyncFileTransport::new(folder))
        } else {
            let server = server(url)?.timeout(Some(SMTP_TIMEOUT));
            Transport::Server(server.build())
        };
        Ok(Self { transport, from })
    }

    /// Sends `letter` to `address`.
    pub(crate) async fn send(&self, address: &str, letter: Letter) -> Delivery {
        let Some(message) = self.message(address, letter) else {
            return Delivery::Never;
        };
        match &self.transport {
            Transport::Server(server) => match server.send(message).await {
                Ok(_) => Delivery::Done,
                // Its text may name the address.
                Err(error) if error.is_permanent() => {
                    tracing::warn!(status = ?error.status(), "mail refused");
                    Delivery::Never
                }
                Err(error) => {
                    tracing::warn!(status = ?error.status(), "mail not taken");
                    Delivery::Later
                }
            },
            Transport::Folder(folder) => match folder.send(message).await {
                Ok(_) => Delivery::Done,
                Err(error) => {
                    tracing::warn!(%error, "mail not written");
                    Delivery::Later
                }
            },
        }
    }

    /// `None` if the address cannot be written to a mail.
    fn message(&self, address: &str, letter: Letter) -> Option<Message> {
        let address = Address::from_str(address).ok()?;
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, address))
            .subject(letter.subject)
            .header(ContentType::TEXT_PLAIN)
            .body(letter.text)
            .ok()
    }
}

/// Checks what [`Mailer::new`] will take.
pub(crate) fn parse_mail_url(text: &str) -> Result<SecretString, InvalidMailUrl> {
    let url = SecretString::from(text);
    if folder(&url).is_none() {
        server(&url)?;
    }
    Ok(url)
}

fn folder(url: &SecretString) -> Option<PathBuf> {
    let url = Url::parse(url.expose_secret()).ok()?;
    (url.scheme() == "file").then(|| url.to_file_path().ok())?
}

fn server(url: &SecretString) -> Result<AsyncSmtpTransportBuilder, InvalidMailUrl> {
    AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose_secret()).or(Err(InvalidMailUrl))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_goes_to_servers_and_folders() {
        for good in [
            "smtp://localhost:2525",
            "smtps://anufy:secret@mail.example.org",
            "smtp://mail.example.org:587?tls=required",
            "file:///var/mail/anufy",
        ] {
            assert!(parse_mail_url(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "mail.example.org",
            "http://mail.example.org",
            "file://host/folder",
        ] {
            assert!(parse_mail_url(bad).is_err(), "{bad}");
        }
    }
}
