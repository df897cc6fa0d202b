//! Reads what a service tells about itself on its admin port.

use std::net::SocketAddr;

use anyhow::ensure;

use crate::http::{Connection, Request, refusal};

/// The metrics of one process at one moment, in Prometheus text format.
pub(crate) struct Metrics(String);

impl Metrics {
    /// Asks the admin port `admin`.
    pub(crate) async fn scrape(admin: SocketAddr) -> anyhow::Result<Self> {
        let mut connection = Connection::open(admin).await?;
        let request = Request::new("GET", "/metrics", &[], "");
        let answer = connection.exchange(&request).await?;
        ensure!(answer.status == 200, "{}", refusal(&answer));
        Ok(Self(String::from_utf8(answer.body.to_vec())?))
    }

    /// The sum over all labels of `name`; nothing when there is none yet.
    pub(crate) fn sum(&self, name: &str) -> f64 {
        let lines = self.0.lines().filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            let rest = match rest.strip_prefix('{') {
                Some(labelled) => labelled.rsplit_once("} ")?.1,
                None => rest.strip_prefix(' ')?,
            };
            rest.parse::<f64>().ok()
        });
        lines.sum()
    }

    /// What the histogram `name` has taken on average since `earlier`.
    pub(crate) fn mean_since(&self, earlier: &Self, name: &str) -> f64 {
        let [sum, times] = ["sum", "count"].map(|part| {
            let name = format!("{name}_{part}");
            self.sum(&name) - earlier.sum(&name)
        });
        sum / times
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_summed_over_their_labels() {
        let text =
            "# TYPE a histogram\na_sum{b=\"} 7\"} 3\na_sum 4\na_count{b=\"x\"} 2\nab_sum 9\n";
        let metrics = Metrics(text.to_owned());
        assert!((metrics.sum("a_sum") - 7.0).abs() < f64::EPSILON);
        let before = Metrics(String::new());
        assert!((metrics.mean_since(&before, "a") - 3.5).abs() < f64::EPSILON);
    }
}
