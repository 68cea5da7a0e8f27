# Settlement: what happens where changes meet and do not merge. Part of docs/tour.sh, which sources it: the group runs,
# and `as`, `does`, `tell`, `chapter`, `field`, `must_say`, `fail` are there.

# --- helpers of this part ----------------------------------------------------------------------------------------

# Runs a command whose change must be kept as a side of a conflict; the conflict is then in $conflict.
clashes() {
  local name=$1
  shift
  as "$@"
  [[ $(field state) == conflict && $code == 1 ]] || fail "expected a conflict: $(cat error.txt)"
  conflict=$(sed -n '/"conflicts": \[/,/\]/s/^ *"\([0-9a-f]\{64\}\)".*/\1/p' answer.json | head -n 1)
  printf '    conflict %s: all sides are kept\n' "${conflict:0:12}"
  printf '%s %s\n' "$name" "$(field id)" >>receipts
}

# A file that acme wrote; the revision that others start from is then in $seen.
begins() {
  does "$1" applied acme put "$2" "$3"
  seen=$(field revision)
}

# What the conflict is, and how it ended, for the checks of this part.
look() {
  as acme conflicts show "$conflict"
  [[ $code == 0 ]] || fail "the conflict has no story: $(cat error.txt)"
}

# The receipt of a settlement that no envelope made stands under the conflict's own id.
settled_by() {
  look
  must_say state settled
  grep -q "\"how\": \"$2\"" answer.json || fail "expected the conflict to end by $2"
  printf '    settled: %s\n' "$2"
  printf '%s %s\n' "$1" "$(sed -n 's/^    "receipt": "\([0-9a-f]*\)".*/\1/p' answer.json | head -n 1)" >>receipts
}

serves() {
  local got
  got=$("$quorate" get "$1" --node "$(node_of acme)" --domain shared)
  [[ $got == "$2" ]] || fail "$1 is '$got', not '$2'"
  printf '    %s is now: %s\n' "$1" "$(head -n 1 <<<"$got")"
}

# --- the story ---------------------------------------------------------------------------------------------------

chapter "A domain whose policy says how disagreement ends"
cat >shared.json <<'POLICY'
{
  "writers": ["*"],
  "readers": ["*"],
  "paths": [
    { "pattern": "limits/**",
      "strategies": [ { "strategy": "merge" }, { "strategy": { "vote": 3 } } ] },
    { "pattern": "guide/**",
      "strategies": [ { "strategy": "merge" },
                      { "class": "structural", "strategy": { "arbitrate": "org:cedar" } } ] },
    { "pattern": "allow/**",
      "strategies": [ { "strategy": "merge" },
                      { "class": "semantic", "strategy": { "rule": "union-of-lines" } } ] },
    { "pattern": "prices/**",
      "strategies": [ { "strategy": { "authoritative": "org:delta" } }, { "strategy": "merge" } ] },
    { "pattern": "names/**",
      "strategies": [ { "strategy": "merge" }, { "strategy": "reject" } ] },
    { "pattern": "urgent/**",
      "strategies": [ { "strategy": "merge" },
                      { "strategy": { "vote": null }, "deadline_ms": 4000 },
                      { "strategy": "last-writer-wins" } ] }
  ]
}
POLICY
cat shared.json
does 401-propose-shared applied acme domains create shared --policy shared.json
proposal=$(field proposal)
does 402-approve-shared applied birch approve "$proposal"
does 403-approve-shared applied cedar approve "$proposal"
must_say proposal_state effective
export QUORATE_DOMAIN=shared

chapter "A value, settled by vote"
echo 'requests a minute: 100' >limit-100
echo 'requests a minute: 250' >limit-250
echo 'requests a minute: 80' >limit-80
echo 'requests a minute: 150' >limit-150
begins 404-limit limits/api.txt limit-100
tell "Birch wants more, cedar wants less. Each started from what acme wrote, and neither saw the other."
does 405-limit-birch applied birch put limits/api.txt limit-250 --base "$seen" --message "our importer needs 250"
clashes 406-limit-cedar cedar put limits/api.txt limit-80 --base "$seen" --message "the disks cannot take 100"
tell "The path goes on serving what was there; nothing else in the domain waits. Delta proposes a third way."
does 407-limit-proposal applied delta conflicts propose "$conflict" limit-150 --reason "measured: 150 is what the disks take"
number=$(field number)
tell "Acme, birch and delta vote for it; three of four organisations are enough."
does 408-vote-delta applied delta conflicts vote "$conflict" "$number"
does 409-vote-cedar applied cedar conflicts vote "$conflict" 2
does 410-vote-birch applied birch conflicts vote "$conflict" "$number"
must_say conflict_state open
does 411-vote-acme applied acme conflicts vote "$conflict" "$number"
must_say conflict_state settled
settled_by 412-limit-settled vote
serves limits/api.txt "$(cat limit-150)"
tell "The winner is a change of its own, with a receipt of its own. This is the story, as anybody reads it:"
printf '\n  birch$ quorate conflicts show %s\n\n' "${conflict:0:12}"
"$quorate" conflicts show "${conflict:0:12}" --node "$(node_of birch)" | sed 's/^/    /'

chapter "A structural one, settled by an arbiter"
printf 'install\nconfigure\nrun\n' >guide-1
printf 'install\nconfigure it well\nrun\n' >guide-2
printf 'see the handbook\n' >guide-3
begins 413-guide guide/start.txt guide-1
tell "Birch removes the page while delta improves it. Whether it lives is for cedar to say, and for nobody else."
does 414-guide-birch applied birch rm guide/start.txt --base "$seen" --message "it is in the handbook now"
clashes 415-guide-delta delta put guide/start.txt guide-2 --base "$seen" --message "said more clearly"
as delta conflicts vote "$conflict" 2
sed 's/^/    /' error.txt
[[ $code == 1 ]] && grep -q "and nobody else; nothing was signed" error.txt || fail "a vote where an arbiter decides"
does 417-guide-cedar applied cedar conflicts resolve "$conflict" guide-3
settled_by 418-guide-settled change
serves guide/start.txt "$(cat guide-3)"

chapter "A semantic one, settled by a rule"
printf 'alpha = 1\nmiddle = 1\nomega = 1\n' >allow-1
printf 'newcomer = 1\nalpha = 1\nmiddle = 1\nomega = 1\n' >allow-2
printf 'alpha = 1\nmiddle = 1\nomega = 1\nnewcomer = 1\n' >allow-3
tell "Both allow the newcomer, one at the top, one at the end. As text that merges, and the newcomer stands there twice:"
tell "a check of the merge ladder refuses it. Where the policy has no rule, that is a conflict."
begins 419-plain plain/hosts.toml allow-1
does 420-plain-birch applied birch put plain/hosts.toml allow-2 --base "$seen"
clashes 421-plain-cedar cedar put plain/hosts.toml allow-3 --base "$seen"
look
must_say class semantic
printf '    class %s, check %s\n' "$(field class)" "$(field check)"
tell "Each replica's analyser has put forward what it thinks, on its own lane. Equal proposals are one:"
for ((tries = 0; tries < 50; tries++)); do
  (($(grep -c '"what": "proposed"' answer.json) < 4)) || break
  sleep 0.2
  look >/dev/null
done
grep -q '"speaker": "replica"' answer.json || fail "no analyser has proposed anything"
"$quorate" conflicts show "$conflict" --node "$(node_of birch)" | sed -n '/^What is proposed/,/^$/p' | sed 's/^/    /'
plain=$conflict
tell "Under allow/ a list is a list: the rule is to keep what either added."
begins 422-allow allow/hosts.toml allow-1
does 423-allow-birch applied birch put allow/hosts.toml allow-2 --base "$seen"
does 424-allow-cedar merged cedar put allow/hosts.toml allow-3 --base "$seen"
serves allow/hosts.toml "$(cat allow-3)"

chapter "An authoritative path"
for price in 10 11 12; do echo "a box costs $price" >price-$price; done
begins 425-price prices/box.txt price-10
tell "Prices are delta's. Birch came first and is overruled all the same; had delta come first, birch would have been."
does 426-price-birch applied birch put prices/box.txt price-11 --base "$seen"
does 427-price-delta applied delta put prices/box.txt price-12 --base "$seen"
serves prices/box.txt "$(cat price-12)"
does 428-price-overruled merged birch put prices/box.txt price-11 --base "$seen"
serves prices/box.txt "$(cat price-12)"

chapter "Reject: the first valid change stands"
echo 'project kestrel' >name-1
echo 'project heron' >name-2
echo 'project wren' >name-0
begins 429-name names/project.txt name-0
does 430-name-birch applied birch put names/project.txt name-1 --base "$seen"
does 431-refused-name-cedar "schema: validator" cedar put names/project.txt name-2 --base "$seen"
serves names/project.txt "$(cat name-1)"

chapter "A deadline that passes"
for hour in 9 10 11; do echo "the meeting is at $hour" >meeting-$hour; done
begins 432-meeting urgent/meeting.txt meeting-9
does 433-meeting-birch applied birch put urgent/meeting.txt meeting-10 --base "$seen"
clashes 434-meeting-cedar cedar put urgent/meeting.txt meeting-11 --base "$seen"
does 435-meeting-vote applied birch conflicts vote "$conflict" 1
tell "One vote is not enough, and nobody else comes. Four seconds of ledger time later the last writer wins."
sleep 5
does 436-time-goes-on applied acme put clock.txt name-0
settled_by 437-meeting-settled last-writer
serves urgent/meeting.txt "$(cat meeting-11)"
as birch conflicts vote "$conflict" 1
[[ $code == 1 ]] || fail "a vote after the end"
echo "    a vote that comes now is too late"

chapter "A conflict settled by a later change"
tell "The conflict about the hosts is still open. Delta has seen both sides and writes what is right: no vote is needed."
conflict=$plain
does 438-plain-delta applied delta put plain/hosts.toml allow-3 --message "newcomers go to the end"
settled_by 439-plain-settled change
serves plain/hosts.toml "$(cat allow-3)"

as acme conflicts list --settled
printf '    %s conflicts in all, every one of them settled:\n\n' "$(grep -c '^      "state": "settled"' answer.json)"
"$quorate" conflicts list --node "$(node_of acme)" | sed 's/^/    /'
[[ -z $("$quorate" conflicts list --open --node "$(node_of acme)" 2>/dev/null) ]] || fail "a conflict is open"
