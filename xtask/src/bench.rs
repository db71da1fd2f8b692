//! The table of figures: everything in it is measured in one run, on this machine.
//!
//! Programs run as processes of their own, so that their processor time is the system's account of them and holds
//! nothing of the emulator. Figures are medians.

mod adapters;
mod process;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::component::TARGET;
use crate::dist::gzipped;
use process::{Emulator, Usage, measure};

/// The origin that the component addresses.
const ORIGIN: &str = "https://api.customerly.io";

/// Measures and prints the table.
pub(crate) fn run(root: &Path) -> Result<()> {
    build(root)?;
    let programs = Programs::of(root);
    let mut rows = Vec::new();
    println!("{:62} {:>12} {:>10}", "", "measured", "bar");
    let mut row = |what: &str, measured: String, bar: &str| {
        println!("{what:62} {measured:>12} {bar:>10}");
        rows.push(format!("| {what} | {measured} | {bar} |"));
    };

    let small = Emulator::start(&programs.connector, 10_000, 0)?;
    let warm = programs.read(&small)?;
    ensure!(warm.lines >= 10_000, "{} records instead of 10,000", warm.lines);
    let read_small = median(3, || programs.read(&small))?;
    let inspect = median(21, || programs.inspect())?;
    row("`inspect`, start to end, compiled code cached", millis(inspect.wall), "< 50 ms");
    small.add_latency(50)?;
    let slow = median(3, || programs.read(&small))?;
    row("10,000 records at 50 ms an answer, wall clock", seconds(slow.wall), "< 3.4 s");
    drop(small);

    let middle = Emulator::start(&programs.connector, 100_000, 0)?;
    let read = median(5, || programs.read(&middle))?;
    ensure!(read.lines >= 100_000, "{} records instead of 100,000", read.lines);
    let pages = middle.pages()?;
    let native = median(5, || programs.native(&middle, &pages))?;
    ensure!(native.lines == 100_000, "{} records instead of 100,000", native.lines);
    let bytes = native.bytes / native.lines;
    row("bytes of a record", bytes.to_string(), "");
    row("100,000 records to JSON lines, processor time", seconds(read.cpu), "< 1.0 s");
    row("the same pages by a native program, processor time", seconds(native.cpu), "");
    row("ratio", format!("{:.2}", read.cpu.as_secs_f64() / native.cpu.as_secs_f64()), "<= 3");
    row("100,000 records to JSON lines, wall clock", seconds(read.wall), "");
    row("100,000 records, per second of processor time", per_second(&read), "");
    let folder = target_dir(root).join("bench");
    std::fs::create_dir_all(&folder)?;
    for (what, mut command) in [
        ("through `airbyte read`", adapters::airbyte(&programs.connector, &middle, &folder)?),
        ("through `singer tap`", adapters::singer(&programs.connector, &middle, &folder)?),
    ] {
        let usage = median(3, || measure(&mut command, ""))?;
        ensure!(usage.lines > 100_000, "{} lines for 100,000 records", usage.lines);
        row(&format!("{what}, per second of processor time"), per_second(&usage), "");
    }
    drop(middle);

    let large = Emulator::start(&programs.connector, 1_000_000, 0)?;
    let read_large = programs.read(&large)?;
    ensure!(read_large.lines >= 1_000_000, "{} records of 1,000,000", read_large.lines);
    drop(large);
    for (count, usage) in [(10, &read_small), (100, &read), (1_000, &read_large)] {
        let each = usage.cpu.as_secs_f64() * 1_000.0 / f64::from(count);
        row(
            &format!("processor time for 1,000 of {count},000 records"),
            format!("{each:.1} ms"),
            "",
        );
    }
    row("peak memory, 10,000 records", mib(&read_small), "< 64 MB");
    row("peak memory, 1,000,000 records", mib(&read_large), "< 64 MB");

    for (what, name, bar) in [
        ("header call into the component, warm instance", "warm", "< 5 us"),
        ("header call, fresh store and instance", "fresh", ""),
        ("header call, fresh store, pooled instance", "pooled", ""),
        ("header call, native", "native", ""),
    ] {
        row(what, format!("{:.2} us", header(root, name)? / 1e3), bar);
    }

    let component = target_dir_of_component(root).join(TARGET).join("component");
    let component = std::fs::read(component.join("customerly_connector.wasm"))?;
    row("component", format!("{} B", component.len()), "< 300 kB");
    row("component, gzipped", format!("{} B", gzipped(&component)?), "< 110 kB");
    let fuel = std::fs::read_to_string(root.join("tests/fuel.txt"))?;
    for (what, number) in fuel.lines().filter_map(|line| line.split_once(": ")) {
        if !what.starts_with('#') {
            row(&format!("fuel: {what}"), number.to_owned(), "");
        }
    }

    println!("\n| what | measured | bar |\n| --- | --- | --- |\n{}", rows.join("\n"));
    Ok(())
}

/// Builds the programs, and measures single calls.
fn build(root: &Path) -> Result<()> {
    let cargo = |arguments: &[&str]| -> Result<()> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let status = Command::new(cargo).current_dir(root).args(arguments).status()?;
        ensure!(status.success(), "cargo {} failed", arguments.join(" "));
        Ok(())
    };
    let package = ["--locked", "-p", "host-test"];
    let programs = ["build", "--release", "--bin", "connector", "--example", "native"];
    cargo(&[&programs[..], &package].concat())?;
    cargo(&[&["bench", "--bench", "calls"], &package[..], &["--", "header"]].concat())
}

struct Programs {
    connector: PathBuf,
    native: PathBuf,
}

impl Programs {
    fn of(root: &Path) -> Self {
        let release = target_dir(root).join("release");
        Programs {
            connector: release.join("connector"),
            native: release.join("examples").join("native"),
        }
    }

    fn inspect(&self) -> Result<Usage> {
        measure(Command::new(&self.connector).arg("inspect"), "")
    }

    fn read(&self, emulator: &Emulator) -> Result<Usage> {
        emulator.forget_requests()?;
        let mut command = Command::new(&self.connector);
        command
            .args(["read", "users", "--full"])
            .arg(format!("--origin={ORIGIN}={}", emulator.origin))
            .env("CONNECTOR_API_KEY", &emulator.token);
        measure(&mut command, "")
    }

    fn native(&self, emulator: &Emulator, pages: &str) -> Result<Usage> {
        let mut command = Command::new(&self.native);
        command.arg(&emulator.origin).env("CONNECTOR_API_KEY", &emulator.token);
        measure(&mut command, pages)
    }
}

/// The run whose processor time is in the middle; wall clock is nearly always in the same order.
fn median(runs: usize, mut run: impl FnMut() -> Result<Usage>) -> Result<Usage> {
    let mut usages = (0..runs).map(|_| run()).collect::<Result<Vec<_>>>()?;
    usages.sort_by_key(|usage| usage.wall);
    let wall = usages[runs / 2].wall;
    usages.sort_by_key(|usage| usage.peak);
    let peak = usages[runs / 2].peak;
    usages.sort_by_key(|usage| usage.cpu);
    Ok(Usage { wall, peak, ..usages.swap_remove(runs / 2) })
}

/// The median of a benchmark of header calls, in nanoseconds.
fn header(root: &Path, name: &str) -> Result<f64> {
    let file = format!("criterion/header/{name}/new/estimates.json");
    let text = std::fs::read_to_string(target_dir(root).join(&file)).context(file)?;
    let estimates: serde_json::Value = serde_json::from_str(&text)?;
    estimates["median"]["point_estimate"].as_f64().context("no median")
}

fn target_dir(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}

fn target_dir_of_component(root: &Path) -> PathBuf {
    root.join("target").join("component")
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

/// How many of 100,000 records a second of processor time is enough for.
fn per_second(usage: &Usage) -> String {
    format!("{:.0}", 100_000.0 / usage.cpu.as_secs_f64())
}

fn mib(usage: &Usage) -> String {
    format!("{} MB", usage.peak / 1_000_000)
}
