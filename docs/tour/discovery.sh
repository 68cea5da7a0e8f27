#!/usr/bin/env bash
# Nodes that find each other, in network namespaces: two replicas and an observer on a LAN, without any address; three
# replicas and an observer in two networks, with the address of one door; and an observer that follows a replica behind a
# wall through a relay, over several circuits.
#
#   docs/tour/discovery.sh                        runs the `quorate` on PATH in a folder that is gone afterwards
#   THROUGH=300 LASTS=300 docs/tour/discovery.sh  lets 300 MB through the relay in five minutes, instead of 24 in 15 s
#
# Ends with 0 when everything went as told, and also, with a loud word, where no namespaces can be made: that takes root,
# `ip` (iproute2), bridges and veth.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
through=${THROUGH:-24}
lasts=${LASTS:-15}
me=discovery
source "$here/group.sh"

prefix="quorate$$"
spaces=()

clean_up() {
  local space
  for space in "${spaces[@]}"; do ip netns del "$prefix-$space" 2>/dev/null || true; done
}

# --- places ------------------------------------------------------------------------------------------------------

space() {
  ip netns add "$prefix-$1"
  spaces+=("$1")
  ip -n "$prefix-$1" link set lo up
}

bridge() { # SPACE NAME
  ip -n "$prefix-$1" link add "$2" type bridge
  ip -n "$prefix-$1" link set "$2" up
}

# A cable from a place to a bridge in another: `cable PLACE ADDRESS/BITS SPACE BRIDGE`.
cable() {
  ip -n "$prefix-$3" link add "to-$1" type veth peer name cable netns "$prefix-$1"
  ip -n "$prefix-$3" link set "to-$1" master "$4" up
  ip -n "$prefix-$1" address add "$2" dev cable
  ip -n "$prefix-$1" link set cable up
}

in_place() { # PLACE COMMAND…
  local place=$1
  shift
  ip netns exec "$prefix-$place" "$@"
}

# --- replicas and observers --------------------------------------------------------------------------------------

launch_at() { # NUMBER PLACE DIR
  : >"replica-$1.out"
  ip netns exec "$prefix-$2" "$quorate" start --dir "$3" >"replica-$1.out" 2>>"replica-$1.log" &
  pids[$1]=$!
}

observe_at() { # PLACE FLAGS…
  local place=$1
  shift
  : >replica-3.out
  ip netns exec "$prefix-$place" "$quorate" observe --api 127.0.0.1:8790 --log warn "$@" >replica-3.out 2>>replica-3.log &
  pids[3]=$!
  await_ready 3 || fail "the observer does not start"
}

at() { # PLACE COMMAND…, against the replica there
  local place=$1
  shift
  in_place "$place" env QUORATE_NODE=http://127.0.0.1:8700 "$quorate" "$@"
}

seen() { in_place "$1" env QUORATE_NODE=http://127.0.0.1:8790 "$quorate" get "$2" 2>/dev/null; }

observer_has() { [[ $(seen "$1" "$2") == "$3" ]]; }

writes() { # PLACE KEY PATH TEXT
  echo "$4" | at "$1" put "$3" --key "$2" --timeout 20 --json >/dev/null 2>&1
}

chapter() { printf '\n== %s\n' "$1"; }

# A configuration: `configure DIR HOST LINES…`.
configure() {
  local dir=$1 host=$2
  shift 2
  {
    printf '%s\n' "listen = \"/ip4/$host/tcp/7700\"" 'api = "127.0.0.1:8700"' "observers = \"/ip4/$host/tcp/8200\""
    printf '%s\n' "$@"
  } >"$dir/config.toml"
}

if ! space lan 2>said; then
  echo "discovery: SKIPPED, no network namespaces here: $(tail -n 1 said)" >&2
  exit 0
fi

chapter "A LAN: two replicas and an observer, no address in any configuration"
bridge lan cables
for number in 1 2 3; do
  space "lan$number"
  cable "lan$number" "192.168.77.$number/24" lan cables
done
"$quorate" init --out group --replicas 2 --lan --api-port 8700 --name "TEST KEYS: a LAN" >/dev/null 2>&1
! grep -q '192\.168\|127\.0\.0\.1/tcp' group/replica-*/config.toml || fail "an address in a configuration"
sed -i 's/^api = .*/api = "127.0.0.1:8700"/' group/replica-1/config.toml
for number in 0 1; do launch_at $number "lan$((number + 1))" "group/replica-$number"; done
await_ready 0 1 || fail "a replica does not start"
await "    the two find each other and order a change" writes lan1 group/author-org-0.key found.txt "by mDNS"
observe_at lan3 --genesis group/genesis.json --dir observer --mdns
await "    the observer finds them" observer_has lan3 found.txt "by mDNS"
at lan1 peers | tee said
grep -q mdns said || fail "peers does not say mdns"
stop_group
rm -rf group observer

chapter "Two networks: three replicas and an observer, and the address of one door"
space router
bridge router east
bridge router west
ip -n "$prefix-router" address add 203.0.113.254/24 dev east
ip -n "$prefix-router" address add 198.51.100.254/24 dev west
in_place router sysctl -qw net.ipv4.ip_forward=1
for number in 0 2; do
  space "east$number"
  cable "east$number" "203.0.113.$((10 + number))/24" router east
  ip -n "$prefix-east$number" route add default via 203.0.113.254
done
for number in 1 3; do
  space "west$number"
  cable "west$number" "198.51.100.$((10 + number))/24" router west
  ip -n "$prefix-west$number" route add default via 198.51.100.254
done
door=/ip4/203.0.113.10/tcp/8200
"$quorate" init --out group --replicas 3 --name "TEST KEYS: two networks" >/dev/null 2>&1
configure group/replica-0 203.0.113.10
configure group/replica-1 198.51.100.11 "bootstrap = [\"$door\"]"
configure group/replica-2 203.0.113.12 "bootstrap = [\"$door\"]"
launch_at 0 east0 group/replica-0
launch_at 1 west1 group/replica-1
launch_at 2 east2 group/replica-2
await_ready 0 1 2 || fail "a replica does not start"
await "    the three find each other and order a change" writes west1 group/author-org-1.key found.txt "by rendezvous"
observe_at west3 --genesis group/genesis.json --dir observer --bootstrap "$door"
await "    the observer finds them" observer_has west3 found.txt "by rendezvous"
at west1 peers | tee said
(($(grep -c record said) == 2)) || fail "peers does not say record twice"
stop_group
rm -rf group observer

chapter "A wall: an observer follows a replica that nobody can dial, $through MB through a relay"
ip -n "$prefix-router" route add blackhole 203.0.113.12/32
"$quorate" init --out group --replicas 1 --name "TEST KEYS: a wall" >/dev/null 2>&1
"$quorate" keys new --out relay.key >/dev/null
relay_key=$("$quorate" keys show relay.key 2>/dev/null | grep -o '[0-9a-f]\{64\}' | head -n 1)
mkdir relay
cp group/genesis.json relay/
cp relay.key relay/replica.key
chmod 600 relay/replica.key
configure relay 203.0.113.10 "relay_server = \"$((through / 3))MiB\"" "follow = [\"/ip4/203.0.113.12/tcp/8200\"]"
configure group/replica-0 203.0.113.12 "relay = [\"$door\"]" "bootstrap = [\"$door\"]" "default_rates = false" \
  "[peers]" "$relay_key = \"/ip4/203.0.113.10/tcp/7700\""
: >replica-0.out
ip netns exec "$prefix-east0" "$quorate" start --new-database --dir relay >replica-0.out 2>>replica-0.log &
pids[0]=$!
await_ready 0 || fail "the relay does not start"
launch_at 1 east2 group/replica-0
await_ready 1 || fail "the replica behind the wall does not start"
if in_place west3 timeout 3 bash -c '(exec 3<>/dev/tcp/203.0.113.12/8200)' 2>/dev/null; then fail "there is no wall"; fi
observe_at west3 --genesis group/genesis.json --dir observer --bootstrap "$door"
writes east2 group/author-org-0.key through "a relay"
await "    found through the relay" observer_has west3 through "a relay"
in_place west3 env QUORATE_NODE=http://127.0.0.1:8790 "$quorate" peers | tee said
circuit=$(grep -o '/ip4/[^ ]*/p2p-circuit' said | head -n 1) || fail "the observer does not follow through the relay"
stop 3 TERM
# The relay follows too, and would serve the observer itself: with an address of a member it looks for no other door.
name=$(sed -n 's/^ready [^ ]* //p' replica-1.out)
observe_at west3 --genesis group/genesis.json --dir observer --peer "$circuit/p2p/$name"
begin=$SECONDS
for ((part = 0; part < through / 2; part++)); do
  head -c 2000000 /dev/urandom >part
  at east2 put "part-$part" part --key group/author-org-0.key --timeout 30 --json >/dev/null
  while (((SECONDS - begin) * through < lasts * 2 * part)); do sleep 0.2; done
done
last=$(sha256sum <part)
has_last() { [[ $(seen west3 "part-$((through / 2 - 1))" | sha256sum) == "$last" ]]; }
await "    $through MB in $((SECONDS - begin)) s" has_last
circuits=$(grep -c circuit-ended replica-0.log || true)
echo "    the relay ended $circuits circuits"
((circuits >= 2)) || fail "two renewals were to be"
