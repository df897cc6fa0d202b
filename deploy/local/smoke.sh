#!/usr/bin/env bash
# A first look at a running stack, as two clients: they register, one follows the other, reads a
# feed with the other's post in it, likes, saves and comments on it, which the other sees, and finds
# it by a word and by its hashtag; opens a socket, logs out, is told so there, and sees the token
# refused.
# Usage: smoke.sh, with PORT as for stack.sh.
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

# Prints the first string called $1 in BODY.
field() { grep -o "\"$1\": *\"[^\"]*\"" <<<"$BODY" | head -n 1 | cut -d '"' -f 4; }

json='content-type: application/json'

# Registers $1 and logs in; leaves the answer in BODY.
join() {
  local email="\"email\":\"$1@example.org\",\"password\":\"correct horse $1\""
  expect 201 POST /api/auth/register -H "$json" -d "{$email,\"username\":\"$1\",\"full_name\":\"Smoke\",\"dob\":\"1990-05-17\"}"
  expect 200 POST /api/auth/login -H "$json" -d "{$email}"
}

# Waits until the author sees that the post is liked: once the worker has had it stored.
await_like() {
  local deadline=$((SECONDS + 20))
  until
    expect 200 GET "/api/posts/$post" -H "$as_author"
    [[ $BODY == *'"likes_count":1,'* || $BODY == *'"likes_count":1}'* ]]
  do
    ((SECONDS < deadline)) || die "GET /api/posts/$post does not count the like: $BODY"
    sleep 0.1
  done
}

unique=$(date +%s)_$$
join "author_$unique"
author=$(field _id)
as_author="authorization: Bearer $(field token)"
join "reader_$unique"
token=$(field token)
as_reader="authorization: Bearer $token"

expect 200 GET /api/auth/me -H "$as_reader"
[[ $BODY == *"\"reader_$unique\""* ]] || die "GET /api/auth/me is not about reader_$unique: $BODY"
expect 200 POST "/api/users/$author/follow" -H "$as_reader"
expect 201 POST /api/posts -H "$as_author" -H "$json" -d "{\"content\":\"hello from the smoke test #smoke_$unique\"}"
post=$(field _id)
expect 200 GET /api/posts/feed -H "$as_reader"
[[ $BODY == *"\"$post\""* ]] || die "GET /api/posts/feed lacks the post $post: $BODY"
expect 200 POST "/api/posts/$post/like" -H "$as_reader"
await_like
expect 200 GET "/api/posts/$post/likes" -H "$as_author"
[[ $BODY == *"\"reader_$unique\""* ]] || die "GET /api/posts/$post/likes lacks reader_$unique: $BODY"
expect 200 POST "/api/posts/$post/save" -H "$as_reader"
expect 201 POST "/api/posts/$post/comments" -H "$as_reader" -H "$json" -d '{"content":"hello back"}'
comment=$(field _id)
expect 200 GET "/api/posts/$post/comments" -H "$as_author"
[[ $BODY == *"\"$comment\""* ]] || die "GET /api/posts/$post/comments lacks $comment: $BODY"
for path in /api/posts/saved "/api/posts/hashtag/smoke_$unique" "/api/posts/search?q=smoke_$unique"; do
  expect 200 GET "$path" -H "$as_reader"
  [[ $BODY == *"\"$post\""* ]] || die "GET $path lacks the post $post: $BODY"
done
expect 200 GET "/api/users/search?q=author_$unique" -H "$as_reader"
[[ $BODY == *"\"$author\""* ]] || die "GET /api/users/search lacks author_$unique: $BODY"
socket='/socket.io/?EIO=4&transport=polling'
expect 200 GET "$socket"
socket+="&sid=$(field sid)"
expect 200 POST "$socket" -H 'content-type: text/plain;charset=UTF-8' -d "40{\"token\":\"$token\"}"
expect 200 GET "$socket"
[[ $BODY == 40* ]] || die "the socket was refused: $BODY"
expect 204 POST /api/auth/logout -H "$as_reader"
expect 200 GET "$socket"
[[ $BODY == *'"session:revoked"'* ]] || die "the socket was not told of the logout: $BODY"
expect 401 GET /api/auth/me -H "$as_reader"
say "the stack at $GATEWAY works"
