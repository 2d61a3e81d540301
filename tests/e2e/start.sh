#!/usr/bin/env bash
# start.sh - how the daemon starts, starts again, and refuses to start: each refusal names its remedy and loses nothing.
# BERTH: the program. Uses high ports; ends only what it started.
set -uo pipefail
berth=${BERTH:?the berth program}
dir=$(mktemp -d "${TMPDIR:-/tmp}/berth-start.XXXXXX")
passed=0 failed=0 pid=
# Ports from the process number, so that two runs do not meet.
base=$((20000 + $$ % 20000))
https=$base mqtts=$((base + 1)) ops=$((base + 2))

finish() {
    stop
    chmod -R u+w "$dir" 2>/dev/null
    rm -rf "$dir"
}
trap finish EXIT

check() { # NAME COMMAND..
    local name=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        echo "FAILED: $name" >&2
        sed 's/^/    /' "$dir/err" >&2
        failed=$((failed + 1))
    fi
}

serve() { # ARGUMENTS.. - starts and waits until it serves or ends
    : >"$dir/out"
    "$berth" serve --hostname localhost --listen 127.0.0.1 --https-port "$https" --mqtts-port "$mqtts" \
        --ops-port "$ops" "$@" >"$dir/out" 2>"$dir/err" &
    pid=$!
    for _ in $(seq 1200); do
        grep -q '^berth serves' "$dir/out" && return 0
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.05
    done
    wait "$pid"
    code=$?
    pid=
    return 1
}

stop() {
    [ -n "$pid" ] || return 0
    kill "$pid" 2>/dev/null
    wait "$pid"
    code=$?
    pid=
}

refuses() { # TEXT ARGUMENTS.. - does not start, says TEXT, exits non-zero
    local text=$1
    shift
    if serve "$@"; then
        stop
        echo "it started" >>"$dir/err"
        return 1
    fi
    [ "$code" -ne 0 ] && grep -qiE "$text" "$dir/err"
}

state() { # what must not change
    (cd "$1" && find . -type f ! -name 'berth.db*' ! -name berth.lock -exec sha256sum {} + | sort)
}
scope_of() { sed -n 's/^id-scope = //p' "$1/profile.ini"; }

data=$dir/data
check "first start" serve --data-dir "$data"
check "first start says where things are" grep -q 'CA certificate' "$dir/out"
key=$(sed -n 's/.*SharedAccessKey=//p' "$data/profile.ini")
check "no secret is printed" bash -c '! grep -qF "$1" "$2" "$3"' - "$key" "$dir/out" "$dir/err"
check "healthz" curl -fsS -o /dev/null "http://127.0.0.1:$ops/healthz"
check "metrics" bash -c 'curl -fsS "http://127.0.0.1:$1/metrics" | grep -q "^berth_http_requests_total"' - "$ops"
check "wrong path" bash -c '[ "$(curl -s -o /dev/null -w "%{http_code}" --cacert "$1/tls/ca.pem" "https://localhost:$2/nothing/here")" = 404 ]' - "$data" "$https"

first=$(state "$data")
second_daemon() {
    local mine=$pid
    pid=
    https=$((base + 10)) mqtts=$((base + 11)) ops=$((base + 12))
    refuses "another berth" --data-dir "$data"
    local result=$?
    pid=$mine
    https=$base mqtts=$((base + 1)) ops=$((base + 2))
    return $result
}
check "a second daemon on the directory" second_daemon
twice() { # the same command line: its ports are taken too
    local mine=$pid
    pid=
    refuses "another berth serve \(pid $mine\)" --data-dir "$data" && [ "$code" -eq 4 ]
    local result=$?
    pid=$mine
    return $result
}
check "the same start again" twice
same_port() {
    local mine=$pid
    pid=
    refuses "another program listens" --data-dir "$dir/other"
    local result=$?
    pid=$mine
    return $result
}
check "a second daemon on the port" same_port
check "which makes nothing" [ ! -e "$dir/other" ]
check "the first one still serves" curl -fsS -o /dev/null "http://127.0.0.1:$ops/healthz"
stop
check "graceful stop" [ "$code" -eq 0 ]

makes_nothing() { # TEXT ARGUMENTS..
    refuses "$1" --data-dir "$dir/none" "${@:2}" && [ ! -e "$dir/none" ]
}
check "an address that is not this machine's" makes_nothing "192.0.2.9 port $https: Cannot assign" --listen 192.0.2.9
perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1", LocalPort => $ARGV[0]) or die $!;
    print "up\n"; close STDOUT; sleep 60' "$ops" >"$dir/busy" &
busy=$!
until [ -s "$dir/busy" ]; do sleep 0.05; done
check "a health port that is taken" makes_nothing "ops-port"
kill "$busy"
wait "$busy" 2>/dev/null

check "second start" serve --data-dir "$data"
check "second start says nothing of a first" bash -c '! grep -q "first start" "$1"' - "$dir/out"
stop
check "second start changes nothing" [ "$first" = "$(state "$data")" ]

https=0 mqtts=0
check "ports that are free" serve --data-dir "$data"
told=$(sed -n 's/^berth serves .*localhost:\([0-9]*\) and .*localhost:\([0-9]*\);.*/\1 \2/p' "$dir/out")
check "the profile names them" [ "$told" = "$(sed -n 's/^\(https\|mqtts\)-port = //p' "$data/profile.ini" | xargs)" ]
check "and leads there" bash -c '"$1" service show --profile "$2" >"$3" 2>&1' - "$berth" "$data/profile.ini" "$dir/err"
stop
https=$base mqtts=$((base + 1))

# SIGHUP while the configuration is still being read: from a pipe that says nothing yet.
hangs_up() {
    mkfifo "$dir/slow.conf"
    (
        exec 3>"$dir/slow.conf" # goes on when the daemon reads
        kill -HUP "$(pgrep -P $$ -f "$dir/slow.conf")"
        echo "data-dir = $data" >&3
    ) &
    local teller=$!
    serve --config "$dir/slow.conf" && wait "$teller"
}
check "SIGHUP before it can be obeyed" hangs_up
stop

# A start that failed after it had made its records is none: the next one tells what the first would have told.
rm "$data/profile.ini"
check "none has served yet" serve --data-dir "$data"
check "it says where things are" grep -q 'CA certificate' "$dir/out"
stop
cp -r "$data/tls" "$dir/tls.good"
rm "$data/tls/ca.pem" "$data/tls/ca.key"
check "a lost CA, its key elsewhere" serve --data-dir "$data"
check "it is the same one" cmp "$data/tls/ca.pem" "$dir/tls.good/ca.pem"
check "and nothing is told" bash -c '! grep -q "new CA" "$1"' - "$dir/err"
stop
rm -r "$data/tls"
check "all certificates are lost" serve --data-dir "$data"
check "the new CA is told" grep -q 'a new CA was made' "$dir/err"
stop
rm -r "$data/tls"
cp -r "$dir/tls.good" "$data/tls"

cp "$data/store.key" "$dir/store.key.good"
head -c 32 /dev/urandom >"$data/store.key"
check "wrong key file" refuses "key" --data-dir "$data"
rm "$data/store.key"
check "lost key file" refuses "key" --data-dir "$data"
cp "$dir/store.key.good" "$data/store.key"
chmod 644 "$data/store.key"
check "key file open to others" refuses "(chmod|mode|permission|600)" --data-dir "$data"
chmod 600 "$data/store.key"

cp "$data/berth.db" "$dir/berth.db.good"
printf 'not a database at all, just some text that stands here' | dd of="$data/berth.db" conv=notrunc status=none
check "damaged database" refuses "(database|damaged|berth.db)" --data-dir "$data"
cp "$dir/berth.db.good" "$data/berth.db"

if [ "$(id -u)" -ne 0 ]; then
    chmod 500 "$data"
    check "read-only directory" refuses "(read-only|permission|write)" --data-dir "$data"
    chmod 700 "$data"
fi
check "a file where the directory should be" refuses "director" --data-dir "$dir/out"
check "unknown option" bash -c '"$1" serve --no-such-option >/dev/null 2>"$2"; [ $? -ne 0 ]' - "$berth" "$dir/err"
check "bad port" refuses "https-port" --data-dir "$data" --https-port 70000
check "after all that: nothing lost" serve --data-dir "$data"
scope=$(scope_of "$data")
check "the ID scope is the same" grep -q "$scope" "$dir/out"
stop

# A disk of 1 MiB, where this user may mount one.
small=$dir/small
mkdir "$small"
if mount -t tmpfs -o size=1m tmpfs "$small" 2>/dev/null; then
    head -c 1000000 /dev/zero >"$small/filler" 2>/dev/null
    check "full disk at the first start" refuses "(full|space)" --data-dir "$small/data"
    rm "$small/filler"
    check "and when there is room again" serve --data-dir "$small/data"
    stop
    mount -o remount,ro -t tmpfs tmpfs "$small"
    check "read-only disk" refuses "(read-only|write)" --data-dir "$small/data"
    mount -o remount,rw -t tmpfs tmpfs "$small"
    check "and when it can be written again" serve --data-dir "$small/data"
    stop
    umount "$small"
fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
