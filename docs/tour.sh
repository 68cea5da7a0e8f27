#!/usr/bin/env bash
# Who may change what, and how disagreement ends: four organisations on a running group, told through the commands.
#
#   docs/tour.sh                 runs the `quorate` on PATH in a folder that is gone afterwards
#   TOUR_OUT=DIR docs/tour.sh    leaves DIR/genesis.json and every receipt as DIR/*.receipt
#
# Ends with 0 when everything went as told. Whatever it started is stopped when it returns, however it ends.
# Takes eight free ports in a row, between 24100 and 24199 where it can.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
out=${TOUR_OUT:-}
[[ -z $out ]] || { mkdir -p "$out" && out=$(cd "$out" && pwd); }
me=tour
source "$here/tour/group.sh"
out=${out:-$work/out}
mkdir -p "$out"

# --- telling -----------------------------------------------------------------------------------------------------

chapter() { printf '\n== %s\n' "$1"; }
tell() { printf '\n%s\n' "$1"; }

# Everybody asks the replica of the own organisation.
node_of() {
  case $1 in
    acme | ada*) echo "http://127.0.0.1:$((port + 4))" ;;
    birch) echo "http://127.0.0.1:$((port + 5))" ;;
    cedar | cleo) echo "http://127.0.0.1:$((port + 6))" ;;
    *) echo "http://127.0.0.1:$((port + 7))" ;;
  esac
}

key_of() {
  case $1 in
    acme | birch | cedar | delta) echo "group/author-$1.key" ;;
    *) echo "$1.key" ;;
  esac
}

public() { "$quorate" keys show "$(key_of "$1")"; }

# A field of the last answer: text without its quotes.
field() {
  sed -n -e "s/^  \"$1\": \"\(.*\)\",\{0,1\}\$/\1/p" -e "s/^  \"$1\": \([^\",]*\),\{0,1\}\$/\1/p" answer.json |
    sed 's/\\"/"/g'
}

# Runs a command as somebody; its answer is in answer.json, its exit code in $code.
as() {
  local who=$1
  shift
  printf '\n  %s$ quorate %s\n' "$who" "$*"
  code=0
  QUORATE_NODE=$(node_of "$who") QUORATE_KEY=$(key_of "$who") "$quorate" "$@" --json >answer.json 2>error.txt ||
    code=$?
}

# The answer must be this: a state, or the stage and code of a refusal.
must_be() {
  local wanted=$1 got
  got=$(field state)
  if [[ $got == refused ]]; then
    got="$(field stage): $(field code)"
    printf '    refused: %s: %s\n' "$got" "$(field detail)"
    [[ $code == 1 ]] || fail "a refusal with exit code $code"
  else
    printf '    %s at %s\n' "${got:-no answer}" "$(field revision)"
    [[ $code == 0 ]] || fail "exit code $code: $(cat error.txt)"
  fi
  [[ $got == "$wanted" ]] || fail "expected $wanted, got ${got:-nothing: $(cat error.txt)}"
}

# Runs a command whose change must be ordered with this end, and remembers its receipt under a name.
does() {
  local name=$1 wanted=$2
  shift 2
  as "$@"
  must_be "$wanted"
  printf '%s %s\n' "$name" "$(field id)" >>receipts
}

# Keeps the proof of a receipt now: a change that waits has another one when it ends.
keep() {
  "$quorate" receipt "$2" --out "$out/$1.receipt" --node "$(node_of acme)" --json >kept.json
}

must_say() { [[ $(field "$1") == "$2" ]] || fail "expected $1 to be $2, got $(field "$1")"; }

# --- the story ---------------------------------------------------------------------------------------------------

chapter "Four organisations share a group"
start_somewhere 24100 --orgs acme,birch,cedar,delta --name "TEST KEYS: the tour"
cp group/genesis.json "$out/genesis.json"
echo "acme, birch, cedar and delta run one replica each. Nobody controls the group alone."

chapter "People: enrolment"
tell "Ada joins acme. Her key stays with her: she proves that she holds it, and acme enrols what she proved."
"$quorate" keys new --out ada.key >/dev/null
"$quorate" keys prove ada.key --org acme >ada.proof
does 01-enrol-ada applied acme identities enrol ada.proof
for who in cleo dana; do "$quorate" keys new --out $who.key >/dev/null; done
tell "Cleo audits for cedar, Dana reads for delta."
does 02-enrol-cleo applied cedar identities enrol cleo.key
does 03-enrol-dana applied delta identities enrol dana.key
tell "Nobody enrols people of another organisation: that takes a vote."
"$quorate" keys new --out eve.key >/dev/null
does 04-refused-access-enrol-for-others "access: role" delta identities enrol eve.key --org acme

chapter "A domain with a policy, by vote"
cat >product.json <<POLICY
{
  "writers": ["org:acme", "org:birch", "org:cedar"],
  "readers": ["key:$(public dana)"],
  "paths": [
    { "pattern": "config/*.json", "format": "json" },
    { "pattern": "releases/**", "write_once": true },
    { "pattern": "reviewed/**", "approvals": 2 },
    { "pattern": "models/**",
      "validators": [
        "key:$(public acme)",
        "key:$(public birch)",
        "key:$(public cedar)",
        "key:$(public cleo)"
      ] }
  ]
}
POLICY
cat product.json
does 05-propose-domain applied acme domains create product --policy product.json
must_say proposal_state open
proposal=$(field proposal)
echo "    $(field needed) of 4 organisations must agree; acme does by proposing it"
does 06-approve-domain applied birch approve "$proposal"
must_say proposal_state open
does 07-approve-domain applied cedar approve "$proposal"
must_say proposal_state effective
echo "    the domain is there"
export QUORATE_DOMAIN=product

chapter "Work, and what each of the eight stages refuses"
echo 'the first release' >release.txt
echo '{"colour": "green"}' >good.json
echo '{"colour": green}' >bad.json
does 08-config applied ada put config/app.json good.json
does 09-release applied ada put releases/1.0.txt release.txt

tell "structure: what is no sound envelope never enters the order. The gate answers, so there is no receipt."
head -c $((17 << 20)) /dev/zero >huge.bin
as ada put huge.bin huge.bin
must_be "structure: too-large"
[[ $(field revision) == null ]] || fail "something that the gate refused was ordered"
cp answer.json "$out/structure.json"

tell "sequence: a change names what its author has seen, and nobody has seen the future."
does 10-refused-sequence "sequence: base-unknown" ada put notes.txt release.txt --base 1000000

tell "content: what is not there cannot be removed."
does 11-refused-content "content: missing-path" ada rm nowhere.txt --base "$(field revision)"

tell "domain: delta's author is no member of the domain."
does 12-refused-domain "domain: not-member" delta put notes.txt release.txt

tell "schema: under config/ there is nothing but JSON."
does 13-refused-schema "schema: does-not-parse" ada put config/app.json bad.json

tell "ownership: a release is written once, also for those who wrote it."
does 14-refused-ownership "ownership: write-once" ada put releases/1.0.txt good.json
does 15-refused-ownership-rm "ownership: write-once" birch rm releases/1.0.txt

tell "access: Dana may read and not write."
does 16-refused-access "access: role" dana put notes.txt release.txt

tell "(signature: see the keys below)"

chapter "Required approvals"
tell "Under reviewed/ two other organisations must approve. Until then nothing changes."
does 17-review-change pending ada put reviewed/plan.txt release.txt
change=$(field id)
keep 17-review-change-pending "$change"
does 18-review-birch applied birch attest "$change"
must_say envelope_state pending
does 19-review-cedar applied cedar attest "$change"
must_say envelope_state applied
echo "    and with it the change"
tell "Birch and cedar say no to the next one; then too few are left who could approve."
does 20-review-other "pending" ada put reviewed/other.txt good.json
change=$(field id)
keep 20-review-other-pending "$change"
does 21-reject-birch applied birch attest "$change" --reject
does 22-reject-cedar applied cedar attest "$change" --reject
must_say envelope_state refused
echo "    and the change is refused"

chapter "Attestation by independent validators"
tell "Under models/ three of four validators must attest: two thirds, and one."
does 23-model pending ada put models/m1.txt release.txt
change=$(field id)
keep 23-model-pending "$change"
does 24-attest-birch applied birch attest "$change"
does 25-attest-cleo applied cleo attest "$change"
must_say envelope_state pending
tell "Ada is no validator; nobody asks for her word."
does 26-refused-access-attest "access: role" ada attest "$change"
does 27-attest-cedar applied cedar attest "$change"
must_say envelope_state applied
echo "    and with it the change"

chapter "The policy changes as the policy says"
sed 's/"approvals": 2/"approvals": 1/' product.json >relaxed.json
does 28-propose-policy applied birch policy set relaxed.json
proposal=$(field proposal)
does 29-approve-policy applied acme approve "$proposal"
does 30-approve-policy applied cedar approve "$proposal"
must_say proposal_state effective

tell "Acme wants the old policy back, and thinks better of it: whoever made a proposal takes it back."
does 30a-propose-policy applied acme policy set product.json
proposal=$(field proposal)
does 30b-refused-access-withdraw "access: role" birch proposals withdraw "$proposal"
does 30c-withdraw applied acme proposals withdraw "$proposal"
must_say proposal_state withdrawn
does 30d-refused-content-approve "content: unknown-proposal" cedar approve "$proposal"

source "$here/tour/gates.sh"

chapter "Keys: rotation and revocation"
tell "Ada has a new machine. One change brings the new key in and ends the old one, at one exact position."
"$quorate" keys new --out ada2.key >/dev/null
does 31-rotate applied ada identities rotate ada2.key
does 32-new-key applied ada2 put notes.txt release.txt

tell "signature: the old key signs as well as ever, and is refused."
does 33-refused-signature "signature: revoked" ada put notes.txt good.json

tell "Ada leaves acme. What she did stays; what she signs from now on does not count."
does 34-revoke applied acme identities revoke "$(public ada2)"
does 35-refused-signature-left "signature: revoked" ada2 put notes.txt good.json

# The next parts of the story, each a file of its own.
source "$here/tour/settlement.sh"
source "$here/tour/locks.sh"

chapter "Every receipt, offline"
while read -r name id; do keep "$name" "$id"; done <receipts
as acme epochs export --out "$out/epochs"
[[ $code == 0 ]] || fail "exit code $code: $(cat error.txt)"
stop_group
echo "The group is stopped. What follows asks nobody: a receipt, the genesis, and arithmetic."
echo
count=0
for receipt in "$out"/[0-9]*.receipt; do
  "$quorate" verify "$receipt" --genesis "$out/genesis.json" --json >answer.json ||
    fail "$(basename "$receipt") does not verify"
  grep -q " $(field id)\$" receipts || fail "$(basename "$receipt") is of another envelope"
  state=$(field state)
  [[ $state != refused ]] || state="refused: $(field stage): $(field code)"
  printf '  %-42s %s\n' "$(basename "$receipt")" "$state"
  count=$((count + 1))
done
"$quorate" verify "$receipt" --genesis "$out/genesis.json" --epochs "$out/epochs" >/dev/null ||
  fail "$(basename "$receipt") does not verify for who knows the newest epoch"
{ cat "$out/33-refused-signature.receipt"; printf x; } >longer.receipt
if "$quorate" verify longer.receipt --genesis "$out/genesis.json" >/dev/null 2>&1; then
  fail "a receipt that was tampered with verifies"
fi
echo
echo "$count receipts verified offline; one with a byte more does not."
