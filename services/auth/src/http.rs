//! The public operations of this service, one line each.

mod follow;
mod followers;
mod following;
mod get_user;
mod jwks;
mod login;
mod logout;
mod logout_all;
mod me;
mod register;
mod unfollow;
mod update_me;
mod view;

use actix_web::http::Method;
use web::{
    Access::{Account, Public},
    Routes, actix_web,
};

/// The route table.
#[must_use]
pub fn routes() -> Routes {
    Routes::new()
        .add(
            Method::POST,
            "/api/auth/register",
            Public,
            "register",
            register::handle,
        )
        .add(
            Method::POST,
            "/api/auth/login",
            Public,
            "login",
            login::handle,
        )
        .add(
            Method::POST,
            "/api/auth/logout",
            Account,
            "logout",
            logout::handle,
        )
        .add(
            Method::POST,
            "/api/auth/logout-all",
            Account,
            "logout_all",
            logout_all::handle,
        )
        .add(Method::GET, "/api/auth/me", Account, "me", me::handle)
        .add(
            Method::GET,
            "/.well-known/jwks.json",
            Public,
            "jwks",
            jwks::handle,
        )
        .add(
            Method::PATCH,
            "/api/users/me",
            Account,
            "update_me",
            update_me::handle,
        )
        .add(
            Method::GET,
            "/api/users/{id}",
            Account,
            "get_user",
            get_user::handle,
        )
        .add(
            Method::POST,
            "/api/users/{id}/follow",
            Account,
            "follow",
            follow::handle,
        )
        .add(
            Method::DELETE,
            "/api/users/{id}/follow",
            Account,
            "unfollow",
            unfollow::handle,
        )
        .add(
            Method::GET,
            "/api/users/{id}/followers",
            Account,
            "followers",
            followers::handle,
        )
        .add(
            Method::GET,
            "/api/users/{id}/following",
            Account,
            "following",
            following::handle,
        )
}
