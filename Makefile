# Two commands for a newcomer: `make demo` shows what Longshore does, `make test` proves it.
# Both need a Rust toolchain (1.95 or newer) and apt or brew; what else is missing they install themselves.

SHELL := /bin/bash
CARGO ?= cargo
ARCHITECTURE ?= arm64
export CARGO_TERM_COLOR ?= auto
.PHONY: help demo local test fmt fmt-check lint doc unit e2e crash-walk power-cuts chaos state-machines clients dependencies postgres tools build memory bench bench-micro bench-batch bench-ledger bench-warehouse lint-deploy cli lambdas test-lambdas test-reproducible layer

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

demo: postgres build ## land sample files on a local stack and show what happens to them
	@target/debug/longshore demo

local: postgres build ## start the local stack and keep it running until Ctrl-C; ready.json says where it is
	@target/debug/longshore local up --ready-file ready.json

build: ## build every executable
	@$(CARGO) build --workspace

test: fmt-check postgres lint doc build unit state-machines clients dependencies ## everything that CI checks of the code; lint-deploy is the rest

fmt: ## format the source
	$(CARGO) fmt --all

fmt-check:
	$(CARGO) fmt --all --check

lint: ## clippy, warnings are errors
	$(CARGO) clippy --workspace --all-targets -- -D warnings

doc: ## the documentation, warnings are errors
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --document-private-items --quiet

unit: build ## all tests, on a real PostgreSQL and the executables that are shipped
	$(CARGO) test --workspace

e2e: build ## the end-to-end tests alone
	$(CARGO) test -p longshore-e2e

# What the proofs print is read as it comes, and they say how to repeat themselves.
proof = $(CARGO) test --quiet --workspace --test e2e -- --nocapture

crash-walk: build ## kill the workers at every outgoing call of every kind of file (make test: all of one kind, some of the others)
	@LONGSHORE_PROOF_WALK=all LONGSHORE_PROOF_SEED=$(SEED) $(proof) crash_walk::

power-cuts: build ## kill everything at once at random moments; SEED=N CUTS=10
	@LONGSHORE_PROOF_SEED=$(SEED) LONGSHORE_PROOF_CUTS=$(or $(CUTS),10) $(proof) power_cuts::

chaos: build ## all faults at once over files of every kind; SEED=N FILES=500 MINUTES=2
	@LONGSHORE_PROOF_SEED=$(SEED) LONGSHORE_PROOF_FILES=$(or $(FILES),500) LONGSHORE_PROOF_MINUTES=$(or $(MINUTES),2) $(proof) chaos::

clients: postgres build ## boto3 and sqlfluff, programs that others wrote, against ours
	@scripts/test-clients

state-machines: postgres build ## the state machines on an interpreter and a local stack
	@scripts/test-state-machines

dependencies: tools ## licences, sources, doubled and unused dependencies
	@$(CARGO) fetch --locked --quiet # the other platforms' crates too, which a build leaves out
	$(CARGO) deny --offline check bans licenses sources
	$(CARGO) machete

bench: postgres ## what is done to files and events against coreutils, gzip, curl and Python, with the bars; SIZE=1GiB ROUNDS=3 ONLY="check split"
	@scripts/bench $(or $(SIZE),1GiB) $(or $(ROUNDS),3) $(ONLY)

bench-micro: ## the engine's scanning, the SQL's rendering and the rules' matching, each by itself; ONLY=quoting
	@$(CARGO) bench --quiet --profile local -p longshore-preprocess -p longshore-copy -p longshore-domain --bench engine --bench rendering --bench matching -- $(ONLY)

bench-warehouse: postgres ## COPY of the local warehouse against psql's \copy, side by side
	@scripts/bench-warehouse

bench-batch: postgres ## small files by themselves and in batches, side by side; FILES=10000
	@LONGSHORE_BENCH_FILES=$(or $(FILES),10000) $(CARGO) test --quiet --release -p longshore-app --test app throughput -- --nocapture

bench-ledger: postgres ## the hot statements of the control database at 100 thousand loads and at 10 million; LOADS=N RULES=N
	@scripts/bench-ledger $(or $(LOADS),10000000) $(or $(RULES),100000)

memory: postgres ## load 1 GiB and show the peak memory of the function that prepares it
	@scripts/measure-memory

lint-deploy: ## check the deployment template and its policies
	@scripts/lint-deploy

cli: ## build longshore, the operators' command line, and say where it is
	@$(CARGO) build --quiet --release --locked --package longshore
	@echo "$${CARGO_TARGET_DIR:-target}/release/longshore"

lambdas: ## build the functions for AWS, as zips; ARCHITECTURE=x86_64 for the other kind of machine
	@scripts/build-lambdas $(ARCHITECTURE)

test-lambdas: postgres build ## start what make lambdas built for this machine's architecture
	@scripts/test-lambdas

test-reproducible: ## build what is deployed twice, in two folders, and compare the bytes; ARCHITECTURE=x86_64 for the other kind
	@scripts/test-reproducible $(ARCHITECTURE)

layer: ## build the layer of RDS's certificates, as a zip
	@layers/rds-ca/build

postgres: ## install PostgreSQL 15 or newer, if there is none
	@scripts/install-postgres

tools:
	@scripts/install-tools
