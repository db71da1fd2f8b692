//! Lines of an input, and what became of them, in as few words as there are: neighbours together.

use serde::{Deserialize, Serialize};

use super::outcome::RecordOutcome;

/// Consecutive lines, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lines(pub u64, pub u64);

impl Lines {
    /// Lines, in as few runs as there are.
    pub fn of(lines: impl IntoIterator<Item = u64>) -> Vec<Lines> {
        let mut runs: Vec<Lines> = Vec::new();
        for line in lines {
            match runs.last_mut() {
                Some(run) if run.1 + 1 == line => run.1 = line,
                _ => runs.push(Lines(line, line)),
            }
        }
        runs
    }

    pub(super) fn iter(self) -> impl Iterator<Item = u64> {
        self.0..=self.1
    }
}

/// One outcome of consecutive lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinesOutcome {
    pub(super) lines: Lines,
    #[serde(flatten)]
    pub(super) outcome: RecordOutcome,
}

impl LinesOutcome {
    /// Outcomes by line, in as few runs as there are.
    pub fn of<'a>(
        outcomes: impl IntoIterator<Item = (u64, &'a RecordOutcome)>,
    ) -> Vec<LinesOutcome> {
        let mut runs: Vec<LinesOutcome> = Vec::new();
        for (line, outcome) in outcomes {
            match runs.last_mut() {
                Some(run) if run.lines.1 + 1 == line && run.outcome == *outcome => {
                    run.lines.1 = line;
                }
                _ => runs.push(LinesOutcome { lines: Lines(line, line), outcome: outcome.clone() }),
            }
        }
        runs
    }
}
