#!/usr/bin/env bash
# A partition: four replicas in network namespaces, split three to one and then in halves. Each side says which group it
# is in; changes of level `eventual` are kept by the minority, which is killed meanwhile; afterwards a report tells what
# became of them.
#
#   docs/tour/partition.sh                 runs the `quorate` on PATH in a folder that is gone afterwards
#   SPLIT=18 docs/tour/partition.sh        each split lasts 18 s instead of 60
#   TOUR_OUT=DIR docs/tour/partition.sh    leaves DIR/genesis.json, DIR/*.receipt and DIR/partitions.json
#
# Ends with 0 when everything went as told, and also, with a loud word, where no namespaces can be made: that takes root,
# `ip` (iproute2), bridges and veth.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
split=${SPLIT:-60}
out=${TOUR_OUT:-}
[[ -z $out ]] || { mkdir -p "$out" && out=$(cd "$out" && pwd); }
me=partition
source "$here/group.sh"
out=${out:-$work/out}
mkdir -p "$out"

# --- places ------------------------------------------------------------------------------------------------------

prefix="quorate$$"
hub="$prefix-hub"

clean_up() {
  local number
  for number in 0 1 2 3; do ip netns del "$prefix-$number" 2>/dev/null || true; done
  ip netns del "$hub" 2>/dev/null || true
}

# A namespace for each replica, all cables on one of two bridges in a namespace of their own.
make_places() {
  local number bridge
  ip netns add "$hub"
  for bridge in 0 1; do
    ip -n "$hub" link add "side$bridge" type bridge
    ip -n "$hub" link set "side$bridge" up
  done
  for number in 0 1 2 3; do
    ip netns add "$prefix-$number"
    ip -n "$hub" link add "port$number" type veth peer name cable netns "$prefix-$number"
    ip -n "$hub" link set "port$number" master side0 up
    ip -n "$prefix-$number" address add "10.78.0.$((1 + number))/24" dev cable
    ip -n "$prefix-$number" link set cable up
    ip -n "$prefix-$number" link set lo up
  done
}

if ! make_places 2>said; then
  echo "partition: SKIPPED, no network namespaces here: $(tail -n 1 said)" >&2
  exit 0
fi

# Puts these replicas on the other bridge, and all others on the first.
cut_off() {
  local number side
  for number in 0 1 2 3; do
    side=side0
    [[ " $* " != *" $number "* ]] || side=side1
    ip -n "$hub" link set "port$number" master "$side"
  done
}

heal() { cut_off; healed=$(now); }

# --- replicas and commands ---------------------------------------------------------------------------------------

launch() {
  local number=$1 other peers=()
  for other in 0 1 2 3; do
    ((other == number)) || peers+=(--peer "$other=/ip4/10.78.0.$((1 + other))/tcp/7700")
  done
  : >"replica-$number.out"
  ip netns exec "$prefix-$number" "$quorate" start --dir "group/replica-$number" --api 127.0.0.1:8700 \
    --listen "/ip4/10.78.0.$((1 + number))/tcp/7700" "${peers[@]}" \
    >"replica-$number.out" 2>>"replica-$number.log" &
  pids[number]=$!
}

# Runs a command where a replica is, against that replica.
at() {
  local number=$1
  shift
  ip netns exec "$prefix-$number" env QUORATE_NODE=http://127.0.0.1:8700 "$quorate" "$@"
}

now() { date +%s%3N; }
since() { echo $(($(now) - $1)); }
chapter() { printf '\n== %s\n' "$1"; }

# The answer of `partitions --json` on one line without blanks.
partitions() { at "$1" partitions --json | tr -d ' \n'; }

# Whether a replica names these components, by their members: `0,1,2 3`.
names() {
  local number=$1 answer found
  shift
  answer=$(partitions "$number") || return 1
  found=$(grep -o '"members":\[[0-9,]*\]' <<<"$answer" | grep -o '[0-9][0-9,]*' | tr '\n' ' ')
  [[ $found == "$* " ]]
}

# Each replica must name the components within 3 s of the moment $1, and the time that asking four takes here.
all_name() {
  local moment=$1 number asked
  shift
  asked=$(date +%s%3N)
  for number in 0 1 2 3; do partitions "$number" >/dev/null || true; done
  asked=$(since "$asked")
  for number in 0 1 2 3; do
    until names "$number" "$@"; do
      (($(since "$moment") < 3000 + 2 * asked)) || fail "replica $number after 3 s: $(partitions "$number")"
      sleep 0.05
    done
  done
  echo "    after $(since "$moment") ms each replica names: $*"
}

# A number in an answer, its first: `count ANSWER NAME`.
count() { grep -o "\"$2\":[0-9]*" <<<"$1" | head -n 1 | cut -d : -f 2; }

# Keeps the rest of a split's time.
wait_out() {
  local left=$((split * 1000 - $(since "$1")))
  ((left <= 0)) || sleep "$((left / 1000)).$(printf %03d $((left % 1000)))"
}

# Writes at level `eventual` at a replica by an author; the change must be queued.
queue() {
  local number=$1 author=$2 path=$3
  at "$number" put "$path" --level eventual --key "group/author-org-$author.key" --json >answer.json <<<"$path by $author"
  grep -q '"state": "queued"' answer.json || fail "not queued: $(cat answer.json)"
  sed -n 's/^  "id": "\(.*\)",$/\1/p' answer.json >>queued
}

has_resumed() { # NUMBER COUNT
  local answer
  answer=$(partitions "$1") || return 1
  grep -q '"recovery_ms":[0-9]' <<<"${answer#*\"healed\":}" && [[ $(count "${answer#*\"healed\":}" resumed) == "$2" ]]
}

all_resumed() { # NUMBER COUNT
  until has_resumed "$1" "$2"; do
    (($(since "$healed") < 10000)) || fail "replica $1, 10 s after healing: $(partitions "$1")"
    sleep 0.1
  done
  echo "    $(since "$healed") ms after healing all $2 changes of replica $1 have their receipts"
}

# The report of a replica must count what the receipts of the changes in `queued` say.
report_fits() {
  local number=$1 answer id name state
  answer=$(partitions "$number")
  answer=${answer#*\"healed\":}
  : >states
  while read -r id; do
    at "$number" receipt "$id" --json >answer.json || true
    sed -n 's/^  "state": "\(.*\)",$/\1/p' answer.json >>states
  done <queued
  for name in applied merged conflicted refused; do
    state=${name/conflicted/conflict}
    [[ $(grep -c "^$state\$" states || true) == "$(count "$answer" "$name")" ]] ||
      fail "the report says $(count "$answer" "$name") $name, the receipts $(sort states | uniq -c | tr '\n' ' ')"
  done
  [[ $(count "$answer" paused) == "$(wc -l <queued)" ]] || fail "paused: $answer"
  echo "    the report of replica $number fits the receipts: $(sort states | uniq -c | tr -s ' ' | tr '\n' ',')"
}

# --- the story ---------------------------------------------------------------------------------------------------

chapter "Four replicas, each in a place of its own"
"$quorate" init --out group --replicas 4 --name "TEST KEYS: the partition" >/dev/null 2>&1
cp group/genesis.json "$out/genesis.json"
for number in 0 1 2 3; do launch $number; done
await_ready 0 1 2 3 || fail "a replica does not start"
echo "one line" | at 0 put shared/1.txt --key group/author-org-0.key --json >/dev/null
all_name "$(($(now) + 20000))" 0,1,2,3 >/dev/null

chapter "Replica 3 is cut off for $split s"
cut_off 3
moment=$(now)
all_name "$moment" 0,1,2 3
grep -q '"can_order":true,"members":\[0,1,2\],"ours":true' <<<"$(partitions 0)" || fail "$(partitions 0)"
grep -q '^{"can_order":false' <<<"$(partitions 3)" || fail "$(partitions 3)"
echo "    the three go on:"
for number in $(seq 1 10); do
  echo "by the majority" | at 0 put "shared/$number.txt" --key group/author-org-0.key --json >/dev/null
done
echo "    10 changes ordered; at replica 3, a hundred of three authors at level eventual:"
: >queued
for number in $(seq 1 25); do
  for author in 1 2 3; do queue 3 $author "from-$author/$number.txt"; done
  ((number <= 10)) && path="shared/$number.txt" || path="from-0/$number.txt"
  queue 3 2 "$path"
done
[[ $(count "$(partitions 3)" queued) == 100 ]] || fail "$(partitions 3)"
echo "    100 are queued, after $(since "$moment") ms; kill -9, and a start"
stop 3 KILL
launch 3
await_ready 3 || fail "replica 3 does not start"
[[ $(count "$(partitions 3)" queued) == 100 ]] || fail "after kill -9: $(partitions 3)"
at 3 partitions
wait_out "$moment"

chapter "It is mended"
heal
all_resumed 3 100
report_fits 3
at 3 partitions
at 3 partitions --json >"$out/partitions.json"
place=0
while read -r id; do
  place=$((place + 1))
  at 0 receipt "$id" --out "$out/$(printf %03d $place).receipt" --json >/dev/null
  "$quorate" verify "$out/$(printf %03d $place).receipt" --genesis "$out/genesis.json" >/dev/null ||
    fail "receipt $place does not verify"
done <queued
echo "    $place receipts, each with its proof"

chapter "Halves, for $split s"
cut_off 2 3
moment=$(now)
all_name "$moment" 0,1 2,3
: >queued
for number in $(seq 1 5); do queue 1 1 "halves/one-$number.txt"; done
mv queued queued-1
for number in $(seq 1 5); do queue 2 2 "halves/two-$number.txt"; done
mv queued queued-2
at 1 partitions
wait_out "$moment"
heal
for number in 1 2; do
  all_resumed $number 5
  mv queued-$number queued
  report_fits $number
done
all_name "$(($(now) + 7000))" 0,1,2,3 >/dev/null
echo "    the group is whole"
