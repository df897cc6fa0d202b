# shellcheck shell=bash
# Debian packages and Rust: what a machine must have before anything can be built or started.
# Sourced after lib.sh.

RABBITMQ_SBIN=/usr/lib/rabbitmq/bin

# Makes sure of everything named: build, python, mongodb, redis, rabbitmq, rotel, curl.
need() {
  local -a packages
  mapfile -t packages < <(missing_packages "$@")
  ((${#packages[@]} == 0)) || install_packages "${packages[@]}"
}

# Prints the packages that the named needs still lack.
missing_packages() {
  local what
  for what; do
    case $what in
      build)
        has cc || say gcc
        [[ -e /usr/include/stdio.h ]] || say libc6-dev
        has mold || say mold
        ;;
      python) [[ -n $(python_with_pip) ]] || say python3-pip ;;
      mongodb) has_library libcurl.so.4 || say libcurl4 ;;
      redis) has redis-server || say redis-server ;;
      rabbitmq) [[ -x $RABBITMQ_SBIN/rabbitmq-server ]] || say rabbitmq-server ;;
      rotel) has_library libpython3.11.so.1.0 || say libpython3.11 ;;
      curl) has curl || say curl ;;
      nginx) [[ -x /usr/sbin/nginx ]] || say nginx ;;
      *) die "unknown need: $what" ;;
    esac
  done
}

has_library() { grep -qF "$1 " < <(PATH=$PATH:/sbin:/usr/sbin ldconfig -p); }

# Prints the first Python that has pip.
python_with_pip() {
  local python
  for python in python3 /usr/bin/python3; do
    if has "$python" && "$python" -c "import pip" 2>/dev/null; then
      say "$python"
      return
    fi
  done
}

install_packages() {
  has apt-get || die "these are missing, and there is no apt-get to install them: $*"
  ((EUID == 0)) || has sudo ||
    die "not root and no sudo; ask an administrator for: apt-get install $*"
  step "installing Debian packages: $*"
  local log=$LOCAL/apt.log
  mkdir -p "$LOCAL"
  # A failed update may be one broken source among many: the install decides.
  as_root apt-get update >"$log" 2>&1 || warn "apt-get update failed, see ${log#"$ROOT/"}"
  without_starting_services \
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    -o DPkg::Lock::Timeout=300 ca-certificates "$@" </dev/null >>"$log" 2>&1 || {
    tail -n 15 "$log" >&2
    die "could not install: $*"
  }
}

as_root() {
  if ((EUID == 0)); then "$@"; else sudo "$@"; fi
}

# Debian starts a server as soon as it is installed, on the very ports that others use. A policy
# file forbids that for as long as the command that follows runs.
without_starting_services() {
  local policy=/usr/sbin/policy-rc.d status=0
  if [[ -e $policy ]]; then
    "$@"
    return
  fi
  printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
  as_root chmod 755 "$policy"
  "$@" || status=$?
  as_root rm -f "$policy"
  return "$status"
}

need_rust() {
  if ! has cargo && [[ -x $HOME/.cargo/bin/cargo ]]; then
    PATH=$HOME/.cargo/bin:$PATH
  fi
  has cargo || die "cargo is missing: install Rust with rustup"
}
