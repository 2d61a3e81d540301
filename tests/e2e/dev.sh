#!/usr/bin/env bash
# dev.sh - berth dev: the example's test under it, three at once; exit codes and signals passed on; nothing left behind; faults that do what
# they say to real clients; refusals that name their cause, and under berth serve do not.
# BERTH: the program. Needs node, curl, openssl, and npm ci in examples/firmware-test. Uses ports 443 and 8883: tests/in-netns.
set -uo pipefail
: "${BERTH:?the berth program}"
berth=$(readlink -f "$BERTH")
here=$(cd "$(dirname "$0")" && pwd)
example=$here/../../examples/firmware-test
dir=$(mktemp -d "${TMPDIR:-/tmp}/berth-dev-test.XXXXXX")
passed=0 failed=0 serving=
# Whatever berth dev leaves behind, files or processes, is found by this directory.
export BERTH_TEST_DUMPABLE=1
mkdir "$dir/tmp"

finish() {
    [ "$BASHPID" = $$ ] || return # one of our own that was ended before it became another program
    [ -z "$serving" ] || { kill "$serving" && wait "$serving"; } 2>/dev/null
    for pid in $(remaining); do kill -9 "$pid"; done
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
        for file in out err; do [ ! -s "$dir/$file" ] || tail -n 20 "$dir/$file" | sed 's/^/    /' >&2; done
        failed=$((failed + 1))
    fi
}

# ---- what is left ----

remaining() { # process IDs
    local environ
    for environ in /proc/[0-9]*/environ; do
        if tr '\0' '\n' 2>/dev/null <"$environ" | grep -qx "TMPDIR=$dir/tmp"; then
            environ=${environ%/environ}
            echo "${environ#/proc/}"
        fi
    done 2>/dev/null
}
leaves_nothing() { # a moment may pass when the watching process itself was killed
    for _ in $(seq 1200); do
        [ -z "$(ls -A "$dir/tmp")" ] && [ -z "$(remaining)" ] && return 0
        sleep 0.05
    done
    ls -lA "$dir/tmp" >&2
    for pid in $(remaining); do tr '\0' ' ' <"/proc/$pid/cmdline" >&2; done
    return 1
}

# ---- running it ----

dev() { # ARGUMENTS..
    TMPDIR=$dir/tmp timeout --foreground 120 "$berth" dev "$@" >"$dir/out" 2>"$dir/err"
}
gives() { # CODE ARGUMENTS..
    local want=$1 code
    shift
    dev "$@"
    code=$?
    [ "$code" -eq "$want" ] || { echo "exit code $code" >>"$dir/err"; return 1; }
}
says() { grep -qF -- "$1" "$dir/out" "$dir/err"; }
until_there() { # FILE
    for _ in $(seq 600); do
        [ -s "$1" ] && return 0
        sleep 0.05
    done
    return 1
}
start() { # ARGUMENTS.. - in the background; its own process is $pid
    : >"$dir/out"
    rm -f "$dir/up" "$dir/got"
    # The shell has its background ignore SIGINT, and what is ignored stays so in every child.
    TMPDIR=$dir/tmp env --default-signal=INT "$berth" dev "$@" >"$dir/out" 2>"$dir/err" &
    pid=$!
}
ends_with() { # CODE
    local code
    for _ in $(seq 1200); do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.05
    done
    kill -9 "$pid" 2>/dev/null
    wait "$pid"
    code=$?
    [ "$code" -eq "$1" ] || { echo "exit code $code" >>"$dir/err"; return 1; }
}

# ---- exit codes ----

check "exit code 0" gives 0 -- true
check "exit code 7" gives 7 -- sh -c 'exit 7'
check "killed by SIGTERM" gives 143 -- sh -c 'kill $$'
check "killed by SIGKILL" gives 137 -- sh -c 'kill -9 $$'
check "no such command" gives 127 -- "$dir/nothing"
check "no program" gives 126 -- /etc/passwd
check "the command's own options are its own" gives 0 -- sh -c '[ "$1" = --seed ]' - --seed
check "standard input is the command's" bash -c 'echo word | TMPDIR=$1/tmp "$2" dev -- grep -qx word' - "$dir" "$berth"
check "a service that cannot start" gives 125 --bind 192.0.2.1 -- true
check "it says where to look" says "see --bind"
check "after all of these nothing is left" leaves_nothing

# ---- the command line ----

refuses() { # NAME TEXT ARGUMENTS..
    local name=$1 text=$2
    shift 2
    check "$name: refused" gives 2 "$@"
    check "$name: why" says "$text"
}
printf '{"enrollmentGroups":[{"enrollmentGroupId":"g","attestation":{"type":"tpm"}}]}' >"$dir/tpm.json"
printf '{"idScope":"a",\n "enrollments":[}' >"$dir/broken.json"
printf '{"faults":["sn-1:refuse=NONSENSE"]}' >"$dir/fault.json"
printf '{"groups":[]}' >"$dir/member.json"
refuses "a document that the service API refuses" "$dir/tpm.json: enrollmentGroups[0]: attestation.type must be" --seed "$dir/tpm.json" -- true
refuses "a seed that is no JSON" "$dir/broken.json: not JSON in line 2" --seed "$dir/broken.json" -- true
refuses "a fault in the seed" "$dir/fault.json: faults[0]: \"sn-1:refuse=NONSENSE\": the value of refuse" --seed "$dir/fault.json" -- true
refuses "an unknown member" 'no member "groups"' --seed "$dir/member.json" -- true
refuses "a command without --" "COMMAND stands behind --" true
refuses "nothing behind --" "no command after --" --
refuses "an address that is none" "--bind foo: not an IP address" --bind foo -- true
refuses "no seed" "$dir/nothing: not found" --seed "$dir/nothing" -- true
refuses "an unknown fault" "the kinds are delay" --fault sn-1:explode -- true
refuses "an IPv6 address without a name" "needs --hostname" --bind ::1 -- true
check "serve knows no faults" bash -c '! "$1" serve --fault sn-1:refuse 2>"$2/err" && grep -q "unrecognized option" "$2/err"' - "$berth" "$dir"
check "after all of these nothing is left either" leaves_nothing

# ---- signals ----

waits='trap "echo TERM >$0/got; exit 9" TERM; trap "echo INT >$0/got; exit 8" INT; echo up >$0/up; while :; do sleep 0.05; done'
for signal in TERM:9 INT:8; do
    start -- bash -c "$waits" "$dir"
    check "SIG${signal%:*}: the command is up" until_there "$dir/up"
    kill -"${signal%:*}" "$pid"
    check "SIG${signal%:*} reaches the command, whose code is passed on" ends_with "${signal#*:}"
    check "SIG${signal%:*}: it was that signal" grep -qx "${signal%:*}" "$dir/got"
    check "SIG${signal%:*}: nothing is left" leaves_nothing
done

start -- sleep 300
until [ "$(readlink "/proc/$pid/exe")" = "$berth" ]; do :; done
kill -TERM "$pid"
check "SIGTERM at once" ends_with 143
check "SIGTERM at once: nothing is left" leaves_nothing

check "what a command leaves behind is ended" gives 5 -- bash -c 'setsid sleep 300 & trap "" TERM; (trap "" TERM; sleep 301) & exit 5'
check "strays: nothing is left" leaves_nothing

start -- bash -c "$waits" "$dir"
check "kill -9 of berth dev: the command is up" until_there "$dir/up"
kill -9 "$pid"
wait "$pid" 2>/dev/null
check "kill -9 of berth dev: nothing is left" leaves_nothing

start -- bash -c "$waits" "$dir"
check "kill -9 of the service: the command is up" until_there "$dir/up"
for child in $(cat "/proc/$pid/task/$pid/children"); do
    ! grep -qz '^dev$' "/proc/$child/cmdline" || kill -9 "$child"
done
check "kill -9 of the service: berth dev fails" ends_with 125
check "kill -9 of the service: it says so" says "the service ended under bash"
check "kill -9 of the service: nothing is left" leaves_nothing

# ---- the example, three at once ----

# Each waits until all three listen, so that they are there at the same time.
together='echo "$BERTH_ENDPOINT:$BERTH_ENDPOINT_HTTPS_PORT" >"$0/endpoint.$1"
for _ in $(seq 1200); do [ "$(ls "$0" | grep -c "^endpoint")" -eq 3 ] && break; sleep 0.05; done
exec npm test'
pids=()
for n in 1 2 3; do
    (cd "$example" && TMPDIR=$dir/tmp exec "$berth" dev --seed seed.json -- bash -c "$together" "$dir" $n) >"$dir/example.$n" 2>&1 &
    pids+=($!)
done
for n in 1 2 3; do
    wait "${pids[$((n - 1))]}"
    check "npm test, $n of three at once" [ $? -eq 0 ]
    check "its devices were assigned, $n" grep -q '^# pass 4' "$dir/example.$n"
    check "port 443, $n" grep -q ':443$' "$dir/endpoint.$n"
done
check "each has an address of its own" [ "$(sort -u "$dir"/endpoint.* | wc -l)" -eq 3 ]
check "three at once: nothing is left" leaves_nothing

# ---- without a command ----

start
check "variables are printed" until_there "$dir/out"
for _ in $(seq 600); do grep -q '^export BERTH_PROFILE=' "$dir/out" && break; sleep 0.05; done
check "they name a service that answers" bash -c '. "$1/out"; curl -sS -o "$1/body" --cacert "$BERTH_CA_FILE" "https://$BERTH_ENDPOINT/berth/v1/service" && grep -q 401 "$1/body"' - "$dir"
check "SSL_CERT_FILE has it too, and the system's" bash -c '. "$1/out"; echo | openssl s_client -connect "$BERTH_ENDPOINT:443" -verify_ip "$BERTH_ENDPOINT" 2>&1 | grep -q "Verify return code: 0" && [ "$(grep -c BEGIN "$SSL_CERT_FILE")" -ge "$(grep -c BEGIN "$BERTH_CA_FILE")" ]' - "$dir"
check "the directory is the owner's alone" bash -c '. "$1/out"; [ "$(stat -c %a "${BERTH_PROFILE%/*}")" = 700 ]' - "$dir"
check "the command line finds it" bash -c '. "$1/out"; "$2" enrollment-group show mylegacydevices | grep -q enabled' - "$dir" "$berth"
kill -INT "$pid"
check "Ctrl-C is its ordinary end" ends_with 0
check "without a command: nothing is left" leaves_nothing
start --json --https-port 0 --mqtts-port 0 --bind 127.0.0.1
for _ in $(seq 600); do grep -q '^}' "$dir/out" && break; sleep 0.05; done
check "as JSON, on ports that were free" node -e '
    const v = JSON.parse(require("fs").readFileSync(process.argv[1]))
    const { properties } = JSON.parse(require("fs").readFileSync(process.argv[2]))
    if (Object.keys(v).sort().join() !== Object.keys(properties).sort().join()) process.exit(1)
    process.exit(v.BERTH_ENDPOINT === "127.0.0.1" && v.BERTH_ENDPOINT_HTTPS_PORT > 1023 && v.BERTH_ID_SCOPE === "0ne00000DEV" ? 0 : 1)' "$dir/out" "$here/../../docs/json/dev.schema.json"
kill "$pid"
check "SIGTERM is its ordinary end too" ends_with 0

# ---- faults ----

# What runs under berth dev: a device on the SDK, and one on curl.
cat >"$dir/lib.sh" <<'EOF'
cd "$PLACE"
device() { node "$HERE/dev-device.cjs" "$@"; }
is() { # EXPRESSION - of what a device printed, as d
    node -e 'const text = require("fs").readFileSync(0, "utf8"); const d = JSON.parse(text); if (!eval(process.argv[1])) { console.error(text); process.exit(1) }' "$1"
}
registration() { echo "https://$BERTH_ENDPOINT/$BERTH_ID_SCOPE/registrations/$1"; }
token() { # ID [KEY]
    node -e 'const { createHmac } = require("crypto"), [id, key] = process.argv.slice(1), { BERTH_ID_SCOPE, BERTH_GROUP_KEY } = process.env
        const hmac = (k, text) => createHmac("sha256", Buffer.from(k, "base64")).update(text).digest("base64")
        const sr = encodeURIComponent(`${BERTH_ID_SCOPE}/registrations/${id}`), se = Math.floor(Date.now() / 1000) + 3600
        const sig = encodeURIComponent(hmac(key ?? hmac(BERTH_GROUP_KEY, id), `${sr}\n${se}`))
        console.log(`SharedAccessSignature sr=${sr}&sig=${sig}&se=${se}&skn=registration`)' "$@"
}
send() { # METHOD PATH ID [KEY] - the answer, its header too
    curl -sS -i --cacert "$BERTH_CA_FILE" -X "$1" -H 'Content-Type: application/json' -H "Authorization: $(token "${@:3}")" \
        ${4+-d "{\"registrationId\":\"$3\"}"} "$(registration "$3")/$2?api-version=2021-06-01" | tr -d '\r'
}
register() { send PUT register "$@"; }
is_assigned() { "$BERTH" registration show "$1" --json | grep -q '"status": "assigned"'; }
EOF
export HERE=$here PLACE=$dir BERTH=$berth
fault() { # NAME FAULT SCRIPT - the script's verdict, under that fault
    check "$1" gives 0 --fault "$2" -- bash -c "set -eu -o pipefail; . '$dir/lib.sh'; $3"
}

for transport in http mqtt; do
    fault "delay, $transport" sn-1:delay=1500ms "device $transport sn-1 | is 'd.deviceId === \"sn-1\" && d.ms >= 1500'"
    fault "delay is of one device, $transport" sn-1:delay=30s "device $transport sn-2 | is 'd.deviceId === \"sn-2\"'"
    fault "letter case does not matter, $transport" SN-1:refuse "device $transport sn-1 | is 'd.code === 401002'"
    fault "refuse, $transport" sn-1:refuse "device $transport sn-1 | is 'd.error === \"UnauthorizedError\" && d.code === 401002 && /fault injected by berth dev: SIGNATURE_UNKNOWN/.test(d.message)'; device $transport sn-2 | is d.deviceId"
    fault "refuse with a reason, $transport" sn-1:refuse=TOKEN_EXPIRED "device $transport sn-1 | is 'd.code === 401002 && /TOKEN_EXPIRED/.test(d.message)'"
    fault "refuse with a state, $transport" sn-1:refuse=NO_HUB "device $transport sn-1 | is 'd.error === \"ProvisioningRegistrationFailedError\" && /NO_HUB/.test(d.message)'"
    fault "assigning-forever, $transport" sn-1:assigning-forever "device $transport sn-1 8 | is d.waiting; ! is_assigned sn-1 2>/dev/null; device $transport sn-2 | is d.deviceId"
    fault "an ID with colons, $transport" a:b:refuse "device $transport a:b | is 'd.code === 401002'"
done
fault "throttle twice, http" sn-1:throttle=2,7 '
    for _ in 1 2; do register sn-1 >answer; grep -q "^HTTP/1.1 429" answer; grep -qi "^retry-after: 7$" answer; done
    register sn-1 | grep -q "\"status\":\"assigned\""'
fault "throttle twice, mqtt" sn-1:throttle=2,1 "device mqtt sn-1 | is 'd.deviceId === \"sn-1\" && d.ms >= 2000'"
fault "throttle always, http" sn-1:throttle "device http sn-1 | is 'd.error === \"ThrottlingError\"'; device http sn-1 | is 'd.error === \"ThrottlingError\"'"
fault "throttle always, mqtt" sn-1:throttle "device mqtt sn-1 4 | is d.waiting"
fault "assigning-forever, polled" sn-1:assigning-forever '
    operation=$(register sn-1 | sed -n "s/.*\"operationId\":\"\([^\"]*\)\".*/\1/p")
    for _ in 1 2 3; do send GET "operations/$operation" sn-1 >answer; grep -q "^HTTP/1.1 202" answer; grep -qi "^retry-after: 3$" answer; done'
fault "drop-after=0, http" sn-1:drop-after=0 '
    code=0; register sn-1 >answer 2>curl || code=$?; [ "$code" -ne 0 ]; [ ! -s answer ]; is_assigned sn-1'
fault "drop-after=200, http" sn-1:drop-after=200 '
    code=0; register sn-1 >answer 2>curl || code=$?; [ "$code" -ne 0 ]; grep -q "^HTTP/1.1 202" answer; is_assigned sn-1'
fault "drop-after, http, SDK" sn-1:drop-after=0 "device http sn-1 | is d.error; device http sn-2 | is d.deviceId"
fault "drop-after, mqtt, SDK" sn-1:drop-after=40 "device mqtt sn-1 | is d.error; is_assigned sn-1; device mqtt sn-2 | is d.deviceId"
fault "drop-after, mqtt" sn-1:drop-after=0 '
    code=0; "$BERTH" device provision --registration-id sn-1 --enrollment-group mylegacydevices 2>told || code=$?; [ "$code" -ne 0 ]; is_assigned sn-1'
check "two faults of one device" gives 0 --fault sn-1:delay=1s --fault sn-1:refuse -- bash -c ". '$dir/lib.sh'; device mqtt sn-1 | is 'd.code === 401002 && d.ms >= 1000'"
check "faults: nothing is left" leaves_nothing

# ---- a seed with all there is ----

cat >"$dir/seed.json" <<'EOF'
{ "idScope": "0ne0000TEST",
  "hubs": [{ "hostName": "Line2.plant.example", "allocationWeight": 1000 }],
  "enrollmentGroups": [
    { "enrollmentGroupId": "line-2", "attestation": { "type": "symmetricKey" },
      "allocationPolicy": "static", "iotHubs": ["line2.plant.example"], "initialTwin": { "properties": { "desired": { "rate": 1.10 } } } },
    { "enrollmentGroupId": "off", "provisioningStatus": "disabled",
      "attestation": { "type": "symmetricKey", "symmetricKey": { "primaryKey": "b3RoZXItZ3JvdXAta2V5LW90aGVyLWdyb3VwLWtleSE=" } } }],
  "enrollments": [{ "registrationId": "off-1", "provisioningStatus": "disabled", "attestation": { "type": "symmetricKey",
    "symmetricKey": { "primaryKey": "b3RoZXItZ3JvdXAta2V5LW90aGVyLWdyb3VwLWtleSE=" } } }] }
EOF
seeded() { # NAME SCRIPT
    check "seed: $1" gives 0 --seed "$dir/seed.json" -- bash -c "set -eu -o pipefail; . '$dir/lib.sh'; $2"
}
seeded "scope, group and its key" '[ "$BERTH_ID_SCOPE $BERTH_GROUP_ID" = "0ne0000TEST line-2" ]; device mqtt sn-1 | is "d.assignedHub === \"line2.plant.example\""'
seeded "twin, number as written" 'device http sn-1 | is d.deviceId; "$BERTH" device show sn-1 --hub line2.plant.example --twin --json | grep -q "1\.10"'
seeded "the certificate names the hub" 'echo | openssl s_client -connect "$BERTH_ENDPOINT:443" -servername line2.plant.example -verify_hostname line2.plant.example -CAfile "$BERTH_CA_FILE" 2>&1 | grep -q "Verify return code: 0"'
seeded "the default group is not there" '! "$BERTH" enrollment-group show mylegacydevices'

# ---- refusals name their cause, here alone ----

wrong=b3RoZXItZ3JvdXAta2V5LW90aGVyLWdyb3VwLWtleSE=
named='register sn-1 '$wrong' | grep -q "\"message\":\"Unauthorized (SIGNATURE_UNKNOWN: no enrollment group.s derived key made this signature; derive the device"'
check "the message names cause and remedy" gives 0 -- bash -c ". '$dir/lib.sh'; $named"
check "over MQTT too" gives 0 -- bash -c ". '$dir/lib.sh'; BERTH_GROUP_KEY=$wrong device mqtt sn-1 | is '/^Unauthorized .SIGNATURE_UNKNOWN: .*berth key derive/.test(d.message)'"
seeded "a state's message as well" "register off-1 $wrong"' | grep -q "\"errorMessage\":\"The enrollment is disabled. (ENROLLMENT_DISABLED: .*; enable the enrollment or the group)\""'
seeded "what comes before a registration as well" 'send PUT nonsense sn-1 | grep -q "(ROUTE_UNKNOWN: no API has this path; compare"'

"$berth" serve --data-dir "$dir/data" --hostname 127.0.0.1 --listen 127.0.0.1 --ops-port 0 >"$dir/served" 2>"$dir/err" &
serving=$!
for _ in $(seq 600); do
    grep -q '^berth serves' "$dir/served" && break
    sleep 0.05
done
export BERTH_PROFILE=$dir/data/profile.ini BERTH_ENDPOINT=127.0.0.1 BERTH_CA_FILE=$dir/data/tls/ca.pem BERTH_GROUP_KEY=$wrong
BERTH_ID_SCOPE=$(sed -n 's/^id-scope = //p' "$BERTH_PROFILE")
export BERTH_ID_SCOPE NODE_EXTRA_CA_CERTS=$BERTH_CA_FILE
printf %s "$wrong" >"$dir/key"
"$berth" enrollment-group create mylegacydevices >"$dir/out"
"$berth" enrollment create off-1 --primary-key-file "$dir/key" --provisioning-status disabled >"$dir/out"
# shellcheck source=/dev/null
. "$dir/lib.sh"
body() { sed '1,/^$/d' | sed -E 's/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/ID/; s/20[0-9-]+T[0-9:.]+Z/TIME/'; }
register sn-1 "$wrong" | body >"$dir/out"
check "serve: the wire is as it was" [ "$(cat "$dir/out")" = '{"errorCode":401002,"trackingId":"ID","message":"Unauthorized","timestampUtc":"TIME"}' ]
register off-1 "$wrong" >"$dir/out"
check "serve: so is a state's" grep -q '"errorCode":401003,"errorMessage":"The enrollment is disabled\."' "$dir/out"
send PUT nonsense sn-1 | body >"$dir/out"
check "serve: so is what comes before" [ "$(cat "$dir/out")" = '{"errorCode":404001,"trackingId":"ID","message":"No such resource.","timestampUtc":"TIME"}' ]
device mqtt sn-1 >"$dir/out"
check "serve: so is MQTT" is 'd.message === "Unauthorized"' <"$dir/out"

printf 'dev: %d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
