//! The pool of upstream sessions: what finding, opening and ending one costs with few users and with many, by one task
//! and by several side by side. A time is what one task waits for one operation.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on has failed")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use benches::estimates::{TASKS, USERS};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use hub::bench::{Pool, Seat};
use tokio::runtime::{Builder, Runtime};

/// Users who call at the moment, of all whose sessions are there.
const ACTIVE: usize = 64;
/// Sessions that a task opens before what it opened is thrown away, untimed.
const FRESH: u64 = 64;

struct Stage {
    pool: Pool,
    seats: Vec<Seat>,
    /// What each of them acquires.
    sessions: Vec<Arc<str>>,
}

impl Stage {
    async fn new(users: usize) -> Arc<Self> {
        let (pool, seats) = (Pool::new(), (0..users).map(|user| Seat::new("settled", user)).collect::<Vec<_>>());
        let mut sessions = Vec::new();
        for seat in &seats {
            sessions.push(pool.acquire(seat).await.unwrap());
        }
        Arc::new(Self { pool, seats, sessions })
    }
}

/// Every task's own order, which no cache could guess.
fn wander(task: u64) -> impl FnMut(usize) -> usize {
    let mut state = task;
    move |among| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % among
    }
}

/// By the few who call at the moment, wherever they stand among all.
async fn hit(stage: Arc<Stage>, task: u64, times: u64) -> Duration {
    let (every, active) = (stage.seats.len().div_ceil(ACTIVE), stage.seats.len().min(ACTIVE));
    let mut next = wander(task);
    let began = Instant::now();
    for _ in 0..times {
        let seat = &stage.seats[next(active) * every % stage.seats.len()];
        std::hint::black_box(stage.pool.acquire(seat).await).unwrap();
    }
    began.elapsed()
}

/// By anybody, so that with many users whoever calls comes out of main memory, and their entry too.
async fn cold(stage: Arc<Stage>, task: u64, times: u64) -> Duration {
    let mut next = wander(task);
    let began = Instant::now();
    for _ in 0..times {
        std::hint::black_box(stage.pool.acquire(&stage.seats[next(stage.seats.len())]).await).unwrap();
    }
    began.elapsed()
}

/// By anybody, who knows where their session is: so much of that is not the pool's.
async fn known(stage: Arc<Stage>, task: u64, times: u64) -> Duration {
    let mut next = wander(task);
    let began = Instant::now();
    for _ in 0..times {
        let number = next(stage.seats.len());
        std::hint::black_box(stage.pool.take_known(&stage.seats[number], &stage.sessions[number])).unwrap();
    }
    began.elapsed()
}

async fn miss(stage: Arc<Stage>, task: u64, times: u64) -> Duration {
    let kind = format!("fresh {task}");
    let mut took = Duration::ZERO;
    for chunk in (0..times).step_by(usize::try_from(FRESH).unwrap()) {
        let seats: Vec<Seat> =
            (0..FRESH.min(times - chunk)).map(|user| Seat::new(&kind, usize::try_from(user).unwrap())).collect();
        let began = Instant::now();
        for seat in &seats {
            std::hint::black_box(stage.pool.acquire(seat).await).unwrap();
        }
        took += began.elapsed();
        for seat in &seats {
            stage.pool.release(seat).await;
        }
    }
    took
}

async fn evict(stage: Arc<Stage>, task: u64, times: u64) -> Duration {
    let kind = format!("fresh {task}");
    let mut took = Duration::ZERO;
    for _ in 0..times {
        let seat = Seat::new(&kind, 0);
        stage.pool.acquire(&seat).await.unwrap();
        let began = Instant::now();
        assert_eq!(stage.pool.release(&seat).await, 1);
        took += began.elapsed();
    }
    took
}

/// `times` operations, spread over so many tasks; the sum of what each of them took.
fn spread<F>(
    runtime: &Runtime,
    stage: &Arc<Stage>,
    tasks: usize,
    times: u64,
    of: fn(Arc<Stage>, u64, u64) -> F,
) -> Duration
where
    F: Future<Output = Duration> + Send + 'static,
{
    runtime.block_on(async {
        let tasks = u64::try_from(tasks).unwrap();
        let share = |task| times / tasks + u64::from(task < times % tasks);
        let running: Vec<_> = (0..tasks).map(|task| tokio::spawn(of(stage.clone(), task, share(task)))).collect();
        let mut took = Duration::ZERO;
        for one in running {
            took += one.await.unwrap();
        }
        took
    })
}

fn pool(criterion: &mut Criterion) {
    let runtime = Builder::new_multi_thread().build().unwrap();
    let mut group = criterion.benchmark_group("pool");
    for users in USERS {
        let stage = runtime.block_on(Stage::new(users));
        for tasks in TASKS {
            let mut bench = |operation: &str, measured: &dyn Fn(u64) -> Duration| {
                group.bench_function(BenchmarkId::new(format!("{operation}-{tasks}"), users), |bencher| {
                    bencher.iter_custom(measured);
                });
            };
            bench("hit", &|times| spread(&runtime, &stage, tasks, times, hit));
            bench("cold", &|times| spread(&runtime, &stage, tasks, times, cold));
            bench("known", &|times| spread(&runtime, &stage, tasks, times, known));
            bench("miss", &|times| spread(&runtime, &stage, tasks, times, miss));
            bench("evict", &|times| spread(&runtime, &stage, tasks, times, evict));
        }
    }
    group.finish();
}

fn settings() -> Criterion {
    let criterion = Criterion::default().sample_size(20);
    criterion.warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_millis(800))
}

criterion_group! { name = benches; config = settings(); targets = pool }
criterion_main!(benches);
