//! One spelling for each path.
//!
//! The route is chosen and the token demanded by the path as it is here, and
//! the very same text is forwarded. What a service could read as another path
//! is refused rather than repaired: honest clients never send it.

use std::fmt::Write as _;

/// The path cannot be forwarded safely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InvalidPath;

/// Decodes what RFC 3986 calls unreserved, writes the other escapes in
/// uppercase, and refuses dot segments, empty segments (but for one slash at
/// the end), encoded slashes, backslashes, control characters and everything
/// that may not be in a path.
pub(crate) fn normalise(path: &str) -> Result<String, InvalidPath> {
    let mut normal = String::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let escaped = hex(rest.next())? << 4 | hex(rest.next())?;
            if is_unreserved(escaped) {
                normal.push(char::from(escaped));
            } else if escaped.is_ascii_control() || matches!(escaped, b'/' | b'\\') {
                return Err(InvalidPath);
            } else {
                // Writing to a string cannot fail.
                let _ = write!(normal, "%{escaped:02X}");
            }
        } else if is_unreserved(byte) || b"/!$&'()*+,;=:@".contains(&byte) {
            normal.push(char::from(byte));
        } else {
            return Err(InvalidPath);
        }
    }
    if has_only_plain_segments(&normal) {
        Ok(normal)
    } else {
        Err(InvalidPath)
    }
}

fn has_only_plain_segments(path: &str) -> bool {
    let Some(segments) = path.strip_prefix('/') else {
        return false;
    };
    let segments = segments.strip_suffix('/').unwrap_or(segments);
    let is_plain = |segment| !matches!(segment, "" | "." | "..");
    path == "/" || segments.split('/').all(is_plain)
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

fn hex(digit: Option<u8>) -> Result<u8, InvalidPath> {
    let digit = char::from(digit.ok_or(InvalidPath)?);
    let value = digit.to_digit(16).ok_or(InvalidPath)?;
    u8::try_from(value).or(Err(InvalidPath))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paths_stay_as_they_are() {
        for path in [
            "/",
            "/api/users/@ana",
            "/api/users/65f0c0ffee65f0c0ffee65f0/",
            "/.well-known/jwks.json",
            "/api/a;b=c/d,e",
            "/api/...",
            "/api/.hidden",
        ] {
            assert_eq!(normalise(path).as_deref(), Ok(path));
        }
    }

    #[test]
    fn one_path_has_one_spelling() {
        for (path, normal) in [
            ("/%61pi/auth/%6cOgin", "/api/auth/lOgin"),
            ("/api/caf%c3%a9", "/api/caf%C3%A9"),
            ("/api/a%2Db%7e", "/api/a-b~"),
            // Decoded once, and only once.
            ("/api/%252e%252e/x", "/api/%252e%252e/x"),
            ("/api/a%20b%3f", "/api/a%20b%3F"),
        ] {
            assert_eq!(normalise(path).as_deref(), Ok(normal), "{path}");
        }
    }

    #[test]
    fn what_could_mean_another_path_is_refused() {
        for path in [
            "",
            "api",
            "//api/auth",
            "/api//auth",
            "/api/auth//",
            "//",
            "/api/./auth",
            "/api/..",
            "/api/auth/../users",
            "/api/%2e%2e/users",
            "/api/%2E./users",
            "/api/.%2e",
            "/api%2fauth",
            "/api/auth%5c..%5cusers",
            "/api\\auth",
            "/api/%00",
            "/api/a%0d%0ab",
            "/api/%7f",
            "/api/%",
            "/api/%2",
            "/api/%zz",
            "/api/%+1",
            "/api/é",
            "/api/a\"b",
            "/api/{id}",
        ] {
            assert_eq!(normalise(path), Err(InvalidPath), "{path}");
        }
    }
}
