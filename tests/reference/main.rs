//! `docs/reference/` says what the code says. A page that does not fails its
//! test, and `make reference` writes it anew.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod codes;
mod routes;
mod settings;

use expect_test::{ExpectFile, expect_file};

/// The first line of every page, so that nobody edits it.
const ORIGIN: &str = "<!-- Made from the code by `make reference`. -->\n\n";

fn is_current(page: &ExpectFile, text: &str) {
    page.assert_eq(&format!("{ORIGIN}{text}"));
}

#[test]
fn the_page_of_routes_is_current() {
    let page = expect_file!["../../docs/reference/routes.md"];
    is_current(&page, &routes::page());
}

#[test]
fn the_page_of_error_codes_is_current() {
    let page = expect_file!["../../docs/reference/error-codes.md"];
    is_current(&page, &codes::page());
}

#[test]
fn the_page_of_settings_is_current() {
    let page = expect_file!["../../docs/reference/settings.md"];
    is_current(&page, &settings::page());
}

/// A table in Markdown; its cells may say anything.
fn table<const N: usize>(head: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let line = |cells: [String; N]| {
        let cells = cells.map(|cell| cell.replace('|', "\\|").replace('\n', " "));
        format!("| {} |\n", cells.join(" | "))
    };
    let head = line(head.map(str::to_owned));
    let rule = format!("|{}\n", "---|".repeat(N));
    let rows: String = rows.map(line).collect();
    format!("{head}{rule}{rows}")
}

/// As code, if it is anything.
fn code(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!("`{text}`")
    }
}
