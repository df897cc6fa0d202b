# Everything the project does on a machine, by name; `make` lists it. Variables are given on the
# command line or in the environment, as in `make up PORT=9000`; deploy/local/README.md has them all.

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

stack := deploy/local/stack.sh
tool  := deploy/local/tool.sh

##@ Run

.PHONY: run up down restart status logs reset anufy demo
run: ## run everything in the foreground; Ctrl-C drains and stops it
	@$(stack) run

up: ## the same in the background; returns when everything is ready
	@$(stack) up

down: ## stop what `up` started; the data stay
	@$(stack) down

restart: ## down, then up with fresh binaries
	@$(stack) restart

status: ## what is running, on which ports
	@$(stack) status

logs: ## follow the logs of the services (SERVICE=auth for one, or a server's name)
	@$(stack) logs

reset: ## stop and wipe the data, the secrets and the logs
	@$(stack) reset

anufy: ## the operator's command line, at the running stack (ARGS="verify counters")
	@$(stack) anufy $(ARGS)

demo: ## people who follow, post and like, in the running stack (GRAPH=FILE for an edge list, SEED, …)
	@$(stack) demo $(ARGS)

##@ Verify

.PHONY: test smoke check check-format check-scripts check-protos check-dependencies check-code check-docs check-reference audit
test: ## run the tests against servers of their own (ARGS="-p gateway")
	@deploy/local/test.sh $(ARGS)

smoke: ## register, follow, post, read a feed, like and log out through the gateway of the running stack
	@deploy/local/smoke.sh

check: check-format check-scripts check-protos check-dependencies check-code check-docs check-reference ## everything that needs no server, cheapest first

check-format: ## Rust is formatted
	@$(tool) cargo fmt --all --check

check-scripts: ## the shell scripts have no known traps
	@$(tool) shellcheck -x -P deploy/local deploy/local/*.sh tests/scaling/*.sh .ci/run

check-protos: ## the protobuf files are formatted and follow the rules
	@$(tool) buf format --diff --exit-code proto
	@$(tool) buf lint proto

check-dependencies: ## licences, sources, duplicates and layering (deny.toml)
	@$(tool) cargo deny --all-features --log-level error check bans licenses sources

check-code: ## clippy, warnings are errors
	@$(tool) cargo clippy --workspace --all-targets --locked -- -D warnings

check-docs: ## the documentation builds without a warning
	@RUSTDOCFLAGS="-D warnings" $(tool) cargo doc --workspace --no-deps --locked

check-reference: ## docs/reference/ says what the code says; `make reference` writes it anew
	@$(tool) cargo test --locked --quiet -p e2e --test reference || \
	  { echo "docs/reference/ is stale: run \`make reference\`" >&2; exit 1; }

audit: ## known vulnerabilities in dependencies; fetches the advisory database
	@$(tool) cargo deny check advisories

.PHONY: fuzz-sockets
fuzz-sockets: ## the parsers of crates/socketio, a minute each (FUZZ_SECONDS=600)
	@for target in websocket_frames packets; do \
	  mkdir -p target/fuzz/corpus/$$target && \
	  $(tool) cargo fuzz run --sanitizer none --fuzz-dir crates/socketio/fuzz --target-dir target/fuzz \
	    $$target target/fuzz/corpus/$$target crates/socketio/fuzz/seeds/$$target -- \
	    -max_total_time=$(or $(FUZZ_SECONDS),60) || exit; \
	done

##@ Measure

.PHONY: bench bench-feed bench-likes bench-social bench-sockets
bench: bench-feed bench-likes bench-social bench-sockets ## everything below, after each other

bench-feed: ## logins, feeds, fan-out and a mix of operations beside bare baselines (GRAPH=FILE for its network, ARGS="--rounds 5")
	@$(tool) nginx -v
	@$(tool) cargo build --locked --release --bins -p auth -p gateway -p posts -p worker -p bench
	@$(or $(CARGO_TARGET_DIR),target)/release/bench feed $(if $(GRAPH),--graph $(GRAPH)) $(ARGS)

bench-likes: ## how fast likes are accepted and applied, beside what this machine can do bare (ARGS="--rounds 5")
	@$(tool) cargo build --locked --release --bins -p auth -p gateway -p posts -p worker -p bench
	@$(or $(CARGO_TARGET_DIR),target)/release/bench likes $(ARGS)

bench-social: ## following, commenting, profiles, hashtags and search, each beside its bare query (ARGS="--rounds 5")
	@$(tool) cargo build --locked --release --bins -p auth -p gateway -p posts -p worker -p bench
	@$(or $(CARGO_TARGET_DIR),target)/release/bench social $(ARGS)

bench-sockets: ## N=15000 sockets, held and talking, beside the official server and through the gateway (ARGS="--rounds 3")
	@$(tool) cargo build --locked --release --bins -p gateway -p bench
	@$(tool) socketio $(or $(CARGO_TARGET_DIR),target)/release/bench sockets --connections $(or $(N),15000) $(ARGS)

.PHONY: simulate-fanout redis-costs
simulate-fanout: ## what FANOUT_LIMIT costs and saves, in networks of 100,000 and 1,000,000 people (ARGS="--graph FILE")
	@$(tool) cargo run --locked --release --quiet -p graph --example fanout_limit -- $(ARGS)

redis-costs: ## bytes of a timeline, and what writing into one costs Redis
	@tests/scaling/redis-costs.sh $(ARGS)

##@ Build

.PHONY: build format reference tools clean help
build: ## build the services (PROFILE=dev for the quick one)
	@$(tool) cargo build --workspace --exclude bench --locked --bins --profile $(or $(PROFILE),release)

format: ## format Rust and protobuf files
	@$(tool) cargo fmt --all
	@$(tool) buf format --write proto

reference: ## write docs/reference/ from the code: routes, error codes, settings
	@UPDATE_EXPECT=1 $(tool) cargo test --locked --quiet -p e2e --test reference

tools: ## install everything that any other target would, and nothing twice
	@$(tool) --install

clean: ## remove what cargo built; the data stay
	@$(tool) cargo clean

help: ## this list
	@awk -F ':.*## ' '/^##@ /{printf "\n%s\n", substr($$0, 5)} \
	  /^[a-z-]+:.*## /{printf "  make %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
