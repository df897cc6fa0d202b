//! Whether MongoDB answers what services asked it by its indexes. Services
//! write down what they ask (`MONGODB_COMMAND_LOG`); here the server is asked
//! how it would go about it.

use std::{collections::BTreeSet, env, fs, path::Path, process};

use mongodb::{
    Client, Database,
    bson::{Bson, Document, doc},
    error::Result,
};
use redis::{AsyncCommands, aio::MultiplexedConnection};

/// Commands that look nothing up. One that is in neither list is a fault: somebody must decide.
const NOT_PLANNED: [&str; 14] = [
    "abortTransaction",
    "commitTransaction",
    "createIndexes",
    "dropIndexes",
    "endSessions",
    "getMore",
    "hello",
    "insert",
    "killCursors",
    "killSessions",
    "listIndexes",
    "ping",
    "saslContinue",
    "saslStart",
];
const PLANNED: [&str; 7] = [
    "aggregate",
    "count",
    "delete",
    "distinct",
    "find",
    "findAndModify",
    "update",
];

/// What is wrong with the commands written down at `log`, a line each.
///
/// What an earlier test of this run has found good is not asked again; `shared`
/// is the Redis database that all of them know.
pub(crate) async fn faults(
    log: &Path,
    client: &Client,
    shared: &mut MultiplexedConnection,
) -> Vec<String> {
    let lines = fs::read_to_string(log).unwrap_or_default();
    let commands: BTreeSet<(String, String)> = lines.lines().filter_map(parse).collect();
    if commands.is_empty() {
        return Vec::new();
    }
    let key = format!("testkit:explained:{}", run_id());
    let members: Vec<&String> = commands.iter().map(|(_, command)| command).collect();
    let known: Vec<bool> = redis::cmd("SMISMEMBER")
        .arg(&key)
        .arg(&members)
        .query_async(shared)
        .await
        .expect("SMISMEMBER");
    let mut faults = Vec::new();
    for ((database, command), is_known) in commands.iter().zip(known) {
        if is_known {
            continue;
        }
        let database = client.database(database);
        match fault(&database, serde_json::from_str(command).unwrap()).await {
            Ok(None) => {
                let _: usize = shared.sadd(&key, command).await.expect("SADD");
            }
            Ok(Some(fault)) => faults.push(format!("{fault}: {command}")),
            Err(error) => faults.push(format!("{error}: {command}")),
        }
    }
    faults
}

/// One run of the tests is one life of the servers, and one set of indexes.
fn run_id() -> String {
    env::var("NEXTEST_RUN_ID").unwrap_or_else(|_| process::id().to_string())
}

/// A line of the log: the database, and the command as text. A service that
/// was killed may have left a part of a line.
fn parse(line: &str) -> Option<(String, String)> {
    let line: Document = serde_json::from_str(line).ok()?;
    let command = line.get_document("command").ok()?;
    let command = serde_json::to_string(command).ok()?;
    Some((line.get_str("db").ok()?.to_owned(), command))
}

async fn fault(database: &Database, command: Document) -> Result<Option<String>> {
    let (name, about) = command.iter().next().expect("a command has a name");
    if NOT_PLANNED.contains(&name.as_str()) {
        return Ok(None);
    }
    if !PLANNED.contains(&name.as_str()) {
        return Ok(Some(format!("{name} is in no list of testkit::explain")));
    }
    // Of a collection that nothing has been written to yet, MongoDB knows no plan.
    let collection = about.as_str().unwrap_or_default();
    let existing = database.list_collection_names();
    let existing = existing.filter(doc! { "name": collection }).await?;
    if existing.is_empty() {
        database.create_collection(collection).await?;
    }
    for command in statements(&command) {
        let explain = doc! { "explain": command, "verbosity": "queryPlanner" };
        let explained = database.run_command(explain).await?;
        if let Some(fault) = fault_of_plan(&explained) {
            return Ok(Some(fault.to_owned()));
        }
    }
    Ok(None)
}

/// The command once for each of its statements: MongoDB explains one at a time.
fn statements(command: &Document) -> Vec<Document> {
    let list = ["updates", "deletes"]
        .into_iter()
        .find_map(|field| Some((field, command.get_array(field).ok()?)));
    let Some((field, statements)) = list else {
        return vec![command.clone()];
    };
    let with_only = |statement: &Bson| {
        let mut command = command.clone();
        command.insert(field, [statement.clone()].to_vec());
        command
    };
    statements.iter().map(with_only).collect()
}

fn fault_of_plan(explained: &Document) -> Option<&'static str> {
    let Ok(stages) = explained.get_array("stages") else {
        let planner = explained.get_document("queryPlanner").ok()?;
        return fault_of_stage(planner.get("winningPlan")?);
    };
    let mut is_grouped = false;
    for stage in stages.iter().filter_map(Bson::as_document) {
        if let Ok(cursor) = stage.get_document("$cursor") {
            if let Some(fault) = fault_of_plan(cursor) {
                return Some(fault);
            }
            is_grouped |= has_stage(&Bson::from(cursor.clone()), "GROUP");
        }
        is_grouped |= stage.contains_key("$group");
        // Of the little that is left of a group, sorting is cheap; a sort of
        // documents is one that no index gives.
        if stage.contains_key("$sort") && !is_grouped {
            return Some("sorts in memory");
        }
    }
    None
}

/// What is wrong with a stage of the winning plan or with those it reads from.
fn fault_of_stage(plan: &Bson) -> Option<&'static str> {
    match plan {
        Bson::Document(stage) => match stage.get_str("stage") {
            Ok("COLLSCAN") => Some("reads the whole collection (COLLSCAN)"),
            Ok("SORT") if !has_stage(plan, "GROUP") => Some("sorts in memory"),
            _ => stage.values().find_map(fault_of_stage),
        },
        Bson::Array(stages) => stages.iter().find_map(fault_of_stage),
        _ => None,
    }
}

fn has_stage(plan: &Bson, name: &str) -> bool {
    match plan {
        Bson::Document(stage) => {
            stage.get_str("stage").is_ok_and(|it| it == name)
                || stage.values().any(|it| has_stage(it, name))
        }
        Bson::Array(stages) => stages.iter().any(|it| has_stage(it, name)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use mongodb::IndexModel;

    use super::*;
    use crate::Sandbox;

    /// A sandbox with a collection `things` and an index over `owner` and `at`.
    async fn sandbox() -> Sandbox {
        let sandbox = Sandbox::create().await;
        let things = sandbox.mongodb().collection::<Document>("things");
        let index = IndexModel::builder().keys(doc! { "owner": 1, "at": -1 });
        things.create_index(index.build()).await.unwrap();
        sandbox
    }

    #[tokio::test]
    async fn what_an_index_answers_is_good() {
        let sandbox = sandbox().await;
        for command in [
            doc! { "find": "things", "filter": { "owner": 1 }, "sort": { "at": -1 }, "limit": 1 },
            doc! { "find": "things", "filter": { "_id": { "$in": [1, 2] } } },
            doc! { "find": "nothing", "filter": { "_id": 1 } },
            doc! { "count": "things", "query": { "owner": 1 } },
            doc! { "distinct": "things", "key": "owner", "query": { "owner": { "$gt": 1 } } },
            doc! { "update": "things", "updates": [{ "q": { "_id": 1 }, "u": { "$set": { "x": 1 } }, "upsert": true }] },
            doc! { "delete": "things", "deletes": [{ "q": { "owner": 1 }, "limit": 0 }] },
            doc! { "findAndModify": "things", "query": { "_id": 1 }, "update": { "$set": { "x": 1 } } },
            doc! { "aggregate": "things", "cursor": {}, "pipeline": [
                { "$match": { "owner": { "$gt": 1 } } },
                { "$group": { "_id": "$owner", "n": { "$sum": 1 } } },
                { "$sort": { "n": -1 } },
            ] },
            doc! { "insert": "things" },
            doc! { "commitTransaction": 1 },
        ] {
            let fault = fault(sandbox.mongodb(), command.clone()).await.unwrap();
            assert_eq!(fault, None, "{command}");
        }
    }

    #[tokio::test]
    async fn what_no_index_answers_is_a_fault() {
        let sandbox = sandbox().await;
        let scan = "reads the whole collection (COLLSCAN)";
        let by_colour = doc! { "colour": "text" };
        for (command, expected) in [
            (doc! { "find": "things", "filter": &by_colour }, scan),
            (
                doc! { "find": "things", "filter": { "$or": [{ "_id": 1 }, &by_colour] } },
                scan,
            ),
            (doc! { "count": "things", "query": &by_colour }, scan),
            (
                doc! { "distinct": "things", "key": "colour", "query": {} },
                scan,
            ),
            (
                doc! { "update": "things", "updates": [
                    { "q": { "_id": 1 }, "u": { "$set": { "x": 1 } } },
                    { "q": &by_colour, "u": { "$set": { "x": 1 } }, "multi": true },
                ] },
                scan,
            ),
            (
                doc! { "delete": "things", "deletes": [{ "q": &by_colour, "limit": 0 }] },
                scan,
            ),
            (
                doc! { "findAndModify": "things", "query": &by_colour, "remove": true },
                scan,
            ),
            (
                doc! { "aggregate": "things", "cursor": {}, "pipeline": [{ "$match": &by_colour }] },
                scan,
            ),
            (
                doc! { "aggregate": "things", "cursor": {}, "pipeline": [
                    { "$match": &by_colour },
                    { "$group": { "_id": "$owner", "n": { "$sum": 1 } } },
                    { "$sort": { "n": -1 } },
                ] },
                scan,
            ),
            (
                doc! { "find": "things", "filter": { "owner": 1 }, "sort": { "colour": 1 } },
                "sorts in memory",
            ),
            (
                doc! { "aggregate": "things", "cursor": {}, "pipeline": [
                    { "$match": { "owner": 1 } }, { "$sort": { "colour": 1 } },
                ] },
                "sorts in memory",
            ),
            (
                doc! { "aggregate": "things", "cursor": {}, "pipeline": [
                    { "$match": { "owner": 1 } }, { "$unwind": "$parts" }, { "$sort": { "parts": 1 } },
                ] },
                "sorts in memory",
            ),
            (doc! { "find": "nothing", "filter": {} }, scan),
            (
                doc! { "mapReduce": "things" },
                "mapReduce is in no list of testkit::explain",
            ),
        ] {
            let fault = fault(sandbox.mongodb(), command.clone()).await.unwrap();
            assert_eq!(fault.as_deref(), Some(expected), "{command}");
        }
    }

    #[tokio::test]
    #[should_panic(expected = "COLLSCAN")]
    async fn a_fault_fails_the_test_whose_sandbox_it_is() {
        let sandbox = sandbox().await;
        let command = doc! { "find": "things", "filter": { "flavour": "text" } };
        let line = doc! { "db": sandbox.mongodb_database(), "command": command };
        let line = serde_json::to_string(&line).unwrap();
        let cut_off = &line[..line.len() - 5];
        fs::write(sandbox.command_log(), format!("{line}\n{cut_off}")).unwrap();
    }
}
