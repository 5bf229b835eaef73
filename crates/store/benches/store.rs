//! The reads behind every page, and the two writes of every task. On SQLite, or on the database of
//! `CLIMSIM_BENCH_POSTGRES` (an empty one).

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use serde_json::{Map, Value};
use store::{Claim, ClaimedRun, Config, DataFileId, Output, Request, Store};
use workflow::{FileType, Key, Message, Step, Task};

fn staged(store: &Store, file_type: FileType) -> Output {
    let staged = store.stage(file_type.extension()).unwrap();
    std::fs::write(staged.path(), vec![0; 100_000]).unwrap();
    Output { file_type, staged, info: Map::new() }
}

fn claim(store: &Store, data_file: DataFileId, step: Step) -> ClaimedRun {
    let body = Map::from_iter([("a".to_owned(), Value::from("1"))]);
    let run =
        store.request_step(Request { data_file, step, body, form_key: None, request_id: None }).unwrap();
    let body = Map::from_iter([("id".to_owned(), Value::from(data_file.0))]);
    let mut message = Message::new(Key::ForWorker(Task::Step(step), step.worker()), body);
    message.run = Some(run.0);
    match store.claim(&message).unwrap() {
        Claim::Run(run) => run,
        other => panic!("{other:?}"),
    }
}

fn finish(store: &Store, run: &ClaimedRun) {
    let outputs = run.step.outputs().iter().map(|file_type| staged(store, *file_type)).collect();
    store.finish(run, outputs, &[], &[]).unwrap();
}

fn bench(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let database_url = std::env::var("CLIMSIM_BENCH_POSTGRES").ok();
    let config = Config { instance: folder.path().to_owned(), database_url, pool_size: 8 };
    let store = Store::open(&config).unwrap();
    let owner = store.create_user("bench", "a long password").unwrap();
    let token = store.create_session(owner).unwrap();
    let files: Vec<DataFileId> = (0..20)
        .map(|_| {
            let raw = staged(&store, FileType::Raw).staged;
            store.create_data_file(owner, "topo.nc", Map::new(), store::Release::default(), raw).unwrap()
        })
        .collect();
    let first = files[0];
    for step in [Step::Regrid, Step::Routing, Step::Pft, Step::Heatflow, Step::Ahmcoef] {
        finish(&store, &claim(&store, first, step));
    }
    let mut group = criterion.benchmark_group("read");
    group.bench_function("session", |b| b.iter(|| store.session(&token.0).unwrap().unwrap()));
    group.bench_function("data_file", |b| b.iter(|| store.data_file(first).unwrap().unwrap()));
    group.bench_function("data_files of 20", |b| b.iter(|| store.data_files(owner).unwrap()));
    group.bench_function("steps", |b| b.iter(|| store.steps(first).unwrap()));
    group.bench_function("revisions of 10", |b| b.iter(|| store.revisions(first).unwrap()));
    group.bench_function("steps page", |b| {
        b.iter(|| {
            store.session(&token.0).unwrap().unwrap();
            store.data_file(first).unwrap().unwrap();
            (store.steps(first).unwrap(), store.revisions(first).unwrap())
        });
    });
    group.finish();
    let mut group = criterion.benchmark_group("write");
    group.sample_size(30);
    let target = files[1];
    group.bench_function("request and claim", |b| b.iter(|| claim(&store, target, Step::Regrid)));
    group.bench_function("finish with one file of 100 kB", |b| {
        b.iter_batched(
            || claim(&store, target, Step::Pft),
            |run| finish(&store, &run),
            BatchSize::PerIteration,
        );
    });
    let run = claim(&store, target, Step::Routing);
    // SQLite writes nothing for a row that stays the same: every value differs.
    let mut fraction = 0.0;
    group.bench_function("progress", |b| {
        b.iter(|| {
            fraction = (fraction + 0.001) % 1.0;
            store.progress(&run, "river lengths", fraction).unwrap()
        });
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
