# Two commands for a newcomer: `make run` captures five seconds, `make test` runs every test.
# Both install what is missing on a Debian machine; without root they print the line that does.

# Cargo shares the work out; two of it at once would only wait for each other.
.NOTPARALLEL:
.PHONY: run test check deny semver msrv sizes cross capi deb deb-check fmt loom fuzz browsers lab lab-arm64 lab-shell soak soak-minutes tsan hwtest help

# Every set of features somebody may reasonably build, besides all of them and none.
FEATURE_SETS = async serde json record convert picture image serve tracing scripted capi json,record,picture cli

help: ## what there is to make
	@sed -n -E 's/^([a-z0-9-]+):.*## (.*)/make \1	\2/p' $(MAKEFILE_LIST) | expand -t 20

run: ## capture 5 s from the first camera and microphone into capture.mkv, with a picture in capture.jpg
	@tests/lab/packages build
	cargo build --release
	@# What is there is asked for: a camera without a microphone is a main job too, and the other way round.
	@devices=$$(target/release/usermedia devices --synthetic=auto 2>/dev/null); set --; \
	case $$devices in *Cameras*) set -- --video --snapshot capture.jpg;; esac; \
	case $$devices in *Microphones*) set -- "$$@" --audio;; esac; \
	set -x; target/release/usermedia capture --synthetic=auto "$$@" --duration 5s -o capture.mkv

test: lab browsers check deny semver loom ## every check and test: formatting, lints, docs, features, licences, interface, size, tests, the device lab
	tests/sizes/measure minimal
	@if cargo nextest --version >/dev/null 2>&1; then \
		set -x; cargo nextest run --all-features -E 'not binary(lab)' --no-tests=pass && cargo test --doc --all-features; \
	else \
		set -x; USERMEDIA_LAB=off cargo test --all-features; \
	fi
	cargo test --all-features --test lab

check: ## formatting, lints, documentation and every set of features, without running anything
	@tests/lab/packages build
	cargo fmt --check
	cargo clippy --all-targets --all-features -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --no-deps --all-features
	@for features in '' $(FEATURE_SETS); do \
		echo "cargo clippy --no-default-features --features '$$features'"; \
		cargo clippy --quiet --no-default-features --features "$$features" -- -D warnings || exit; \
	done

deny: ## licences, sources and known vulnerabilities of the crates usermedia depends on (deny.toml)
	@cargo deny --version >/dev/null 2>&1 || { set -x; cargo install --locked --debug cargo-deny --version '^0.20'; }
	cargo deny --log-level error check --hide-inclusion-graph bans licenses sources
	@if cargo deny --log-level off fetch db; then \
		set -x; cargo deny --log-level error check advisories; \
	else \
		echo 'Not checked: known vulnerabilities. RustSec'"'"'s list on github.com cannot be reached from here.' >&2; \
	fi

# What to compare with instead of the last release: make semver BASELINE=HEAD~10
BASELINE ?=

semver: ## the public interface against the last release's (tag v*), or BASELINE=rev: what it breaks
	@baseline='$(BASELINE)'; \
	[ -n "$$baseline" ] || baseline=$$(git describe --tags --abbrev=0 --match 'v[0-9]*' 2>/dev/null); \
	if [ -z "$$baseline" ]; then \
		echo 'Not compared: the public interface, as no release (tag v*) is known here. make semver BASELINE=rev compares.' >&2; \
	else \
		tests/lab/packages build && \
		{ cargo semver-checks --version >/dev/null 2>&1 || \
			{ set -x; cargo install --locked --debug cargo-semver-checks --version '^0.51'; }; } && \
		{ set -x; cargo semver-checks --all-features --baseline-rev "$$baseline"; }; \
	fi

# As Cargo.toml has it.
MSRV = $(shell sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)

msrv: ## compile with the oldest Rust that is promised, which rustup brings
	@tests/lab/packages build
	@rustup --version >/dev/null 2>&1 || { echo 'Not tried: rustup, which brings Rust $(MSRV), is not installed.' >&2; exit 1; }
	rustup toolchain install $(MSRV) --profile minimal --no-self-update
	CARGO_TARGET_DIR=target/msrv cargo +$(MSRV) check --locked --all-features
	CARGO_TARGET_DIR=target/msrv cargo +$(MSRV) check --locked --no-default-features

sizes: ## how large the command and a minimal program are; the latter, built for size, is kept below 1 MiB
	@tests/lab/packages build
	tests/sizes/measure

cross: ## build for arm64 and armhf and run the library's tests there, emulated (docs/cross-building.md)
	docs/packaging/cross-check

capi: ## the C library: header, shared and static library, pkg-config file, in target/capi (docs/c.md)
	@tests/lab/packages build
	docs/packaging/capi target/capi

deb: ## Debian packages of the command, the C library and its development files, in target/debian
	@tests/lab/packages build
	docs/packaging/deb target/debian

deb-check: deb lab ## those packages installed, used, booted and removed in a clean Debian (as root)
	docs/packaging/deb-check target/debian

fmt: ## format the sources
	cargo fmt

loom: ## every interleaving of the lease, the stop, the late drop and the processors' queues, by loom's models
	RUSTFLAGS='--cfg loom' CARGO_TARGET_DIR=target/loom cargo test --no-default-features --lib loom_

# Seconds for each target, and which.
SECONDS = 60
FUZZ_TARGETS = $(basename $(notdir $(filter-out %/lib.rs,$(wildcard tests/fuzz/targets/*.rs))))
# AddressSanitizer comes with every toolchain, and asks a stable one to look away.
FUZZ = RUSTC_BOOTSTRAP=1 cargo fuzz
FUZZ_FOLDERS = --fuzz-dir tests/fuzz --target-dir target/fuzz

fuzz: ## fuzz every parser and the queue, SECONDS each (tests/fuzz/README.md)
	@tests/lab/packages build
	@cargo fuzz --version >/dev/null 2>&1 || { set -x; cargo install --locked --debug cargo-fuzz --version '^0.13'; }
	$(FUZZ) build $(FUZZ_FOLDERS)
	@for target in $(FUZZ_TARGETS); do \
		mkdir -p target/fuzz/corpus/$$target; \
		set -x; $(FUZZ) run $(FUZZ_FOLDERS) $$target target/fuzz/corpus/$$target tests/fuzz/seeds/$$target -- \
			-max_total_time=$(SECONDS) -timeout=25 -max_len=4096 -len_control=0 -detect_leaks=0 -print_final_stats=1 || exit; \
		{ set +x; } 2>/dev/null; \
	done

browsers: ## install the browsers that usermedia.js is tested in; without them, and with USERMEDIA_BROWSERS=off, it is not
	@if [ "$$USERMEDIA_BROWSERS" != off ] && ! tests/lab/packages browsers; then \
		echo 'Not tested: usermedia.js in Chromium and WebKitGTK, which cannot be installed here.' >&2; \
	fi

lab: ## install and prepare what the device lab needs (tests/lab/README.md)
	@tests/lab/packages lab
	@tests/lab/prepare

lab-arm64: ## the lab's tests on 64-bit ARM: Debian's arm64 kernel, emulated (tests/lab/README.md)
	@tests/lab/packages lab
	@tests/lab/packages arm64
	tests/lab/arm64

lab-shell: lab ## a shell among the lab's devices
	@tests/lab/guest

# The day's hours, the webcam's minutes, the unpluggings and the dice's seed: make soak HOURS=1 UNPLUGS=100 SEED=7
HOURS ?=
MINUTES ?=
UNPLUGS ?=
SEED ?=

soak: ## hours of capture and a thousand unpluggings in virtual time, and every lab test there (tests/lab/README.md)
	@tests/lab/packages soak
	@tests/lab/uml/prepare >/dev/null
	USERMEDIA_LAB=uml USERMEDIA_SOAK_HOURS=$(HOURS) USERMEDIA_SOAK_MINUTES=$(MINUTES) \
		USERMEDIA_SOAK_UNPLUGS=$(UNPLUGS) USERMEDIA_SOAK_SEED=$(SEED) cargo test --test lab -- --include-ignored

soak-minutes: lab ## ten real minutes of a USB webcam with random faults, on the stock kernel (tests/lab/README.md)
	USERMEDIA_SOAK_MINUTES=$(MINUTES) USERMEDIA_SOAK_SEED=$(SEED) cargo test --test lab -- --ignored soak_ten_minutes

# Which of them: make tsan TESTS=fan_out
TESTS ?=
HOST = $(shell rustc -vV | sed -n 's/^host: //p')

tsan: lab ## the device lab's tests under ThreadSanitizer, the standard library with them (tests/lab/README.md)
	@rustup --version >/dev/null 2>&1 || { echo 'Not run: rustup, which brings rust-src, is not installed.' >&2; exit 1; }
	rustup component add rust-src
	@# It comes with every toolchain, and asks a stable one to look away. The packages are built without it.
	RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=thread TSAN_OPTIONS=exitcode=66 USERMEDIA_LAB_SLOWNESS=6 \
		cargo test -Zbuild-std --target $(HOST) --target-dir target/tsan --all-features --test lab -- --skip packages:: $(TESTS)

hwtest: ## test this machine's own camera, bench and a replug included, into one archive for a report (docs/hwtest.md)
	@tests/lab/packages hwtest
	cargo build --release
	@tests/hw/hwtest
