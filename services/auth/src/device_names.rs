//! What a person calls the device that a session is on.

/// Apps, the more special before those whose names they also carry.
const APPS: [(&str, &str); 11] = [
    ("Anufy/", "Anufy"),
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Vivaldi/", "Vivaldi"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("okhttp/", "Anufy"),
];

/// Systems, in the same manner: what runs Android says Linux, an iPad Mac OS.
const SYSTEMS: [(&str, &str); 9] = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("iOS", "iPhone"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "Chrome OS"),
    ("Mac OS X", "Mac"),
    ("Macintosh", "Mac"),
    ("Linux", "Linux"),
];

/// `Firefox on Linux`, as far as a `User-Agent` tells. Browsers do not change
/// these words any more (<https://www.rfc-editor.org/rfc/rfc9110#section-10.1.5>
/// asks for as little as that), so that a short table does.
pub(crate) fn device_name(user_agent: Option<&str>) -> String {
    let user_agent = user_agent.unwrap_or_default();
    let named = |table: &[(&str, &'static str)]| {
        let mut rows = table.iter();
        let row = rows.find(|(mark, _)| user_agent.contains(mark));
        row.map(|(_, name)| *name)
    };
    match (named(&APPS), named(&SYSTEMS)) {
        (Some(app), Some(system)) => format!("{app} on {system}"),
        (Some(name), None) | (None, Some(name)) => name.to_owned(),
        (None, None) => "Unknown device".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_named_as_people_name_them() {
        for (user_agent, name) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
                "Firefox on Linux",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/138.0.0.0 Safari/537.36 Edg/138.0.0.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like \
                 Gecko) Version/18.5 Safari/605.1.15",
                "Safari on Mac",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 \
                 (KHTML, like Gecko) CriOS/138.0.0.0 Mobile/15E148 Safari/604.1",
                "Chrome on iPhone",
            ),
            (
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/138.0.0.0 Mobile Safari/537.36",
                "Chrome on Android",
            ),
            ("Anufy/2.0 (Android 15)", "Anufy on Android"),
            ("curl/8.5.0", "Unknown device"),
            ("", "Unknown device"),
        ] {
            assert_eq!(device_name(Some(user_agent)), name, "{user_agent}");
        }
        assert_eq!(device_name(None), "Unknown device");
    }
}
