#!/usr/bin/env bash
# Makes sure of what the command needs, then runs it: a tool of tools.sh, or cargo.
# Usage: tool.sh NAME [ARGUMENT…]; tool.sh --install for everything at once; tool.sh socketio
# COMMAND [ARGUMENT…] for a command that runs the official Socket.IO clients and server.
set -euo pipefail

HERE=$(dirname "${BASH_SOURCE[0]}")
source "$HERE/lib.sh"
source "$HERE/install.sh"
source "$HERE/tools.sh"

install_everything() {
  need build python mongodb redis rabbitmq rotel curl nginx
  mapfile -t names < <(tool_table | cut -d' ' -f1)
  need_tools "${names[@]}"
  need_socketio
  say "everything is installed, the tools in ${TOOLS#"$ROOT/"}"
}

case ${1:?"usage: tool.sh NAME [ARGUMENT…]"} in
  --install)
    install_everything
    exit
    ;;
  cargo)
    need build
    # `cargo deny` and its like are tools of ours.
    if grep -q "^cargo-${2:-} " < <(tool_table); then need_tools "cargo-$2"; fi
    ;;
  nginx)
    need nginx
    # Where it is, and where not everybody looks.
    PATH=$PATH:/usr/sbin
    ;;
  socketio)
    need_socketio
    shift
    ;;
  *) need_tools "$1" ;;
esac
[[ $1 != cargo ]] || need_rust
exec "$@"
