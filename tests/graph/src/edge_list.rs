//! Edge lists as collections of networks publish them: two numbers a line.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, BufRead, BufReader},
    path::Path,
};

use crate::Graph;

/// How much of a line is shown when it is at fault, in characters.
const SHOWN: usize = 40;

/// What a line of an edge list says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Meaning {
    /// The two are friends: they follow each other.
    Friendship,
    /// The first follows the second.
    Follow,
}

/// Why an edge list cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EdgeListError {
    /// It cannot be read.
    #[error("cannot read the edge list")]
    Read(#[from] io::Error),
    /// A line is neither a comment nor an edge.
    #[error("line {line} is no edge, which is two whole numbers: {text:?}")]
    Malformed {
        /// Counted from 1.
        line: usize,
        /// How the line begins.
        text: String,
    },
    /// It has no edge between two people.
    #[error("the edge list has no edge between two people")]
    Empty,
}

impl Graph {
    /// Reads the edge list in `file`; see [`Graph::parse`].
    ///
    /// # Errors
    ///
    /// Those of [`Graph::parse`].
    pub fn read(file: &Path, meaning: Meaning) -> Result<Self, EdgeListError> {
        Self::parse(BufReader::new(File::open(file)?), meaning)
    }

    /// Parses an edge list.
    ///
    /// A line has the numbers of two people, apart by blanks, commas or
    /// semicolons; what comes after them (a weight, a time) is left out, and
    /// so are lines that begin with `#` or `%`. The numbers may have gaps:
    /// people are numbered anew, in their order. A [Matrix Market] file tells
    /// by itself whether its edges go both ways.
    ///
    /// [Matrix Market]: https://math.nist.gov/MatrixMarket/formats.html
    ///
    /// # Errors
    ///
    /// If a line is no edge, if there is no edge at all, or if reading fails.
    pub fn parse(list: impl BufRead, meaning: Meaning) -> Result<Self, EdgeListError> {
        let mut meaning = meaning;
        // Of a Matrix Market file the first line that is no comment tells its size.
        let mut sizes_follow = false;
        let mut edges = Vec::new();
        for (line, number) in list.lines().zip(1..) {
            let line = line?;
            if number == 1 && line.starts_with("%%MatrixMarket") {
                let symmetric = line.to_ascii_lowercase().contains(" symmetric");
                meaning = if symmetric {
                    Meaning::Friendship
                } else {
                    Meaning::Follow
                };
                sizes_follow = true;
            }
            let text = line.trim();
            if text.is_empty() || text.starts_with(['#', '%']) {
                continue;
            }
            let edge = parse_edge(text).ok_or_else(|| EdgeListError::Malformed {
                line: number,
                text: text.chars().take(SHOWN).collect(),
            })?;
            if !sizes_follow {
                edges.push(edge);
            }
            sizes_follow = false;
        }
        number_anew(&edges, meaning).ok_or(EdgeListError::Empty)
    }
}

fn parse_edge(text: &str) -> Option<(u64, u64)> {
    let between = |letter: char| letter.is_whitespace() || matches!(letter, ',' | ';');
    let mut fields = text.split(between).filter(|field| !field.is_empty());
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// The graph of `edges`, if there is one between two people.
fn number_anew(edges: &[(u64, u64)], meaning: Meaning) -> Option<Graph> {
    let mut ids: Vec<_> = edges.iter().flat_map(|&(a, b)| [a, b]).collect();
    ids.sort_unstable();
    ids.dedup();
    let people = u32::try_from(ids.len()).ok()?;
    let numbers: HashMap<_, _> = ids.into_iter().zip(0..people).collect();
    let mut follows = Vec::with_capacity(edges.len());
    for (a, b) in edges {
        let (&a, &b) = (numbers.get(a)?, numbers.get(b)?);
        follows.push((a, b));
        if meaning == Meaning::Friendship {
            follows.push((b, a));
        }
    }
    Some(Graph::new(people, &follows)).filter(|graph| graph.size() > 0)
}
