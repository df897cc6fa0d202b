//! The public operations of this service, one line each.

mod author_posts;
mod create_comment;
mod create_post;
mod delete_comment;
mod delete_post;
mod edit_post;
mod explore;
mod feed;
mod get_post;
mod hashtag_posts;
mod like_comment;
mod like_post;
mod liked_posts;
mod likers;
mod list_comments;
mod save_post;
mod saved_posts;
mod search_posts;
mod trending_hashtags;
mod unlike_comment;
mod unlike_post;
mod unsave_post;
mod view;

use actix_web::http::Method;
use web::{Access::Account, Routes, actix_web};

/// The route table.
#[must_use]
#[rustfmt::skip]
pub fn routes() -> Routes {
    Routes::new()
        .add(Method::POST, "/api/posts", Account, create_post::NAME, create_post::handle)
        .add(Method::GET, "/api/posts/feed", Account, "feed", feed::handle)
        .add(Method::GET, "/api/posts/liked", Account, "liked_posts", liked_posts::handle)
        .add(Method::GET, "/api/posts/saved", Account, "saved_posts", saved_posts::handle)
        .add(Method::GET, "/api/posts/explore", Account, "explore", explore::handle)
        .add(Method::GET, "/api/posts/search", Account, "search_posts", search_posts::handle)
        .add(Method::GET, "/api/posts/trending/hashtags", Account, "trending_hashtags", trending_hashtags::handle)
        .add(Method::GET, "/api/posts/hashtag/{tag}", Account, "hashtag_posts", hashtag_posts::handle)
        .add(Method::GET, "/api/posts/user/{id}", Account, "author_posts", author_posts::handle)
        .add(Method::GET, "/api/posts/{id}", Account, "get_post", get_post::handle)
        .add(Method::PATCH, "/api/posts/{id}", Account, "edit_post", edit_post::handle)
        .add(Method::DELETE, "/api/posts/{id}", Account, "delete_post", delete_post::handle)
        .add(Method::POST, "/api/posts/{id}/like", Account, "like_post", like_post::handle)
        .add(Method::DELETE, "/api/posts/{id}/like", Account, "unlike_post", unlike_post::handle)
        .add(Method::GET, "/api/posts/{id}/likes", Account, "likers", likers::handle)
        .add(Method::POST, "/api/posts/{id}/save", Account, "save_post", save_post::handle)
        .add(Method::DELETE, "/api/posts/{id}/save", Account, "unsave_post", unsave_post::handle)
        .add(Method::GET, "/api/posts/{id}/comments", Account, "list_comments", list_comments::handle)
        .add(Method::POST, "/api/posts/{id}/comments", Account, create_comment::NAME, create_comment::handle)
        .add(Method::DELETE, "/api/comments/{id}", Account, "delete_comment", delete_comment::handle)
        .add(Method::POST, "/api/comments/{id}/like", Account, "like_comment", like_comment::handle)
        .add(Method::DELETE, "/api/comments/{id}/like", Account, "unlike_comment", unlike_comment::handle)
}
