//! Rows of neighbours in two flat arrays (compressed sparse rows): four bytes
//! an edge, so that millions of people fit.

/// For every row the sorted, distinct numbers it is adjacent to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Adjacency {
    /// Where each row begins; one more than there are rows.
    starts: Vec<usize>,
    neighbours: Vec<u32>,
}

impl Adjacency {
    /// Of pairs `(row, neighbour)`; all rows must be below `rows`.
    pub(crate) fn new(rows: u32, pairs: impl Iterator<Item = (u32, u32)>) -> Self {
        let mut pairs: Vec<_> = pairs.collect();
        pairs.sort_unstable();
        pairs.dedup();
        let begin = |row| pairs.partition_point(|&(of, _)| of < row);
        Self {
            starts: (0..=rows).map(begin).collect(),
            neighbours: pairs.iter().map(|&(_, neighbour)| neighbour).collect(),
        }
    }

    pub(crate) fn rows(&self) -> u32 {
        u32::try_from(self.starts.len().saturating_sub(1)).unwrap_or(u32::MAX)
    }

    pub(crate) fn len(&self) -> usize {
        self.neighbours.len()
    }

    /// The neighbours of `row`; none if there is no such row.
    pub(crate) fn row(&self, row: u32) -> &[u32] {
        let starts = usize::try_from(row)
            .ok()
            .and_then(|row| self.starts.get(row..));
        let range = match starts {
            Some(&[start, end, ..]) => start..end,
            _ => 0..0,
        };
        self.neighbours.get(range).unwrap_or_default()
    }

    pub(crate) fn row_lengths(&self) -> impl Iterator<Item = u32> {
        (0..self.rows()).map(|row| u32::try_from(self.row(row).len()).unwrap_or(u32::MAX))
    }
}
