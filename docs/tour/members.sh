#!/usr/bin/env bash
# Organisations come, go and change their keys. Four folders that share only files make a group; a fifth, sixth and seventh
# member join while authors write; three founders are removed; every replica goes on with a new key; one loses its disk and
# comes back. At the end a receipt of the first epoch and a strong read of the last verify with the genesis alone, and every
# change that was confirmed is there. The longest time without a confirmed change around each boundary is told.
#
#   docs/tour/members.sh                 runs the `quorate` on PATH in a folder that is gone afterwards
#   TOUR_OUT=DIR docs/tour/members.sh    leaves DIR/genesis.json, DIR/epochs, DIR/epoch-0.receipt and DIR/last.proof
#
# Ends with 0 when everything went as told, in less than six minutes.
set -euo pipefail

out=${TOUR_OUT:-}
[[ -z $out ]] || { mkdir -p "$out" && out=$(cd "$out" && pwd); }
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
me=members
source "$here/group.sh"
export QUORATE_DOMAIN=main
load=0 busy=0 idle=0
clean_up() { ((load == 0)) || kill "$load" 2>/dev/null || true; }

# --- helpers -----------------------------------------------------------------------------------------------------

chapter() { printf '\n== %s\n' "$1"; }

# Each replica has a name and a number of its own for ports: listen, API, observers.
are_free() { local port; for ((port = $1; port < $1 + 45; port++)); do ! is_taken "$port" || return 1; done; }
for ((place = $$ % 60; place < 120; place++)); do
  base=$((26000 + 50 * (place % 60)))
  ! are_free "$base" || break
done
are_free "$base" || fail "no 45 free ports in a row"
listen() { echo "/ip4/127.0.0.1/tcp/$((base + 3 * $1))"; }
api() { echo "127.0.0.1:$((base + 3 * $1 + 1))"; }
door() { echo "/ip4/127.0.0.1/tcp/$((base + 3 * $1 + 2))"; }
node() { echo "http://$(api "$1")"; }

# Runs a command, shows it, and keeps its document in answer.json.
must() {
  printf '  $ quorate %s\n' "$*"
  "$quorate" "$@" --json >answer.json 2>error.txt || fail "quorate $*: $(cat error.txt)"
}
field() { sed -n "s/^ *\"$1\": \"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}$/\1/p" answer.json | head -n 1; }

await() { # WHAT COMMAND…
  local what=$1 deadline=$((SECONDS + 60))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || fail "not in time: $what"
    sleep 0.2
  done
  echo "    $what"
}

status_has() { "$quorate" status --node "$(node "$1")" --json 2>/dev/null | tr -d ' ' | grep -q "$2"; }
is_in_epoch() { status_has "$1" "^\"epoch\":$2,"; }
votes_in() { is_in_epoch "$1" "$2" && status_has "$1" '"mode":"active"' && ! status_has "$1" '"replica":null'; }

# Runs a replica by these arguments, and waits until it is ready.
run_as() { # NUMBER ARGUMENTS…
  local number=$1
  shift
  : >"replica-$number.out"
  "$quorate" "$@" >"replica-$number.out" 2>>"replica-$number.log" &
  pids[number]=$!
  await_ready "$number" || fail "replica $number: $(cat "replica-$number.log")"
}

# Proposed by acme, agreed with by birch and cedar, through a replica; the epoch that comes of it is awaited there.
agreed() { # NODE ARGUMENTS…
  local at=$1 proposal
  shift
  must members "$@" --key acme.key --node "$(node "$at")"
  proposal=$(field proposal)
  must approve "$proposal" --key birch.key --node "$(node "$at")"
  must approve "$proposal" --key cedar.key --node "$(node "$at")"
}

now() { echo $(($(date +%s%N) / 1000000)); }

# The longest time without a confirmed change since a moment; of an idle group, the time that the boundary took.
told() { # SINCE
  local gap
  if ((load == 0)); then
    gap=$(($(now) - $1))
    idle=$((gap > idle ? gap : idle))
    echo "    idle: the next epoch came after $gap ms"
    return
  fi
  gap=$(awk -v last="$1" -v end="$(now)" '$1 >= last { if ($1 - last > most) most = $1 - last; last = $1 }
    END { if (end - last > most) most = end - last; print most + 0 }' confirmed)
  busy=$((gap > busy ? gap : busy))
  echo "    under load: the longest time without a confirmed change was $gap ms"
}

# A replica asks, is proposed, follows from a copy, states so, and votes in the next epoch.
joins() { # NUMBER ORGANISATION AT VERB [MEMBER]
  local number=$1 org=$2 at=$3 verb=$4 member=${5:-}
  local how=("$verb" "$number.join")
  [[ -z $member ]] || how+=(--member "$member")
  "$quorate" keys new --out "$number.key" >/dev/null
  "$quorate" join request --org "$org" --listen "$(listen "$number")" --key "$number.key" --out "$number.join" >/dev/null
  agreed "$at" "${how[@]}"
  run_as "$number" join --genesis genesis.json --dir "replica-$number" --key "$number.key" --listen "$(listen "$number")" \
    --api "$(api "$number")" --observers "$(door "$number")" --from "$(node "$at")" --peer "$(door "$at")" --log warn
  await "replica $number follows" test -e "replica-$number/joiner.ready"
  local begun
  begun=$(now)
  must members ready "replica-$number/joiner.ready" --key acme.key --node "$(node "$at")"
  epoch=$((epoch + 1))
  await "replica $number votes in epoch $epoch" votes_in "$number" "$epoch"
  told "$begun"
}

# --- the story ---------------------------------------------------------------------------------------------------

chapter "Four folders that share only files make a group"
orgs=(acme birch cedar delta)
"$quorate" genesis template --name "the tour of members" --out draft.json >/dev/null
for number in 0 1 2 3; do
  org=${orgs[$number]}
  "$quorate" keys new --out "$number.key" >/dev/null
  "$quorate" keys new --out "$org.key" >/dev/null
  "$quorate" genesis entry --org "$org" --replica "$number.key=$(listen "$number")" --author "$org.key" --out "$org.entry" >/dev/null
  "$quorate" genesis add draft.json "$org.entry" >/dev/null
done
"$quorate" genesis build draft.json --out genesis.json >/dev/null
for number in 0 1 2 3; do
  "$quorate" init --genesis genesis.json --key "$number.key" --draft draft.json --dir "replica-$number" --api "$(api "$number")" >/dev/null
  sed -i "1i observers = \"$(door "$number")\"\ndefault_rates = false" "replica-$number/config.toml"
  run_as "$number" start --dir "replica-$number" --log warn
done
for number in 0 1 2 3; do await "replica $number votes in epoch 0" votes_in "$number" 0; done
epoch=0
echo 'in epoch 0' >first.txt
must put first.txt first.txt --key acme.key --node "$(node 3)"
first=$(field id)
"$quorate" receipt "$first" --out epoch-0.receipt --node "$(node 3)" >/dev/null

chapter "Three members join while an author writes"
: >confirmed
: >failures
(
  n=0
  until [[ -e enough ]]; do
    n=$((n + 1))
    echo "$n" >load.txt
    if "$quorate" put "load/$n.txt" load.txt --key delta.key --node "$(node 3)" >/dev/null 2>load-error.txt; then
      echo "$(now) $n" >>confirmed
    else
      echo "change $n: $(cat load-error.txt)" >>failures
    fi
  done
) &
load=$!
joins 4 acme 3 add
joins 5 birch 3 add
joins 6 cedar 3 add

chapter "Three founders leave"
for number in 0 1 2; do
  begun=$(now)
  agreed 3 remove 0
  epoch=$((epoch + 1))
  await "the rest go on in epoch $epoch" is_in_epoch 3 "$epoch"
  await "replica 6 votes on" votes_in 6 "$epoch"
  told "$begun"
  stop "$number" KILL
done

chapter "Every replica goes on with a new key"
joins 7 acme 3 rekey 1
stop 4 KILL
joins 8 birch 3 rekey 2
stop 5 KILL
joins 9 cedar 3 rekey 3
stop 6 KILL
touch enough
wait "$load"
load=0
joins 10 delta 7 rekey 0
stop 3 KILL

chapter "A disk is lost"
stop 8 KILL
rm -rf replica-8
joins 11 birch 7 rekey 2

chapter "Nothing that was confirmed is lost"
[[ ! -s failures ]] || fail "an author was told of more than a wait: $(cat failures)"
"$quorate" ls load --node "$(node 11)" | grep -o '[0-9]*\.txt' | sort >listed
awk '{ print $2 ".txt" }' confirmed | sort >written
[[ -z $(comm -23 written listed) ]] || fail "confirmed and lost: $(comm -23 written listed)"
echo "    all $(wc -l <confirmed) changes are there"

chapter "The genesis is enough"
echo 'in the last epoch' >last.txt
must put last.txt last.txt --key delta.key --node "$(node 10)"
"$quorate" get last.txt --level strong --proof last.proof --node "$(node 11)" >/dev/null
"$quorate" epochs export --out epochs --node "$(node 11)" >/dev/null
for proof in epoch-0.receipt last.proof; do
  must verify "$proof" --genesis genesis.json
  cp "$proof" changed
  size=$(stat -c %s changed)
  byte=$(od -An -tu1 -j $((size / 2)) -N1 changed | tr -d ' ')
  printf "$(printf '\\%03o' $(((byte + 1) % 256)))" | dd of=changed bs=1 seek=$((size / 2)) conv=notrunc status=none
  ! "$quorate" verify changed --genesis genesis.json >/dev/null 2>&1 || fail "$proof with another byte verifies"
  echo "    $proof with one byte changed is refused"
done
must members --node "$(node 11)"
[[ -z $out ]] || cp genesis.json epochs epoch-0.receipt last.proof "$out/"
((busy <= 10000 && idle <= 30000)) || fail "a boundary took too long: $busy ms under load, $idle ms idle"
printf '\nlongest time without a confirmed change: %s ms under load; longest boundary of an idle group: %s ms\n' "$busy" "$idle"
printf '%s epochs in %s s, and all of it verifies from the genesis.\n' $((epoch + 1)) "$SECONDS"
