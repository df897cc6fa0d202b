//! Addresses of servers, `scheme://user:password@host:port/path?query`, taken
//! apart and put together again.

/// What is before the (first) host, the hosts, and what is after them.
fn split(url: &str) -> (&str, &str, &str) {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..]
        .find(['/', '?'])
        .map_or(url.len(), |at| start + at);
    let start = url[start..end]
        .rfind('@')
        .map_or(start, |at| start + at + 1);
    (&url[..start], &url[start..end], &url[end..])
}

/// The first host.
pub(crate) fn host_of(url: &str) -> String {
    let (_, hosts, _) = split(url);
    hosts.split(',').next().unwrap_or(hosts).to_owned()
}

/// The path without its slash, still encoded.
pub(crate) fn path_of(url: &str) -> &str {
    let (_, _, after) = split(url);
    let path = after.split('?').next().unwrap_or(after);
    path.trim_start_matches('/')
}

/// The same at another host.
pub(crate) fn with_host(url: &str, host: &str) -> String {
    let (before, _, after) = split(url);
    format!("{before}{host}{after}")
}

/// The same with another path, which must be encoded.
pub(crate) fn with_path(url: &str, path: &str) -> String {
    let (before, host, after) = split(url);
    let query = after.find('?').map_or("", |at| &after[at..]);
    format!("{before}{host}/{path}{query}")
}

/// The same with `option` in its query.
pub(crate) fn with_option(uri: &str, option: &str) -> String {
    let (_, _, after) = split(uri);
    let separator = match after {
        _ if after.contains(option) => return uri.to_owned(),
        "" => "/?",
        _ if after.contains('?') => "&",
        _ => "?",
    };
    format!("{uri}{separator}{option}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_rewritten_part_by_part() {
        let uri = "mongodb://ana:p%40ss@a:1,b:2/?replicaSet=rs0";
        assert_eq!(host_of(uri), "a:1");
        assert_eq!(
            with_option(&with_host(uri, "c:3"), "directConnection=true"),
            "mongodb://ana:p%40ss@c:3/?replicaSet=rs0&directConnection=true"
        );
        assert_eq!(with_option("mongodb://a:1", "x=1"), "mongodb://a:1/?x=1");
        assert_eq!(
            with_option("mongodb://a:1/?x=1", "x=1"),
            "mongodb://a:1/?x=1"
        );
        assert_eq!(
            with_path("redis://:p@a:1/0?protocol=resp3", "7"),
            "redis://:p@a:1/7?protocol=resp3"
        );
        assert_eq!(with_path("redis://a:1", "7"), "redis://a:1/7");
        assert_eq!(path_of("amqp://guest:guest@a:1/%2f?heartbeat=5"), "%2f");
        assert_eq!(path_of("amqp://a:1"), "");
    }
}
