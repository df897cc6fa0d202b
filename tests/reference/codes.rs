//! Every word that a problem document may have as its `code`.

use std::collections::BTreeMap;

use auth::AuthError;
use posts::PostError;
use strum::VariantArray;

use crate::{code, table};

const INTRODUCTION: &str = r#"# Error codes

Every refusal is an RFC 9457 problem document (`application/problem+json`). Clients decide by `code`, which is stable; `title`
and `detail` are for people and may change. A request that breaks rules of its fields lists each of them in `errors`.

```json
{
  "type": "about:blank",
  "title": "Unprocessable content",
  "status": 422,
  "code": "validation_failed",
  "detail": "the request breaks the rules of its fields",
  "instance": "/api/auth/register",
  "request_id": "0199f3a2-6d0e-7c41-9a53-2f6f0b0e8a11",
  "errors": [{ "field": "username", "message": "must be 3 to 30 characters long" }]
}
```

`401` comes with `WWW-Authenticate`, `405` with `Allow`, `429`, `503` and most `504` with `Retry-After`; after a `502` or a
`504` the request may have been carried out. `request_id` finds a request in the logs. The tests refuse a problem document
whose code is not in this table.

"#;

/// Every service, by what they have in common.
const OF_ALL: &str = "services";

/// What is known of a code: who says it, and what they say.
#[derive(Default)]
struct Entry {
    sources: Vec<&'static str>,
    meanings: Vec<&'static str>,
}

impl Entry {
    fn add(&mut self, source: &'static str, meaning: &'static str) {
        // A service may refuse with a code that all have. What the gateway
        // refuses does not get to the services.
        let is_known = self.meanings.contains(&meaning);
        if !(is_known && self.sources.contains(&OF_ALL)) {
            self.sources.push(source);
        }
        if !is_known && (source != OF_ALL || self.meanings.is_empty()) {
            self.meanings.push(meaning);
        }
    }
}

pub(crate) fn page() -> String {
    let mut entries: BTreeMap<(u16, &str), Entry> = BTreeMap::new();
    for row in gateway::Code::ALL.map(gateway::Code::row) {
        let entry = entries.entry((row.status.as_u16(), row.code)).or_default();
        entry.add("gateway", row.meaning);
    }
    let own = [("auth", AuthError::codes()), ("posts", PostError::codes())];
    let of_all = web::Code::VARIANTS.iter().map(|code| code.row()).collect();
    for (source, rows) in [(OF_ALL, of_all)].into_iter().chain(own) {
        for row in rows {
            let entry = entries.entry((row.status, row.code)).or_default();
            entry.add(source, row.meaning);
        }
    }
    let words: Vec<&str> = entries.keys().map(|(_, code)| *code).collect();
    for word in &words {
        let count = words.iter().filter(|other| *other == word).count();
        assert_eq!(count, 1, "{word} has two statuses");
    }
    let rows = entries.iter().map(|((status, word), entry)| {
        [
            code(word),
            status.to_string(),
            entry.sources.join(", "),
            entry.meanings.join("; "),
        ]
    });
    let head = ["code", "status", "from", "meaning"];
    format!("{INTRODUCTION}{}", table(head, rows))
}
