mod report;

use std::time::{Duration, Instant};

use futures_util::{StreamExt, future::join_all, stream};
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};
use testkit::{Response, User};
use tokio::time::sleep;

use super::{
    faults::Fault,
    reading::Way,
    rig::{Rig, SETTLING},
    step::Step,
    truth::Truth,
    wishes::Known,
};

const PEOPLE: usize = 14;
/// The last of them read their feed only when everything has settled, and then
/// not for a week.
const NEGLECTFUL: usize = 4;
/// Things that happen at least, unless `HISTORY_STEPS` says otherwise.
const STEPS: usize = 300;
/// Those of a storm, about.
const STORM: usize = 30;
/// Moments that a fault lasts.
const LASTING: usize = 3;
/// Between two storms. Pages that were kept before a lull are still kept in it.
const LULLS: usize = 8;
const WAYS: [Way; 4] = [Way::Usual, Way::Usual, Way::Numbered(7), Way::Cursor(3)];
/// How many people read at once when everything has settled.
const READERS: usize = 4;
const PAUSE: Duration = Duration::from_millis(100);

/// What happens to a deployment and the people of it.
pub(super) struct History {
    pub(super) rig: Rig,
    seed: u64,
    dice: StdRng,
    people: Vec<User>,
    known: Known,
    log: Vec<Line>,
    /// Pages that came from the cache.
    pub(super) hits: u64,
}

/// What happened, and if it was a step, which.
struct Line {
    step: Option<Step>,
    text: String,
}

impl History {
    pub(super) async fn begin(seed: u64) -> Self {
        let rig = Rig::start().await;
        let people = rig.people(PEOPLE).await;
        Self {
            rig,
            seed,
            dice: StdRng::seed_from_u64(seed),
            people,
            known: Known::new(PEOPLE),
            log: Vec::new(),
            hits: 0,
        }
    }

    /// Lets everything happen, and compares whenever it has settled.
    pub(super) async fn run(&mut self) {
        let given = std::env::var("HISTORY_STEPS").ok();
        let steps = given.map_or(STEPS, |steps| steps.parse().expect("a number"));
        let mut faults = Fault::ALL;
        faults.shuffle(&mut self.dice);
        let (began, mut storms) = (Instant::now(), 0);
        while storms < faults.len() || self.log.len() < steps || self.has_to_go_on(storms).await {
            self.storm(faults[storms % faults.len()]).await;
            storms += 1;
            self.rise_or_fall(storms).await;
            self.settle().await;
            for _ in 0..LULLS {
                self.lull().await;
                self.settle().await;
            }
            let (seconds, lines) = (began.elapsed().as_secs(), self.log.len());
            eprintln!("{seconds:4} s: {storms} storms, {lines} lines");
        }
    }

    /// Whoever falls may keep followers who are suspended, and be read on.
    async fn has_to_go_on(&self, storms: usize) -> bool {
        let falls = self
            .rig
            .counted("feed_fanout_mode_changes_total", "pushing");
        storms < 2 * Fault::ALL.len() && falls.await == 0
    }

    /// Something breaks in the middle, and is repaired before the end.
    async fn storm(&mut self, fault: Fault) {
        let before = self.dice.random_range(0..STORM);
        self.live(before, true).await;
        self.note(format!("{fault:?} begins"));
        fault.begin(&mut self.rig).await;
        for _ in 0..LASTING {
            self.live(1, false).await;
        }
        fault.end(&mut self.rig).await;
        self.note(format!("{fault:?} ends"));
        self.live(STORM - before, false).await;
        self.note("caches expire, messages come again".to_owned());
        self.rig.expire(&mut self.dice).await;
        self.rig.replay(&mut self.dice).await;
    }

    /// Very little happens, so that it does not hide behind something else.
    async fn lull(&mut self) {
        match self.dice.random_range(0..8) {
            0 => {
                self.note("caches expire".to_owned());
                self.rig.expire(&mut self.dice).await;
            }
            1 => {
                self.note("messages come again".to_owned());
                self.rig.replay(&mut self.dice).await;
            }
            _ => self.live(1, true).await,
        }
    }

    /// By turns, so that there are both.
    async fn rise_or_fall(&mut self, storms: usize) {
        let mut steps = match storms % 2 {
            1 => self.known.rise(&mut self.dice),
            _ => self.known.fall(&mut self.dice),
        };
        // Whoever counts followers has seen these when the last of them posts.
        let last = steps.split_off(steps.len() - 1);
        self.perform(steps, false).await;
        self.perform(last, false).await;
    }

    /// Goes on until so many steps are done.
    async fn live(&mut self, steps: usize, is_whole: bool) {
        let end = self.log.len() + steps;
        while self.log.len() < end {
            let steps = self.known.wishes(&mut self.dice);
            self.perform(steps, is_whole).await;
        }
    }

    /// Does `steps` at the same time. What their answers promise holds at once,
    /// if the deployment `is_whole`.
    async fn perform(&mut self, steps: Vec<Step>, is_whole: bool) {
        let (rig, people, nth) = (&self.rig, &self.people, self.log.len());
        let performed = steps.iter().zip(nth..);
        let performed = performed.map(|(step, nth)| step.perform(rig, people, nth));
        let answers = join_all(performed).await;
        for (step, answer) in steps.iter().zip(&answers) {
            let status = answer.as_ref().map_or(0, |answer| answer.status);
            self.log.push(Line {
                step: Some(step.clone()),
                text: format!("{step:?} -> {status}"),
            });
            if let Some(answer) = answer {
                let is_fine = status < 500 || (status == 503 && !is_whole);
                assert!(is_fine, "SEED={} {step:?}: {answer:?}", self.seed);
                self.known.hear(step, answer);
            }
        }
        for (step, answer) in steps.iter().zip(answers) {
            if let Some(answer) = answer.filter(|_| is_whole) {
                self.is_promised(step, &answer, &steps).await;
            }
        }
    }

    /// What one has posted is in one's own feed at once, what was deleted is in
    /// nobody's, and whom one has left is not in one's own.
    async fn is_promised(&mut self, step: &Step, answer: &Response, beside: &[Step]) {
        let body = answer.json();
        let (reader, field, value, is_there) = match step {
            Step::Publish(by) if answer.status == 201 => {
                (*by, "_id", body["_id"].as_str().unwrap(), true)
            }
            Step::Delete(post) if answer.status == 204 => {
                let anybody = self.dice.random_range(0..PEOPLE - NEGLECTFUL);
                (anybody, "_id", post.id.as_str(), false)
            }
            Step::Unfollow(by, of)
                if answer.status == 200 && !beside.contains(&Step::Follow(*by, *of)) =>
            {
                (*by, "user_id", self.people[*of].id.as_str(), false)
            }
            _ => return,
        };
        let seen = self.people[reader].get("/api/posts/feed").await;
        if let Some(page) = super::reading::page(&seen) {
            let mut items = page["items"].as_array().unwrap().iter();
            assert_eq!(
                items.any(|item| item[field] == value),
                is_there,
                "SEED={}: {step:?} was answered with {body}, and p{reader} sees {seen:?}",
                self.seed
            );
        }
    }

    /// Waits until everybody's feed is what it must be, in each way to read it.
    async fn settle(&mut self) {
        let readers = (0..PEOPLE).map(|reader| self.compare(reader));
        let compared = stream::iter(readers).buffered(READERS);
        let compared: Vec<Result<u64, String>> = compared.collect().await;
        let wrong: Vec<usize> = (0..PEOPLE).filter(|at| compared[*at].is_err()).collect();
        for outcome in compared {
            match outcome {
                Ok(hits) => self.hits += hits,
                Err(report) => panic!("{wrong:?} see a wrong feed.\n{report}"),
            }
        }
        let neglectful = &self.people[PEOPLE - NEGLECTFUL..];
        self.rig.neglect(neglectful).await;
        self.note("everything has settled".to_owned());
    }

    /// How many pages came from the cache, or what is wrong in the end.
    async fn compare(&self, reader: usize) -> Result<u64, String> {
        let (began, mut hits) = (Instant::now(), 0);
        let id = self.people[reader].id.parse().unwrap();
        loop {
            let truth = Truth::read(self.rig.mongodb()).await.feed_of(id);
            let mut wrong = None;
            for way in WAYS {
                let reading = way.read(&self.people[reader]).await;
                hits += reading.hits;
                if reading.feed != truth {
                    wrong = Some((way, reading.feed));
                    break;
                }
            }
            let Some((way, seen)) = wrong else {
                return Ok(hits);
            };
            if began.elapsed() > SETTLING {
                let [truth, seen] = [truth, seen].map(Option::unwrap_or_default);
                return Err(self.report(reader, way, &truth, &seen).await);
            }
            sleep(PAUSE).await;
        }
    }

    fn note(&mut self, text: String) {
        self.log.push(Line { step: None, text });
    }
}
