//! Express took `/API/Users/` for `/api/users`, and clients in the field may
//! rely on it: a trailing slash is dropped, and segments that are words of the
//! route table match in any case. Parameters keep theirs.

use std::{collections::BTreeSet, sync::Arc};

use actix_web::{
    dev::ServiceRequest,
    http::{Uri, uri::PathAndQuery},
};

/// The words of a route table.
#[derive(Clone)]
pub(crate) struct Words(pub(crate) Arc<BTreeSet<&'static str>>);

impl Words {
    /// Rewrites the path of `request` to the form that the route table has.
    pub(crate) fn fold(&self, request: &mut ServiceRequest) {
        let Some(folded) = self.folded(request.path()) else {
            return;
        };
        let target = match request.uri().query() {
            Some(query) => format!("{folded}?{query}"),
            None => folded,
        };
        let mut parts = request.uri().clone().into_parts();
        parts.path_and_query = PathAndQuery::try_from(target).ok();
        if let Ok(uri) = Uri::from_parts(parts) {
            request.match_info_mut().get_mut().update(&uri);
            request.head_mut().uri = uri;
        }
    }

    /// The path in the route table's form, if it is another than `path`.
    fn folded(&self, path: &str) -> Option<String> {
        let trimmed = path.trim_end_matches('/');
        let segments = trimmed.split('/').map(|segment| {
            let lower = segment.to_ascii_lowercase();
            if self.0.contains(lower.as_str()) {
                lower
            } else {
                segment.to_owned()
            }
        });
        let folded = segments.collect::<Vec<_>>().join("/");
        let folded = if folded.is_empty() {
            "/".to_owned()
        } else {
            folded
        };
        (folded != path).then_some(folded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_match_in_any_case_and_parameters_keep_theirs() {
        let words = Words(Arc::new(["api", "users", "me"].into_iter().collect()));
        let folded = |path| words.folded(path);
        assert_eq!(
            folded("/API/Users/@Ana/").as_deref(),
            Some("/api/users/@Ana")
        );
        assert_eq!(folded("/api/users/ME").as_deref(), Some("/api/users/me"));
        assert_eq!(folded("/api/users/@Ana"), None);
        assert_eq!(folded("/"), None);
        assert_eq!(folded("//").as_deref(), Some("/"));
    }
}
