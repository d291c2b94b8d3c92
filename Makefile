# Two commands for a newcomer: `make run` captures five seconds, `make test` runs every test.
# Both install what is missing on a Debian machine; without root they print the line that does.

# Cargo shares the work out; two of it at once would only wait for each other.
.NOTPARALLEL:
.PHONY: run test check fmt lab lab-shell help

help: ## what there is to make
	@sed -n -E 's/^([a-z-]+):.*## (.*)/make \1	\2/p' $(MAKEFILE_LIST) | expand -t 20

run: ## capture 5 s from the first camera and microphone into capture.mkv, with a picture in capture.jpg
	@tests/lab/packages build
	cargo build --release
	target/release/usermedia capture --synthetic=auto --duration 5s -o capture.mkv --snapshot capture.jpg

test: lab check ## every check and test: formatting, lints, documentation, feature sets, tests, the device lab
	@if cargo nextest --version >/dev/null 2>&1; then \
		set -x; cargo nextest run --all-features -E 'not binary(lab)' --no-tests=pass && cargo test --doc --all-features; \
	else \
		set -x; USERMEDIA_LAB=off cargo test --all-features; \
	fi
	cargo test --test lab

check: ## formatting, lints, documentation and every set of features, without running anything
	@tests/lab/packages build
	cargo fmt --check
	cargo clippy --all-targets --all-features -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --all-features
	cargo check --no-default-features
	cargo check --no-default-features --features json
	cargo check --no-default-features --features record

fmt: ## format the sources
	cargo fmt

lab: ## install and prepare what the device lab needs (tests/lab/README.md)
	@tests/lab/packages lab
	@tests/lab/prepare

lab-shell: lab ## a shell among the lab's devices
	@tests/lab/guest
