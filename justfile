# Each recipe is a step of .ci/run with the same name.
set shell := ["bash", "-euo", "pipefail", "-c"]

# What one runs before pushing.
check: fmt lint doc test deny

fmt:
    cargo fmt --check

lint:
    cargo clippy --locked --all-targets --all-features -- -D warnings

doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items

test:
    cargo test --locked

deny:
    cargo deny check bans licenses sources

machete:
    cargo machete

# The units of systemd.
unit-file:
    tests/units/run

clients:
    tests/clients/run

# One mirror by an array of jobs of a real Slurm on this machine.
slurm:
    tests/slurm/run

# The status page in Chromium; leaves pictures in target/page.
page:
    tests/page/run

demo:
    cargo run --locked --release -- demo

# Each target for so many seconds.
fuzz seconds="20":
    tests/fuzz/run {{seconds}}

bench:
    cargo bench --locked
