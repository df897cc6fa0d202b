use std::fmt::Write;

use super::History;
use crate::feed::{reading::Way, rig::SETTLING, step::Step};

impl History {
    /// Everything that may tell why `reader` does not see what must be seen.
    pub(super) async fn report(
        &self,
        reader: usize,
        way: Way,
        truth: &[String],
        seen: &[String],
    ) -> String {
        let differing = truth.iter().filter(|line| !seen.contains(line));
        let surplus = seen.iter().filter(|line| !truth.contains(line));
        let differing: Vec<&String> = differing.chain(surplus).collect();
        let is_concerned = |who: &usize| {
            let name = &self.people[*who].username;
            *who == reader || differing.iter().any(|line| line.contains(name))
        };
        let concerned: Vec<usize> = (0..self.people.len()).filter(is_concerned).collect();
        let mut report = format!(
            "SEED={}: after {SETTLING:?} p{reader} ({}), reading {way:?}, sees a wrong feed.\n\
             What happened to {concerned:?}:\n",
            self.seed, self.people[reader].id
        );
        for line in &self.log {
            let concerns = |step: &Step| concerned.iter().any(|who| step.concerns(*who));
            if line.step.as_ref().is_none_or(concerns) {
                let _ = writeln!(report, "  {}", line.text);
            }
        }
        for (name, these, others) in [("must be", truth, seen), ("seen", seen, truth)] {
            let _ = writeln!(report, "{name}, {} posts:", these.len());
            for line in these {
                let mark = if others.contains(line) { ' ' } else { '!' };
                let _ = writeln!(report, "{mark} {line}");
            }
        }
        let _ = writeln!(report, "what is kept for them:");
        for line in self.rig.kept_for(&self.people[reader]).await {
            let _ = writeln!(report, "  {line}");
        }
        report
    }
}
