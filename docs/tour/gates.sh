# Gates: documents with a shape, rates, auditors, and what came before what. Part of docs/tour.sh, which sources it: the
# group runs, and `as`, `does`, `tell`, `chapter`, `field`, `must_say`, `fail` are there.

# What the refusal's words must name, so that its author finds the place.
must_name() { [[ $(field detail) == *"$1"* ]] || fail "expected a detail with $1, got $(field detail)"; }

chapter "Documents with a shape, and how fast they may change"
cat >settings.json <<POLICY
{
  "writers": ["org:acme", "org:birch", "org:cedar"],
  "readers": [],
  "paths": [
    { "pattern": "*.json", "format": "json", "schema": {
        "type": "object",
        "properties": { "port": { "type": "integer", "minimum": 1, "maximum": 65535 } },
        "required": ["port"], "additionalProperties": false } },
    { "pattern": "*.toml", "format": "toml", "schema": {
        "properties": { "name": { "type": "string", "pattern": "^[a-z]+\$" } } } },
    { "pattern": "*.yaml", "format": "yaml" },
    { "pattern": "audited/**", "validators": ["key:$(public dana)"] }
  ],
  "rates": {
    "author": { "per_ms": 3600000, "bytes": 40000 },
    "organisation": { "per_ms": 3600000, "changes": 1000 }
  }
}
POLICY
cat settings.json
does 201-propose-settings applied acme domains create settings --policy settings.json
proposal=$(field proposal)
does 202-approve-settings applied birch approve "$proposal"
does 203-approve-settings applied cedar approve "$proposal"
must_say proposal_state effective
export QUORATE_DOMAIN=settings

tell "The schema is part of the policy, so it is state that everybody agreed on. A refusal says where."
echo '{ "port": 8080 }' >right.json
echo '{ "port": 0 }' >wrong.json
printf 'name = "quorum"\n' >right.toml
printf 'name = "quorum"\nname = "again"\n' >twice.toml
printf 'name = "Quorum"\n' >wrong.toml
printf 'hosts: [a, b\n' >open.yaml
does 204-json applied ada put app.json right.json
does 205-refused-json "schema: schema" ada put app.json wrong.json
must_name "/port"
does 206-toml applied birch put app.toml right.toml
does 207-refused-toml "schema: schema" birch put app.toml wrong.toml
must_name "/name"
does 208-refused-toml-twice "schema: does-not-parse" birch put app.toml twice.toml
must_name "line 2"
does 209-refused-yaml "schema: does-not-parse" birch put app.yaml open.yaml
must_name "YAML"

tell "access: more than the rate ever allows at once is ordered, and refused with a receipt."
head -c 50000 /dev/zero | tr '\0' 'x' >long.txt
does 210-refused-rate "access: rate" cleo put long.txt long.txt
tell "What may come later is held back at the gate, which says when: nothing is ordered, so there is no receipt."
head -c 30000 /dev/zero | tr '\0' 'x' >half.txt
does 211-half applied cleo put half.txt half.txt
as cleo put other.txt half.txt --timeout 8
[[ $code == 3 ]] || fail "a change that comes too fast ended with exit code $code"
grep -q "rate" error.txt || fail "the gate did not say why: $(cat error.txt)"
echo "    held back: $(head -n 1 error.txt)"

chapter "An auditor who may change nothing"
tell "Dana is no member of this domain. Its policy names her as the validator of audited/."
does 212-audited pending acme put audited/report.txt release.txt
change=$(field id)
keep 212-audited-pending "$change"
as birch pending list
grep -q "$change" answer.json || fail "the change that waits is not listed"
does 213-refused-audit-write "domain: not-member" dana put notes.txt release.txt
does 214-audit applied dana attest "$change"
must_say envelope_state applied

chapter "What came before what"
tell "Causality is derived from what each author had seen, not from when something arrived."
does 215-first applied acme put first.txt release.txt
first=$(field id) seen=$(field revision)
does 216-second applied birch put second.txt release.txt --base "$seen"
second=$(field id)
does 217-third applied ada put third.txt release.txt --base "$seen"
third=$(field id)
as cedar log --causal "$first" "$second"
must_say order before
echo "    before: $(field why)"
as cedar log --causal "$second" "$third"
must_say order concurrent
echo "    concurrent: $(field why)"

export QUORATE_DOMAIN=product
