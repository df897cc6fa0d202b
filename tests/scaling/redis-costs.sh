#!/usr/bin/env bash
# What feeds cost a Redis server: bytes of a timeline, and its processor time for what posts does
# when somebody posts or reads, with the scripts of services/posts. Measured in a Redis server of
# its own that ends with the script; docs/scaling.md has the figures.
# Usage: redis-costs.sh [TIMELINES, a multiple of 200]
set -euo pipefail

TIMELINES=${1:-1000}
# As in services/posts: the posts of a timeline, and how many timelines one call writes to.
LENGTH=800
BATCH=200
ROUNDS=20
SCRIPTS=$(dirname "${BASH_SOURCE[0]}")/../../services/posts/src/timelines

FOLDER=$(mktemp -d)
redis() { redis-cli -s "$FOLDER/socket" "$@"; }
finish() {
  redis shutdown nosave 2>/dev/null || true
  rm -rf "$FOLDER"
}
trap finish EXIT
redis-server --port 0 --unixsocket "$FOLDER/socket" --dir "$FOLDER" --save '' --daemonize yes \
  --zset-max-listpack-entries 1024 >"$FOLDER/log"
until redis ping >/dev/null 2>&1; do sleep 0.05; done

# Makes a timeline for each of so many people: its posts and the last member, which completes it.
FILL="
for person = 1, tonumber(ARGV[1]) do
  local id = string.format('%024d', person)
  redis.call('ZADD', 'timeline:' .. id, '+inf', 'e12345678')
  for post = 1, $LENGTH do
    redis.call('ZADD', 'timeline:' .. id, -1.7e12 - post, string.format('%012d', post))
  end
  redis.call('SET', 'feed:ver:' .. id, '12345678')
end"
ADD=$(cat "$SCRIPTS/entries.lua" "$SCRIPTS/add.lua")

# Processor time of the server so far, in microseconds.
cpu() { redis INFO cpu | tr -d '\r' | awk -F : '/^used_cpu_(user|sys):/ { t += $2 } END { printf "%d", t * 1e6 }'; }

# What each of $1 operations since `begin` has taken of it.
BEGAN=0
begin() { BEGAN=$(cpu); }
each() { awk -v took=$(($(cpu) - BEGAN)) -v count="$1" 'BEGIN { printf "%.1f µs", took / count }'; }

# The cost of adding newer posts, one after the other, to the timelines of people $1 on.
measure_add() {
  local first=$1 n id round
  local -a keys
  begin
  for ((; first < $1 + TIMELINES; first += BATCH)); do
    keys=()
    for ((n = first; n < first + BATCH; n++)); do
      printf -v id '%024d' "$n"
      keys+=("timeline:$id" "feed:ver:$id")
    done
    for ((round = 1; round <= ROUNDS; round++)); do
      redis EVAL "$ADD" ${#keys[@]} "${keys[@]}" inf $LENGTH \
        $((-1700000010000 - round)) "$(printf 'new%09d' "$round")" >/dev/null
    done
  done
  each $((ROUNDS * TIMELINES))
}

measure_timelines() {
  local write
  redis FLUSHALL >/dev/null
  redis EVAL "$FILL" 0 "$TIMELINES" >/dev/null
  write=$(measure_add 1)
  echo "$1: $(redis MEMORY USAGE "timeline:$(printf '%024d' 1)" SAMPLES 0) bytes a timeline," \
    "$write a write into it"
}

measure_timelines "listpack, up to 1024 entries"
echo "$(measure_add 1000001) for somebody without a timeline"
redis CONFIG SET zset-max-listpack-entries 128 >/dev/null
measure_timelines "skiplist, from 129 entries on"

# Of a page of a feed, a read looks at the stamp of each author that is merged into it.
begin
redis EVAL "for n = 1, 100000 do redis.call('GET', 'author:' .. n % 1000 .. ':ver') end" 0 >/dev/null
echo "$(each 100000) for the stamp of an author merged into a page that is served"

# A page that is made asks for the newest posts of that author: 200 of 20 bytes.
begin
redis EVAL "redis.call('SET', 'author:1:recent', string.rep('x', 4000))
  for n = 1, 100000 do redis.call('GET', 'author:1:recent') end" 0 >/dev/null
echo "$(each 100000) for the posts of an author merged into a page that is made"
