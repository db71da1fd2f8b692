//! Whole runs against an emulator in this process: the host with the component, and a native program's way of doing the
//! same requests. The emulator's own work is in both.

mod support;

use std::hint::black_box;

use connector_engine::bindings::destination::{Batch, Outcome};
use connector_engine::bindings::types;
use connector_engine::read::{
    End, PageOut, PageSink, ReadConfig, ReadEvent, StreamRun, read_stream,
};
use connector_engine::retry::RetryPolicy;
use connector_engine::state::RunMode;
use criterion::{BatchSize, Criterion, Throughput, criterion_group};
use serde::Deserialize;
use serde_json::value::RawValue;

use support::{connect, emulator, get, plugin, print_ratios};

const READ: u32 = 100_000;
const WRITTEN: usize = 10_000;

/// Takes lines as a file would.
#[derive(Default)]
struct Lines(Vec<u8>);

impl PageSink for Lines {
    fn page(&mut self, page: &PageOut<'_>) -> std::io::Result<()> {
        self.0.clear();
        for record in page.records {
            self.0.extend_from_slice(record.as_bytes());
            self.0.push(b'\n');
        }
        black_box(&self.0);
        Ok(())
    }

    fn event(&mut self, _event: ReadEvent<'_>) {}
}

fn read(criterion: &mut Criterion) {
    let emulator = emulator(READ);
    let connection = connect(&plugin(true), &emulator);
    let streams = connection.streams().expect("streams");
    let info = streams.into_iter().find(|info| info.name == "users").expect("there are users");
    let run =
        StreamRun { info, mode: RunMode::Full, options: "{}".into(), state: None, limit: None };
    emulator.clear_requests();
    let mut group = criterion.benchmark_group("read-100000");
    group.sample_size(10).throughput(Throughput::Elements(READ.into()));
    for (name, ahead) in [("one-by-one", 0), ("ahead", usize::from(ReadConfig::AHEAD))] {
        let config = ReadConfig { retry: RetryPolicy::standard(), ahead };
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let report = read_stream(&connection, &config, run.clone(), &mut Lines::default());
                assert!(matches!(report.end, End::Complete), "{:?}", report.end);
            });
        });
    }
    // The same pages, overlaps included.
    emulator.clear_requests();
    let config = ReadConfig { retry: RetryPolicy::standard(), ahead: 0 };
    read_stream(&connection, &config, run, &mut Lines::default());
    let pages: Vec<_> =
        emulator.requests().into_iter().map(|request| request.path_and_query).collect();
    group.bench_function("native", |bencher| {
        bencher.iter(|| {
            let mut lines = Vec::new();
            for page in &pages {
                lines.clear();
                split(&get(&emulator, page), &mut lines);
                black_box(&lines);
            }
        });
    });
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    data: Data<'a>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    users: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Row<'a> {
    crmhero_user_id: u64,
    last_update: &'a str,
}

fn split(text: &str, lines: &mut Vec<u8>) {
    let answer: Answer<'_> = serde_json::from_str(text).expect("a list");
    for raw in answer.data.users {
        let row: Row<'_> = serde_json::from_str(raw.get()).expect("a row");
        black_box((row.crmhero_user_id, row.last_update));
        lines.extend_from_slice(raw.get().as_bytes());
        lines.push(b'\n');
    }
}

fn write(criterion: &mut Criterion) {
    let plugin = plugin(true);
    let settings = types::Settings { values: "{}".into(), secrets: vec!["api_key".into()] };
    let emulator = emulator(0);
    let connection = connect(&plugin, &emulator);
    let targets = connection.targets().expect("targets");
    let target = targets.into_iter().find(|target| target.name == "users").expect("a target");
    let mut operations = target.operations.into_iter();
    let upsert = operations.find(|operation| operation.name == "upsert").expect("an operation");
    let records: Vec<_> = (0..WRITTEN)
        .map(|id| {
            format!(
                r#"{{"user_id":"u{id}","email":"user{id}@example.com","name":"User {id}","attributes":{{"plan":"pro","seats":{id}}}}}"#
            )
        })
        .collect();
    let size = usize::try_from(upsert.batch).expect("a batch fits the memory");
    let batches: Vec<_> = records
        .chunks(size)
        .enumerate()
        .map(|(index, records)| Batch {
            id: format!("bench-{index}"),
            settings: settings.clone(),
            target_name: "users".into(),
            operation_name: "upsert".into(),
            options: "{}".into(),
            records: records.to_vec(),
            limits: types::Limits { requests: 1_000, records: 1_000, bytes: 2 << 20 },
            now_ms: 1_767_225_600_000,
        })
        .collect();
    let mut group = criterion.benchmark_group("write-10000");
    group.sample_size(10).throughput(Throughput::Elements(WRITTEN as u64));
    group.bench_function("component", |bencher| {
        bencher.iter_batched(
            || (),
            |()| {
                for batch in &batches {
                    let report = connection.write(batch).expect("a report");
                    let accepted = |outcome: &Outcome| matches!(outcome, Outcome::Accepted(_));
                    assert!(report.outcomes.iter().all(accepted), "{:?}", report.stopped);
                }
            },
            BatchSize::PerIteration,
        );
    });
    // The same bodies, without a look at what they hold.
    let bodies: Vec<_> = records
        .chunks(size)
        .map(|records| format!(r#"{{"users":[{}]}}"#, records.join(",")))
        .collect();
    group.bench_function("native", |bencher| {
        bencher.iter(|| {
            for body in &bodies {
                let text = ureq::post(format!("{}/v1/users", emulator.origin()))
                    .header("Authentication", format!("Bearer {}", emulator.token()))
                    .header("Content-Type", "application/json")
                    .send(body.as_str())
                    .and_then(|mut answer| answer.body_mut().read_to_string())
                    .expect("an answer");
                let answer: serde_json::Value = serde_json::from_str(&text).expect("JSON");
                assert!(answer.get("error").is_none_or(serde_json::Value::is_null), "{text}");
            }
        });
    });
}

criterion_group!(runs, read, write);

fn main() {
    runs();
    Criterion::default().configure_from_args().final_summary();
    print_ratios(&["read-100000", "write-10000"]);
}
