//! What people write, checked against the rules of posts.

use domain::{
    Caption, MediaType, Post, PostId, Timestamp, UserId, check_location, check_media,
    check_media_url,
};
use web::Faults;

use crate::{PostError, mongo::Edit};

/// A post as somebody wrote it, not yet checked.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    /// The text under the name that the predecessor's clients send.
    pub(crate) content: Option<String>,
    /// The text under the name that it is shown as.
    pub(crate) caption: Option<String>,
    pub(crate) media_urls: Vec<String>,
    pub(crate) media_type: Option<MediaType>,
    pub(crate) location: Option<String>,
}

/// What somebody wants changed of a post; `None` is left as it is.
#[derive(Debug, Default)]
pub(crate) struct Revision {
    pub(crate) caption: Option<String>,
    /// `Some(None)` takes the place away.
    pub(crate) location: Option<Option<String>>,
}

impl Draft {
    /// The post that it becomes.
    pub(crate) fn into_post(self, author: UserId, now: Timestamp) -> Result<Post, PostError> {
        let mut faults = Faults::default();
        let text_field = if self.caption.is_some() {
            "caption"
        } else {
            "content"
        };
        if let (Some(content), Some(caption)) = (&self.content, &self.caption)
            && content != caption
        {
            faults.add("content", "must be the caption, or left out");
        }
        let text = self.caption.or(self.content).unwrap_or_default();
        let caption = faults.note(text_field, Caption::parse(&text));
        for (n, url) in self.media_urls.iter().enumerate() {
            faults.note(&format!("media_urls[{n}]"), check_media_url(url));
        }
        let media_type = check_media(self.media_type, self.media_urls.len());
        let media_type = faults.note("media_type", media_type);
        if let Some(location) = &self.location {
            faults.note("location", check_location(location));
        }
        if text.trim().is_empty() && self.media_urls.is_empty() {
            faults.add(text_field, "a post needs text or media");
        }
        let (Some(caption), Some(media_type), true) = (caption, media_type, faults.is_empty())
        else {
            return Err(faults.into());
        };
        Ok(Post {
            id: PostId::generate(),
            user_id: author,
            caption: caption.text().to_owned(),
            media_urls: self.media_urls,
            media_type,
            likes_count: 0,
            comments_count: 0,
            saves_count: 0,
            hashtags: caption.hashtags().to_vec(),
            mentions: caption.mentions().to_vec(),
            location: self.location.map(|location| location.trim().to_owned()),
            created_at: Some(now),
            edited_at: None,
            deleted_at: None,
        })
    }
}

impl Revision {
    /// What has to be changed of `post`; `None` if it is like that already.
    pub(crate) fn of(self, post: &Post) -> Result<Option<Edit>, PostError> {
        let mut faults = Faults::default();
        let caption = self
            .caption
            .and_then(|text| faults.note("caption", Caption::parse(&text)));
        if caption
            .as_ref()
            .is_some_and(|caption| caption.text().is_empty())
            && post.media_urls.is_empty()
        {
            faults.add("caption", "a post needs text or media");
        }
        if let Some(Some(location)) = &self.location {
            faults.note("location", check_location(location));
        }
        if !faults.is_empty() {
            return Err(faults.into());
        }
        let location = self
            .location
            .map(|location| location.map(|location| location.trim().to_owned()));
        let edit = Edit {
            caption: caption.filter(|caption| caption.text() != post.caption),
            location: location.filter(|location| *location != post.location),
        };
        let is_change = edit.caption.is_some() || edit.location.is_some();
        Ok(is_change.then_some(edit))
    }
}

#[cfg(test)]
mod tests {
    use web::Failure;

    use super::*;

    fn post(draft: Draft) -> Result<Post, Vec<String>> {
        let now = Timestamp::from_millis(1_700_000_000_000);
        let post = draft.into_post(UserId::generate(), now);
        post.map_err(|error| {
            error
                .fields()
                .into_iter()
                .map(|fault| fault.field)
                .collect()
        })
    }

    fn text(caption: &str) -> Draft {
        Draft {
            caption: Some(caption.to_owned()),
            ..Draft::default()
        }
    }

    fn media(urls: &[&str]) -> Draft {
        Draft {
            media_urls: urls.iter().map(|url| (*url).to_owned()).collect(),
            ..Draft::default()
        }
    }

    #[test]
    fn the_text_has_two_names() {
        let content = |content: &str| Draft {
            content: Some(content.to_owned()),
            ..Draft::default()
        };
        assert_eq!(post(content(" hi #A ")).unwrap().caption, "hi #A");
        let both = |caption: &str| Draft {
            caption: Some(caption.to_owned()),
            ..content("hi")
        };
        assert_eq!(post(both("hi")).unwrap().caption, "hi");
        assert_eq!(post(both("ho")).unwrap_err(), ["content"]);
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let draft = Draft {
            media_type: Some(MediaType::Video),
            location: Some(String::new()),
            ..media(&["https://img.example/1", "ftp://no"])
        };
        assert_eq!(
            post(draft).unwrap_err(),
            ["media_urls[1]", "media_type", "location"]
        );
        assert_eq!(post(Draft::default()).unwrap_err(), ["content"]);
        assert_eq!(post(text("  ")).unwrap_err(), ["caption"]);
        assert_eq!(post(media(&["/media/1"])).unwrap().caption, "");
    }

    #[test]
    fn a_revision_is_what_differs() {
        let words = post(text("one #two")).unwrap();
        let revise = |caption: &str| {
            Revision {
                caption: Some(caption.to_owned()),
                ..Revision::default()
            }
            .of(&words)
        };
        assert!(revise(" one #two ").unwrap().is_none());
        assert!(revise("three").unwrap().is_some());
        assert_eq!(revise(" ").unwrap_err().fields()[0].field, "caption");
        let bare = Revision {
            caption: Some(String::new()),
            location: Some(None),
        };
        let pictures = Post {
            media_urls: vec!["/media/1".to_owned()],
            ..words
        };
        let edit = bare.of(&pictures).unwrap().unwrap();
        assert_eq!((edit.caption.unwrap().text(), edit.location), ("", None));
    }
}
