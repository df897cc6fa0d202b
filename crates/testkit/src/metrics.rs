use crate::{Client, Method};

/// What a service says at `/metrics`.
pub struct Metrics(String);

impl Metrics {
    /// Asks the admin port that `operator` talks to; `None` when nobody answers.
    pub async fn of(operator: &Client) -> Option<Self> {
        let request = operator.request(Method::GET, "/metrics");
        let answer = operator.try_send(request).await.ok()?;
        Some(Self(answer.text()))
    }

    /// The sum of those values of `name`, whole numbers all of them, whose labels,
    /// as they are written, are wanted.
    #[must_use]
    pub fn sum(&self, name: &str, is_wanted: impl Fn(&str) -> bool) -> u64 {
        let values = self.0.lines().filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            let (labels, value) = rest.rsplit_once(' ')?;
            let is_ours = labels.is_empty() || labels.starts_with('{');
            (is_ours && is_wanted(labels)).then(|| value.parse::<u64>().ok())?
        });
        values.sum()
    }
}
