//! A feed as somebody reads it, in each of the ways that there are.

use serde_json::Value;
use testkit::{Client, Response};

/// Items of a page when nobody says.
const USUAL_LIMIT: usize = 20;

/// How somebody goes through their feed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    /// Page 1, page 2 and so on, with as many items as pages usually have.
    Usual,
    /// By number, with so many items a page.
    Numbered(usize),
    /// From each page to the next by its cursor.
    Cursor(usize),
}

/// What somebody was shown.
pub(super) struct Reading {
    /// A line a post; `None` for an account that is not active.
    pub(super) feed: Option<Vec<String>>,
    /// Pages that came from the cache.
    pub(super) hits: u64,
}

impl Way {
    /// Reads the whole feed of `reader`.
    pub(super) async fn read(self, reader: &Client) -> Reading {
        let mut reading = Reading {
            feed: Some(Vec::new()),
            hits: 0,
        };
        let mut cursor = None;
        for number in 1.. {
            let answer = reader.get(&self.path(number, cursor.as_deref())).await;
            let Some(page) = page(&answer) else {
                reading.feed = None;
                break;
            };
            reading.hits += u64::from(answer.header("x-cache") == Some("HIT"));
            let items = page["items"].as_array().unwrap();
            reading
                .feed
                .iter_mut()
                .for_each(|feed| feed.extend(items.iter().map(item)));
            assert_eq!(page["has_more"] == true, page["next_cursor"].is_string());
            if page["has_more"] == false {
                break;
            }
            assert_eq!(
                items.len(),
                self.limit(),
                "a page that is not the last is full"
            );
            cursor = page["next_cursor"].as_str().map(str::to_owned);
        }
        reading
    }

    fn limit(self) -> usize {
        match self {
            Self::Usual => USUAL_LIMIT,
            Self::Numbered(limit) | Self::Cursor(limit) => limit,
        }
    }

    fn path(self, number: usize, cursor: Option<&str>) -> String {
        let query = match (self, cursor) {
            (Self::Usual, _) => format!("page={number}"),
            (Self::Cursor(limit), Some(cursor)) => format!("limit={limit}&cursor={cursor}"),
            (Self::Cursor(limit), None) => format!("limit={limit}"),
            (Self::Numbered(limit), _) => format!("limit={limit}&page={number}"),
        };
        format!("/api/posts/feed?{query}")
    }
}

/// The page that `answer` is; `None` when the reader's account is not active.
/// A feed has no other answers.
pub(super) fn page(answer: &Response) -> Option<Value> {
    if answer.status == 403 {
        answer.expect_problem(403, "account_not_active");
        return None;
    }
    Some(answer.expect(200))
}

/// What of a post has to be as it is stored. How many others like it may be
/// told a minute late.
pub(super) fn line(
    id: &str,
    username: &str,
    full_name: &str,
    caption: &str,
    is_liked: bool,
) -> String {
    let heart = if is_liked { " ♥" } else { "" };
    format!("{id} {username} ({full_name}): {caption}{heart}")
}

fn item(item: &Value) -> String {
    let text = |value: &Value| {
        value
            .as_str()
            .unwrap_or_else(|| panic!("{item}"))
            .to_owned()
    };
    let author = &item["user"];
    line(
        &text(&item["_id"]),
        &text(&author["username"]),
        &text(&author["full_name"]),
        &text(&item["caption"]),
        item["is_liked"].as_bool().unwrap(),
    )
}
