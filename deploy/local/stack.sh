#!/usr/bin/env bash
# Anufy and its servers on this machine, without containers.
# Usage: stack.sh run|up|down|restart|status|logs|reset|anufy|demo …, see README.md.
set -euo pipefail

HERE=$(dirname "${BASH_SOURCE[0]}")
source "$HERE/lib.sh"
source "$HERE/install.sh"
source "$HERE/tools.sh"
source "$HERE/servers.sh"
source "$HERE/services.sh"

DEFAULT_PORT=8080

# --- which stack ------------------------------------------------------------------------------

# The stack that commands without PORT mean: the one that the last `up` without PORT chose.
current_port() {
  local port=$DEFAULT_PORT
  if [[ -s $LOCAL/port ]]; then read -r port <"$LOCAL/port"; fi
  say "$port"
}

use_current_stack() {
  local port=${PORT:-$(current_port)}
  if [[ ! $port =~ ^[1-9][0-9]{0,4}$ ]] || ((port > 65436)); then
    die "PORT=$port is not a port up to 65436"
  fi
  use_stack "$port" "$LOCAL/$port"
}

taken_port() { first_taken_port < <(all_service_ports && server_ports); }

# Settles on the ports of the stack to start. A stranger on one of them is an error if PORT was
# asked for; otherwise the next block of a hundred ports that nobody uses will do as well.
choose_stack() {
  local taken first
  use_current_stack
  first=$BASE
  if taken=$(taken_port); then
    [[ -z ${PORT:-} ]] || die "port $taken is taken by another program; give another PORT"
    ! anything_alive ||
      die "port $taken is taken by another program; \`make down\` stops what is left of this stack"
    while anything_alive || taken_port >/dev/null; do
      ((BASE < first + 5000)) || die "no free block of ports from $first on"
      use_stack $((BASE + 100)) "$LOCAL/$((BASE + 100))"
    done
    say "port $taken is taken by another program: using the ports from $BASE on"
  fi
  [[ -n ${PORT:-} ]] || say "$BASE" >"$LOCAL/port"
}

anything_alive() {
  local name
  for name in "${SERVERS[@]}" "${SERVICES[@]}"; do ! alive "$name" || return 0; done
  return 1
}

everything_ready() {
  local name
  for name in $(own_servers); do alive "$name" || return 1; done
  for name in "${SERVICES[@]}"; do
    alive "$name" && service_ready "$name" || return 1
  done
}

all_services_alive() {
  local name
  for name in "${SERVICES[@]}"; do alive "$name" || return 1; done
}

# --- starting ---------------------------------------------------------------------------------

# Brings up whatever of the stack is not up. Until the caller takes the traps away, what this run
# has started is ended with it.
start() {
  trap 'clean_up_failed_start' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  install
  lock
  choose_stack
  if everything_ready; then
    ALREADY_UP=yes
    unlock
    return
  fi
  launch_servers
  unlock
  ((${#LAUNCHED[@]} == 0)) ||
    step "starting ${LAUNCHED[*]} (ports from $BASE on, data in ${STACK#"$ROOT/"})"
  if all_services_alive; then
    await_servers
  else
    build_services
    step "waiting for the servers"
    await_servers
    make_secrets
    prepare_services
    step "starting ${SERVICES[*]}"
    lock
    launch_services
    unlock
  fi
  await_services
}

install() {
  local -a needs
  mapfile -t needs < <(server_needs)
  if [[ -z ${BIN_DIR:-} ]]; then
    need_rust
    needs+=(build)
  fi
  need curl "${needs[@]}"
  need_server_tools
}

# Set by start when there was nothing to do.
ALREADY_UP=

clean_up_failed_start() {
  local status=$? i
  begin_clean_up
  ((${#LAUNCHED[@]} == 0)) || step "stopping what was started"
  for ((i = ${#LAUNCHED[@]} - 1; i >= 0; i--)); do
    stop_components 20 "${LAUNCHED[i]}"
  done
  exit "$status"
}

print_summary() {
  local name
  say
  say "Anufy is at $(gateway_url)"
  say
  for name in "${SERVICES[@]}"; do
    printf '  %-9s%s\n' "$name" "$(service_addresses "$name")"
  done
  printf '  %-9s %s\n' mongodb "$(without_password "$MONGODB_URI")"
  printf '  %-9s %s\n' redis "$(without_password "$REDIS_URL")"
  printf '  %-9s %s\n' rabbitmq "$(without_password "$AMQP_URL")"
  printf '  %-9s %s\n' data "${STACK#"$ROOT/"}/data" logs "${STACK#"$ROOT/"}/log"
  say
  say "Rate limit policy: ${RATE_LIMIT_POLICY:-local}"
  [[ -n ${RATE_LIMIT_POLICY:-} ]] ||
    say "  (generous, for work on this machine; RATE_LIMIT_POLICY=production for the real one)"
  say
  say "Try:"
  say "  curl -i $(gateway_url)/api/auth/register -H 'content-type: application/json' \\"
  say "    -d '{\"email\":\"ana@example.org\",\"password\":\"correct horse battery\",\"username\":\"ana\",\"full_name\":\"Ana\",\"dob\":\"1990-05-17\"}'"
  say
}

gateway_url() { say "http://127.0.0.1:$(service_port gateway http)"; }

service_addresses() {
  local port
  for port in $(service_ports "$1"); do
    printf ' %s 127.0.0.1:%s' "$port" "$(service_port "$1" "$port")"
  done
}

# An address given from outside may hold a password; guest, on our own broker, is not secret.
without_password() { sed -E '/guest:guest@/! s#(://[^:/@]*):[^@]*@#\1:***@#' <<<"$1"; }

# --- the commands -----------------------------------------------------------------------------

up() {
  start
  if [[ -n $ALREADY_UP ]]; then
    say "already up at $(gateway_url) (\`make restart\` for new binaries or settings)"
  else
    print_summary
    say "make status | logs | down"
  fi
  trap - EXIT INT TERM HUP
}

run() {
  start
  [[ -z $ALREADY_UP ]] || die "already up at $(gateway_url): see \`make logs\`, \`make down\`"
  trap 'finish_run' EXIT
  trap 'exit 0' INT TERM HUP
  print_summary
  say "Ctrl-C stops everything"
  say
  follow_services 1
  watch_components
}

finish_run() {
  begin_clean_up
  step "stopping (Ctrl-C again: at once)"
  stop
  stop_following
  step "stopped; the data stay in ${STACK#"$ROOT/"}/data"
}

# Returns when the stack has been stopped from elsewhere. Something that dies on its own is
# reported and no more: the rest is meant to live without it, and `make up` starts it again.
watch_components() {
  local name
  local -A dead=()
  while compgen -G "$STACK/run/*.pid" >/dev/null; do
    for name in "${SERVERS[@]}" "${SERVICES[@]}"; do
      if alive "$name"; then
        unset "dead[$name]"
      elif [[ -e $STACK/run/$name.pid && ! -e $STACK/run/stopping && -z ${dead[$name]:-} ]]; then
        warn "$name has ended, see ${STACK#"$ROOT/"}/log/$name.log; \`make up\` starts it again"
        dead[$name]=yes
      fi
    done
    sleep 1
  done
}

# Ends everything that belongs to the stack at hand.
stop() {
  [[ -d $STACK/run ]] || return 0
  : >"$STACK/run/stopping"
  stop_services
  stop_servers
  rm -f "$STACK/run/stopping"
}

down() {
  use_current_stack
  lock
  if anything_alive; then
    step "stopping the stack at port $BASE"
    stop
    say "stopped; the data stay in ${STACK#"$ROOT/"}"
  else
    rm -f "$STACK"/run/*.pid
    say "nothing is running at port $BASE"
  fi
  unlock
}

restart() {
  down
  up
}

reset() {
  down
  rm -rf "$STACK"
  [[ -n ${PORT:-} ]] || rm -f "$LOCAL/port"
  say "removed ${STACK#"$ROOT/"}"
}

status() {
  local folder
  if [[ -n ${PORT:-} ]]; then
    use_current_stack
    print_status
    return
  fi
  for folder in "$LOCAL/$(current_port)" "$LOCAL"/[1-9]*; do
    [[ -d $folder/run && $folder != "$STACK" ]] || continue
    use_stack "${folder##*/}" "$folder"
    print_status
  done
  [[ -n $STACK ]] || say "nothing has been started yet"
}

print_status() {
  local name
  if ! compgen -G "$STACK/run/*.pid" >/dev/null; then
    say "port $BASE, files in ${STACK#"$ROOT/"}: stopped"
    return
  fi
  say "port $BASE, files in ${STACK#"$ROOT/"}:"
  for name in "${SERVICES[@]}" "${SERVERS[@]}"; do
    printf '  %-9s %s\n' "$name" "$(state_of "$name")"
  done
}

state_of() {
  if ! alive "$1"; then
    if [[ -e $STACK/run/$1.pid ]]; then say "died"; else say "not started"; fi
  elif [[ " ${SERVICES[*]} " == *" $1 "* ]] && ! service_ready "$1"; then
    say "not ready, pid $PID"
  else
    say "up, pid $PID"
  fi
}

# --- logs -------------------------------------------------------------------------------------

FOLLOWERS=()

# Shows the services' logs from line $1 on (or, negative, that many last lines), each line with
# its service's name. Not ended by Ctrl-C: what is written while stopping belongs to the story.
follow_services() {
  local from=$1 name
  [[ $from != [1-9]* ]] || from=+$from
  shift
  for name in "${@:-${SERVICES[@]}}"; do
    (
      trap '' INT
      exec tail -n "$from" -F "$STACK/log/$name.log" 2>/dev/null \
        > >(exec sed -u "s/^/$(printf '%-8s' "$name")│ /")
    ) &
    FOLLOWERS+=($!)
  done
}

stop_following() {
  # tail looks for new lines once a second.
  sleep 1
  kill "${FOLLOWERS[@]}" 2>/dev/null || true
}

# Follows the logs of all services, or of SERVICE, which may name a server too.
logs() {
  use_current_stack
  [[ -d $STACK/log ]] || die "there are no logs at port $BASE"
  trap stop_following EXIT
  trap 'exit 0' INT TERM HUP
  follow_services -100 ${SERVICE:+"$SERVICE"}
  wait
}

# --- operating --------------------------------------------------------------------------------

# Runs the operator's command line against the stack at hand.
anufy() {
  use_current_stack
  all_services_alive || die "the stack at port $BASE is not up: \`make up\` starts it"
  find_servers
  mapfile -t SETTINGS < <(operator_settings)
  env "${SETTINGS[@]}" "$BINARIES/anufy" "$@"
}

# Fills the stack at hand with people and what they do; the environment says how many.
demo() {
  use_current_stack
  service_ready gateway || die "the stack at port $BASE is not up: \`make up\` starts it"
  [[ -x $BINARIES/demo ]] || die "$BINARIES/demo is missing: \`make restart\` builds it"
  GATEWAY_URL=$(gateway_url) exec "$BINARIES/demo" "$@"
}

case ${1:-} in
  run | up | down | restart | status | logs | reset) "$1" ;;
  anufy | demo) "$@" ;;
  *) die "usage: stack.sh run|up|down|restart|status|logs|reset|anufy|demo …" ;;
esac
