use http::Uri;

/// Takes the address of a service, such as `http://auth:8091`, as it is set.
pub fn parse_url(text: &str) -> Result<String, String> {
    parse_authority(text).map(|authority| format!("http://{authority}"))
}

/// The `host:port` of `http://host:port`. Services have no base path, and TLS
/// between them is the mesh's.
pub fn parse_authority(text: &str) -> Result<String, String> {
    let fault = || format!("{text:?} is not an address such as http://auth:8081");
    let uri: Uri = text.parse().ok().ok_or_else(fault)?;
    let is_bare =
        uri.scheme_str() == Some("http") && matches!(uri.path(), "" | "/") && uri.query().is_none();
    match (uri.host(), uri.port_u16()) {
        (Some(host), Some(port)) if is_bare => Ok(format!("{host}:{port}")),
        _ => Err(fault()),
    }
}
