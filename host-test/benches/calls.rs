//! Single calls: the component against the same code compiled for this machine.
//!
//! `warm` calls on an instance that is there already; `fresh` makes a store and an instance for each call, as the host
//! does; `pooled` takes them from a pool.

mod support;

use std::hint::black_box;

use connector_engine::bindings::{http, source, types};
use connector_engine::warm;
use criterion::{Criterion, Throughput, criterion_group};
use customerly_connector as native;

use support::{emulator, get, plugin, print_ratios};

/// Rows of a page.
const ROWS: u32 = 100;

fn settings() -> types::Settings {
    types::Settings { values: "{}".into(), secrets: vec!["api_key".into()] }
}

fn native_settings() -> native::bindings::types::Settings {
    native::bindings::types::Settings { values: "{}".into(), secrets: vec!["api_key".into()] }
}

fn no_answer(_request: &http::Request) -> Result<http::Response, http::HttpError> {
    let kind = http::ErrorKind::Denied;
    Err(http::HttpError { kind, maybe_sent: false, message: "nothing is sent here".into() })
}

fn header(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("header");
    let settings = settings();
    for (name, pooling) in [("fresh", false), ("pooled", true)] {
        let plugin = plugin(pooling);
        group.bench_function(name, |bencher| {
            bencher.iter(|| plugin.authorize(black_box(&settings)).expect("a header"));
        });
    }
    warm::with(&plugin(false), no_answer, |instance| {
        group.bench_function("warm", |bencher| {
            bencher.iter(|| instance.authorize(black_box(&settings)).expect("it runs"));
        });
        Ok(())
    })
    .expect("an instance");
    let settings = native_settings();
    group.bench_function("native", |bencher| {
        bencher.iter(|| native::credentials::authorize(black_box(&settings)).expect("a header"));
    });
}

fn schema(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("schema");
    let plugin = plugin(false);
    group.bench_function("fresh", |bencher| {
        bencher.iter(|| plugin.schema().expect("it runs"));
    });
    warm::with(&plugin, no_answer, |instance| {
        group.bench_function("warm", |bencher| {
            bencher.iter(|| instance.schema().expect("it runs"));
        });
        Ok(())
    })
    .expect("an instance");
    group.bench_function("native", |bencher| {
        bencher.iter(|| black_box(native::credentials::schema()).to_owned());
    });
}

fn describe(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("describe");
    let plugin = plugin(false);
    group.bench_function("fresh", |bencher| {
        bencher.iter(|| plugin.describe().expect("it runs"));
    });
    warm::with(&plugin, no_answer, |instance| {
        group.bench_function("warm", |bencher| {
            bencher.iter(|| instance.describe().expect("it runs"));
        });
        Ok(())
    })
    .expect("an instance");
    group.bench_function("native", |bencher| bencher.iter(native::description::describe));
}

/// A thousand records: ten times the first page of a hundred, whose answer is in memory.
fn page(criterion: &mut Criterion) {
    let emulator = emulator(1_000);
    let path =
        format!("/v1/users/list?page=0&per_page={ROWS}&sort=last_update&sort_direction=desc");
    let text = get(&emulator, &path);
    let mut group = criterion.benchmark_group("1000-records");
    group.throughput(Throughput::Bytes(text.len() as u64 * 10));
    let limits = types::Limits { requests: 32, records: 1_000, bytes: 2 << 20 };
    let request = source::ReadRequest {
        settings: settings(),
        stream_name: "users".into(),
        options: "{}".into(),
        mode: source::Mode::Full,
        state: None,
        limits,
        now_ms: 0,
    };
    let body = text.clone();
    let answer = move |_: &http::Request| {
        Ok(http::Response {
            status: 200,
            headers: Vec::new(),
            retry_after_ms: None,
            body: http::Body::Text(body.clone()),
        })
    };
    warm::with(&plugin(false), answer, |instance| {
        group.bench_function("warm", |bencher| {
            bencher.iter(|| {
                for _ in 0..10 {
                    let page = instance.read(&request).expect("it runs").expect("a page");
                    assert_eq!(page.counts.emitted, ROWS);
                }
            });
        });
        Ok(())
    })
    .expect("an instance");
    let limits = native::bindings::types::Limits { requests: 32, records: 1_000, bytes: 2 << 20 };
    let request = native::bindings::source::ReadRequest {
        settings: native_settings(),
        stream_name: "users".into(),
        options: "{}".into(),
        mode: native::bindings::source::Mode::Full,
        state: None,
        limits,
        now_ms: 0,
    };
    let transport = |_: &native::bindings::http::Request| {
        Ok(native::bindings::http::Response {
            status: 200,
            headers: Vec::new(),
            retry_after_ms: None,
            body: native::bindings::http::Body::Text(text.clone()),
        })
    };
    group.bench_function("native", |bencher| {
        bencher.iter(|| {
            for _ in 0..10 {
                let page = native::source::read(&transport, &request).expect("a page");
                assert_eq!(page.counts.emitted, ROWS);
            }
        });
    });
}

criterion_group!(calls, header, schema, describe, page);

fn main() {
    calls();
    Criterion::default().configure_from_args().final_summary();
    print_ratios(&["header", "schema", "describe", "1000-records"]);
}
