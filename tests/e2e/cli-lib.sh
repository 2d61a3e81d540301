# For bash tests of the command line, to be sourced: checks, a directory, a daemon of their own.
# BERTH: the program. Needs node; runs as any user, on free ports of loopback.

BERTH=${BERTH:-build/debug/cli/berth}
BERTH=$(readlink -f "$BERTH") || exit 1
[ -x "$BERTH" ] || { echo "no program at $BERTH: set BERTH" >&2; exit 1; }
WORK=$(mktemp -d) || exit 1
DAEMON=
PASSED=0
FAILED=0
export BERTH_TEST_DUMPABLE=1 # leak checkers of a debug build attach to the daemon
unset BERTH_PROFILE BERTH_LOGIN BERTH_KEY STATE_DIRECTORY XDG_CONFIG_HOME
export HOME=$WORK/home XDG_DATA_HOME=$WORK/home/share
mkdir -p "$XDG_DATA_HOME"

cleanup() {
    stop_daemon
    rm -rf "$WORK"
}
trap cleanup EXIT

# ---- checks ----

ok() {
    PASSED=$((PASSED + 1))
}

not_ok() {
    FAILED=$((FAILED + 1))
    echo "FAILED: $NAME: $1"
    sed 's/^/  out: /' "$WORK/out"
    sed 's/^/  err: /' "$WORK/err"
}

# run NAME EXIT-CODE ARGUMENT..: standard input is the caller's
run() {
    local want=$2
    NAME=$1
    shift 2
    "$BERTH" "$@" >"$WORK/out" 2>"$WORK/err"
    local got=$?
    if [ $got -eq "$want" ]; then ok; else not_ok "exit code $got instead of $want: berth $*"; fi
}

# prints PATTERN..: standard output has each; tells: standard error; never: neither has it
prints() {
    for each; do
        if grep -qe "$each" "$WORK/out"; then ok; else not_ok "no \"$each\" in the output"; fi
    done
}

tells() {
    for each; do
        if grep -qe "$each" "$WORK/err"; then ok; else not_ok "no \"$each\" on standard error"; fi
    done
}

never() {
    for each; do
        if grep -qFe "$each" "$WORK/out" "$WORK/err"; then not_ok "\"$each\" is told"; else ok; fi
    done
}

quiet() {
    if [ -s "$WORK/out" ]; then not_ok "standard output is not empty"; else ok; fi
}

# json EXPRESSION..: of d, the output as JSON
json() {
    for each; do
        if node -e 'const d = JSON.parse(require("fs").readFileSync(0, "utf8"));
                    process.exit(eval(process.argv[1]) === true ? 0 : 1)' "$each" <"$WORK/out" \
            2>>"$WORK/err"; then ok; else not_ok "not true: $each"; fi
    done
}

# ---- the daemon ----

free_ports() {
    node -e 'const net = require("net"), held = [];
             const next = () => { if (held.length == 2) {
                 console.log(held.map(s => s.address().port).join(" "));
                 held.forEach(s => s.close()); return; }
               const s = net.createServer().listen(0, "127.0.0.1", () => { held.push(s); next(); }); };
             next();'
}

start_daemon() {
    : >"$WORK/serve.out" # what the last one said is not of this one
    "$BERTH" serve --data-dir "$WORK/data" --hostname localhost --hostname 127.0.0.1 \
        --https-port "$HTTPS" --mqtts-port "$MQTTS" --ops-port 0 --loops 1 \
        >"$WORK/serve.out" 2>"$WORK/serve.err" &
    DAEMON=$!
    for _ in $(seq 300); do
        grep -q 'berth serves' "$WORK/serve.out" && return
        kill -0 $DAEMON 2>/dev/null || break
        sleep 0.1
    done
    echo "the daemon does not start:" >&2
    cat "$WORK/serve.out" "$WORK/serve.err" >&2
    exit 1
}

stop_daemon() {
    [ -n "$DAEMON" ] || return
    kill "$DAEMON" 2>/dev/null
    wait "$DAEMON"
    SERVE_CODE=$?
    DAEMON=
}

read -r HTTPS MQTTS < <(free_ports)
