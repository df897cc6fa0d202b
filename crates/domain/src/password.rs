//! Which passwords are too weak to be anybody's.

use crate::rules::{RuleViolation, violation};

/// Shortest password, in characters.
pub const PASSWORD_MIN: usize = 8;
/// Longest password, in characters.
pub const PASSWORD_MAX: usize = 128;

/// The passwords of eight characters and more that people choose most, in
/// lower case, one a line. It is searched as it is: a set of them would save a
/// twentieth of a millisecond beside a hash of twenty.
const COMMON: &str = include_str!("common_passwords.txt");

/// Refuses passwords outside 8 to 128 characters, those that everybody tries
/// first, and those that are one of `names`: what an account is called and
/// where it gets its mail. Case does not count (NIST SP 800-63B, 5.1.1.2).
pub fn check_password(text: &str, names: &[&str]) -> Result<(), RuleViolation> {
    let length = text.chars().count();
    if !(PASSWORD_MIN..=PASSWORD_MAX).contains(&length) {
        return violation(format!(
            "must be {PASSWORD_MIN} to {PASSWORD_MAX} characters long"
        ));
    }
    let folded = text.to_lowercase();
    if is_straight(&folded) || COMMON.lines().any(|common| common == folded) {
        return violation("is too common");
    }
    let is_name = |name: &&str| {
        let name = name.to_lowercase();
        let mailbox = name.split_once('@').map(|(mailbox, _)| mailbox);
        name == folded || mailbox == Some(folded.as_str())
    };
    if names.iter().any(is_name) {
        return violation("must not be the username or the e-mail address");
    }
    Ok(())
}

/// One character over and over, or a straight run of digits or letters.
fn is_straight(folded: &str) -> bool {
    let mut steps = folded
        .chars()
        .zip(folded.chars().skip(1))
        .map(|(a, b)| i64::from(u32::from(b)) - i64::from(u32::from(a)));
    let Some(first @ -1..=1) = steps.next() else {
        return false;
    };
    steps.all(|step| step == first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_passwords_are_refused() {
        for bad in [
            "short",
            "PassWord",
            "password123",
            "12345678",
            "1234567890",
            "aaaaaaaa",
            "abcdefgh",
            "87654321",
            "zyxwvuts",
            "TrustNo1",
            &"x1".repeat(65),
        ] {
            assert!(check_password(bad, &[]).is_err(), "{bad}");
        }
        for good in ["correct horse", "пароль-и-ещё", "x9!kd82h", "abcdefgx"] {
            assert!(check_password(good, &[]).is_ok(), "{good}");
        }
    }

    #[test]
    fn nobody_is_called_like_their_password() {
        let names = ["ana.of.anufy", "ana-lopez@example.org"];
        for bad in ["ana.of.anufy", "Ana-Lopez@Example.org", "ANA-LOPEZ"] {
            assert!(check_password(bad, &names).is_err(), "{bad}");
        }
        assert!(check_password("ana-lopez2", &names).is_ok());
    }

    #[test]
    fn the_list_is_what_could_be_a_password() {
        let entries = COMMON.lines().filter(|line| !line.starts_with("# "));
        assert!(entries.clone().count() > 10_000);
        for entry in entries {
            let length = entry.chars().count();
            assert!((PASSWORD_MIN..=PASSWORD_MAX).contains(&length), "{entry}");
            assert_eq!(entry, entry.to_lowercase());
        }
    }
}
