# Working together: changes that hold together, locks, and transactions over two domains.
# A part of the tour (docs/tour.sh), told with its words: the group runs, ada, cleo and the organisations have their keys.

# Runs a command as somebody in the background, as from another terminal; `joined` waits for its end.
meanwhile() {
  local who=$1
  shift
  printf '\n  %s$ quorate %s &\n' "$who" "$*"
  QUORATE_NODE=$(node_of "$who") QUORATE_KEY=$(key_of "$who") "$quorate" "$@" --json >later.json 2>later.txt &
  later=$!
}

joined() {
  code=0
  wait "$later" || code=$?
  cp later.json answer.json
  cp later.txt error.txt
}

# Waits until somebody has, or waits for, so many locks at a path.
until_requests() {
  local path=$1 wanted=$2 deadline=$((SECONDS + 20)) found
  while ((SECONDS < deadline)); do
    "$quorate" lock list "$path" --node "$(node_of birch)" --json >locks.json
    found=$(grep -c '"author":' locks.json || true)
    [[ $found != "$wanted" ]] || return 0
    sleep 0.1
  done
  fail "$wanted requests for $path were expected, $found are there"
}

chapter "Changes that hold together"
export QUORATE_DOMAIN=main
echo 'call(a, b)' >call.txt
echo 'def call(a, b)' >definition.txt
does 50-definition applied acme put lib/definition.txt definition.txt
tell "Birch gives the function a third argument: the definition and its caller change together, or not at all."
echo 'call(a, b, c)' >call.txt
echo 'def call(a, b, c)' >definition.txt
as birch tx begin --message "a third argument"
as birch tx add lib/definition.txt definition.txt
as birch tx add lib/call.txt call.txt --after 1
sed 's/^/    /' answer.json
does 51-composition applied birch tx commit
tell "Cedar works on the same function from what it read before. A part of its change would be in conflict: the whole is
refused, the refusal names the part, and no half of it is left behind."
as cedar tx begin --base 1
echo 'def call(a)' >definition.txt
echo 'call(a)' >call.txt
as cedar tx add other/notes.txt call.txt
as cedar tx add lib/definition.txt definition.txt
does 52-refused-composition "content: would-conflict" cedar tx commit
[[ $(field detail) == *"part 2 of 2"* ]] || fail "the refusal names no part"
as cedar tx abort
[[ $code == 0 ]] || fail "abort: $(cat error.txt)"

chapter "Locks"
tell "Acme locks a folder for two minutes: nobody else changes anything in it."
does 53-lock applied acme lock acquire plans --mode X --lease 120
must_say lock held
token=$(field token)
echo "    token $token"
does 54-refused-lock "ownership: lock" birch put plans/week.txt release.txt
tell "Acme writes, and demands with it that it still holds the lock (a fencing token)."
does 55-fenced applied acme put plans/week.txt release.txt --fence "$token"
tell "Delta cannot wait and is refused; birch stands in line, with cedar behind."
does 56-refused-lock-try "ownership: lock" delta lock acquire plans/week.txt --mode S --wait 0
does 57-queue applied birch lock acquire plans --mode X --lease 1 --wait 60 --detach
must_say lock waiting
must_say place 1
does 58-queue applied cedar lock acquire plans --mode S --wait 60 --detach
must_say place 2
tell "As somebody waits, acme's lease is not renewed any more. Acme gives the lock back, and birch has it."
does 59-refused-renewal "ownership: lock" acme lock renew plans --lease 120
does 60-release applied acme lock release plans
does 61-refused-stale "ownership: lock" acme put plans/week.txt good.json --fence "$token"
tell "Birch goes home without a word. Its lease of one second ends in ledger time, though nobody does anything, and cedar
has the lock."
deadline=$((SECONDS + 30))
until "$quorate" lock list plans --level sequential --node "$(node_of cedar)" --json | grep -q '"mode": "S"'; do
  ((SECONDS < deadline)) || fail "the lease did not end"
  sleep 0.2
done
does 62-release applied cedar lock release plans

chapter "A deadlock"
tell "Acme has the left and wants the right, birch has the right and wants the left. The request that would close the circle
is refused; who gives back lets the other go on."
does 63-left applied acme lock acquire left --lease 120
does 64-right applied birch lock acquire right --lease 120
meanwhile acme lock acquire right --lease 120 --wait 60
until_requests right 2
does 65-refused-deadlock "ownership: lock" birch lock acquire left --lease 120 --wait 60
[[ $(field detail) == *deadlock* ]] || fail "the refusal does not speak of a deadlock"
does 66-release applied birch lock release right
joined
must_be applied
must_say lock held
echo "    acme has both"
printf '%s %s\n' 67-right "$(field id)" >>receipts
does 68-release applied acme lock release left
does 69-release applied acme lock release right

chapter "A transaction over two domains"
tell "The release note in the domain product and the plan in the domain main change at one position of the order, with a
number in each domain."
as acme tx begin --message "release 2"
as acme tx add releases/2.0.txt release.txt --domain product
as acme tx add plans/done.txt release.txt --domain main
does 70-transaction applied acme tx commit
sed -n '/"changes"/,$p' answer.json | sed 's/^/  /'
tell "Each domain consents by its own policy. A release is written once: the second one is refused in product, and so the
plan in main stays as it is."
as birch tx begin --message "release 2 again"
as birch tx add plans/done.txt good.json --domain main
as birch tx add releases/2.0.txt good.json --domain product
does 71-refused-transaction "ownership: write-once" birch tx commit
[[ $(field detail) == 'in "product"'* ]] || fail "the refusal does not name the domain"
as birch tx abort
"$quorate" get plans/done.txt --node "$(node_of birch)" | cmp - release.txt || fail "half a transaction took effect"
tell "An anchored transaction is refused when anything in its domains has changed since it began."
as birch tx begin --anchored
as birch tx add plans/next.txt release.txt --domain main
does 72-meanwhile applied acme put unrelated.txt release.txt
as birch tx add notes.txt good.json --domain product
does 73-refused-anchor "domain: anchor" birch tx commit
as birch tx abort

chapter "Who stands where"
tell "What the order has seen of everybody makes a figure from 0 to 1,000, with its reasons."
"$quorate" identities list --node "$(node_of acme)" | cut -c1-12,65- | sed 's/^/  /'
