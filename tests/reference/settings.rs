//! Every setting of every program.

use std::collections::BTreeSet;

use clap::{Arg, ArgAction, Command, CommandFactory};

use crate::{code, table};

const INTRODUCTION: &str = "\
# Settings

Each is a flag or a variable of the environment; the flag wins. All faults are reported at once, before a port is opened,
with exit status 64. A secret can also be named by `<VARIABLE>_FILE`: the file that it is in. Times are written as `250ms`,
`3s`, `15min` or `90days`. A setting is listed with the first command of a program that takes it; the `--help` of a command
lists all that it takes.

";

pub(crate) fn page() -> String {
    let programs = [
        gateway::Command::command(),
        auth::Command::command(),
        posts::Command::command(),
        worker::Command::command(),
        realtime::Command::command(),
        anufy::Command::command(),
    ];
    let sections: Vec<String> = programs.into_iter().map(section).collect();
    format!("{INTRODUCTION}{}", sections.join("\n"))
}

fn section(mut program: Command) -> String {
    program.build();
    let mut text = format!("## {}\n", program.get_name());
    let mut known = BTreeSet::new();
    for (name, command) in leaves("", &program) {
        let arguments = command.get_arguments();
        let rows: Vec<_> = arguments
            .filter(|it| !matches!(it.get_id().as_str(), "help" | "version"))
            .filter(|it| known.insert(it.get_id().to_string()))
            .map(row)
            .collect();
        if !rows.is_empty() {
            let head = ["variable", "flag", "default", "meaning"];
            let table = table(head, rows.into_iter());
            let program = program.get_name();
            text = format!("{text}\n`{program} {name}`\n\n{table}");
        }
    }
    text
}

/// The commands that do something, by their words.
fn leaves<'a>(words: &str, command: &'a Command) -> Vec<(String, &'a Command)> {
    let mut found = Vec::new();
    for child in command.get_subcommands() {
        if child.get_name() == "help" {
            continue;
        }
        let words = format!("{words} {}", child.get_name()).trim().to_owned();
        if child.has_subcommands() {
            found.extend(leaves(&words, child));
        } else {
            found.push((words, child));
        }
    }
    found
}

fn row(argument: &Arg) -> [String; 4] {
    let variable = argument.get_env().map(|it| it.to_string_lossy());
    let flag = match argument.get_long() {
        Some(long) => format!("--{long}"),
        None => argument.to_string(),
    };
    let help = argument.get_help().map(ToString::to_string);
    let mut meaning = help.unwrap_or_default();
    let values = argument.get_possible_values();
    let values: Vec<_> = values.iter().map(|it| code(it.get_name())).collect();
    if !values.is_empty() && argument.get_action().takes_values() {
        meaning = format!("{meaning}: {}", values.join(" or "));
    }
    [
        code(&variable.unwrap_or_default()),
        code(&flag),
        default(argument),
        meaning,
    ]
}

fn default(argument: &Arg) -> String {
    let values = argument.get_default_values().iter();
    let values: Vec<_> = values.map(|it| it.to_string_lossy()).collect();
    match (argument.is_required_set(), argument.get_action()) {
        (true, _) if argument.is_hide_env_values_set() => "required, secret".to_owned(),
        (true, _) => "required".to_owned(),
        _ if argument.is_hide_env_values_set() => "secret".to_owned(),
        (_, ArgAction::SetTrue) => "off".to_owned(),
        _ => code(&values.join(",")),
    }
}
