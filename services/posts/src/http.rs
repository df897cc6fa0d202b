//! The public operations of this service, one line each.

mod author_posts;
mod create_post;
mod delete_post;
mod edit_post;
mod feed;
mod get_post;
mod like_post;
mod liked_posts;
mod likers;
mod unlike_post;
mod view;

use actix_web::http::Method;
use web::{Access::Account, Routes, actix_web};

/// The route table.
#[must_use]
pub fn routes() -> Routes {
    Routes::new()
        .add(
            Method::POST,
            "/api/posts",
            Account,
            create_post::NAME,
            create_post::handle,
        )
        .add(
            Method::GET,
            "/api/posts/feed",
            Account,
            "feed",
            feed::handle,
        )
        .add(
            Method::GET,
            "/api/posts/liked",
            Account,
            "liked_posts",
            liked_posts::handle,
        )
        .add(
            Method::GET,
            "/api/posts/user/{id}",
            Account,
            "author_posts",
            author_posts::handle,
        )
        .add(
            Method::GET,
            "/api/posts/{id}",
            Account,
            "get_post",
            get_post::handle,
        )
        .add(
            Method::PATCH,
            "/api/posts/{id}",
            Account,
            "edit_post",
            edit_post::handle,
        )
        .add(
            Method::DELETE,
            "/api/posts/{id}",
            Account,
            "delete_post",
            delete_post::handle,
        )
        .add(
            Method::POST,
            "/api/posts/{id}/like",
            Account,
            "like_post",
            like_post::handle,
        )
        .add(
            Method::DELETE,
            "/api/posts/{id}/like",
            Account,
            "unlike_post",
            unlike_post::handle,
        )
        .add(
            Method::GET,
            "/api/posts/{id}/likes",
            Account,
            "likers",
            likers::handle,
        )
}
