//! Changes of the data while it is being read: by script, or at random.
//!
//! A script is one change a line: `after 2: delete 3 users behind`. The words are
//!
//! - `after N:` after the N-th list request, or with `after N users:` after the N-th of that list;
//! - `insert`, `update`, `delete` or `convert` (a lead turns user);
//! - how many, and `users` or `leads`;
//! - `behind` for rows at or before the position that the last list request read up to, `ahead` for
//!   rows after it; without a word, any rows.
//!
//! Rows are chosen at random by the seed of the data. Empty lines and lines with `#` in front are
//! skipped.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::config::Switches;
use crate::contact::Kind;
use crate::listing::{Order, Sort};
use crate::random::Random;
use crate::store::Store;

/// Changes to be made after given list requests.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Script {
    /// In any order.
    pub steps: Vec<Step>,
}

/// A change and when it is made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Step {
    /// After so many list requests, counted from the start or from when the script was set.
    pub after: u64,
    /// Which list's requests count; `None` for both.
    pub of: Option<Kind>,
    /// What is changed.
    pub change: Change,
}

/// What is done to how many contacts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Change {
    /// What is done.
    pub operation: Operation,
    /// To how many contacts; fewer where there are no more.
    pub count: usize,
    /// In which list.
    pub kind: Kind,
    /// Where in the list; [`Place::Any`] for an insert.
    pub place: Place,
}

/// What is done to a contact.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// A lead turns user and keeps its id.
    Convert,
    /// The contact leaves its list.
    Delete,
    /// A new contact enters the list.
    Insert,
    /// A field of the contact and its `last_update` change.
    Update,
}

/// Rows relative to the position that the last request of their list read up to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    /// Not read yet.
    Ahead,
    /// Anywhere.
    Any,
    /// At or before the position.
    Behind,
}

/// Changes made at random after list requests. Probabilities lie between 0 and 1 and are drawn
/// one by one after each list request.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RandomMutations {
    /// Any number; the same one makes the same choices.
    pub seed: u64,
    /// That a contact is inserted into the list asked for.
    pub insert: f64,
    /// That a contact of the list asked for is updated.
    pub update: f64,
    /// That a contact of the list asked for is deleted.
    pub delete: f64,
    /// That a lead turns user, whichever list was asked for.
    pub convert: f64,
    /// No more changes after so many.
    pub stop_after: u64,
}

/// One change that was made.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Mutation {
    /// Made after so many list requests since the start.
    pub after: u64,
    /// What was done.
    pub operation: Operation,
    /// In which list the contact was before, or for an insert is now.
    pub kind: Kind,
    /// The contact.
    pub crmhero_user_id: u64,
}

/// A line that is not a step of a script.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("line {line}: {problem}; a step is written like `after 2: delete 3 users behind`")]
pub struct ScriptError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: String,
}

impl FromStr for Script {
    type Err = ScriptError;

    fn from_str(text: &str) -> Result<Self, ScriptError> {
        let lines = text.lines().map(str::trim).enumerate();
        let steps = lines
            .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
            .map(|(at, line)| line.parse().map_err(|problem| ScriptError { line: at + 1, problem }))
            .collect::<Result<_, _>>()?;
        Ok(Self { steps })
    }
}

impl FromStr for Step {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (when, change) = text.split_once(':').ok_or("there is no colon")?;
        let mut words = when.split_whitespace();
        if words.next() != Some("after") {
            return Err("it does not begin with `after`".to_owned());
        }
        let after = number(words.next())?;
        let of = words.next().map(|word| kind(Some(word))).transpose()?;
        end(words.next())?;
        Ok(Self { after, of, change: change.parse()? })
    }
}

impl FromStr for Change {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let operation = match words.next() {
            Some("convert") => Operation::Convert,
            Some("delete") => Operation::Delete,
            Some("insert") => Operation::Insert,
            Some("update") => Operation::Update,
            other => {
                return Err(format!(
                    "`{}` is none of convert, delete, insert and update",
                    other.unwrap_or_default()
                ));
            }
        };
        let count = number(words.next())?;
        let kind = kind(words.next())?;
        let place = match words.next() {
            Some("ahead") => Place::Ahead,
            Some("behind") => Place::Behind,
            None => Place::Any,
            Some(other) => return Err(format!("`{other}` is neither ahead nor behind")),
        };
        end(words.next())?;
        if operation == Operation::Convert && kind == Kind::Users {
            return Err("only leads can be converted".to_owned());
        }
        if operation == Operation::Insert && place != Place::Any {
            return Err("an inserted contact is always the newest".to_owned());
        }
        Ok(Self { operation, count, kind, place })
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps.iter().try_for_each(|step| writeln!(f, "{step}"))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "after {}", self.after)?;
        if let Some(kind) = self.of {
            write!(f, " {}", kind.name())?;
        }
        write!(f, ": {}", self.change)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operation = match self.operation {
            Operation::Convert => "convert",
            Operation::Delete => "delete",
            Operation::Insert => "insert",
            Operation::Update => "update",
        };
        write!(f, "{operation} {} {}", self.count, self.kind.name())?;
        f.write_str(match self.place {
            Place::Ahead => " ahead",
            Place::Any => "",
            Place::Behind => " behind",
        })
    }
}

/// How far a list has been read: the order and the rank after the last row of the last answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Walk {
    pub(crate) order: Order,
    pub(crate) end: usize,
}

/// What changes the data between requests.
#[derive(Debug)]
pub(crate) struct Mutator {
    steps: Vec<Pending>,
    random: Option<(RandomMutations, Random)>,
    choices: Random,
    walks: [Walk; 2],
    list_requests: u64,
    pub(crate) made: Vec<Mutation>,
}

#[derive(Debug)]
struct Pending {
    step: Step,
    seen: u64,
}

impl Mutator {
    pub(crate) fn new(seed: u64, script: Script, random: Option<RandomMutations>) -> Self {
        let start = Walk { order: Order { sort: Sort::LastUpdate, descending: true }, end: 0 };
        let mut mutator = Self {
            steps: Vec::new(),
            random: None,
            choices: Random::new(seed),
            walks: [start; 2],
            list_requests: 0,
            made: Vec::new(),
        };
        mutator.set_script(script);
        mutator.set_random(random);
        mutator
    }

    /// Takes the place of the steps that are still to come.
    pub(crate) fn set_script(&mut self, script: Script) {
        self.steps = script.steps.into_iter().map(|step| Pending { step, seen: 0 }).collect();
    }

    pub(crate) fn set_random(&mut self, random: Option<RandomMutations>) {
        self.random = random.map(|random| (random, Random::new(random.seed)));
    }

    /// Notes an answered list request and makes the changes that are due.
    pub(crate) fn after_list_request(
        &mut self,
        store: &mut Store,
        kind: Kind,
        walk: Walk,
        switches: &Switches,
    ) {
        self.list_requests += 1;
        self.walks[kind.index()] = walk;
        let mut due = Vec::new();
        self.steps.retain_mut(|Pending { step, seen }| {
            *seen += u64::from(step.of.is_none_or(|of| of == kind));
            let is_due = *seen >= step.after;
            if is_due {
                due.push(step.change);
            }
            !is_due
        });
        for change in due {
            self.apply(store, change, switches);
        }
        self.at_random(store, kind, switches);
    }

    /// Makes a change now.
    pub(crate) fn apply(&mut self, store: &mut Store, change: Change, switches: &Switches) {
        let Change { operation, count, kind, place } = change;
        if operation == Operation::Insert {
            for _ in 0..count {
                let now = store.clock.tick();
                let position = store.insert_generated(kind, now);
                self.note(operation, kind, store.id(position));
            }
            return;
        }
        for position in self.choose(store, kind, place, count) {
            self.note(operation, kind, store.id(position));
            let now = store.clock.tick();
            match operation {
                Operation::Convert if switches.conversion_moves_last_update => {
                    store.convert(position, now);
                }
                Operation::Convert => store.convert(position, store.last_update(position)),
                Operation::Delete => store.delete(position),
                Operation::Update | Operation::Insert => {
                    store.update(position, now, |contact| {
                        contact.web_session += 1;
                        contact.last_activity = Some(now);
                    });
                }
            }
        }
    }

    fn at_random(&mut self, store: &mut Store, kind: Kind, switches: &Switches) {
        let Some((settings, random)) = &mut self.random else { return };
        let drawn: Vec<Change> = [
            (Operation::Insert, kind, settings.insert),
            (Operation::Update, kind, settings.update),
            (Operation::Delete, kind, settings.delete),
            (Operation::Convert, Kind::Leads, settings.convert),
        ]
        .into_iter()
        .filter(|&(_, _, probability)| random.chance(probability))
        .map(|(operation, kind, _)| Change { operation, count: 1, kind, place: Place::Any })
        .take(usize::try_from(settings.stop_after).unwrap_or(usize::MAX))
        .collect();
        settings.stop_after -= drawn.len() as u64;
        for change in drawn {
            self.apply(store, change, switches);
        }
    }

    /// Distinct members of a list, chosen by rank in the order of the walk.
    fn choose(&mut self, store: &mut Store, kind: Kind, place: Place, count: usize) -> Vec<u32> {
        let walk = self.walks[kind.index()];
        let len = store.listing(kind).len();
        let border = walk.end.min(len);
        let (start, end) = match place {
            Place::Ahead => (border, len),
            Place::Any => (0, len),
            Place::Behind => (0, border),
        };
        // Floyd's sampling: as many draws as rows are wanted.
        let mut ranks = BTreeSet::new();
        for last in end - count.min(end - start)..end {
            let rank = start + self.choices.index(last + 1 - start);
            if !ranks.insert(rank) {
                ranks.insert(last);
            }
        }
        ranks
            .into_iter()
            .flat_map(|rank| store.slice(kind, walk.order, (rank, rank + 1), None))
            .collect()
    }

    fn note(&mut self, operation: Operation, kind: Kind, crmhero_user_id: u64) {
        self.made.push(Mutation { after: self.list_requests, operation, kind, crmhero_user_id });
    }
}

fn number<N: FromStr>(word: Option<&str>) -> Result<N, String> {
    let word = word.ok_or("a number is missing")?;
    word.parse().map_err(|_| format!("`{word}` is not a number that is allowed here"))
}

fn kind(word: Option<&str>) -> Result<Kind, String> {
    match word {
        Some("users" | "user") => Ok(Kind::Users),
        Some("leads" | "lead") => Ok(Kind::Leads),
        other => Err(format!("`{}` is neither users nor leads", other.unwrap_or_default())),
    }
}

fn end(word: Option<&str>) -> Result<(), String> {
    word.map_or(Ok(()), |word| Err(format!("`{word}` is one word too many")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, Data};

    fn check(line: &str, expected: Result<&str, &str>) {
        let parsed = line.parse::<Script>();
        let shown = parsed.map(|script| script.to_string()).map_err(|error| error.problem);
        let expected = expected.map(|text| format!("{text}\n")).map_err(str::to_owned);
        assert_eq!(shown, expected, "{line}");
    }

    #[test]
    fn steps_are_read_and_shown_in_one_spelling() {
        check("after 1: delete 3 users behind", Ok("after 1: delete 3 users behind"));
        check("  after 2 leads :  insert 5 users ", Ok("after 2 leads: insert 5 users"));
        check("after 3: convert 2 leads ahead", Ok("after 3: convert 2 leads ahead"));
        check("after 0: update 1 user", Ok("after 0: update 1 users"));
    }

    #[test]
    fn a_wrong_step_is_named() {
        check("delete 3 users", Err("there is no colon"));
        check("before 1: delete 3 users", Err("it does not begin with `after`"));
        check("after one: delete 3 users", Err("`one` is not a number that is allowed here"));
        check("after 1: drop 3 users", Err("`drop` is none of convert, delete, insert and update"));
        check("after 1: delete -3 users", Err("`-3` is not a number that is allowed here"));
        check("after 1: delete 3 tags", Err("`tags` is neither users nor leads"));
        check("after 1: delete 3 users above", Err("`above` is neither ahead nor behind"));
        check("after 1: convert 3 users", Err("only leads can be converted"));
        check("after 1: insert 3 users ahead", Err("an inserted contact is always the newest"));
        check("after 1: delete 3 users behind me", Err("`me` is one word too many"));
    }

    #[test]
    fn the_line_of_a_wrong_step_is_counted_with_comments_and_empty_lines() {
        let error = "# script\n\nafter 1: insert 1 lead\nnonsense".parse::<Script>().unwrap_err();
        assert_eq!(error.line, 4);
    }

    #[test]
    fn rows_behind_the_position_are_those_already_read() {
        let data = Data { users: 100, leads: 0, ..Data::default() };
        let mut store = Store::new(&Config { data, ..Config::default() });
        let script = "after 2: delete 20 users behind\nafter 2: update 10 users ahead";
        let mut mutator = Mutator::new(1, script.parse().unwrap(), None);
        let order = Order { sort: Sort::LastUpdate, descending: true };
        let read: Vec<u64> = store
            .slice(Kind::Users, order, (0, 40), None)
            .iter()
            .map(|&position| store.id(position))
            .collect();
        let switches = Switches::default();
        mutator.after_list_request(&mut store, Kind::Users, Walk { order, end: 20 }, &switches);
        assert_eq!(mutator.made, []);
        mutator.after_list_request(&mut store, Kind::Users, Walk { order, end: 40 }, &switches);
        assert_eq!(mutator.made.len(), 30);
        let deleted = |mutation: &&Mutation| mutation.operation == Operation::Delete;
        assert!(mutator.made.iter().filter(deleted).all(|m| read.contains(&m.crmhero_user_id)));
        assert_eq!(store.listing(Kind::Users).len(), 80);
    }

    #[test]
    fn random_changes_end_after_the_number_that_is_set() {
        let data = Data { users: 50, leads: 50, ..Data::default() };
        let mut store = Store::new(&Config { data, ..Config::default() });
        let random = RandomMutations {
            seed: 3,
            insert: 0.5,
            update: 0.5,
            delete: 0.5,
            convert: 0.5,
            stop_after: 17,
        };
        let mut mutator = Mutator::new(1, Script::default(), Some(random));
        let order = Order { sort: Sort::LastUpdate, descending: true };
        for _ in 0..100 {
            let walk = Walk { order, end: 50 };
            mutator.after_list_request(&mut store, Kind::Leads, walk, &Switches::default());
        }
        assert_eq!(mutator.made.len(), 17);
    }
}
