#!/usr/bin/env bash
# Servers that somebody has alone, to do to them what must not happen to those of others.
# Usage: own-servers.sh run
#          starts them and prints FOLDER, MONGODB_URI, REDIS_URL and AMQP_URL; ends them when its
#          input ends. That is when whoever holds the other end of it ends, killed or not.
#        own-servers.sh start|stop|kill FOLDER mongodb|redis|rabbitmq
#          one of them: start it on its data and wait for it; end it in order; SIGKILL
#        own-servers.sh queues FOLDER
#          prints each queue of `/` with its ready and its unacknowledged messages
set -euo pipefail

HERE=$(dirname "${BASH_SOURCE[0]}")
# Whoever runs this may have servers, and a block of ports, that others use as well.
unset MONGODB_URI REDIS_URL AMQP_URL AMQP_VHOSTS PORT
source "$HERE/lib.sh"
source "$HERE/install.sh"
source "$HERE/tools.sh"
source "$HERE/servers.sh"
source "$HERE/throwaway.sh"

# Away from where test runs look for theirs first.
DEFAULT_PORT=12080

run() {
  local needs answer
  # Only what the caller waits for is its output.
  exec {answer}>&1 >&2
  mapfile -t needs < <(server_needs)
  need "${needs[@]}"
  need_server_tools
  trap finish EXIT
  trap 'exit 143' INT TERM HUP
  start_throwaway_servers "$DEFAULT_PORT"
  await_servers
  printf '%s\n' "FOLDER=$STACK" "MONGODB_URI=$MONGODB_URI" "REDIS_URL=$REDIS_URL" \
    "AMQP_URL=$AMQP_URL" >&"$answer"
  exec {answer}>&-
  while read -r _; do :; done
}

# At once: their data go with them.
finish() {
  local status=$?
  begin_clean_up
  if [[ -d $STACK/run ]]; then
    lock "$STACK/run"
    rm -f "$STACK/run/owner.pid"
    IMPATIENT=yes
    end_throwaway_servers
  fi
  exit "$status"
}

start() {
  # A start that comes too late for the clean-up would outlive it.
  lock "$STACK/run"
  alive owner || die "the servers in $STACK are being removed"
  launch_server "$1"
  unlock
  await_server "$1"
}

stop() { stop_components 30 "$1"; }

kill_server() {
  alive "$1" || die "$1 does not run"
  kill -KILL "$PID"
  while alive "$1"; do sleep 0.02; done
  rm -f "$STACK/run/$1.pid"
}

queues() {
  local -a node
  mapfile -t node < <(rabbitmq_node)
  env "${node[@]}" "$RABBITMQ_SBIN/rabbitmqctl" --quiet --no-table-headers list_queues \
    name messages_ready messages_unacknowledged
}

# Makes the servers in folder $1 the ones at hand.
use_folder() {
  [[ -d $1/run ]] || die "no servers are in $1"
  use_stack "${1##*/}" "$1"
}

case ${1:-}:$# in
  run:1) run ;;
  queues:2)
    use_folder "$2"
    queues
    ;;
  start:3 | stop:3)
    use_folder "$2"
    "$1" "$3"
    ;;
  kill:3)
    use_folder "$2"
    kill_server "$3"
    ;;
  *) die "usage: own-servers.sh run | start|stop|kill FOLDER SERVER | queues FOLDER" ;;
esac
