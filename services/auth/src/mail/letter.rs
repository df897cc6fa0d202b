use std::time::Duration;

use domain::{Timestamp, User};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// What a mail says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Letter {
    pub(crate) subject: &'static str,
    pub(crate) text: String,
}

/// Where the links in mails lead: pages of the app, which hand what they carry
/// to this API.
#[derive(Clone, Debug)]
pub(crate) struct Links {
    app: Url,
}

impl Links {
    pub(crate) fn new(app: Url) -> Self {
        Self { app }
    }

    fn page(&self, name: &str, token: Option<&SecretString>) -> String {
        let mut url = self.app.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push(name);
        }
        if let Some(token) = token {
            url.query_pairs_mut()
                .append_pair("token", token.expose_secret());
        }
        url.into()
    }
}

impl Letter {
    /// Asks whoever has the address to show that they read it.
    pub(crate) fn verify_email(
        user: &User,
        token: &SecretString,
        lifetime: Duration,
        links: &Links,
    ) -> Self {
        let link = links.page("verify-email", Some(token));
        Self {
            subject: "Confirm your e-mail address",
            text: letter(
                user,
                &format!(
                    "please confirm that this is your e-mail address:\n\n\
                 {link}\n\n\
                 The link works for {}. If you have no account at Anufy, somebody has \
                 mistyped their\naddress, and you need not do anything.",
                    words(lifetime)
                ),
            ),
        }
    }

    /// Lets whoever reads it choose a new password.
    pub(crate) fn reset_password(
        user: &User,
        token: &SecretString,
        lifetime: Duration,
        links: &Links,
    ) -> Self {
        let link = links.page("reset-password", Some(token));
        Self {
            subject: "Choose a new password",
            text: letter(
                user,
                &format!(
                    "somebody, probably you, has forgotten the password of your account. \
                 Choose a new one here:\n\n\
                 {link}\n\n\
                 The link works once, for {}. If it was not you, leave it: your password \
                 stays as it is.",
                    words(lifetime)
                ),
            ),
        }
    }

    /// Says that the password is another one.
    pub(crate) fn password_changed(user: &User, links: &Links) -> Self {
        let link = links.page("forgot-password", None);
        Self {
            subject: "Your password was changed",
            text: letter(
                user,
                &format!(
                    "the password of your account was changed, and other devices were logged out.\n\n\
                 If it was not you, choose a new one at once:\n\n{link}"
                ),
            ),
        }
    }

    /// Says until when a deleted account can be had back.
    pub(crate) fn account_deleted(user: &User, erased_after: Timestamp) -> Self {
        let day = erased_after.date();
        Self {
            subject: "Your account is deleted",
            text: letter(
                user,
                &format!(
                    "your account is deleted: nobody sees it or what you posted.\n\n\
                 Until {day} you can have it back: log in as you always did. After that day \
                 everything\nis erased for good."
                ),
            ),
        }
    }
}

fn letter(user: &User, text: &str) -> String {
    format!("Hello @{},\n\n{text}\n\nAnufy\n", user.username)
}

/// A whole number of days, hours or minutes, as people say it.
fn words(time: Duration) -> String {
    let minutes = time.as_secs() / 60;
    let (count, unit) = match minutes {
        minutes if minutes >= 2_880 => (minutes / 1_440, "days"),
        minutes if minutes >= 120 => (minutes / 60, "hours"),
        60 => (1, "hour"),
        minutes => (minutes, "minutes"),
    };
    format!("{count} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_carries_its_token_below_the_address_of_the_app() {
        for app in ["https://anufy.example/app", "https://anufy.example/app/"] {
            let links = Links::new(app.parse().unwrap());
            let link = links.page("verify-email", Some(&"a-b_c".into()));
            assert_eq!(link, "https://anufy.example/app/verify-email?token=a-b_c");
        }
    }

    #[test]
    fn times_are_said_as_people_do() {
        for (minutes, said) in [(30, "30 minutes"), (60, "1 hour"), (1_440, "24 hours")] {
            assert_eq!(words(Duration::from_mins(minutes)), said);
        }
        assert_eq!(words(Duration::from_hours(72)), "3 days");
    }
}
