#!/usr/bin/env bash
# A first look at a running stack, as a client: registers, reads the account back, logs out, and
# sees the token refused. Usage: smoke.sh, with PORT as for stack.sh.
set -euo pipefail

HERE=$(dirname "${BASH_SOURCE[0]}")
source "$HERE/lib.sh"

[[ -n ${PORT:-} ]] || read -r PORT <"$LOCAL/port" || die "nothing has been started yet"
GATEWAY=http://127.0.0.1:$PORT

# Sends METHOD PATH [curl arguments…], expecting status $1; leaves the body in BODY.
expect() {
  local wanted=$1 method=$2 path=$3 answer
  shift 3
  answer=$(curl -sS -m 20 -w '\n%{http_code}' -X "$method" "$GATEWAY$path" "$@") ||
    die "$method $path: no answer"
  BODY=${answer%$'\n'*}
  [[ ${answer##*$'\n'} == "$wanted" ]] || die "$method $path: wanted $wanted, got $answer"
  say "$wanted $method $path"
}

name=smoke_$(date +%s)_$$
json='content-type: application/json'
expect 201 POST /api/auth/register -H "$json" -d "{\"email\":\"$name@example.org\",\"password\":\"correct horse $name\",\"username\":\"$name\",\"full_name\":\"Smoke\",\"dob\":\"1990-05-17\"}"
expect 200 POST /api/auth/login -H "$json" -d "{\"email\":\"$name@example.org\",\"password\":\"correct horse $name\"}"
token=$(sed -n 's/.*"token": *"\([^"]*\)".*/\1/p' <<<"$BODY")
bearer="authorization: Bearer $token"
expect 200 GET /api/auth/me -H "$bearer"
[[ $BODY == *"\"$name\""* ]] || die "GET /api/auth/me is not about $name: $BODY"
expect 204 POST /api/auth/logout -H "$bearer"
expect 401 GET /api/auth/me -H "$bearer"
say "the stack at $GATEWAY works"
