use http::uri::PathAndQuery;
use httparse::{EMPTY_HEADER, Header, Request, Status};

use crate::problem::Code;

/// The limits of a request head.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeadLimits {
    pub(crate) bytes: usize,
    pub(crate) headers: usize,
}

/// A request head that nobody can read in two ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Bytes, to the end of the empty line.
    pub(super) length: u64,
    pub(super) framing: Framing,
}

/// How the body of a request ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// After so many bytes.
    Length(u64),
    /// With its last chunk.
    Chunked,
}

/// Looks at the head at the beginning of `bytes`; `None` when it is not complete.
pub(super) fn inspect(bytes: &[u8], limits: HeadLimits) -> Result<Option<Head>, Code> {
    // No more room than there can be headers: this is done for every request.
    let lines = bytes.split(|byte| *byte == b'\n').count();
    let mut headers = vec![EMPTY_HEADER; lines.min(limits.headers)];
    let mut request = Request::new(&mut headers);
    let length = match request.parse(bytes) {
        Ok(Status::Complete(length)) if length <= limits.bytes => length,
        Ok(Status::Partial) if bytes.len() <= limits.bytes => return Ok(None),
        Ok(_) | Err(httparse::Error::TooManyHeaders) => return Err(Code::HeadersTooLarge),
        Err(httparse::Error::Version) => return Err(Code::HttpVersionNotSupported),
        Err(_) => return Err(Code::BadRequest),
    };
    let is_http_11 = request.version == Some(1);
    check_target(request.path.unwrap_or_default())?;
    check_host(request.headers, is_http_11)?;
    let framing = framing(request.headers, is_http_11)?;
    Ok(Some(Head {
        length: length as u64,
        framing,
    }))
}

/// The only form for a server that is not a proxy; `*` would ask about the
/// gateway itself, which has nothing to say.
fn check_target(target: &str) -> Result<(), Code> {
    let is_path = target.starts_with('/') && !target.contains('#');
    if is_path && target.parse::<PathAndQuery>().is_ok() {
        Ok(())
    } else {
        Err(Code::InvalidTarget)
    }
}

fn check_host(headers: &[Header<'_>], is_http_11: bool) -> Result<(), Code> {
    let mut hosts = values(headers, "host");
    match (hosts.next(), hosts.next()) {
        (None, _) if is_http_11 => Err(Code::MissingHost),
        // HTTP/1.0 had no Host.
        (None, _) => Ok(()),
        (Some(host), None) if names_a_host(host) => Ok(()),
        (Some(_), _) => Err(Code::InvalidHost),
    }
}

/// `uri-host [":" port]` of RFC 3986, without user information. Addresses in
/// brackets and names in the characters that DNS and mDNS use.
fn names_a_host(host: &[u8]) -> bool {
    let Ok(host) = std::str::from_utf8(host) else {
        return false;
    };
    let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, rest)) if address.parse::<std::net::Ipv6Addr>().is_ok() => (
            address,
            rest.strip_prefix(':').or(rest.is_empty().then_some("")),
        ),
        Some(_) => return false,
        None => match host.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (host, Some("")),
        },
    };
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
    let is_port =
        |port: &str| port.is_empty() || port.parse::<u16>().is_ok_and(|_| !port.starts_with('+'));
    !name.is_empty() && name.bytes().all(is_name) && port.is_some_and(is_port)
}

/// RFC 9112, section 6.3, without its leniencies: one header decides, once.
fn framing(headers: &[Header<'_>], is_http_11: bool) -> Result<Framing, Code> {
    let mut codings = values(headers, "transfer-encoding");
    let mut lengths = values(headers, "content-length");
    let decided = (codings.next(), lengths.next());
    if codings.next().is_some() || lengths.next().is_some() {
        return Err(Code::BadRequest);
    }
    match decided {
        (None, None) => Ok(Framing::Length(0)),
        (None, Some(length)) => content_length(length).map(Framing::Length),
        (Some(coding), None) if is_http_11 && coding.eq_ignore_ascii_case(b"chunked") => {
            Ok(Framing::Chunked)
        }
        (Some(_), _) => Err(Code::BadRequest),
    }
}

fn content_length(value: &[u8]) -> Result<u64, Code> {
    let digits = std::str::from_utf8(value)
        .ok()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
        .ok_or(Code::BadRequest)?;
    digits.parse().or(Err(Code::BadRequest))
}

fn values<'a>(headers: &'a [Header<'_>], name: &'static str) -> impl Iterator<Item = &'a [u8]> {
    headers
        .iter()
        .filter(move |header| header.name.eq_ignore_ascii_case(name))
        .map(|header| header.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HeadLimits = HeadLimits {
        bytes: 1024,
        headers: 8,
    };

    fn head(lines: &str) -> Result<Option<Head>, Code> {
        let text = format!("{lines}\n\n").replace('\n', "\r\n");
        inspect(text.as_bytes(), LIMITS)
    }

    fn framing_of(lines: &str) -> Result<Framing, Code> {
        head(&format!("POST /x HTTP/1.1\nHost: a\n{lines}")).map(|head| head.unwrap().framing)
    }

    #[test]
    fn one_header_says_where_the_body_ends() {
        assert_eq!(framing_of("Accept: a"), Ok(Framing::Length(0)));
        assert_eq!(framing_of("Content-Length: 17"), Ok(Framing::Length(17)));
        assert_eq!(
            framing_of("Transfer-Encoding: Chunked"),
            Ok(Framing::Chunked)
        );
    }

    #[test]
    fn ambiguous_framing_is_refused() {
        for lines in [
            "Content-Length: 5\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\nContent-Length: 5",
            "Content-Length: 5\nContent-Length: 6",
            "Content-Length: 5\nContent-Length: 5",
            "Content-Length: 5, 5",
            "Content-Length: +5",
            "Content-Length: 5 5",
            "Content-Length: 0x5",
            "Content-Length:",
            "Content-Length: 99999999999999999999999",
            "Transfer-Encoding: gzip, chunked",
            "Transfer-Encoding: chunked, identity",
            "Transfer-Encoding: identity",
            "Transfer-Encoding: chunked\nTransfer-Encoding: chunked",
            "Transfer-Encoding: xchunked",
            "Transfer-Encoding:\u{b}chunked",
            "Transfer-Encoding : chunked",
            "X: y\n folded",
        ] {
            assert_eq!(framing_of(lines), Err(Code::BadRequest), "{lines}");
        }
        let old = head("POST /x HTTP/1.0\nTransfer-Encoding: chunked");
        assert_eq!(old, Err(Code::BadRequest));
    }

    #[test]
    fn the_target_is_a_path() {
        for target in ["/", "/x?y=/z", "//x", "/%00"] {
            assert!(
                head(&format!("GET {target} HTTP/1.1\nHost: a")).is_ok(),
                "{target}"
            );
        }
        for target in ["http://a/x", "a:443", "*", "x", "/x#y", "?x", "/x^\u{7f}y"] {
            let refused = head(&format!("GET {target} HTTP/1.1\nHost: a"));
            assert!(
                matches!(refused, Err(Code::InvalidTarget | Code::BadRequest)),
                "{target}: {refused:?}"
            );
        }
    }

    #[test]
    fn there_is_one_host_and_it_is_one() {
        let host = |lines: &str| head(&format!("GET / HTTP/1.1\n{lines}")).map(|_| ());
        for lines in [
            "Host: a",
            "host: api.anufy.example:443",
            "Host: [::1]:80",
            "Host: 127.0.0.1",
            "Host: [::1]",
            "Host: a:",
        ] {
            assert_eq!(host(lines), Ok(()), "{lines}");
        }
        assert_eq!(host("Accept: x"), Err(Code::MissingHost));
        for lines in [
            "Host: a\nHost: a",
            "Host: a\nHost: b",
            "Host:",
            "Host: a b",
            "Host: a,b",
            "Host: u@a",
            "Host: a/b",
            "Host: a:b",
            "Host: a:99999",
            "Host: :80",
            "Host: [::1",
            "Host: [x]",
            "Host: [::1]80",
            "Host: a?b",
        ] {
            assert_eq!(host(lines), Err(Code::InvalidHost), "{lines}");
        }
        assert!(head("GET / HTTP/1.0\nAccept: x").is_ok());
    }

    #[test]
    fn limits_hold_for_the_whole_head() {
        assert_eq!(inspect(b"GET / HT", LIMITS), Ok(None));
        let long = format!("GET / HTTP/1.1\nHost: a\nX: {}", "x".repeat(1024));
        assert_eq!(head(&long), Err(Code::HeadersTooLarge));
        assert_eq!(inspect(&[b'A'; 1025], LIMITS), Err(Code::HeadersTooLarge));
        let many = format!("GET / HTTP/1.1\nHost: a{}", "\nX: y".repeat(8));
        assert_eq!(head(&many), Err(Code::HeadersTooLarge));
    }

    #[test]
    fn other_versions_are_named_as_such() {
        assert_eq!(
            inspect(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", LIMITS),
            Err(Code::HttpVersionNotSupported)
        );
    }
}
