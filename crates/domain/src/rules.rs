//! Values with rules. A `Username`, `Email` or `BirthDate` that exists is
//! valid; the limits are public so that request validation and the API
//! reference state the same numbers.

use std::{fmt, ops::RangeInclusive};

use jiff::civil::Date;

use crate::{MediaType, Timestamp};

/// Shortest username, in characters.
pub const USERNAME_MIN: usize = 3;
/// Longest username, in characters.
pub const USERNAME_MAX: usize = 30;
/// Longest shown name, in characters.
pub const FULL_NAME_MAX: usize = 100;
/// Longest biography, in characters.
pub const BIO_MAX: usize = 500;
/// Longest address of a picture or video, in bytes.
pub const MEDIA_URL_MAX: usize = 2048;
/// Longest name of a place, in characters.
pub const LOCATION_MAX: usize = 100;
/// Fewest and most pictures or videos of a carousel.
pub const CAROUSEL: RangeInclusive<usize> = 2..=10;
/// Longest e-mail address, in bytes (RFC 5321 path limit without the angle brackets).
const EMAIL_MAX: usize = 254;

/// A value breaks its rule; the text says which, for the person who sent it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RuleViolation(String);

pub(crate) fn violation<T>(text: impl Into<String>) -> Result<T, RuleViolation> {
    Err(RuleViolation(text.into()))
}

/// A username: 3 to 30 of `a–z`, `0–9`, `.` and `_`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Username(String);

impl Username {
    /// Takes a username as a person typed it. Capitals are refused rather than
    /// folded: what is stored is what was typed.
    pub fn parse(text: &str) -> Result<Self, RuleViolation> {
        let length = text.chars().count();
        if !(USERNAME_MIN..=USERNAME_MAX).contains(&length) {
            return violation(format!(
                "must be {USERNAME_MIN} to {USERNAME_MAX} characters long"
            ));
        }
        let allowed =
            |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_');
        if !text.chars().all(allowed) {
            return violation("may contain only a-z, 0-9, dots and underscores");
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An e-mail address that could be delivered to: one `@`, a local part and a
/// dotted domain, no spaces or control characters, at most 254 bytes.
///
/// Whether it exists, only a mail can tell.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Email(String);

impl Email {
    /// Takes an address as a person typed it.
    pub fn parse(text: &str) -> Result<Self, RuleViolation> {
        let valid = text.len() <= EMAIL_MAX
            && !text.chars().any(|c| c.is_whitespace() || c.is_control())
            && text.split_once('@').is_some_and(|(local, domain)| {
                !local.is_empty()
                    && local.len() <= 64
                    && !domain.contains('@')
                    && domain.contains('.')
                    && domain
                        .split('.')
                        .all(|label| !label.is_empty() && label.len() <= 63)
            });
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            violation("must be an e-mail address")
        }
    }

    /// The text as typed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form that is unique: lowercase.
    #[must_use]
    pub fn folded(&self) -> String {
        self.0.to_lowercase()
    }
}

impl fmt::Debug for Email {
    /// Personal: never shown in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(_)")
    }
}

/// A birth date in the past, after 1900.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BirthDate(Date);

impl BirthDate {
    /// Takes `YYYY-MM-DD` (a longer RFC 3339 text is cut to its date, which is
    /// what clients of the predecessor send), as of `now`.
    pub fn parse(text: &str, now: Timestamp) -> Result<Self, RuleViolation> {
        let is_date_time = text.get(10..).is_some_and(|rest| rest.starts_with('T'));
        let day = match text.get(..10) {
            Some(day) if text.len() == 10 || is_date_time => day,
            _ => return violation("must be a date as YYYY-MM-DD"),
        };
        let Ok(date) = day.parse::<Date>() else {
            return violation("must be a date as YYYY-MM-DD");
        };
        if date.year() < 1900 || date > now.date() {
            return violation("must be a date after 1900 and not in the future");
        }
        Ok(Self(date))
    }

    /// Full years lived on the day of `now`, UTC. Born on 29 February, a
    /// person turns older on 1 March of common years.
    #[must_use]
    pub fn age(self, now: Timestamp) -> i16 {
        let today = now.date();
        let had_birthday = (today.month(), today.day()) >= (self.0.month(), self.0.day());
        today.year() - self.0.year() - i16::from(!had_birthday)
    }

    /// Midnight UTC of the day, as it is stored.
    #[must_use]
    pub fn midnight(self) -> Timestamp {
        let days = self
            .0
            .since((jiff::Unit::Day, Date::constant(1970, 1, 1)))
            .map_or(0, |span| i64::from(span.get_days()));
        Timestamp::from_millis(days * 86_400_000)
    }
}

/// Refuses an empty or overlong shown name, and one with control characters.
pub fn check_full_name(text: &str) -> Result<(), RuleViolation> {
    if text.trim().is_empty() || text.chars().count() > FULL_NAME_MAX {
        return violation(format!("must be 1 to {FULL_NAME_MAX} characters long"));
    }
    if text.chars().any(char::is_control) {
        return violation("must not contain control characters");
    }
    Ok(())
}

/// Refuses an overlong biography; line breaks are fine.
pub fn check_bio(text: &str) -> Result<(), RuleViolation> {
    check_lines(text, BIO_MAX)
}

/// Refuses a text of more than `max` characters, or one that is not plain;
/// line breaks are fine.
pub(crate) fn check_lines(text: &str, max: usize) -> Result<(), RuleViolation> {
    if text.chars().count() > max {
        return violation(format!("must be at most {max} characters long"));
    }
    if text.chars().any(|c| c.is_control() && c != '\n') {
        return violation("must not contain control characters");
    }
    Ok(())
}

/// Refuses the name of a place that is empty, too long, or not plain text.
pub fn check_location(text: &str) -> Result<(), RuleViolation> {
    if text.trim().is_empty() || text.chars().count() > LOCATION_MAX {
        return violation(format!("must be 1 to {LOCATION_MAX} characters long"));
    }
    if text.chars().any(char::is_control) {
        return violation("must not contain control characters");
    }
    Ok(())
}

/// What a post with `count` pictures or videos shows. Without `wanted`, one
/// is taken for a picture.
pub fn check_media(wanted: Option<MediaType>, count: usize) -> Result<MediaType, RuleViolation> {
    let shown = wanted.unwrap_or(match count {
        0 => MediaType::Text,
        1 => MediaType::Image,
        _ => MediaType::Carousel,
    });
    match shown {
        MediaType::Text if count > 0 => violation("a text post has no media"),
        MediaType::Image | MediaType::Video if count != 1 => {
            violation("an image or video post has exactly one media address")
        }
        MediaType::Carousel if !CAROUSEL.contains(&count) => violation(format!(
            "a carousel has {} to {} media addresses",
            CAROUSEL.start(),
            CAROUSEL.end()
        )),
        _ => Ok(shown),
    }
}

/// Refuses an address of a picture or video that is not `https`, `http`, or a path on this host.
pub fn check_media_url(text: &str) -> Result<(), RuleViolation> {
    let known_scheme = ["https://", "http://", "/media/"]
        .iter()
        .any(|prefix| text.starts_with(prefix) && text.len() > prefix.len());
    let clean = !text.chars().any(|c| c.is_whitespace() || c.is_control());
    if known_scheme && clean && text.len() <= MEDIA_URL_MAX {
        Ok(())
    } else {
        violation(format!(
            "must be an http(s) address or a /media/ path of at most {MEDIA_URL_MAX} bytes"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(date: &str) -> Timestamp {
        serde_json::from_str(&format!("\"{date}T12:00:00Z\"")).unwrap()
    }

    #[test]
    fn usernames_follow_the_documented_alphabet() {
        for good in ["ana", "a.b_c9", "123", &"x".repeat(30)] {
            assert!(Username::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "ab",
            "Ana",
            "a b c",
            "ana!",
            "žižek",
            "аna",
            &"x".repeat(31),
        ] {
            assert!(Username::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn emails_need_a_local_part_and_a_dotted_domain() {
        for good in ["a@b.co", "ana+tag@mail.example.org", "ана@пример.рф"] {
            assert!(Email::parse(good).is_ok(), "{good}");
        }
        let long = format!("{}@b.co", "x".repeat(65));
        for bad in [
            "", "a", "a@b", "@b.co", "a@", "a@@b.co", "a@b..co", "a b@c.de", "a@b.co\n", &long,
        ] {
            assert!(Email::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(
            Email::parse("Ana@Example.ORG").unwrap().folded(),
            "ana@example.org"
        );
    }

    #[test]
    fn age_counts_full_years() {
        let now = at("2026-03-01");
        let age = |dob| BirthDate::parse(dob, now).unwrap().age(now);
        assert_eq!(age("2013-03-01"), 13);
        assert_eq!(age("2013-03-02"), 12);
        assert_eq!(age("2012-02-29"), 14);
        assert_eq!(age("2000-01-01T23:00:00.000Z"), 26);
    }

    #[test]
    fn whoever_was_born_on_a_leap_day_is_older_on_the_first_of_march() {
        let age = |now| {
            let now = at(now);
            BirthDate::parse("2012-02-29", now).unwrap().age(now)
        };
        assert_eq!((age("2025-02-28"), age("2025-03-01")), (12, 13));
        assert_eq!((age("2028-02-28"), age("2028-02-29")), (15, 16));
    }

    #[test]
    fn birth_dates_are_real_days_of_the_past() {
        let now = at("2026-03-01");
        for bad in [
            "",
            "2026-03-02",
            "1899-12-31",
            "2025-02-29",
            "01.02.2000",
            "2000-01-01x",
            "2000-1-1",
            "२०००-०१-०१",
        ] {
            assert!(BirthDate::parse(bad, now).is_err(), "{bad}");
        }
        assert_eq!(
            BirthDate::parse("1970-01-02", now).unwrap().midnight(),
            Timestamp::from_millis(86_400_000)
        );
        assert_eq!(
            BirthDate::parse("1969-12-31", now).unwrap().midnight(),
            Timestamp::from_millis(-86_400_000)
        );
    }

    #[test]
    fn avatar_addresses_are_web_addresses() {
        for bad in [
            "",
            "javascript:alert(1)",
            "https://",
            "ftp://a/b",
            "https://a/ b",
            "//evil",
        ] {
            assert!(check_media_url(bad).is_err(), "{bad}");
        }
        assert!(check_media_url("https://img.example/a.png").is_ok());
        assert!(check_media_url("/media/abc").is_ok());
    }

    #[test]
    fn media_fit_what_the_post_shows() {
        use MediaType::{Carousel, Image, Text, Video};
        for (wanted, count, shown) in [
            (None, 0, Some(Text)),
            (None, 1, Some(Image)),
            (None, 2, Some(Carousel)),
            (None, 11, None),
            (Some(Video), 1, Some(Video)),
            (Some(Video), 2, None),
            (Some(Image), 0, None),
            (Some(Text), 1, None),
            (Some(Carousel), 1, None),
            (Some(Carousel), 10, Some(Carousel)),
        ] {
            assert_eq!(check_media(wanted, count).ok(), shown, "{wanted:?} {count}");
        }
    }
}
