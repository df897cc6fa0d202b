//! The public operations of this service, one line each.

mod accept_follow_request;
mod audit_log;
mod block;
mod blocks;
mod bounds;
mod change_password;
mod create_report;
mod decline_follow_request;
mod delete_me;
mod end_session;
mod export_me;
mod follow;
mod follow_requests;
mod followers;
mod following;
mod forgot_password;
mod get_report;
mod get_user;
mod inspect_user;
mod jwks;
mod list_reports;
mod list_sessions;
mod login;
mod logout;
mod logout_all;
mod me;
mod moderate_user;
mod moderation_view;
mod mute;
mod mutes;
mod register;
mod relation_view;
mod resend_verification;
mod reset_password;
mod resolve_report;
mod search_users;
mod suggestions;
mod unblock;
mod unfollow;
mod unmute;
mod update_me;
mod verify_email;
mod view;

use actix_web::http::Method;
use web::{
    Access::{Account, Moderator, Public},
    Routes, actix_web,
};

/// The route table.
#[must_use]
#[rustfmt::skip]
pub fn routes() -> Routes {
    Routes::new()
        .add(Method::POST, "/api/auth/register", Public, "register", register::handle)
        .add(Method::POST, "/api/auth/login", Public, "login", login::handle)
        .add(Method::POST, "/api/auth/logout", Account, "logout", logout::handle)
        .add(Method::POST, "/api/auth/logout-all", Account, "logout_all", logout_all::handle)
        .add(Method::GET, "/api/auth/me", Account, "me", me::handle)
        .add(Method::POST, "/api/auth/password", Account, "change_password", change_password::handle)
        .add(Method::POST, "/api/auth/password/forgot", Public, "forgot_password", forgot_password::handle)
        .add(Method::POST, "/api/auth/password/reset", Public, "reset_password", reset_password::handle)
        .add(Method::POST, "/api/auth/email/verify", Public, "verify_email", verify_email::handle)
        .add(Method::POST, "/api/auth/email/resend", Account, "resend_verification", resend_verification::handle)
        .add(Method::GET, "/api/auth/sessions", Account, "list_sessions", list_sessions::handle)
        .add(Method::DELETE, "/api/auth/sessions/{id}", Account, "end_session", end_session::handle)
        .add(Method::DELETE, "/api/auth/me", Account, "delete_me", delete_me::handle)
        .add(Method::GET, "/api/auth/me/export", Account, "export_me", export_me::handle)
        .add(Method::GET, "/.well-known/jwks.json", Public, "jwks", jwks::handle)
        .add(Method::PATCH, "/api/users/me", Account, "update_me", update_me::handle)
        .add(Method::GET, "/api/users/me/follow-requests", Account, "follow_requests", follow_requests::handle)
        .add(Method::POST, "/api/users/me/follow-requests/{id}/accept", Account, "accept_follow_request", accept_follow_request::handle)
        .add(Method::POST, "/api/users/me/follow-requests/{id}/decline", Account, "decline_follow_request", decline_follow_request::handle)
        .add(Method::GET, "/api/users/me/blocks", Account, "blocks", blocks::handle)
        .add(Method::GET, "/api/users/me/mutes", Account, "mutes", mutes::handle)
        .add(Method::GET, "/api/users/search", Account, "search_users", search_users::handle)
        .add(Method::GET, "/api/users/suggestions", Account, "suggestions", suggestions::handle)
        .add(Method::GET, "/api/users/{id}", Account, "get_user", get_user::handle)
        .add(Method::POST, "/api/users/{id}/follow", Account, "follow", follow::handle)
        .add(Method::DELETE, "/api/users/{id}/follow", Account, "unfollow", unfollow::handle)
        .add(Method::POST, "/api/users/{id}/block", Account, "block", block::handle)
        .add(Method::DELETE, "/api/users/{id}/block", Account, "unblock", unblock::handle)
        .add(Method::POST, "/api/users/{id}/mute", Account, "mute", mute::handle)
        .add(Method::DELETE, "/api/users/{id}/mute", Account, "unmute", unmute::handle)
        .add(Method::GET, "/api/users/{id}/followers", Account, "followers", followers::handle)
        .add(Method::GET, "/api/users/{id}/following", Account, "following", following::handle)
        .add(Method::POST, "/api/reports", Account, create_report::NAME, create_report::handle)
        .add(Method::GET, "/api/admin/reports", Moderator, "list_reports", list_reports::handle)
        .add(Method::GET, "/api/admin/reports/{id}", Moderator, "get_report", get_report::handle)
        .add(Method::POST, "/api/admin/reports/{id}/resolve", Moderator, "resolve_report", resolve_report::handle)
        .add(Method::GET, "/api/admin/users/{id}", Moderator, "inspect_user", inspect_user::handle)
        .add(Method::PATCH, "/api/admin/users/{id}", Moderator, "moderate_user", moderate_user::handle)
        .add(Method::GET, "/api/admin/audit", Moderator, "audit_log", audit_log::handle)
}
