# The habits of the project; `just` lists them. CI does not need `just`: it runs .ci/run.

# List the habits.
default:
    @just --list

# Run a scenario: just run scenarios/deck/live-migration.yaml
run scenario *arguments:
    cargo run --release -- run {{scenario}} {{arguments}}

# Run every test.
test:
    cargo test --workspace

# Format and lint as CI does.
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings

# Everything that must pass before a change lands.
ci:
    .ci/run

# Run the scenario library and compare it with its baseline, as CI does; the report is target/ci/library/report.html.
library:
    cargo build --release
    PATH="$PWD/target/release:$PATH" OUT=target/ci/library docs/ci/regressions.sh

# Make what the scenario library does now the baseline: for a change that is meant.
bless:
    cargo run --release -- test scenarios/deck scenarios/validation --out target/ci/blessed
    cargo run --release -- bless target/ci/blessed --out scenarios/baseline.json

# Measure speed; the size of each input is in its name.
bench *arguments:
    cargo bench --workspace {{arguments}}

# Mutate the library's scenarios: just mutate 10000000
mutate count="1000000":
    TWINRACK_MUTATIONS={{count}} cargo test --release -p twinrack-scenario --test mutation

# Mutate the stream of a migration: just mutate-stream 10000000
mutate-stream count="1000000":
    TWINRACK_MUTATIONS={{count}} cargo test --release -p twinrack-hw --test mutation

# Run the KVM body's tests on Debian's kvm_amd under QEMU's emulated SVM, nested and shadow paging; needs no /dev/kvm.
lab-svm:
    tests/svm/run

# Build the manual into docs/book.
manual:
    mdbook build docs

# Make the HTML report of a run.
report run:
    cargo run --release -- report {{run}} --open

# Look at changed snapshots.
review:
    cargo insta review
