# shellcheck shell=bash
# MongoDB, Redis and RabbitMQ as ordinary processes on private ports and folders. Sourced after
# tools.sh.

SERVERS=(mongodb redis epmd rabbitmq)

declare -A SERVER_OFFSETS=([mongodb]=90 [redis]=91 [rabbitmq]=92 [rabbitmq-nodes]=93 [epmd]=94)

# How many databases Redis has; tests take one each.
REDIS_DATABASES=16

# The virtual hosts that RabbitMQ has beside `/`; tests take one each.
RABBITMQ_VHOSTS=()

# What was given from outside, noted before await_servers fills in the rest.
GIVEN_MONGODB_URI=${MONGODB_URI:-}
GIVEN_REDIS_URL=${REDIS_URL:-}
GIVEN_AMQP_URL=${AMQP_URL:-}

server_port() { say $((BASE + SERVER_OFFSETS[$1])); }

# Is server $1 one of ours to start? Not when its address was given from outside.
ours() {
  case $1 in
    mongodb) [[ -z $GIVEN_MONGODB_URI ]] ;;
    redis) [[ -z $GIVEN_REDIS_URL ]] ;;
    *) [[ -z $GIVEN_AMQP_URL ]] ;;
  esac
}

# Prints those of the servers that are ours to start.
own_servers() {
  local name
  for name in "${SERVERS[@]}"; do
    ! ours "$name" || say "$name"
  done
}

# Lines of `component what port`, for first_taken_port.
server_ports() {
  local name
  for name in $(own_servers); do
    say "$name $name $(server_port "$name")"
    [[ $name != rabbitmq ]] || say "rabbitmq rabbitmq-nodes $(server_port rabbitmq-nodes)"
  done
}

# Prints what must be installed for the servers that are ours, a line each, see `need`.
server_needs() {
  ! ours mongodb || printf '%s\n' python mongodb
  ! ours redis || say redis
  ! ours rabbitmq || say rabbitmq
}

need_server_tools() {
  ! ours mongodb || need_tools mongod pymongo
}

# Starts those servers that are ours and not running, without waiting for them.
launch_servers() {
  local name
  mkdir -p "$STACK"/{run,log,secrets} "$STACK"/data/{mongodb,redis,rabbitmq}
  chmod 700 "$STACK"
  rm -f "$STACK/run/stopping"
  for name in $(own_servers); do
    launch_server "$name"
  done
}

launch_server() {
  # As many files as we may: the default of 1,024 is too few for MongoDB.
  ulimit -Sn "$(ulimit -Hn)"
  alive "$1" || "launch_$1"
}

# Waits for the servers that are ours, and finds them.
await_servers() {
  ! ours redis || await_server redis
  ! ours mongodb || await_server mongodb
  ! ours rabbitmq || await_server rabbitmq
  find_servers
}

# Sets MONGODB_URI, REDIS_URL, AMQP_URL and AMQP_VHOSTS.
find_servers() {
  ! ours redis || REDIS_URL=redis://127.0.0.1:$(server_port redis)
  ! ours mongodb ||
    MONGODB_URI="mongodb://127.0.0.1:$(server_port mongodb)/?replicaSet=rs0&directConnection=true"
  if ours rabbitmq; then
    AMQP_URL=amqp://guest:guest@127.0.0.1:$(server_port rabbitmq)/%2f
    AMQP_VHOSTS=$(list_vhosts)
  fi
  export MONGODB_URI REDIS_URL AMQP_URL AMQP_VHOSTS=${AMQP_VHOSTS:-}
}

# Waits until server $1 does what it is for.
await_server() {
  local port
  port=$(server_port "$1")
  case $1 in
    redis) await redis 30 redis_ready "$port" ;;
    mongodb)
      await mongodb 60 listened_on "$port"
      make_replica_set || die_with_log mongodb "mongodb did not become a replica set"
      ;;
    rabbitmq) await rabbitmq 120 rabbitmq_ready "$port" ;;
    *) die "unknown server: $1" ;;
  esac
}

# Ends the servers of the stack at hand. RabbitMQ takes longest: it closes its queues first.
stop_servers() {
  stop_components 30 rabbitmq redis mongodb
  stop_components 5 epmd
}

# --- MongoDB ----------------------------------------------------------------------------------

# transactionLifetimeLimitSeconds: a killed service leaves its transaction open, which blocks
# everybody else's writes to the same documents until the server ends it, by default after 60 s.
# shutdownTimeoutMillisForSignaledShutdown: a set of one has no other member to hand over to.
# minSnapshotHistoryWindowInSeconds: a dropped collection or index keeps its file open for as long as a
# read of the past may ask for it. At the default of 300 s hundreds of tests, each with a database of
# its own, come to more files than a process may open, and MongoDB ends.
launch_mongodb() {
  launch mongodb "$(tool mongod)" --bind_ip 127.0.0.1 --port "$(server_port mongodb)" \
    --nounixsocket --dbpath "$STACK/data/mongodb" --replSet rs0 --oplogSize 512 \
    --wiredTigerCacheSizeGB 1 --setParameter transactionLifetimeLimitSeconds=2 \
    --setParameter minSnapshotHistoryWindowInSeconds=10 \
    --setParameter shutdownTimeoutMillisForSignaledShutdown=100 \
    --setParameter diagnosticDataCollectionEnabled=false
}

make_replica_set() {
  local library port
  library=$(tool pymongo)
  port=$(server_port mongodb)
  PYTHONPATH=${library%/pymongo/*} python3 "$ROOT/deploy/local/replica_set.py" "$port"
}

# --- Redis ------------------------------------------------------------------------------------

# zset-max-listpack-entries: timelines are sorted sets of up to 800 short entries; above this number
# each would take four times as much memory.
launch_redis() {
  launch redis redis-server --bind 127.0.0.1 --port "$(server_port redis)" \
    --dir "$STACK/data/redis" --daemonize no --appendonly yes --databases "$REDIS_DATABASES" \
    --zset-max-listpack-entries 1024
}

redis_ready() { redis-cli -p "$1" ping 2>/dev/null | grep -qx PONG; }

# --- RabbitMQ ---------------------------------------------------------------------------------

# Erlang's port mapper. Started by hand, because one that RabbitMQ starts would outlive it.
launch_epmd() {
  launch epmd epmd -address 127.0.0.1 -port "$(server_port epmd)"
}

# Debian's wrappers insist on the user rabbitmq, so the script below them is called directly.
# RABBITMQ_ALLOW_INPUT makes it become the server instead of watching over it, so that the pid is
# the server's. The node's name is an address, as not every machine can look up localhost, and
# fixed, as queues belong to a name. The +sbw flags stop idle schedulers from spinning.
launch_rabbitmq() {
  local data=$STACK/data/rabbitmq
  if [[ ! -e $data/.erlang.cookie ]]; then
    random_text >"$data/.erlang.cookie"
    chmod 400 "$data/.erlang.cookie"
  fi
  {
    say "listeners.tcp.default = 127.0.0.1:$(server_port rabbitmq)"
    ((${#RABBITMQ_VHOSTS[@]} == 0)) || say "load_definitions = $data/definitions.json"
  } >"$data/rabbitmq.conf"
  write_definitions >"$data/definitions.json"
  say '[].' >"$data/enabled_plugins"
  : >"$data/rabbitmq-env.conf"
  await epmd 10 listened_on "$(server_port epmd)"
  local -a node
  mapfile -t node < <(rabbitmq_node)
  launch rabbitmq env "${node[@]}" \
    RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 RABBITMQ_NODE_PORT="$(server_port rabbitmq)" \
    RABBITMQ_DIST_PORT="$(server_port rabbitmq-nodes)" \
    RABBITMQ_MNESIA_BASE="$data" RABBITMQ_MNESIA_DIR="$data/node" \
    RABBITMQ_PLUGINS_EXPAND_DIR="$data/plugins" RABBITMQ_GENERATED_CONFIG_DIR="$data/generated" \
    RABBITMQ_LOG_BASE="$STACK/log" RABBITMQ_LOGS=- \
    RABBITMQ_CONFIG_FILE="$data/rabbitmq.conf" \
    RABBITMQ_ENABLED_PLUGINS_FILE="$data/enabled_plugins" RABBITMQ_PID_FILE="$data/rabbitmq.pid" \
    RABBITMQ_ALLOW_INPUT=1 \
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-start_epmd false -kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none" \
    "$RABBITMQ_SBIN/rabbitmq-server" -noinput
}

# Prints what tells our node from others, as environment, for the server and its tools.
rabbitmq_node() {
  say "HOME=$STACK/data/rabbitmq"
  say "ERL_EPMD_PORT=$(server_port epmd)"
  say "ERL_EPMD_ADDRESS=127.0.0.1"
  say "RABBITMQ_NODENAME=anufy@127.0.0.1"
  say "RABBITMQ_USE_LONGNAME=true"
  say "RABBITMQ_CONF_ENV_FILE=$STACK/data/rabbitmq/rabbitmq-env.conf"
}

# Prints what a broker with virtual hosts of its own begins with: those, and because it then makes
# nothing by itself, `/` and the user guest as well.
write_definitions() {
  local vhost vhosts='{"name":"/"}' permissions
  permissions=$(permit_guest /)
  for vhost in "${RABBITMQ_VHOSTS[@]}"; do
    vhosts+=",{\"name\":\"$vhost\"}"
    permissions+=,$(permit_guest "$vhost")
  done
  say '{"users":[{"name":"guest","password":"guest","tags":"administrator"}],' \
    "\"vhosts\":[$vhosts],\"permissions\":[$permissions]}"
}

permit_guest() {
  say "{\"user\":\"guest\",\"vhost\":\"$1\",\"configure\":\".*\",\"write\":\".*\",\"read\":\".*\"}"
}

# Prints the names of RABBITMQ_VHOSTS, separated by commas.
list_vhosts() (
  IFS=,
  say "${RABBITMQ_VHOSTS[*]}"
)

# A broker that answers the protocol header has opened its queues; an open port alone says less.
rabbitmq_ready() {
  (
    exec 3<>"/dev/tcp/127.0.0.1/$1"
    printf 'AMQP\x00\x00\x09\x01' >&3
    read -r -t 5 -N 1 frame_type <&3
    [[ $frame_type == $'\x01' ]]
  ) 2>/dev/null
}

random_text() { head -c 36 /dev/urandom | base64 -w 0; }
