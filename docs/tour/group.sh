# Parts of the scripts that run a group, of four if they say nothing else: the program, a folder, free ports, starting,
# waiting, stopping. A script sets `me`, its name in messages, and sources this; what it starts is stopped when it
# returns, however it ends. It may define `clean_up` for what it made beside.

quorate=$(command -v quorate) || { echo "$me: no quorate on PATH" >&2; exit 2; }
quorate=$(cd "$(dirname "$quorate")" && pwd)/$(basename "$quorate")
work=$(mktemp -d)
cd "$work"
unset QUORATE_NODE QUORATE_KEY QUORATE_DOMAIN
pids=(0 0 0 0)

fail() { printf '%s: %s\n' "$me" "$1" >&2; exit 1; }

clean_up() { :; }

end() {
  local code=$?
  trap - EXIT
  stop_group
  if ((code != 0)); then
    echo "$me: it did not go as told (exit $code)" >&2
    tail -n 5 replica-*.log >&2 2>/dev/null || true
  fi
  clean_up
  cd /
  rm -rf "$work"
  exit "$code"
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

is_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

block_is_free() {
  local port
  for ((port = $1; port < $1 + 8; port++)); do ! is_taken "$port" || return 1; done
}

# Starts replica NUMBER with more arguments, and does not wait for it.
launch() {
  local number=$1
  shift
  : >"replica-$number.out"
  "$quorate" start --dir "group/replica-$number" "$@" >"replica-$number.out" 2>>"replica-$number.log" &
  pids[number]=$!
}

# Waits for the `ready` lines of these replicas; fails when one of them ends before.
await_ready() {
  local number deadline=$((SECONDS + 60))
  for number in "$@"; do
    until grep -q '^ready ' "replica-$number.out"; do
      kill -0 "${pids[$number]}" 2>/dev/null || return 1
      ((SECONDS < deadline)) || return 1
      sleep 0.1
    done
  done
}

stop() { # NUMBER SIGNAL
  kill "-$2" "${pids[$1]}"
  wait "${pids[$1]}" 2>/dev/null || true
  pids[$1]=0
}

# Asks all to stop, and kills those that take more than 20 s.
stop_group() {
  local pid number deadline=$((SECONDS + 20))
  for pid in "${pids[@]}"; do ((pid == 0)) || kill "$pid" 2>/dev/null || true; done
  for number in "${!pids[@]}"; do
    ((pids[number] != 0)) || continue
    while kill -0 "${pids[number]}" 2>/dev/null && ((SECONDS < deadline)); do sleep 0.1; done
    kill -9 "${pids[number]}" 2>/dev/null || true
    wait "${pids[number]}" 2>/dev/null || true
    pids[number]=0
  done
}

# Makes a group with these arguments of `init` and starts it, at eight free ports from `port` on: FIRST where it can.
start_somewhere() {
  local first=$1 try number
  shift
  for ((try = 0; try < 40; try++)); do
    port=$((first + 8 * ((try + $$) % 12)))
    ((try < 12)) || port=$((20000 + 8 * (RANDOM % 1200)))
    block_is_free "$port" || continue
    rm -rf group
    "$quorate" init --out group --base-port "$port" --api-port $((port + 4)) "$@" >/dev/null 2>&1
    for number in 0 1 2 3; do launch $number; done
    ! await_ready 0 1 2 3 || return 0
    stop_group
  done
  echo "$me: no eight free ports in a row were found" >&2
  exit 2
}

# Waits for a command to succeed.
await() {
  local what=$1 deadline=$((SECONDS + 40))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || fail "not in time: $what"
    sleep 0.2
  done
  echo "$what"
}
