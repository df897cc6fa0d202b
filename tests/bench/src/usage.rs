//! What processes use, from `/proc`.

use std::{collections::BTreeMap, fs, time::Duration};

use anyhow::{Context, ensure};
use rustix::param::clock_ticks_per_second;

/// The processor time that each of some processes has used, by name.
#[derive(Clone, Default)]
pub(crate) struct Usage(BTreeMap<String, Duration>);

impl Usage {
    /// As it is now; processes of one name are added up.
    pub(crate) fn of<'a>(
        processes: impl IntoIterator<Item = (&'a str, u32)>,
    ) -> anyhow::Result<Self> {
        let mut usage = Self::default();
        for (name, pid) in processes {
            *usage.0.entry(name.to_owned()).or_default() += cpu_time(pid)?;
        }
        Ok(usage)
    }

    /// What was used since `earlier`; a process that was not there then had used nothing.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        let used = self.0.iter().map(|(name, now)| {
            let then = earlier.0.get(name).copied().unwrap_or_default();
            (name.clone(), now.saturating_sub(then))
        });
        Self(used.collect())
    }

    /// Adds what was used elsewhere.
    pub(crate) fn add(&mut self, more: &Self) {
        for (name, used) in &more.0 {
            *self.0.entry(name.clone()).or_default() += *used;
        }
    }

    /// Whether nobody was looked at.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What process `name` used.
    pub(crate) fn get(&self, name: &str) -> Duration {
        self.0.get(name).copied().unwrap_or_default()
    }
}

/// Of process `pid`, in the kernel and outside, all its threads, those that have ended too.
fn cpu_time(pid: u32) -> anyhow::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
    let stat = stat.with_context(|| format!("process {pid} is gone"))?;
    // The second field is the command in brackets, and may itself hold spaces and brackets.
    let (_, fields) = stat.rsplit_once(") ").context("not a line of /proc")?;
    let times = fields.split(' ').skip(11).take(2).map(str::parse);
    let times: Vec<u64> = times.collect::<Result<_, _>>()?;
    ensure!(times.len() == 2, "not a line of /proc");
    let millis = times.iter().sum::<u64>() * 1000 / clock_ticks_per_second();
    Ok(Duration::from_millis(millis))
}

/// Memory of process `pid` that is in use now, and the most that ever was, in MiB.
pub(crate) fn memory(pid: u32) -> anyhow::Result<[u64; 2]> {
    let status = status(pid)?;
    let kibibytes = [field(&status, "VmRSS:")?, field(&status, "VmHWM:")?];
    Ok(kibibytes.map(|it| it / 1024))
}

/// Memory of process `pid` that is in use now, in KiB.
pub(crate) fn resident(pid: u32) -> anyhow::Result<usize> {
    Ok(usize::try_from(field(&status(pid)?, "VmRSS:")?)?)
}

fn status(pid: u32) -> anyhow::Result<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"));
    status.with_context(|| format!("process {pid} is gone"))
}

fn field(status: &str, name: &str) -> anyhow::Result<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.context("not a line of /proc")?.parse()?)
}
