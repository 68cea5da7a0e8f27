#!/usr/bin/env bash
# Plays the runbooks that loopback allows on a group of four: makes each trouble, waits for its issue, does what the page
# says, and waits until it is over.
#
#   docs/runbooks/play.sh          runs the `quorate` on PATH in a folder that is gone afterwards
#
# Ends with 0 when each went as its page tells. Not played, for want of a second machine or disk: disk-full, clock,
# diverged, view-changes, limits.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
me=play
source "$here/../tour/group.sh"

page() { printf '\n== %s\n' "$1"; }
node() { echo "http://127.0.0.1:$((port + 4 + $1))"; }

start() {
  launch "$@"
  await_ready "$1" || fail "replica $1 does not start"
  echo "replica $1 answers"
}

issues() { "$quorate" issues --json --node "$(node "$1")" 2>/dev/null || true; }
has_issue() { issues "$1" | grep -q "\"id\": \"$2\""; }
has_none() { [ "$(issues "$1" | grep '"id":' | grep -vcE "test-keys|disk-space|view-changes|slow-order")" = 0 ]; }
mode_is() { "$quorate" status --json --node "$(node "$1")" 2>/dev/null | grep -q "\"mode\": \"$2\""; }
put() { echo "$2" | "$quorate" put "$1" --key "group/author-org-0.key" --node "$(node 0)" "${@:3}" >/dev/null; }
reads() { [ "$("$quorate" get "$2" --level sequential --node "$(node "$1")" 2>/dev/null)" = "$3" ]; }

start_somewhere 24300
put first.txt hello
await "nothing is wrong" has_none 0

page "lost-member: replica 3 is killed"
stop 3 KILL
await "issue member-silent" has_issue 0 member-silent
put while.txt "one fault is borne"
start 3
await "over" has_none 0

page "no-quorum: replicas 2 and 3 are killed"
stop 2 KILL
stop 3 KILL
await "issue no-quorum" has_issue 0 no-quorum
! put lost.txt nothing --timeout 5 2>/dev/null || fail "a write was confirmed without a quorum"
reads 0 first.txt hello || fail "a weak read did not answer"
start 2
start 3
await "over" has_none 0

page "behind: replica 3 misses twenty changes"
stop 3 TERM
for number in $(seq 20); do put "missed-$number.txt" "$number"; done
start 3
await "it has caught up" reads 3 missed-20.txt 20
await "over" has_none 3

page "lost-disk: an old copy of the disk of replica 3 is put back"
stop 3 TERM
cp -r group/replica-3/data old
start 3
await "it votes" mode_is 3 active
for number in 1 2 3; do put "signed-$number.txt" "$number"; done
await "it has executed them" reads 3 signed-3.txt 3
stop 3 KILL
rm -r group/replica-3/data
mv old group/replica-3/data
start 3
await "issue following" has_issue 3 following
mode_is 3 following || fail "it votes with an old disk"
await "the others go on" put after.txt "still three of four"

page "lost-disk: the database of replica 3 is gone"
stop 3 TERM
mv group/replica-3/data lost
! "$quorate" start --dir group/replica-3 2>said >/dev/null || fail "it started without a database"
grep -q -- --new-database said || fail "it did not say what to do"
start 3 --new-database
await "it has replayed everything" reads 3 missed-20.txt 20

page "keys: others can read the key of a replica"
chmod 644 group/replica-2/replica.key
! "$quorate" config check --dir group/replica-2 >said || fail "config check found nothing"
grep -q 'chmod 600' said || fail "config check did not say what to do"
chmod 600 group/replica-2/replica.key
"$quorate" config check --dir group/replica-2 >/dev/null

page "keys: an author's key is revoked and replaced"
"$quorate" keys new --out new.key >/dev/null
"$quorate" identities rotate new.key --key group/author-org-1.key --node "$(node 0)" >/dev/null
! echo no | "$quorate" put revoked.txt --key group/author-org-1.key --node "$(node 0)" >/dev/null 2>said || fail "an old key signs"
grep -q revoked said || fail "the refusal does not name the reason"
echo yes | "$quorate" put rotated.txt --key new.key --node "$(node 0)" >/dev/null

page "conflicts: two authors write one line at once, and one of them settles it"
put shared.txt base
base=$("$quorate" log shared.txt --json --node "$(node 0)" | sed -n 's/.*"revision": "\([0-9.]*\)".*/\1/p' | head -n 1)
put shared.txt ours
! echo theirs | "$quorate" put shared.txt --base "$base" --key new.key --node "$(node 0)" >/dev/null 2>&1 || fail "no conflict"
conflict=$("$quorate" conflicts list --json --node "$(node 0)" | sed -n 's/.*"id": "\([0-9a-f]*\)".*/\1/p' | head -n 1)
echo both | "$quorate" conflicts resolve "$conflict" - --key new.key --node "$(node 0)" >/dev/null
reads 0 shared.txt both || fail "the conflict was not settled"

page "evidence: a replica that lies is caught, and the proof is checked offline"
"$quorate" demo --commits 8 --dir caught --json >demo.json 2>/dev/null
for proof in caught/evidence/*.proof; do
  "$quorate" evidence verify "$proof" --genesis caught/genesis.json >/dev/null
  echo "${proof##*/} holds"
done

page "a replica is stopped: it drains"
stop 0 TERM
grep -q stopped replica-0.log || fail "it did not close in order"
echo "it ended in order"

page "restart: the disks of replicas 2 and 3 are lost for good, and another group goes on"
launch 0
await_ready 0 || fail "replica 0 does not start"
await "it votes" mode_is 0 active
await "it is under a checkpoint" put last.txt "the last that was signed" --level strong
"$quorate" receipt "$("$quorate" log last.txt --json --node "$(node 0)" | sed -n 's/.*"id": "\([0-9a-f]*\)".*/\1/p' | head -n 1)" \
  --out old.receipt --node "$(node 0)" >/dev/null
stop 2 KILL
stop 3 KILL
rm -r group/replica-2 group/replica-3
await "nothing can be ordered" has_issue 0 no-quorum
"$quorate" snapshot export --out left.snapshot --genesis group/genesis.json --node "$(node 0)" >/dev/null 2>&1
stop 0 TERM
stop 1 TERM
head -c 5000 left.snapshot >torn.snapshot
! "$quorate" genesis restart --genesis group/genesis.json --from torn.snapshot --out no.json 2>said || fail "it goes on from nothing"
grep -q 'proves a state' said || fail "it does not say why there is nothing to go on from"
"$quorate" genesis restart --genesis group/genesis.json --from torn.snapshot --from left.snapshot --out draft.json 2>/dev/null >said
grep -q 'lost: what that group decided above slot' said || fail "it does not say what is lost"
for number in 0 1 2 3; do
  "$quorate" keys new --out "$number.key" >/dev/null
  "$quorate" genesis entry --org "org-$number" --replica "$number.key=/ip4/127.0.0.1/tcp/$((port + number))" --out "$number.entry" >/dev/null
  "$quorate" genesis add draft.json "$number.entry" >/dev/null
done
"$quorate" genesis build draft.json --out new-genesis.json >/dev/null 2>&1
"$quorate" genesis verify new-genesis.json --from left.snapshot >/dev/null || fail "it is not the newest state that is left"
"$quorate" genesis show new-genesis.json 2>/dev/null | grep -q 'goes on from slot' || fail "the genesis does not show it"
for number in 0 1 2 3; do
  rm -rf "group/replica-$number"
  "$quorate" init --genesis new-genesis.json --key "$number.key" --draft draft.json --from left.snapshot \
    --dir "group/replica-$number" --api "127.0.0.1:$((port + 4 + number))" >/dev/null
  launch "$number"
done
await_ready 0 1 2 3 || fail "the new group does not start"
await "what was signed is there" reads 1 last.txt "the last that was signed"
"$quorate" status --node "$(node 1)" | grep -q 'goes on from' || fail "its status does not say so"
! put next.txt no --timeout 5 2>said || fail "an outbox of the old group was used"
grep -q outbox said || fail "it does not say what to do with the outbox"
mv group/author-org-0.key.outbox old.outbox
await "changes are ordered" put next.txt "by the group that goes on" --timeout 5
! "$quorate" verify old.receipt --genesis new-genesis.json >/dev/null 2>said || fail "a receipt of the old group passes for one of the new"
grep -q 'which this one goes on from' said || fail "verify does not say of which group it is"
"$quorate" genesis before new-genesis.json --out old-genesis.json >/dev/null
"$quorate" verify old.receipt --genesis old-genesis.json >/dev/null
cmp -s old-genesis.json group/genesis.json || fail "the old genesis is another"
