# shellcheck shell=bash
# Servers that are gone when the script that sources this is. Sourced after servers.sh.

# Starts those that are ours on the first block of ports from $1 on that nobody uses, without
# waiting for them. With PORT, on that block or not at all.
start_throwaway_servers() {
  lock
  choose_throwaway_stack "$1"
  rm -rf "$STACK"
  mkdir -p "$STACK/run"
  record owner $$
  launch_servers
  unlock
}

# Makes the first block of ports on which neither a stranger nor somebody like us is the one at hand.
choose_throwaway_stack() {
  local base=${PORT:-$1} taken
  while true; do
    use_stack "$base" "$LOCAL/test/$base"
    # The servers of a run that was killed: nobody will come back for them.
    alive owner || stop_servers
    if alive owner; then
      taken="$base (another test run)"
    elif ! taken=$(first_taken_port < <(server_ports)); then
      return
    fi
    [[ -z ${PORT:-} ]] || die "port $taken is taken; give another PORT"
    base=$((base + 100))
    say "port $taken is taken: using the ports from $base on"
  done
}

# For the end of a trap on EXIT. After a failure the servers' logs may tell why, so they stay.
end_throwaway_servers() {
  stop_servers
  rm -f "$STACK/run/owner.pid"
  rm -rf "$STACK/data"
}
