//! The records of a window, and how far each has come.

use std::collections::BTreeSet;

use super::Settled;
use super::input::{Content, Line};
use super::journal::OpenWindow;
use super::outcome::{Fault, RecordOutcome};

/// The records of a window.
#[derive(Debug)]
pub(super) struct Slots {
    slots: Vec<Slot>,
}

#[derive(Debug)]
struct Slot {
    line: Line,
    stage: Stage,
    /// How often this run sent it.
    sends: u32,
    /// Its outcome stands in the other files.
    kept: bool,
}

#[derive(Debug)]
enum Stage {
    /// To be sent; `again` if an earlier sending may have arrived.
    Pending { again: bool },
    /// Sent; why its outcome is not known, if anything was said.
    InFlight(Option<Fault>),
    /// It has its outcome.
    Final(RecordOutcome),
    /// The run ended before it had its outcome: so much is known of it.
    Open(RecordOutcome),
}

impl Slots {
    /// Lines that nobody has worked on.
    pub(super) fn new(lines: Vec<Line>) -> Self {
        Slots::resume(lines, OpenWindow::default())
    }

    /// Lines that an earlier run has worked on.
    pub(super) fn resume(lines: Vec<Line>, mut open: OpenWindow) -> Self {
        let slot = |line: Line| {
            let doubtful = matches!(line.content, Content::Record { doubtful: true, .. });
            let stage = match open.outcomes.remove(&line.number) {
                Some(outcome) => Stage::Final(outcome),
                None if doubtful || open.in_flight.contains(&line.number) => Stage::InFlight(None),
                None => Stage::Pending { again: false },
            };
            Slot { kept: open.kept.contains(&line.number), line, stage, sends: 0 }
        };
        Slots { slots: lines.into_iter().map(slot).collect() }
    }

    /// Gives the lines that are no records their outcome; gives it back.
    pub(super) fn take_bad(&mut self) -> Vec<(u64, RecordOutcome)> {
        let mut taken = Vec::new();
        for slot in &mut self.slots {
            if let (Stage::Pending { .. }, Some(outcome)) =
                (&slot.stage, slot.line.content.outcome())
            {
                taken.push((slot.line.number, outcome.clone()));
                slot.stage = Stage::Final(outcome);
            }
        }
        taken
    }

    /// Lines of the records to send, and how many of them may have been sent before.
    pub(super) fn to_send(&self) -> (Vec<u64>, u64) {
        let mut lines = Vec::new();
        let mut repeated = 0;
        for slot in &self.slots {
            if let Stage::Pending { again } = slot.stage {
                lines.push(slot.line.number);
                repeated += u64::from(again);
            }
        }
        (lines, repeated)
    }

    /// Lines of the records in flight.
    pub(super) fn in_flight(&self) -> Vec<u64> {
        let in_flight = |slot: &&Slot| matches!(slot.stage, Stage::InFlight(_));
        self.slots.iter().filter(in_flight).map(|slot| slot.line.number).collect()
    }

    /// Texts of the records of these lines, in order.
    pub(super) fn texts(&self, lines: &[u64]) -> Vec<String> {
        let wanted: BTreeSet<_> = lines.iter().collect();
        self.slots
            .iter()
            .filter(|slot| wanted.contains(&slot.line.number))
            .filter_map(|slot| match &slot.line.content {
                Content::Record { text, .. } => Some(text.clone()),
                Content::Bad { .. } => None,
            })
            .collect()
    }

    /// From now on these are in flight.
    pub(super) fn send(&mut self, lines: &[u64]) {
        let sent: BTreeSet<_> = lines.iter().collect();
        for slot in &mut self.slots {
            if sent.contains(&slot.line.number) {
                slot.sends += 1;
                slot.stage = Stage::InFlight(None);
            }
        }
    }

    /// Takes what is said of records, in line order; gives back what is now known. What is `unknown` stays in flight.
    pub(super) fn take(
        &mut self,
        outcomes: Vec<(u64, RecordOutcome)>,
    ) -> Vec<(u64, RecordOutcome)> {
        let mut known = Vec::new();
        let mut slots = self.slots.iter_mut();
        for (line, outcome) in outcomes {
            let slot = slots
                .find(|slot| slot.line.number == line)
                .expect("a report speaks of records of the window, in order");
            slot.stage = match outcome {
                RecordOutcome::Unknown(fault) => {
                    slot.stage = Stage::InFlight(Some(fault));
                    continue;
                }
                RecordOutcome::Deferred => Stage::Pending { again: false },
                ref outcome => Stage::Final(outcome.clone()),
            };
            known.push((line, outcome));
        }
        known
    }

    /// Decides on records in flight of which nothing can be found out: sent again, if that is safe and was not done
    /// `most` times, else unknown. Gives back the unknown.
    pub(super) fn decide(&mut self, repeat_safe: bool, most: u32) -> Vec<(u64, RecordOutcome)> {
        let mut unknown = Vec::new();
        for slot in &mut self.slots {
            let Stage::InFlight(fault) = &mut slot.stage else { continue };
            slot.stage = if repeat_safe && slot.sends < most {
                Stage::Pending { again: true }
            } else {
                let outcome = RecordOutcome::Unknown(fault.take().unwrap_or_else(lost));
                unknown.push((slot.line.number, outcome.clone()));
                Stage::Final(outcome)
            };
        }
        unknown
    }

    /// The run ends here: what has no outcome yet gets what is known of it.
    pub(super) fn close(&mut self) {
        for slot in &mut self.slots {
            match &mut slot.stage {
                Stage::Pending { again: false } => {
                    slot.stage = Stage::Open(RecordOutcome::Deferred);
                }
                Stage::Pending { again: true } => {
                    slot.stage = Stage::Open(RecordOutcome::Unknown(lost()));
                }
                Stage::InFlight(fault) => {
                    let fault = fault.take().unwrap_or_else(lost);
                    slot.stage = Stage::Open(RecordOutcome::Unknown(fault));
                }
                Stage::Final(_) | Stage::Open(_) => {}
            }
        }
    }

    /// The outcomes, in input order, and whether each stands in the other files already.
    pub(super) fn settled(&self) -> impl Iterator<Item = (Settled<'_>, bool)> {
        self.slots.iter().filter_map(|slot| {
            let (outcome, last) = match &slot.stage {
                Stage::Final(outcome) => (outcome, true),
                Stage::Open(outcome) => (outcome, false),
                Stage::Pending { .. } | Stage::InFlight(_) => return None,
            };
            Some((Settled { line: &slot.line, outcome, last }, slot.kept))
        })
    }
}

fn lost() -> Fault {
    let message =
        "It was being sent when the run was cut off, and nothing tells what became of it.";
    Fault::new("outcome-lost", message)
}
