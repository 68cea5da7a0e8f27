#!/usr/bin/env bash
# A site without a network: a stick carries there what a group of four has decided, and the site's changes back. The site
# reads and proves files by itself; a change from there meets one that was made here, the conflict is settled, and the
# stick carries that home too. At the end one byte of a file is flipped, and found.
#
#   docs/tour/airgap.sh                 runs the `quorate` on PATH in a folder that is gone afterwards
#   TOUR_OUT=DIR docs/tour/airgap.sh    leaves DIR/genesis.json, DIR/first.bundle, DIR/history.bundle and DIR/far.proof
#
# Ends with 0 when everything went as told, in less than a minute.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
out=${TOUR_OUT:-}
[[ -z $out ]] || { mkdir -p "$out" && out=$(cd "$out" && pwd); }
me=airgap
source "$here/group.sh"
site=0
clean_up() { leave_site; }

# --- helpers -----------------------------------------------------------------------------------------------------

chapter() { printf '\n== %s\n' "$1"; }

tell() { printf '%s\n' "$1"; }

# Runs a command, shows it, and keeps its document in answer.json, its words in error.txt and its exit code in $code.
run() {
  printf '  $ quorate %s\n' "$*"
  code=0
  "$quorate" "$@" --json >answer.json 2>error.txt || code=$?
}

must() {
  run "$@"
  ((code == 0)) || fail "quorate $*: $(cat error.txt)"
}

# The first value of a name in the last document.
field() { sed -n "s/^ *\"$1\": \"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}$/\1/p" answer.json | head -n 1; }

equals() { [[ $2 == "$3" ]] || fail "$1: '$2', not '$3'"; printf '    %s: %s\n' "$1" "$2"; }

# The site's observer, which knows no member's address; it stands still while a file is taken.
enter_site() {
  "$quorate" observe --dir site --api "127.0.0.1:$site_port" --log warn >site.out 2>>site.log &
  site=$!
  local deadline=$((SECONDS + 30))
  until grep -q '^ready ' site.out; do
    kill -0 "$site" 2>/dev/null && ((SECONDS < deadline)) || fail "the site's observer does not start: $(cat site.log)"
    sleep 0.1
  done
}

leave_site() {
  ((site != 0)) || return 0
  kill "$site" 2>/dev/null || true
  wait "$site" 2>/dev/null || true
  site=0
  : >site.out
}

reads() { # NODE PATH CONTENT
  equals "$2 there" "$("$quorate" get "$2" --node "$1" --level sequential)" "$3"
}

# --- the story ---------------------------------------------------------------------------------------------------

start_somewhere 24300 --orgs acme,birch,cedar,delta --name "TEST KEYS: the air gap"
here_node="http://127.0.0.1:$((port + 4))"
for ((site_port = port + 400; site_port < port + 500; site_port++)); do is_taken "$site_port" || break; done
far_node="http://127.0.0.1:$site_port"
acme="$work/group/author-acme.key"
delta="$work/group/author-delta.key"
genesis="$work/group/genesis.json"
export QUORATE_DOMAIN=main

chapter "A stick carries what the group has decided"
echo 'limit = 10' >limits.txt
echo 'the plan' >plan.txt
must put limits.txt limits.txt --key "$acme" --node "$here_node"
must put plan.txt plan.txt --key "$acme" --node "$here_node"
must bundle export --from 0 --out first.bundle --genesis "$genesis" --node "$here_node"
last=$(field last)

chapter "A place without a network: the genesis came with people, all else is in the file"
must bundle verify first.bundle --genesis "$genesis"
equals "last slot" "$(field last)" "$last"
root=$(field state_root)
must bundle import first.bundle --dir site --genesis "$genesis"
equals "state root" "$(field state_root)" "$root"
enter_site
reads "$far_node" plan.txt 'the plan'
must get plan.txt --proof far.proof --level sequential --node "$far_node" --out plan.copy
must verify far.proof --genesis "$genesis" --content plan.txt
tell "It proves what it serves, although nobody can be asked."

chapter "Changes are made there: signed, kept, and not sent"
echo 'limit = 20' >far-limits.txt
echo 'seen from afar' >far.txt
must put far.txt far.txt --key "$delta" --offline --node "$far_node"
must put limits.txt far-limits.txt --key "$delta" --offline --node "$far_node"
must bundle outbox --key "$delta" --out outbox.bundle
equals "changes on the way" "$(field count)" 2
leave_site

chapter "Meanwhile the group goes on, and then the stick is back"
echo 'limit = 15' >near-limits.txt
must put limits.txt near-limits.txt --key "$acme" --node "$here_node"
run bundle import outbox.bundle --receipts receipts.bundle --node "$here_node"
equals "exit code where one is in conflict" "$code" 1
states=$(sed -n 's/^ *"state": "\([a-z]*\)".*/\1/p' answer.json | tr '\n' ' ')
equals "verdicts" "$states" "applied conflict "
conflict=$(sed -n '/"conflicts": \[/,/\]/s/^ *"\([0-9a-f]\{64\}\)".*/\1/p' answer.json | head -n 1)
reads "$here_node" far.txt 'seen from afar'
run bundle import outbox.bundle --receipts again.bundle --node "$here_node"
equals "twice delivered, once ordered" "$(sed -n 's/^ *"state": "\([a-z]*\)".*/\1/p' answer.json | tr '\n' ' ')" "$states"

chapter "The conflict is settled"
echo 'limit = 18' >agreed.txt
must conflicts resolve "$conflict" agreed.txt --key "$acme" --node "$here_node"
reads "$here_node" limits.txt 'limit = 18'

chapter "The stick goes home: receipts, and what was decided since"
must bundle export --from $((last + 1)) --out second.bundle --genesis "$genesis" --node "$here_node"
run bundle import second.bundle --dir other-site --genesis "$genesis"
equals "exit code at a place that lacks the first file" "$code" 1
grep -o 'quorate bundle export --from [0-9]*' error.txt
must bundle import second.bundle --dir site
root=$(field state_root)
run bundle import receipts.bundle --key "$delta" --genesis "$genesis"
equals "exit code where one was in conflict" "$code" 1
enter_site
reads "$far_node" limits.txt 'limit = 18'
must put far.txt far-limits.txt --key "$delta" --offline --node "$far_node"
tell "The receipts are home: the next change there builds on them."
leave_site

chapter "For a new place, or where slots are forgotten: the state alone"
must bundle snapshot --out state.bundle --genesis "$genesis" --node "$here_node"
must bundle verify state.bundle --genesis "$genesis"
must bundle import state.bundle --dir new-site --genesis "$genesis"

chapter "An auditor has the genesis and a file"
must audit export --domain main --out history.bundle --node "$here_node"
must bundle verify history.bundle --genesis "$genesis"
equals "receipts" "$(field count)" "$(grep -c '"revision":' answer.json)"

chapter "One byte is flipped, and a file is cut"
cp first.bundle flipped.bundle
middle=$(($(stat -c %s first.bundle) * 2 / 3))
byte=$(od -An -tu1 -j "$middle" -N 1 first.bundle | tr -d ' ')
printf "\\x$(printf '%02x' $((byte ^ 1)))" | dd of=flipped.bundle bs=1 seek="$middle" conv=notrunc status=none
head -c "$middle" first.bundle >cut.bundle
for name in flipped cut; do
  run bundle verify "$name.bundle" --genesis "$genesis"
  equals "exit code" "$code" 1
  printf '    %s\n' "$(cat error.txt)"
  grep -q 'good up to slot\|no slot of it is good' error.txt || fail "no last good slot is named"
done

if [[ -n $out ]]; then
  cp "$genesis" first.bundle history.bundle far.proof "$out"
fi
printf '\neverything went as told\n'
