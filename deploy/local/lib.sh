# shellcheck shell=bash
# Paths, messages, ports and processes, for the scripts of this folder. Sourced, never run.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
LOCAL=$ROOT/.local

# The stack at hand: its first port and its folder, set by use_stack.
BASE=
STACK=

# --- messages ---------------------------------------------------------------------------------

say() { printf '%s\n' "$*"; }
step() { printf '\e[2m▸ %s\e[0m\n' "$*" | plain_unless_terminal; }
warn() { printf 'warning: %s\n' "$*" >&2; }

die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

plain_unless_terminal() {
  if [[ -t 1 ]]; then cat; else sed 's/\x1b\[[0-9;]*m//g'; fi
}

# Ends the script, showing why component $1 is to blame.
die_with_log() {
  local log=$STACK/log/$1.log
  shift
  if [[ -s $log ]]; then
    printf -- '--- the end of %s\n' "${log#"$ROOT/"}" >&2
    tail -n 25 "$log" >&2
    printf -- '---\n' >&2
  fi
  die "$*"
}

has() { command -v "$1" >/dev/null 2>&1; }

# --- locks ------------------------------------------------------------------------------------

# One script at a time looks for ports and starts or stops processes in this checkout; with $1, in
# the folder of that stack.
lock() {
  mkdir -p "$LOCAL"
  exec 9>"${1:-$LOCAL}/lock"
  flock 9
}

unlock() { exec 9>&-; }

# --- stacks and ports -------------------------------------------------------------------------

# Makes the stack whose ports begin at $1 and whose files are in $2 the one at hand.
use_stack() {
  # shellcheck disable=SC2034  # BASE is read by the other scripts
  BASE=$1
  STACK=$2
}

# Is anything listening on port $1? Read from the kernel: `ss` is not on every machine.
listened_on() {
  local port
  printf -v port '%04X' "$1"
  grep -qsE "^ *[0-9]+: [0-9A-F]+:$port [0-9A-F]+:[0-9A-F]+ 0A " /proc/net/tcp /proc/net/tcp6
}

# Prints the first port of the stack at hand that someone else holds. Reads lines of
# `component what port`; fails when all ports are free or held by the stack itself.
first_taken_port() {
  local component what port
  while read -r component what port; do
    if ! alive "$component" && listened_on "$port"; then
      say "$port ($what)"
      return 0
    fi
  done
  return 1
}

# --- processes --------------------------------------------------------------------------------

# A pid alone does not name a process: the number is used again. The tick it started at and the
# boot that tick counts from do.
BOOT=$(</proc/sys/kernel/random/boot_id)

# Sets TICK to when process $1 started; fails when it has ended, even if nobody has reaped it yet.
find_start() {
  local stat
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  # The second field is the command in brackets, and may itself hold spaces and brackets.
  read -ra stat <<<"${stat##*) }"
  [[ ${stat[0]} != [ZX] ]] || return 1
  TICK=${stat[19]}
}

# Sets PID to the process of component $1; fails when it is not running. Not a function that
# prints: a Ctrl-C ends the subshell of `$(…)`, and the process would be taken for gone.
find_process() {
  local tick boot
  { read -r PID tick boot <"$STACK/run/$1.pid"; } 2>/dev/null || return 1
  [[ $boot == "$BOOT" ]] && find_start "$PID" && [[ $TICK == "$tick" ]]
}

alive() { find_process "$1"; }

# Notes that process $2 is component $1.
record() {
  find_start "$2" || TICK=ended
  say "$2 $TICK $BOOT" >"$STACK/run/$1.pid"
}

# Starts component $1 as the command that follows, in a session of its own so that Ctrl-C in a
# terminal reaches only the script, which then stops everything in order.
launch() {
  local name=$1 log=$STACK/log/$1.log
  shift
  [[ ! -e $log ]] || mv "$log" "$log.1"
  (
    close_inherited_files
    cd "$STACK" || exit
    exec setsid "$@" </dev/null >"$log" 2>&1
  ) &
  record "$name" $!
  LAUNCHED+=("$name")
}

# The components that this run of the script has started.
LAUNCHED=()

# A daemon that keeps the caller's pipe or lock open makes `make up | cat` hang for ever.
close_inherited_files() {
  local file descriptor
  for file in "/proc/$BASHPID/fd/"*; do
    descriptor=${file##*/}
    # bash's own 255 closes by itself when the command is executed.
    if ((descriptor > 2 && descriptor != 255)); then
      eval "exec $descriptor>&-"
    fi
  done
}

# Ends the components that follow, all at once: SIGTERM, and after $1 seconds, or when
# IMPATIENT becomes set, SIGKILL.
stop_components() {
  local deadline=$((SECONDS + $1)) name
  shift
  for name; do
    ! alive "$name" || kill -TERM "$PID" 2>/dev/null || true
  done
  for name; do
    while alive "$name"; do
      if ((SECONDS >= deadline)) || [[ -n ${IMPATIENT:-} ]]; then
        warn "$name is killed"
        kill -KILL "$PID" 2>/dev/null || true
      fi
      sleep 0.1 || true
    done
    rm -f "$STACK/run/$name.pid"
  done
}

# For the start of a trap on EXIT: nothing may end the clean-up half-way, and another Ctrl-C only
# makes it hurry.
begin_clean_up() {
  set +e
  trap - EXIT
  trap 'IMPATIENT=yes' INT TERM HUP
}

# Waits until the command that follows succeeds: at most $2 seconds, and only while component $1
# runs.
await() {
  local name=$1 seconds=$2 deadline=$((SECONDS + $2))
  shift 2
  # bash 5.2 may take a signal badly in the middle of `$(…)`, so what is called here over and over
  # should do without.
  until "$@"; do
    alive "$name" || die_with_log "$name" "$name ended while it was starting"
    ((SECONDS < deadline)) || die_with_log "$name" "$name is not ready after $seconds seconds"
    sleep 0.1
  done
}

# Does 127.0.0.1:$1 answer GET $2 with 200?
answers_ok() {
  (
    exec 3<>"/dev/tcp/127.0.0.1/$1"
    printf 'GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' "$2" >&3
    read -r -t 5 _ status _ <&3
    [[ $status == 200 ]]
  ) 2>/dev/null
}
