# A Python of its own in the script's folder, with pinned packages: sourced after docs/tour/group.sh.

skip() { printf 'SKIPPED: %s was not tested: %s\n' "$me" "$1" >&2; exit 0; }

# Makes $venv, the programs of a new environment with these requirements.
make_venv() { # FILE
  command -v python3 >/dev/null || skip "there is no python3"
  python3 -m venv venv >/dev/null 2>&1 || skip "python3 has no venv (Debian: python3-venv)"
  venv=$work/venv/bin
  "$venv/pip" install --quiet --disable-pip-version-check --no-cache-dir --no-compile --require-hashes --only-binary :all: -r "$here/$1" ||
    skip "pip cannot install tests/python/$1"
}
