//! Messages as bytes: one read as far as routing needs it, and one given the hub's own id and progress token.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on has failed")]

use std::time::Duration;

use benches::estimates::SIZES;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hub::bench::{read, readdress};

/// A tool call with so much text in its arguments.
fn message(size: usize) -> String {
    // Quotes and line breaks, as code and logs have them.
    let text = "let x = \"a\";\n".repeat(size / 13 + 1);
    let params = serde_json::json!({
        "name": "echo", "arguments": { "text": &text[..size] }, "_meta": { "progressToken": "client-token-7" },
    });
    serde_json::json!({ "jsonrpc": "2.0", "id": "client-1", "method": "tools/call", "params": params }).to_string()
}

fn envelope(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("envelope");
    for size in SIZES {
        let text = message(size);
        assert!(readdress(&text, "41").unwrap().contains(r#""progressToken":41"#));
        group.throughput(Throughput::Bytes(text.len().try_into().unwrap()));
        group.bench_function(BenchmarkId::new("read", size), |bencher| bencher.iter(|| assert!(read(&text))));
        group.bench_function(BenchmarkId::new("readdress", size), |bencher| {
            bencher.iter(|| readdress(&text, "41").unwrap());
        });
    }
    group.finish();
}

fn settings() -> Criterion {
    let criterion = Criterion::default().sample_size(20);
    criterion.warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_millis(800))
}

criterion_group! { name = benches; config = settings(); targets = envelope }
criterion_main!(benches);
