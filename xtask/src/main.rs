//! Tasks of this repository, so that none of them needs a shell: `cargo run -p xtask -- TASK`.
//!
//! | task | does |
//! | --- | --- |
//! | `dist` | makes `dist/`: the component, its digest, description, contract and list of crates |
//! | `reproduce` | builds the component in two folders with two Cargo homes and compares the bytes |
//! | `contract` | checks the working contract against every released one |
//! | `bench` | measures the table of figures of the README |

mod bench;
mod component;
mod contract;
mod description;
mod dist;
mod metadata;
mod reproduce;
mod revision;
mod sbom;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Tasks of this repository
#[derive(Debug, Parser)]
#[command(name = "xtask", max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Make the release: component, digests, description, contract, list of crates
    Dist {
        /// Where to put it
        #[arg(long, value_name = "DIR", default_value = "dist")]
        output: PathBuf,
    },
    /// Build the component twice, in different folders with different Cargo homes, and compare
    Reproduce,
    /// Check that the working contract is compatible with every released one
    Contract,
    /// Measure the table of figures, on this machine
    Bench,
}

fn main() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("this crate lies in the workspace")
        .to_owned();
    match Cli::parse().task {
        Task::Dist { output } => dist::run(&root, &root.join(output)),
        Task::Reproduce => reproduce::run(&root),
        Task::Contract => contract::run(&root),
        Task::Bench => bench::run(&root),
    }
}
