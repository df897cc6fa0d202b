#!/usr/bin/env bash
# Runs the tests against servers of their own, and ends those whatever happens.
# Usage: test.sh [arguments of `cargo nextest run`]
set -euo pipefail

HERE=$(dirname "${BASH_SOURCE[0]}")
source "$HERE/lib.sh"
source "$HERE/install.sh"
source "$HERE/tools.sh"
source "$HERE/servers.sh"
source "$HERE/throwaway.sh"

DEFAULT_PORT=9080
# Each test empties and uses a database of its own.
REDIS_DATABASES=4096
# A test that talks to RabbitMQ has one of these for itself.
RABBITMQ_VHOSTS=(test-{1..16})

# The last line must stay the summary of nextest, so this is silent.
finish() {
  local status=$?
  begin_clean_up
  end_throwaway_servers
  exit "$status"
}

build_tests() {
  cargo nextest run --no-run --locked "$@" || die "the tests do not build"
}

run_doc_tests() {
  local log=$STACK/log/doc-tests.log
  step "documentation tests"
  cargo test --doc --workspace --locked --quiet >"$log" 2>&1 ||
    die_with_log doc-tests "documentation tests failed"
}

main() {
  local -a selection=("$@") needs
  ((${#selection[@]} > 0)) || selection=(--workspace)
  need_rust
  mapfile -t needs < <(server_needs)
  need build rotel python "${needs[@]}"
  need_server_tools
  need_tools cargo-nextest rotel
  need_socketio
  ROTEL=$(tool rotel)
  export ROTEL
  cd "$ROOT"

  trap finish EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  start_throwaway_servers "$DEFAULT_PORT"
  step "building the tests"
  build_tests "${selection[@]}"
  await_servers
  (($# > 0)) || run_doc_tests
  cargo nextest run --locked "${selection[@]}"
}

main "$@"
