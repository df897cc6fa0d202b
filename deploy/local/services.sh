# shellcheck shell=bash
# The services of Anufy: which there are, how they are built, set up, started and stopped.
# Sourced after servers.sh.

# In the order they start; they stop from the last to the first.
# name, first port as an offset, the ports from there on, what to run before the first start
service_table() {
  cat <<'TABLE'
auth      10  http,grpc,admin  migrate
posts     20  http,grpc,admin  migrate
worker    30  admin            -
realtime  40  http,grpc,admin  -
gateway    0  http,admin       -
TABLE
}

# Prints what service $1 needs in its environment beyond what all of them get.
service_settings() {
  case $1 in
    auth)
      say "TOKEN_SIGNING_KEY_FILE=$STACK/secrets/token-signing-key.pem"
      say "MAIL_URL=${MAIL_URL:-file://$STACK/mail}"
      say "MAIL_FROM=${MAIL_FROM:-Anufy <noreply@anufy.localhost>}"
      say "APP_URL=${APP_URL:-http://127.0.0.1:$(service_port gateway http)}"
      ;;
    gateway)
      say "AUTH_URL=http://127.0.0.1:$(service_port auth http)"
      say "POSTS_URL=http://127.0.0.1:$(service_port posts http)"
      say "REALTIME_URL=http://127.0.0.1:$(service_port realtime http)"
      say "RATE_LIMIT_POLICY=${RATE_LIMIT_POLICY:-local}"
      ;;
  esac
}

# Prints what all services get. A variable that a service does not know does no harm.
common_settings() {
  local port
  for port in $(service_ports "$1"); do
    say "${port^^}_ADDR=127.0.0.1:$(service_port "$1" "$port")"
  done
  say "MONGODB_URI=$MONGODB_URI"
  say "REDIS_URL=$REDIS_URL"
  say "AMQP_URL=$AMQP_URL"
  say "AUTH_GRPC_URL=http://127.0.0.1:$(service_port auth grpc)"
  say "POSTS_GRPC_URL=http://127.0.0.1:$(service_port posts grpc)"
  say "REALTIME_GRPC_URL=http://127.0.0.1:$(service_port realtime grpc)"
  say "LOG_FORMAT=${LOG_FORMAT:-pretty}"
  say "DRAIN_DELAY=${DRAIN_DELAY:-0s}"
  say "DRAIN_GRACE=${DRAIN_GRACE:-20s}"
  [[ -n ${SERVICE_CREDENTIAL:-} ]] || say "SERVICE_CREDENTIAL_FILE=$STACK/secrets/service-credential"
}

# Prints what the operator's command line needs to reach the owners of the data and the queues.
operator_settings() {
  say "AUTH_GRPC_URL=http://127.0.0.1:$(service_port auth grpc)"
  say "POSTS_GRPC_URL=http://127.0.0.1:$(service_port posts grpc)"
  say "AMQP_URL=$AMQP_URL"
  [[ -n ${SERVICE_CREDENTIAL:-} ]] || say "SERVICE_CREDENTIAL_FILE=$STACK/secrets/service-credential"
}

mapfile -t SERVICES < <(service_table | cut -d' ' -f1)
# Every program of ours: the services, the operator's command line, and what fills a stack.
PROGRAMS=("${SERVICES[@]}" anufy demo)

service_row() { service_table | grep "^$1 "; }

# Prints the names of the ports of service $1.
service_ports() {
  local ports
  read -r _ _ ports _ < <(service_row "$1")
  say "${ports//,/ }"
}

# Prints the number of port $2 of service $1.
service_port() {
  local offset port
  read -r _ offset _ < <(service_row "$1")
  for port in $(service_ports "$1"); do
    if [[ $port == "$2" ]]; then
      say $((BASE + offset))
      return
    fi
    offset=$((offset + 1))
  done
  die "$1 has no port $2"
}

# Lines of `component what port`, for first_taken_port.
all_service_ports() {
  local name port
  for name in "${SERVICES[@]}"; do
    for port in $(service_ports "$name"); do
      say "$name $name-$port $(service_port "$name" "$port")"
    done
  done
}

# Where the binaries are: BIN_DIR, or where cargo puts those of PROFILE.
PROFILE=${PROFILE:-release}
BINARIES=${CARGO_TARGET_DIR:-$ROOT/target}/$PROFILE
[[ $PROFILE != dev ]] || BINARIES=${BINARIES%dev}debug
BINARIES=$(realpath -m "${BIN_DIR:-$BINARIES}")

build_services() {
  local -a packages=()
  local name
  if [[ -n ${BIN_DIR:-} ]]; then
    for name in "${PROGRAMS[@]}"; do
      [[ -x $BINARIES/$name ]] || die "BIN_DIR=$BIN_DIR has no program $name"
    done
    return
  fi
  for name in "${PROGRAMS[@]}"; do packages+=(--package "$name"); done
  step "building (profile $PROFILE; the first time takes minutes)"
  (cd "$ROOT" && cargo build --locked --bins --profile "$PROFILE" "${packages[@]}") ||
    die "the build failed"
}

# Makes the secrets of this stack, once: they must outlive a restart, as tokens do.
make_secrets() (
  umask 077
  cd "$STACK/secrets" || exit
  [[ -s service-credential ]] || random_text >service-credential
  if [[ ! -s token-signing-key.pem ]]; then
    "$BINARIES/auth" generate-key >key.new || die "auth generate-key failed"
    mv key.new token-signing-key.pem
  fi
)

# Sets SETTINGS to the environment of service $1.
load_settings() {
  mapfile -t SETTINGS < <(common_settings "$1" && service_settings "$1")
}

# Runs what the table asks for before a service starts; all of it may run again at any time.
prepare_services() {
  local name command log
  while read -r name _ _ command; do
    [[ $command != - ]] || continue
    step "$name $command"
    load_settings "$name"
    log=$STACK/log/$name-$command.log
    env "${SETTINGS[@]}" "$BINARIES/$name" "$command" >"$log" 2>&1 ||
      die_with_log "$name-$command" "$name $command failed"
  done < <(service_table)
}

launch_services() {
  local name
  for name in "${SERVICES[@]}"; do
    alive "$name" && continue
    load_settings "$name"
    launch "$name" env "${SETTINGS[@]}" "$BINARIES/$name" serve
  done
}

await_services() {
  local name
  for name in "${SERVICES[@]}"; do
    await "$name" 60 answers_ok "$(service_port "$name" admin)" /readyz
  done
}

service_ready() { answers_ok "$(service_port "$1" admin)" /readyz; }

# Ends the services of the stack at hand, the door first and whoever drives the queues before those
# who do the work, so that each can finish. A service gets its own drain time and a little more.
stop_services() {
  local i
  for ((i = ${#SERVICES[@]} - 1; i >= 0; i--)); do
    stop_components 25 "${SERVICES[i]}"
  done
}
