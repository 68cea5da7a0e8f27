#!/usr/bin/env bash
# A transaction over two groups: acme's order in a group of four companies and the stock of a laboratory, which is a group of
# its own, change together or not at all. The groups agree to know each other, a commit goes through the phases, and one that
# the laboratory refuses leaves both as they were.
#
#   docs/tour/groups.sh    runs the `quorate` on PATH in a folder that is gone afterwards
#
# Ends with 0 when everything went as told, in less than a minute.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
me=groups
source "$here/group.sh"
lab=0
clean_up() {
  ((lab != 0)) || return 0
  kill "$lab" 2>/dev/null || true
  wait "$lab" 2>/dev/null || true
}

# --- helpers -----------------------------------------------------------------------------------------------------

chapter() { printf '\n== %s\n' "$1"; }

# Runs a command of somebody, at a node of that one's group; keeps its document, its words and its exit code.
as() {
  local who=$1 key node
  shift
  case $who in
    rita) key="$work/rita.key" node=$lab_node ;;
    lab) key="$work/lab/author-lab.key" node=$lab_node ;;
    *) key="$work/group/author-$who.key" node=$home_node ;;
  esac
  printf '  %s$ quorate %s\n' "$who" "$*"
  code=0
  QUORATE_NODE=$node QUORATE_KEY=$key "$quorate" "$@" --json >answer.json 2>error.txt || code=$?
}

must() {
  as "$@"
  ((code == 0)) || fail "$*: $(cat error.txt)"
}

# The first value of a name in the last document.
field() { sed -n "s/^ *\"$1\": \"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}$/\1/p" answer.json | head -n 1; }

equals() { [[ $2 == "$3" ]] || fail "$1: '$2', not '$3'"; printf '    %s: %s\n' "$1" "$2"; }

reads() { # NODE PATH CONTENT
  equals "$2" "$("$quorate" get "$2" --node "$1" --level sequential)" "$3"
}

# Adds a file for acme's order and one for the laboratory's stock.
add_both() { # ORDER STOCK
  echo "$1" >order.txt
  echo "$2" >stock.txt
  must acme tx begin --message "$1"
  must acme tx add order.txt order.txt
  must lab tx begin --message "$2"
  must lab tx add stock.txt stock.txt
}

# --- the story ---------------------------------------------------------------------------------------------------

start_somewhere 24500 --orgs acme,birch,cedar,delta --name companies
home_node="http://127.0.0.1:$((port + 4))"
for ((lab_port = port + 400; lab_port < port + 500; lab_port += 2)); do
  is_taken "$lab_port" || is_taken $((lab_port + 1)) || break
done
lab_node="http://127.0.0.1:$((lab_port + 1))"
"$quorate" init --out lab --replicas 1 --orgs lab --name laboratory --base-port "$lab_port" --api-port $((lab_port + 1)) \
  >/dev/null 2>&1
"$quorate" start --dir lab/replica-0 --log warn >lab.out 2>>replica-lab.log &
lab=$!
await "the laboratory is ready" grep -q '^ready ' lab.out
export QUORATE_DOMAIN=main

chapter "Two groups agree to know each other"
must acme groups know lab/genesis.json --name lab
proposal=$(field proposal)
must birch approve "$proposal"
must cedar approve "$proposal"
equals "proposal" "$(field proposal_state)" effective
must lab groups know group/genesis.json --name companies
must acme groups list
equals "known to the companies" "$(field name)" lab

chapter "An order and the stock change together"
add_both "10 bottles" "90 bottles"
must acme tx commit --with "$work/lab/author-lab.key=$lab_node"
id=$(field id)
equals "state" "$(field state)" committed
reads "$home_node" order.txt "10 bottles"
reads "$lab_node" stock.txt "90 bottles"
must lab tx show "$id"
equals "the laboratory's branch" "$(field state)" committed

chapter "The laboratory counts its bottles: nobody changes the stock meanwhile, and so nobody orders"
"$quorate" keys new --out rita.key >/dev/null
must lab identities enrol "$work/rita.key"
must rita lock acquire stock.txt --lease 600
add_both "20 bottles" "70 bottles"
as acme tx commit --with "$work/lab/author-lab.key=$lab_node"
equals "exit code" "$code" 1
equals "state" "$(field state)" aborted
sed 's/^/    /' error.txt
reads "$home_node" order.txt "10 bottles"
reads "$lab_node" stock.txt "90 bottles"

chapter "She is done, and the same command takes effect"
must rita lock release stock.txt
must acme tx commit --with "$work/lab/author-lab.key=$lab_node"
reads "$home_node" order.txt "20 bottles"
reads "$lab_node" stock.txt "70 bottles"

chapter "A state of each group that fits the other's"
must acme cut take --out cut --of group/genesis.json="$home_node" --of lab/genesis.json="$lab_node"
seal=$(field seal)
must acme cut verify cut
equals "seal" "$(field seal)" "$seal"
printf '\nEverything went as told.\n'
