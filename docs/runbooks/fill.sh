#!/usr/bin/env bash
# Fills a disk of 2 GB under a group of four, makes room, fills it again and starts a replica on it.
#
#   docs/runbooks/fill.sh          runs the `quorate` on PATH; needs the right to mount a tmpfs
#
# Ends with 0 when no process ended, each change that was confirmed is there afterwards on every replica, and changes are
# taken again without a hand once there is room.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
if [ "${1:-}" != inside ]; then
  disk=$(mktemp -d)
  trap 'rmdir "$disk"' EXIT
  unshare --mount bash -c "mount -t tmpfs -o size=2g disk '$disk' && TMPDIR='$disk' '$0' inside"
  exit
fi
me=fill
source "$here/../tour/group.sh"

node() { echo "http://127.0.0.1:$((port + 4 + $1))"; }
# Random bytes: nothing on the way makes them smaller.
put() { "$quorate" put "$1" "$2" --key group/author-org-0.key --node "$(node 0)" --timeout 5 >/dev/null 2>&1; }
small() { echo "$1" >small && put "$1" small; }
issues() { "$quorate" issues --json --node "$(node 0)" 2>/dev/null || true; }
has_issue() { issues | grep -q "\"id\": \"$1\""; }
has_no_issue() { ! has_issue disk-full; }
free_mib() { df --output=avail -BM . | tail -n 1 | tr -dc 0-9; }
all_alive() { for pid in "${pids[@]}"; do kill -0 "$pid" || fail "a process has ended"; done; }
is_same() { "$quorate" get "$2" --level sequential --node "$(node "$1")" 2>/dev/null | cmp -s - "$3"; }
status() { "$quorate" status --json --node "$(node "$1")" 2>/dev/null || true; }
answers() { [ -n "$(status "$1")" ]; }
mode_is() { status "$1" | grep -q "\"mode\": \"$2\""; }

start_somewhere 25300
head -c 400M /dev/urandom >filler
head -c 4M /dev/urandom >large
echo "a disk of 2 GB, $(free_mib) MiB free"

confirmed=0
until has_issue disk-full; do
  ! put "file-$confirmed" large || confirmed=$((confirmed + 1))
  all_alive
done
echo "refused for want of room after $confirmed files of 4 MiB, $(free_mib) MiB free"
for try in 1 2 3; do ! put "refused-$try" large || fail "a large change was taken without room"; done
all_alive

cat /dev/urandom >more 2>/dev/null || true
echo "another program takes the rest: $(free_mib) MiB free"
sleep 10
all_alive
stop 3 KILL
launch 3
await "a replica starts on the full disk" answers 3 # its line `ready` has no room there
all_alive

rm filler more
await "room is found" has_no_issue
await "changes are taken again" small afterwards
await "replica 3 votes again" mode_is 3 active
all_alive
for replica in 0 1 2 3; do
  for ((file = 0; file < confirmed; file++)); do
    await "" is_same "$replica" "file-$file" large >/dev/null || fail "file-$file is not on replica $replica"
  done
  await "replica $replica has all $confirmed files and the one from afterwards" is_same "$replica" afterwards small
done
