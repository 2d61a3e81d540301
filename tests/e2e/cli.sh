#!/bin/bash
# Every verb of the command line against a daemon of its own: output, JSON, exit codes, refusals.
# BERTH: the program. Needs node, openssl and script; runs as any user, on free ports of loopback.
set -u

source "$(dirname "$0")/cli-lib.sh"

GROUP_KEY='8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE/+ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqIChbqOS9Egw=='
DEVICE=sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6
DEVICE_KEY='Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc='

# ---- without a daemon ----

run "no command lists them" 2
quiet
tells "Usage: berth COMMAND" "enrollment-group"
run "help" 0 help
prints "Usage: berth COMMAND" "connection-string"
run "--help" 0 --help
prints "Usage: berth COMMAND"
run "version" 0 --version
prints '^berth [0-9]*\.[0-9]*\.[0-9]*$'
run "a group lists its verbs" 2 key
tells "derive"
run "help of a group" 0 key --help
prints "berth key COMMAND" "derive"
run "help of a verb" 0 help key derive
prints "Usage: berth key derive" "--registration-id"
for verb in "enrollment create" "enrollment list" "enrollment show" "enrollment delete" \
    "enrollment-group create" "enrollment-group list" "enrollment-group show" \
    "enrollment-group delete" "enrollment update" "enrollment enable" "enrollment disable" \
    "enrollment keys show" "enrollment keys regenerate" "enrollment-group update" \
    "enrollment-group enable" "enrollment-group disable" "enrollment-group keys show" \
    "enrollment-group keys regenerate" "device enable" "device disable" "device delete" "registration list" "registration show" "registration delete" \
    "hub list" "hub create" "hub monitor" "ca list" "ca export" "ca rollover" "device list" \
    "device show" "device provision" "connection-string show" "service show" "key derive" \
    "registration-id build" serve explain; do
    run "help of $verb" 0 $verb --help
    prints "Usage: berth $verb\|Usage: serve\|Usage: berth serve"
done
run "a command misspelt" 2 enrollment-grup list
tells "did you mean: berth enrollment-group"
run "a verb misspelt" 2 device provisoin
tells "did you mean: berth device provision"
run "a command that is nothing like one" 2 frobnicate
tells "no command \"frobnicate\"" "berth --help"
run "an unknown option" 2 hub list --nonsense
tells "nonsense"
run "a stray argument" 2 hub list stray
tells "stray"
run "no profile anywhere" 2 service show
tells "no profile in the usual places" "berth serve"
run "a profile that is not there" 2 service show --profile "$WORK/none.ini"
tells "none.ini" "no such file"
run "a directory without profile" 2 service show --data-dir "$WORK"
tells "profile.ini"
run "two ways to say which service" 2 service show --profile a --login b
tells "only one of"
run "a login that is none" 2 service show --login "HostName=a"
tells "is missing"
run "a device's connection string" 2 service show --login "HostName=a;DeviceId=b;SharedAccessKey=c"
tells "a device's connection string"

run "an ID with an umlaut" 2 enrollment show grüppe
tells 'grüppe": an ID that has a character that is not allowed (character 3)' "an ID has letters (a-z, A-Z), digits and - \. _ : "
run "a group's" 2 enrollment-group create grüppe
tells "letters (a-z, A-Z), digits and - \. _ : "
run "a device's" 2 device show gerät
tells "a device ID has letters (a-z, A-Z), digits and - : \. + % _ # "
run "one of an option" 2 device provision --registration-id gerät
tells "registration-id gerät: .*(character 4)" "letters (a-z, A-Z), digits and - \. _ : "
run "a filter of a list" 2 registration list --enrollment-group grüppe --login "HostName=a;SharedAccessKeyName=b;SharedAccessKey=$GROUP_KEY"
tells "letters (a-z, A-Z), digits and - \. _ : "
run "a passphrase file that is not there" 2 backup -o "$WORK/backup" --passphrase-file "$WORK/nopass"
tells "^berth: $WORK/nopass: no such file$"

# ---- keys need no daemon ----

printf '%s\n' "$GROUP_KEY" >"$WORK/group.key"
run "derive from a file" 0 key derive --registration-id $DEVICE --key-file "$WORK/group.key"
prints "^$DEVICE_KEY\$"
run "derive from standard input" 0 key derive --registration-id $DEVICE --key-file - <"$WORK/group.key"
prints "^$DEVICE_KEY\$"
BERTH_KEY=$GROUP_KEY run "derive from the environment" 0 key derive --registration-id $DEVICE
prints "^$DEVICE_KEY\$"
run "derive from the command line" 0 key derive --registration-id $DEVICE --key "$GROUP_KEY"
prints "^$DEVICE_KEY\$"
tells "warning: a key on the command line"
run "derive as JSON" 0 key derive --registration-id $DEVICE --key-file "$WORK/group.key" --json
json "d.registrationId === '$DEVICE'" "d.deviceKey === '$DEVICE_KEY'"
run "derive without a key" 2 key derive --registration-id $DEVICE </dev/null
tells "no group key" "key-file"
run "derive without an ID" 2 key derive --key-file "$WORK/group.key"
tells "registration-id is missing"
run "derive for a bad ID" 2 key derive --registration-id 'a b' --key-file "$WORK/group.key"
tells "not allowed"
run "derive with two keys" 2 key derive --registration-id a --key-file "$WORK/group.key" --key "$GROUP_KEY"
tells "given twice"
echo "not base64!" >"$WORK/bad.key"
run "derive with a key that is none" 2 key derive --registration-id a --key-file "$WORK/bad.key"
tells "not base64"
never "not base64!"
echo AAAA >"$WORK/short.key"
run "derive with a short key" 2 key derive --registration-id a --key-file "$WORK/short.key"
tells "16 to 64 bytes"
run "derive with a key file that is not there" 2 key derive --registration-id a --key-file "$WORK/none"
tells "no such file"

# on_terminal QUESTION ANSWER ARGUMENT..: types ANSWER once QUESTION stands there
on_terminal() {
    local question=$1 answer=$2
    shift 2
    rm -f "$WORK/typed"
    mkfifo "$WORK/typed"
    : >"$WORK/err"
    exec 9<>"$WORK/typed" # both ways: neither end waits for the other, nor is cut off by it
    script -qefc "'$BERTH' $*" /dev/null <"$WORK/typed" >"$WORK/out" 2>&1 &
    local terminal=$!
    for _ in $(seq 600); do grep -qF "$question" "$WORK/out" && break; sleep 0.1; done
    printf '%s\n' "$answer" >&9
    wait $terminal
    exec 9>&-
}

NAME="a prompt shows no key"
on_terminal "group key (base64):" "$GROUP_KEY" key derive --registration-id $DEVICE
prints "$DEVICE_KEY"
never "$GROUP_KEY"

# ---- with a daemon ----

start_daemon
export BERTH_PROFILE=$WORK/data/profile.ini
run "service" 0 service show
prints "ID scope *0ne" "host names *localhost 127.0.0.1" "hub *localhost"
run "both host names were taken" 0 service show --json
json 'd.hostNames.join() === "localhost,127.0.0.1"' 'd.hub === "localhost"' '/^0ne/.test(d.idScope)'
SCOPE=$(node -p 'JSON.parse(require("fs").readFileSync(0)).idScope' <"$WORK/out")
run "found by directory" 0 service show --data-dir "$WORK/data"
ln -s "$WORK/data" "$XDG_DATA_HOME/berth"
NAME="found in the usual place" # root's is not ours to fill
if [ "$(id -u)" -eq 0 ]; then export STATE_DIRECTORY=$WORK/data; fi
(unset BERTH_PROFILE && "$BERTH" service show >"$WORK/out" 2>"$WORK/err")
unset STATE_DIRECTORY
prints "$SCOPE"

run "nothing enrolled" 0 enrollment-group list
quiet
NAME="nothing enrolled, on a terminal"
on_terminal "" "" enrollment-group list
prints "no enrollment groups"
run "nothing enrolled, as JSON" 0 enrollment-group list --json
json 'd.length === 0'
run "create a group, as the daemon's first words say" 0 enrollment-group create mylegacydevices
prints "enrollment group *mylegacydevices" "status *enabled" "allocation *hashed"
never "primary" "key derive"
NAME="a new group says what comes next on a terminal"
on_terminal "" "" enrollment-group create spare
prints "berth key derive --enrollment-group spare"
run "and is deleted again" 0 enrollment-group delete spare --yes
run "create it again" 4 enrollment-group create mylegacydevices
quiet
tells "409" "there already" "tracking ID"
run "create a group with everything" 0 enrollment-group create g2 --primary-key-file "$WORK/group.key" \
    --secondary-key-file - --allocation-policy static --iot-hubs " localhost " \
    --reprovision-policy never --provisioning-status disabled --initial-twin-tags '{"line":1.10}' \
    --initial-twin-properties '{"rate":5}' --edge-enabled --assigning-first --json <"$WORK/group.key"
json 'd.enrollmentGroupId === "g2"' 'd.allocationPolicy === "static"' 'd.iotHubs[0] === "localhost"' \
    'd.reprovisionPolicy.updateHubAssignment === false' 'd.provisioningStatus === "disabled"' \
    'd.initialTwin.tags.line === 1.1' 'd.initialTwin.properties.desired.rate === 5' \
    'd.capabilities.iotEdge === true' 'd.attestation.symmetricKey === undefined'
prints '"line": 1.10'
never "$GROUP_KEY"
run "a bad policy" 2 enrollment-group create g3 --allocation-policy random
tells "hashed, static"
run "bad tags" 2 enrollment-group create g3 --initial-twin-tags '{"a":}'
tells "initial-twin-tags: not JSON from character 6"
run "tags that are no object" 2 enrollment-group create g3 --initial-twin-tags '[1]'
tells "not a JSON object"
echo '{"from":"file"}' >"$WORK/tags.json"
run "tags from a file" 0 enrollment-group create g4 --initial-twin-tags "@$WORK/tags.json" --json
json 'd.initialTwin.tags.from === "file"'
run "tags from no file" 2 enrollment-group create g5 --initial-twin-tags "@$WORK/none.json"
tells "none.json"
run "reset on reprovisioning" 0 enrollment-group create g5 --reprovision-policy reprovisionandresetdata --json
json 'd.reprovisionPolicy.updateHubAssignment === true' 'd.reprovisionPolicy.migrateDeviceData === false'
run "a property the service refuses" 1 enrollment-group create g6 --initial-twin-properties '{"a":99999999999999999999}'
tells "400004" "tracking ID"
run "the ID as az gives it" 0 enrollment-group show --group-id g2
prints "g2" "reprovisioning *never" "hubs *localhost"
run "list groups" 0 enrollment-group list
prints "^ID *STATUS *ALLOCATION *REPROVISIONING *CREATED$" "^mylegacydevices *enabled *hashed" \
    "^g2 *disabled *static *never" "reprovisionandresetdata"
run "list groups as JSON" 0 enrollment-group list --json
json 'd.length === 4' 'd.every(g => g.attestation.symmetricKey === undefined)'
run "list two" 0 enrollment-group list --top 2 --json
json 'd.length === 2'
run "list none" 2 enrollment-group list --top 0
run "show without keys" 0 enrollment-group show g2 --json
json 'd.attestation.symmetricKey === undefined'
never "$GROUP_KEY"
run "show with keys" 0 enrollment-group show g2 --show-keys --json
json "d.attestation.symmetricKey.primaryKey === '$GROUP_KEY'" 'd.enrollmentGroupId === "g2"'
run "show with keys, for people" 0 enrollment-group show g2 --show-keys
prints "primary key *$GROUP_KEY"
run "show what is not there" 3 enrollment-group show none
tells "enrollment group \"none\"" "404"
run "show without an ID" 2 enrollment-group show
tells "the ID is missing"
run "delete unasked" 2 enrollment-group delete g4 </dev/null
tells "give --yes"
NAME="delete asks, and takes no for an answer"
on_terminal "[y/N]" n enrollment-group delete g4
prints "delete enrollment group \"g4\"?" "is left as it is"
run "it is still there" 0 enrollment-group show g4
NAME="delete asks, and takes yes"
on_terminal "[y/N]" y enrollment-group delete g4
prints "deleted enrollment group"
run "it is gone" 3 enrollment-group show g4
run "delete it again" 3 enrollment-group delete g4 --yes

run "enroll one device" 0 enrollment create single --device-id pump-1 --device-information '{"bay":4}' \
    --primary-key "$DEVICE_KEY" --json
tells "warning: a key on the command line"
json 'd.registrationId === "single"' 'd.deviceId === "pump-1"' 'd.optionalDeviceInformation.bay === 4'
never "$DEVICE_KEY"
run "a device ID that breaks the rules" 2 enrollment create s2 --device-id 'a b'
run "an ID over its bound" 2 enrollment create "$(printf 'a%.0s' $(seq 129))"
tells "too long\|longer"
run "list enrollments" 0 enrollment list
prints "^single *enabled"
run "show an enrollment" 0 enrollment show single
prints "^device ID *pump-1\$" '^device information *{"bay":4}'
run "an enrollment without a device ID" 0 enrollment create plain
prints "^device ID *plain (the registration ID)\$"
never "device information"
run "without it again" 0 enrollment delete plain --yes
run "show its keys" 0 enrollment show single --show-keys
prints "primary key *$DEVICE_KEY" "secondary key"
for i in $(seq 104); do echo "bulk-$i"; done | xargs -P 2 -I{} "$BERTH" enrollment create {} --json >/dev/null 2>&1
run "a list of more than a page" 0 enrollment list --json
json 'd.length === 105' 'new Set(d.map(e => e.registrationId)).size === 105'
run "a table of more than a page has one head" 0 enrollment list
NAME="one head"
if [ "$(grep -c '^ID ' "$WORK/out")" = 1 ] && [ "$(wc -l <"$WORK/out")" = 106 ]; then ok; else not_ok "head or rows"; fi
run "most of a second page" 0 enrollment list --top 102 --json
json 'd.length === 102'

# ---- devices ----

run "derive from a group of the service" 0 key derive --enrollment-group g2 --registration-id $DEVICE
prints "^$DEVICE_KEY\$"
run "its secondary key" 0 key derive --enrollment-group mylegacydevices --registration-id a --secondary
SECONDARY=$(cat "$WORK/out")
run "its primary key" 0 key derive --enrollment-group mylegacydevices --registration-id a
NAME="primary and secondary differ"
if [ "$SECONDARY" != "$(cat "$WORK/out")" ]; then ok; else not_ok "the same"; fi
run "derive from no group" 3 key derive --enrollment-group none --registration-id a

run "provision, the article's way" 0 device provision --registration-id $DEVICE --enrollment-group mylegacydevices
prints '^Provisioning API Version: ' '^Registering Device$' \
    '^Provisioning Status: PROV_DEVICE_REG_STATUS_CONNECTED$' \
    "^Registration Information received from service: localhost, deviceId: $DEVICE\$"
"$BERTH" key derive --enrollment-group mylegacydevices --registration-id dev-2 >"$WORK/dev-2.key"
run "provision over HTTPS with a key from a file" 0 device provision --registration-id dev-2 \
    --key-file "$WORK/dev-2.key" --transport https --json
json 'd.status === "assigned"' 'd.assignedHub === "localhost"' 'd.deviceId === "dev-2"'
run "provision without a profile" 0 device provision --registration-id dev-2 --key-file "$WORK/dev-2.key" \
    --host localhost --port "$MQTTS" --id-scope "$SCOPE" --ca-file "$WORK/data/tls/ca.pem" --profile "$BERTH_PROFILE"
(unset BERTH_PROFILE XDG_DATA_HOME && "$BERTH" device provision --registration-id dev-2 --key-file "$WORK/dev-2.key" \
    --host "localhost:$MQTTS" --id-scope "$SCOPE" --ca-file "$WORK/data/tls/ca.pem" >"$WORK/out" 2>"$WORK/err")
NAME="provision with no profile at all"
prints "deviceId: dev-2"
run "an individual enrollment names its device" 0 device provision --registration-id single \
    --key-file - < <(echo "$DEVICE_KEY")
prints "deviceId: pump-1"
run "with a payload" 0 device provision --registration-id dev-2 --key-file "$WORK/dev-2.key" --payload '{"a":1}'
echo ' [1.10] ' >"$WORK/payload.json"
run "a payload from a file" 0 device provision --registration-id dev-2 --key-file "$WORK/dev-2.key" --payload "@$WORK/payload.json"
run "a payload from no file" 2 device provision --registration-id dev-2 --key-file "$WORK/dev-2.key" --payload "@$WORK/none.json"
tells "payload @$WORK/none.json: "
quiet
run "a payload that is no JSON" 2 device provision --registration-id dev-2 --key-file "$WORK/dev-2.key" --payload '{"a":}'
tells "payload: not JSON from character 6 on"
quiet
run "no payload at all" 2 device provision --registration-id dev-2 --key-file "$WORK/dev-2.key" --payload ''
tells "payload: not JSON from character 1 on"
run "a payload at its bound" 0 device provision --registration-id dev-2 --key-file "$WORK/dev-2.key" --payload "\"$(printf 'a%.0s' $(seq 2046))\""
run "a payload over its bound" 2 device provision --registration-id dev-2 --key-file "$WORK/dev-2.key" --payload "\"$(printf 'a%.0s' $(seq 2047))\""
tells "payload: longer than 2048 bytes"
quiet
openssl rand -base64 32 >"$WORK/slow.key"
"$BERTH" enrollment-group create slow --assigning-first --primary-key-file "$WORK/slow.key" >/dev/null 2>&1
run "the group's key with --derive; assigning first" 0 device provision --registration-id dev-3 \
    --key-file "$WORK/slow.key" --derive
prints 'PROV_DEVICE_REG_STATUS_ASSIGNING' 'deviceId: dev-3'
run "a wrong key" 5 device provision --registration-id dev-4 --key-file "$WORK/group.key"
tells "not assigned: Unauthorized (401002)" "tracking ID" "berth explain"
never "$GROUP_KEY"
run "a wrong key, as JSON" 5 device provision --registration-id dev-4 --key-file "$WORK/group.key" --json
json 'd.errorCode === 401002' 'd.trackingId.length > 8' 'd.status !== "assigned"'

run "a registration names its group" 0 registration show $DEVICE
prints "^enrollment group *mylegacydevices"
run "that of an individual enrollment has none" 0 registration show single
prints "^device ID *pump-1"
never "enrollment group"

# ---- why ----

run "why the device was refused" 0 explain dev-4
prints "reason  *SIGNATURE_UNKNOWN" "mistake  *GROUP_KEY_USED" "^proven" "^remedy"
never "$GROUP_KEY"
run "the same, as JSON" 0 explain dev-4 --json
json 'd.length === 2' 'd[0].registrationId === "dev-4"' 'd[0].mistakes[0].name === "GROUP_KEY_USED"' 'd[0].proven === true'
run "the latest of all" 0 explain --last
prints "dev-4"
run "why not what was never refused" 3 explain no-such-device
tells 'nothing is known of "no-such-device": no refusal, no registration'
run "a device that is well" 0 explain $DEVICE
prints "^\"$DEVICE\" was not refused since the daemon's start" '^status *assigned' '^hub *localhost' \
    '^enrollment group *mylegacydevices' '^last change *20'
run "the same, as JSON" 0 explain $DEVICE --json
json 'Array.isArray(d) && d.length === 0'
run "what of it fits is another question" 3 explain $DEVICE --kind device
tells "nothing that fits"
run "explain nothing" 2 explain
tells "or --last"
run "explain too much" 2 explain a b
run "an ID, or the latest" 2 explain pump-1 --last
tells "one of them"
run "no reason" 2 explain --last --reason SIGNATURE_UNKNOW
tells "SIGNATURE_UNKNOW: no such reason" ": SIGNATURE_UNKNOWN, " "docs/errors.md"
run "one of nothing like it" 2 explain --last --reason "$(printf 'F%.0s' {1..300})"
run "a reason in small letters" 0 explain --last --reason signature_unknown
run "no number" 2 explain --last=x
run "too many" 2 explain --last=201
run "another ID scope" 5 device provision --registration-id dev-2 --key-file "$WORK/dev-2.key" --id-scope 0ne00000000
"$BERTH" enrollment create off --primary-key-file "$WORK/group.key" --provisioning-status disabled >/dev/null 2>&1
run "disabled" 1 device provision --registration-id off --key-file "$WORK/group.key"
tells "disabled" "enable"
run "a bad transport" 2 device provision --registration-id a --transport amqp
tells "mqtt, https"
run "a port out of range" 2 device provision --registration-id a --port 65536
run "no registration ID" 2 device provision
run "no service" 6 device provision --registration-id dev-2 --key-file "$WORK/dev-2.key" --port 9
tells "not assigned"
node -e 'const tls = require("tls"), fs = require("fs"), [dir, ready] = process.argv.slice(1);
         const own = { key: fs.readFileSync(`${dir}/server.key`), cert: fs.readFileSync(`${dir}/server.pem`) };
         const busy = answer => tls.createServer(own, s => s.on("error", () => {}).on("data", () => s.write(answer)));
         const mqtt = busy(Buffer.from([0x20, 2, 0, 3])).listen(0, "127.0.0.1", () => {
             const page = "HTTP/1.1 502 Bad Gateway\r\nRetry-After: 1\r\nContent-Length: 6\r\n\r\n<html>";
             const https = busy(page).listen(0, "127.0.0.1", () =>
                 fs.writeFileSync(ready, `${mqtt.address().port} ${https.address().port}\n`)); });
    ' "$WORK/data/tls" "$WORK/busy" &
BUSY=$!
for _ in $(seq 600); do [ -s "$WORK/busy" ] && break; sleep 0.1; done
read -r BUSY_MQTT BUSY_HTTPS <"$WORK/busy"
run "a service that is not available" 6 device provision --registration-id dev-2 --key-file "$WORK/dev-2.key" \
    --port "$BUSY_MQTT"
tells "not available now; try again later"
run "a proxy without a service" 6 device provision --registration-id dev-2 --key-file "$WORK/dev-2.key" \
    --transport https --port "$BUSY_HTTPS"
tells "answered 502" "try again later"
kill $BUSY

# A name server that never answers: looking up a name cannot be stopped, the program can.
if [ "$(id -u)" -eq 0 ] && unshare --mount true 2>/dev/null; then
    echo 'nameserver 127.0.0.1' >"$WORK/resolv.conf"
    node -e 'const fs = require("fs"), [ready, asked] = process.argv.slice(1);
             require("dgram").createSocket("udp4").on("message", () => fs.writeFileSync(asked, "1"))
                 .bind(53, "127.0.0.1", () => fs.writeFileSync(ready, "1"));' "$WORK/dns" "$WORK/asked" &
    BUSY=$!
    for _ in $(seq 600); do [ -e "$WORK/dns" ] && break; sleep 0.1; done
    NAME="a second signal ends it at once"
    unshare --mount sh -c 'mount --bind "$0" /etc/resolv.conf && exec "$@"' "$WORK/resolv.conf" "$BERTH" device provision \
        --registration-id dev-2 --key-file "$WORK/dev-2.key" --id-scope 0ne1 --host slow.example >"$WORK/out" 2>"$WORK/err" &
    WATCH=$!
    for _ in $(seq 600); do [ -e "$WORK/asked" ] && break; sleep 0.1; done
    kill -TERM $WATCH # a shell has its background jobs ignore SIGINT
    sleep 0.2
    SECONDS=0
    kill -TERM $WATCH
    wait $WATCH
    got=$?
    if [ -e "$WORK/asked" ] && [ $got -eq 143 ] && [ $SECONDS -le 2 ]; then ok; else not_ok "exit code $got after $SECONDS seconds"; fi
    kill $BUSY
fi
run "a group that is not there" 3 device provision --registration-id a --enrollment-group none

run "registrations" 0 registration list
prints "^REGISTRATION ID *STATUS *HUB *DEVICE ID" "^$DEVICE *assigned *localhost" "^single *assigned *localhost *pump-1"
run "registrations of a group" 0 registration list --enrollment-group mylegacydevices --json
json 'd.length === 2' 'd.every(r => r.status === "assigned")'
run "registrations of no group" 0 registration list --enrollment-group g5
quiet
run "one registration" 0 registration show $DEVICE
prints "status *assigned" "hub *localhost"
run "one registration as JSON" 0 registration show $DEVICE --json
json "d.registrationId === '$DEVICE'"
run "no such registration" 3 registration show none
run "forget a registration" 0 registration delete dev-2 --yes
run "it is forgotten" 3 registration show dev-2

run "devices" 0 device list
prints "^DEVICE ID *STATUS *CONNECTION" "^$DEVICE *enabled *Disconnected *sas *never"
run "devices as JSON have no keys" 0 device list --json
json "d.some(x => x.deviceId === '$DEVICE')" 'd.every(x => x.authentication.symmetricKey === undefined)'
run "one device" 0 device show $DEVICE
prints "device *$DEVICE" "status *enabled"
run "one device as JSON" 0 device show $DEVICE --json
json 'd.authentication.type === "sas"' 'd.authentication.symmetricKey === undefined' "d.registrationId === '$DEVICE'" \
    'd.otherRegistrationId === null'
run "one device with keys" 0 device show pump-1 --show-keys --json
json "d.authentication.symmetricKey.primaryKey === '$DEVICE_KEY'"
run "a twin" 0 device show $DEVICE --twin
prints "^tags" "^desired" "^reported"
run "a twin as JSON" 0 device show $DEVICE --twin --json
json 'd.properties.desired.$version === 1'
run "no such device" 3 device show none
tells "device \"none\" in hub localhost"
run "no such device's twin" 3 device show none --hub localhost --twin
tells '`berth device list --hub localhost` shows the devices'
run "keys of a twin" 2 device show $DEVICE --twin --show-keys

# ---- what devices send ----

# says DEVICE KEY BAG PAYLOAD: a device connects to its hub and sends one message
says() {
    node -e 'const tls = require("tls"), { createHmac } = require("crypto"), fs = require("fs");
        const [ca, port, id, key, bag, payload] = process.argv.slice(1);
        const sr = encodeURIComponent(`localhost/devices/${id}`), se = Math.floor(Date.now() / 1000) + 600;
        const sig = createHmac("sha256", Buffer.from(key, "base64")).update(`${sr}\n${se}`).digest("base64");
        const text = s => { const b = Buffer.from(s); return Buffer.concat([Buffer.from([b.length >> 8, b.length & 255]), b]); };
        const packet = (first, body) => Buffer.concat([Buffer.from(body.length < 128 ? [first, body.length]
            : [first, body.length & 127 | 128, body.length >> 7]), body]);
        const socket = tls.connect({ port, host: "localhost", ca: fs.readFileSync(ca) }, () => socket.write(
            packet(0x10, Buffer.concat([text("MQTT"), Buffer.from([4, 0xc0, 0, 60]), text(id),
                text(`localhost/${id}/?api-version=2021-04-12`),
                text(`SharedAccessSignature sr=${sr}&sig=${encodeURIComponent(sig)}&se=${se}`)]))));
        socket.once("data", connack => { if (connack[3] !== 0) process.exit(1);
            socket.write(Buffer.concat([packet(0x30, Buffer.concat([text(`devices/${id}/messages/events/${bag}`),
                Buffer.from(payload)])), Buffer.from([0xe0, 0])])); socket.on("close", () => process.exit(0)); });
    ' "$WORK/data/tls/ca.pem" "$MQTTS" "$@"
}

# watch NAME ARGUMENT..: the monitor runs from here to "watched EXIT-CODE"
watch() {
    NAME=$1
    shift
    local before
    before=$(grep -c 'hubs/localhost/events' "$WORK/serve.err")
    "$BERTH" hub monitor "$@" >"$WORK/out" 2>"$WORK/err" &
    WATCH=$!
    for _ in $(seq 600); do
        [ "$(grep -c 'hubs/localhost/events' "$WORK/serve.err")" -gt "$before" ] && return
        sleep 0.1
    done
    not_ok "it does not ask"
}

watched() {
    wait $WATCH
    local got=$?
    if [ $got -eq "$1" ]; then ok; else not_ok "exit code $got instead of $1"; fi
}

watch "a monitor for people" --message-count 2
says pump-1 "$DEVICE_KEY" 'a=b%20c&%24.ct=text%2Fplain' 'hello world'
says pump-1 "$DEVICE_KEY" '' "$(printf 'x\033[31m')"
watched 0
prints "^20.*Z pump-1 a=b c contentType=text/plain hello world$" "pump-1 eBtbMzFt$"
watch "a monitor for scripts" --json --hub localhost --device-id pump-1 --message-count 1
says pump-1 "$DEVICE_KEY" idx=1 '{"n":1.10}'
watched 0
json 'd.deviceId === "pump-1"' 'd.properties.idx === "1"' 'd.payload === "{\"n\":1.10}"'
CSI=$(printf '\302\233')
watch "no device commands the terminal" --message-count 1
says pump-1 "$DEVICE_KEY" '%C2%9B2J%7F=%C2%9B31m' "$(printf '\302\233H')"
watched 0
prints '^20.*Z pump-1 ??2J?=??31m ??H$'
never "$CSI"
watch "nor writes a line in another's name" --message-count 1
says pump-1 "$DEVICE_KEY" '' "$(printf 'one\n2026-01-02T03:04:05.000Z pump-2 two')"
watched 0
prints '^20.*Z pump-1 one$' '^    2026-.* pump-2 two$'
watch "nor in JSON" --json --message-count 1
says pump-1 "$DEVICE_KEY" '%C2%9B2J%7F=%C2%9B31m' "$(printf '\302\233H')"
watched 0
json 'd.properties["\u009b2J\u007f"] === "\u009b31m"' 'd.payload === "\u009bH"'
never "$CSI"
watch "Ctrl-C ends it"
kill -TERM $WATCH # a shell has its background jobs ignore SIGINT
watched 0
quiet
run "it ends when nothing comes" 0 hub monitor --timeout 1
quiet
run "no such hub to watch" 3 hub monitor --hub none.plant.example
tells "hub none.plant.example"
run "no device ID" 2 hub monitor --device-id "a b"
run "a stray word" 2 hub monitor localhost
run "the device was active" 0 device show pump-1
prints "connection *Disconnected"

# ---- hubs ----

run "hubs" 0 hub list
prints "^HUB *ALLOCATION *WEIGHT *DEVICES$" "^localhost *true *1 *4"
run "a hub" 0 hub create line2.plant.example --allocation-weight 3
prints "created hub line2.plant.example"
NAME="a new hub says what comes next on a terminal"
on_terminal "" "" hub create line9.plant.example
prints "line9.plant.example\.  A  <this machine's address>" "address> line9.plant.example"
run "the same hub" 4 hub create line2.plant.example
run "a hub that takes nothing" 0 hub create line3.plant.example --no-allocation --json
json 'd.allocation === false' 'd.allocationWeight === 1'
run "a weight out of range" 2 hub create line4.plant.example --allocation-weight 1001
tells "1 to 1000"
run "a name that is none" 2 hub create "line 4"
run "a name the service refuses" 1 hub create line4
run "hubs as JSON" 0 hub list --json
json 'd.length === 4' 'd.find(h => h.hostName === "line2.plant.example").allocationWeight === 3'
run "in the certificate at once" 0 device list --hub line2.plant.example
run "no such hub" 3 device list --hub none.plant.example

# ---- the CA ----

run "certificates" 0 ca list
prints "^CERTIFICATE *SUBJECT *EXPIRES *SHA-256" "^ca *berth CA" "^server *localhost" "^server-rsa"
run "certificates as JSON" 0 ca list --json
json 'd.source === "berth"' 'd.certificates.length === 3' 'd.pem.includes("BEGIN CERTIFICATE")'
run "what devices trust" 0 ca export
prints "BEGIN CERTIFICATE"
if cmp -s "$WORK/out" "$(sed -n 's/^ca-file = //p' "$BERTH_PROFILE")"; then ok; else not_ok "not ca.pem"; fi
run "the same into a file" 0 ca export -o "$WORK/exported.pem"
quiet
if cmp -s "$WORK/exported.pem" "$(sed -n 's/^ca-file = //p' "$BERTH_PROFILE")"; then ok; else not_ok "not ca.pem"; fi
echo old >"$WORK/old.pem"
ln "$WORK/old.pem" "$WORK/old-too.pem"
run "over an old one, which is whole until then" 0 ca export -o "$WORK/old.pem"
if cmp -s "$WORK/exported.pem" "$WORK/old.pem" && [ "$(cat "$WORK/old-too.pem")" = old ]; then ok; else not_ok "written in place"; fi
run "to standard output by name" 0 ca export -o -
prints "BEGIN CERTIFICATE"
run "into what is no file" 2 ca export -o /dev/null
tells "/dev/null is not an ordinary file"
run "into a file that cannot be" 1 ca export -o "$WORK/none/exported.pem"
run "two steps" 2 ca rollover --activate --retire
run "a step too early" 4 ca rollover --activate
tells "begin a roll-over first (409211)"
run "a roll-over" 0 ca rollover
prints "^ca-next *berth CA"
run "begun and cancelled" 0 ca rollover --cancel
NAME="what comes next"
on_terminal "" "" ca rollover
prints "ca rollover --activate"
run "the new CA takes over" 0 ca rollover --activate --json
json 'd.certificates[1].name === "ca-previous"'
run "by the new CA" 0 device list --hub line2.plant.example
run "the old one goes" 0 ca rollover --retire
run "one is left" 0 ca list --json
json 'd.certificates.length === 3'

stop_daemon
start_daemon
run "the hub after a restart" 0 device list --hub line2.plant.example
quiet
run "assigned to it" 0 enrollment create line2-pump --allocation-policy static \
    --iot-hubs line2.plant.example --primary-key-file "$WORK/group.key"
run "a device of it" 0 device provision --registration-id line2-pump --key-file "$WORK/group.key"
prints "service: line2.plant.example"
run "it stands in that hub" 0 device show line2-pump --hub line2.plant.example --json
json 'd.deviceId === "line2-pump"'
ELSEWHERE="^  it is in hub line2.plant.example: give --hub line2.plant.example$"
run "and not in the other" 3 device show line2-pump
tells "device \"line2-pump\" in hub localhost: " "$ELSEWHERE"
run "nor is its twin" 3 device show line2-pump --twin
tells "$ELSEWHERE"
for verb in enable disable "delete --yes"; do
    run "device $verb: of another hub" 3 device $verb line2-pump
    tells "$ELSEWHERE"
done
run "a hub that was named is meant" 3 device show line2-pump --hub localhost
never "it is in hub"
run "a device that nobody has" 3 device show line3-pump
never "it is in hub"
"$BERTH" policy create config --rights ServiceConfig >"$WORK/out" 2>"$WORK/err"
BERTH_LOGIN=$("$BERTH" connection-string show --policy-name config)
(unset BERTH_PROFILE && BERTH_LOGIN=$BERTH_LOGIN "$BERTH" device show line2-pump --ca-file "$WORK/data/tls/ca.pem" \
    >"$WORK/out" 2>"$WORK/err")
unset BERTH_LOGIN
NAME="who may not read registrations is told as before"
tells 'device "line2-pump" in hub localhost: ' "HTTP 404"
never "it is in hub" "401"
run "the device goes" 0 device delete line2-pump --hub line2.plant.example --yes
run "its registration alone says nothing" 3 device show line2-pump
never "it is in hub"
run "it comes back" 0 device provision --registration-id line2-pump --key-file "$WORK/group.key"

# ---- connection strings, and other ways in ----

run "a connection string" 0 connection-string show
prints "^HostName=localhost:$HTTPS;SharedAccessKeyName=provisioningserviceowner;SharedAccessKey=.*=\$"
LOGIN=$(cat "$WORK/out")
run "its other key" 0 connection-string show --key-type secondary --json
json 'd.connectionString.startsWith("HostName=localhost")' "d.connectionString !== '$LOGIN'"
SECOND=$(node -p 'JSON.parse(require("fs").readFileSync(0)).connectionString' <"$WORK/out")
run "a hub's" 0 connection-string show --hub line2.plant.example
prints "^HostName=line2.plant.example:$HTTPS;SharedAccessKeyName=iothubowner;"
run "a hub's service policy" 0 connection-string show --hub localhost --policy-name service
prints ";SharedAccessKeyName=service;"
run "no such policy" 3 connection-string show --policy-name none
tells "no policy \"none\""
run "no such key type" 2 connection-string show --key-type third
run "no such hub" 3 connection-string show --hub none.plant.example
CA=$WORK/data/tls/ca.pem
run "by a connection string" 0 service show --login "$LOGIN" --ca-file "$CA"
BERTH_LOGIN=$SECOND run "by the environment, with the second key" 0 service show --ca-file "$CA"
BERTH_LOGIN=$LOGIN run "a device asks for its ID scope" 0 device provision --registration-id line2-pump \
    --key-file "$WORK/group.key" --port "$MQTTS" --ca-file "$CA"
run "without the CA" 6 service show --login "$LOGIN"
tells "not trusted" "ca-file"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=other -days 2 \
    -keyout "$WORK/other.key" -out "$WORK/other.pem" 2>/dev/null
run "with another CA" 6 service show --ca-file "$WORK/other.pem"
tells "not trusted"
run "with another CA, as a device" 6 device provision --registration-id line2-pump \
    --key-file "$WORK/group.key" --ca-file "$WORK/other.pem"
run "with no CA" 6 service show --ca-file "$WORK/group.key"
tells "no CA certificates"
run "with a wrong key" 5 enrollment list --ca-file "$CA" \
    --login "HostName=localhost:$HTTPS;SharedAccessKeyName=provisioningserviceowner;SharedAccessKey=$GROUP_KEY"
tells "401002" "its key is wrong" "tracking ID"
quiet
never "$GROUP_KEY"
run "as a policy that is not there" 5 service show --ca-file "$CA" \
    --login "HostName=localhost:$HTTPS;SharedAccessKeyName=nobody;SharedAccessKey=$GROUP_KEY"
# A 401 by a service whose clock is as many seconds ahead as the policy's name says.
node -e 'const https = require("https"), fs = require("fs"), [dir, ready] = process.argv.slice(1);
         const own = { key: fs.readFileSync(`${dir}/server.key`), cert: fs.readFileSync(`${dir}/server.pem`) };
         const server = https.createServer(own, (request, answer) => {
             const ahead = /skn=(-?[0-9]+)/.exec(request.headers.authorization);
             answer.sendDate = false;
             answer.writeHead(401, ahead && { Date: new Date(Date.now() + ahead[1] * 1000).toUTCString() });
             answer.end(JSON.stringify({ errorCode: 401002, message: "Unauthorized" })); });
         server.listen(0, "127.0.0.1", () => fs.writeFileSync(ready, `${server.address().port}\n`));
    ' "$WORK/data/tls" "$WORK/clock.port" &
CLOCK=$!
for _ in $(seq 600); do [ -s "$WORK/clock.port" ] && break; sleep 0.1; done
by_clock() { # NAME SECONDS: what is told when the service's clock is ahead by SECONDS
    run "$1" 5 service show --ca-file "$CA" \
        --login "HostName=localhost:$(cat "$WORK/clock.port");SharedAccessKeyName=$2;SharedAccessKey=$GROUP_KEY"
}
TIME='20[0-9-]* [0-9:]*Z'
by_clock "a clock that is 2 h behind" 7200
tells "^  this machine's clock is 2 h behind the service's ($TIME against $TIME): set it$" 'policy "7200": its key is wrong'
by_clock "a clock that is ahead" -1200
tells "clock is 20 min ahead of the service's"
by_clock "one of another year" -40000000
tells "clock is 463 days ahead of the service's"
by_clock "a clock that is nearly right" 290
never "clock"
by_clock "a service without a clock" none
tells 'policy "none": its key is wrong'
never "clock"
kill $CLOCK
wait $CLOCK 2>/dev/null
run "under a name that is not in the certificate" 6 service show --ca-file "$CA" \
    --login "HostName=127.0.0.2:$HTTPS;SharedAccessKeyName=x;SharedAccessKey=$GROUP_KEY"
tells "does not name \"127.0.0.2\""
run "a name that nobody knows" 6 service show \
    --login "HostName=nowhere.invalid;SharedAccessKeyName=x;SharedAccessKey=$GROUP_KEY"
tells "nowhere.invalid is not known"
sed "s/localhost/dps.plant.invalid/" "$BERTH_PROFILE" >"$WORK/nodns.ini"
run "a daemon under a name without DNS is found on this machine" 6 service show --profile "$WORK/nodns.ini"
tells "does not name \"dps.plant.invalid\""
run "the MQTT port" 6 service show --ca-file "$CA" \
    --login "HostName=localhost:$MQTTS;SharedAccessKeyName=x;SharedAccessKey=$GROUP_KEY"

# ---- stopped in the middle ----

node -e 'require("net").createServer(() => {}).listen(0, "127.0.0.1", function () {
             console.log(this.address().port); })' >"$WORK/silent.port" &
SILENT=$!
for _ in $(seq 600); do [ -s "$WORK/silent.port" ] && break; sleep 0.1; done
"$BERTH" device provision --registration-id a --key "$GROUP_KEY" --port "$(cat "$WORK/silent.port")" \
    >"$WORK/out" 2>"$WORK/err" &
DEVICE_PID=$!
for _ in $(seq 600); do grep -q Registering "$WORK/out" && break; sleep 0.1; done
NAME="a key leaves the process list"
if grep -qF "$GROUP_KEY" "/proc/$DEVICE_PID/cmdline"; then not_ok "it is there"; else ok; fi
kill -TERM $DEVICE_PID
wait $DEVICE_PID
CODE=$?
NAME="a device stops when told"
if [ $CODE -eq 143 ]; then ok; else not_ok "exit code $CODE"; fi
tells "stopped on request"
kill $SILENT
wait $SILENT 2>/dev/null

# ---- nobody there ----

# ---- changes ----

STALE='"0000000000000001"'
"$BERTH" enrollment-group create change-1 --primary-key-file "$WORK/group.key" --initial-twin-tags '{"line":1.10}' \
    --initial-twin-properties '{"rate":5}' --reprovision-policy never --edge-enabled --assigning-first >/dev/null 2>&1
run "update a group" 0 enrollment-group update change-1 --initial-twin-tags '{"line":2}' --iot-hubs localhost \
    --allocation-policy static --json
json 'd.initialTwin.tags.line === 2' 'd.initialTwin.properties.desired.rate === 5' 'd.iotHubs[0] === "localhost"' \
    'd.allocationPolicy === "static"' 'd.reprovisionPolicy.updateHubAssignment === false' \
    'd.capabilities.iotEdge === true' 'd.provisioningStatus === "enabled"' 'd.attestation.symmetricKey === undefined'
run "its key stayed" 0 enrollment-group keys show change-1 --json
json "d.primaryKey === '$GROUP_KEY'" 'd.secondaryKey.length === 88'
run "update other parts" 0 enrollment-group update --group-id change-1 --edge-enabled=false --assigning-first=false \
    --initial-twin-properties '{"rate":6}' --iot-hubs "" --allocation-policy hashed \
    --reprovision-policy reprovisionandresetdata --provisioning-status disabled --json
json 'd.capabilities.iotEdge === false' 'd.initialTwin.tags.line === 2' 'd.initialTwin.properties.desired.rate === 6' \
    '!d.iotHubs || d.iotHubs.length === 0' 'd.reprovisionPolicy.migrateDeviceData === false' \
    'd.provisioningStatus === "disabled"'
run "update a key" 0 enrollment-group update change-1 --secondary-key-file "$WORK/group.key" --show-keys
prints "secondary key *$GROUP_KEY"
run "update nothing" 2 enrollment-group update change-1
tells "nothing to change"
run "update what is not there" 3 enrollment-group update none --edge-enabled
tells "enrollment group \"none\"" "404"
run "update with a stale etag" 4 enrollment-group update change-1 --edge-enabled --etag "$STALE"
tells "412" "changed meanwhile" "tracking ID"
run "an etag that is none" 2 enrollment-group update change-1 --edge-enabled --etag $'a\r\nb: c'
tells "no etag has"
run "an etag at its bound" 4 enrollment-group update change-1 --edge-enabled --etag "$(printf 'a%.0s' $(seq 64))"
run "an etag over its bound" 2 enrollment-group update change-1 --edge-enabled --etag "$(printf 'a%.0s' $(seq 65))"
run "neither true nor false" 2 enrollment-group update change-1 --edge-enabled=maybe
tells "true, false"
"$BERTH" enrollment-group show change-1 --json >"$WORK/out"
ETAG=$(node -p 'JSON.parse(require("fs").readFileSync(0)).etag' <"$WORK/out")
run "update with its etag" 0 enrollment-group update change-1 --edge-enabled --etag "$ETAG"
run "which is stale now" 4 enrollment-group update change-1 --edge-enabled --etag "$ETAG"

"$BERTH" enrollment create change-2 --device-id pump-2 --device-information '{"bay":4}' \
    --primary-key-file "$WORK/group.key" >/dev/null 2>&1
run "update an enrollment" 0 enrollment update change-2 --device-id pump-3 --json
json 'd.deviceId === "pump-3"' 'd.optionalDeviceInformation.bay === 4'
run "update its notes" 0 enrollment update --eid change-2 --device-information '{"bay":5}' --json
json 'd.deviceId === "pump-3"' 'd.optionalDeviceInformation.bay === 5'
run "update no enrollment" 3 enrollment update none --device-id a
run "update an enrollment with a stale etag" 4 enrollment update change-2 --device-id a --etag "$STALE"

run "the enrollment's device" 0 device provision --registration-id change-2 --key-file "$WORK/group.key"
for kind in enrollment-group:change-1 enrollment:change-2; do
    verb=${kind%:*} id=${kind#*:}
    run "disable: $verb" 0 $verb disable "$id"
    prints "^disabled ${verb/-/ } \"$id\"\$"
    run "it is disabled: $verb" 0 $verb show "$id"
    prints "status *disabled"
    run "enable: $verb" 0 $verb enable "$id" --json
    json 'd.provisioningStatus === "enabled"' 'd.attestation.symmetricKey === undefined'
    for state in enable disable; do
        run "$state none: $verb" 3 $verb $state none
        run "$state with a stale etag: $verb" 4 $verb $state "$id" --etag "$STALE"
    done
    "$BERTH" $verb keys show "$id" --json >"$WORK/before"
    run "show keys: $verb" 0 $verb keys show "$id"
    prints "primary key *$GROUP_KEY" "^secondary key"
    run "show no keys: $verb" 3 $verb keys show none
    run "regenerate: $verb" 0 $verb keys regenerate "$id" --key-type primary --json
    json 'Buffer.from(d.primaryKey, "base64").length === 64' "d.primaryKey !== '$GROUP_KEY'" \
        "d.secondaryKey === JSON.parse(require('fs').readFileSync('$WORK/before')).secondaryKey"
    cp "$WORK/out" "$WORK/before"
    run "regenerate the other: $verb" 0 $verb keys regenerate "$id" --key-type secondary --json
    json "d.primaryKey === JSON.parse(require('fs').readFileSync('$WORK/before')).primaryKey" \
        "d.secondaryKey !== JSON.parse(require('fs').readFileSync('$WORK/before')).secondaryKey"
    run "the service has them: $verb" 0 $verb keys show "$id" --json
    json "d.primaryKey === JSON.parse(require('fs').readFileSync('$WORK/before')).primaryKey"
    run "regenerate neither: $verb" 2 $verb keys regenerate "$id"
    tells "key-type is missing"
    run "regenerate both: $verb" 2 $verb keys regenerate "$id" --key-type both
    run "regenerate none: $verb" 3 $verb keys regenerate none --key-type primary
    run "regenerate with a stale etag: $verb" 4 $verb keys regenerate "$id" --key-type primary --etag "$STALE"
done
run "the old key opens nothing" 5 device provision --registration-id change-2 --key-file "$WORK/group.key"

"$BERTH" device show pump-3 --show-keys --json >"$WORK/before"
run "disable a device" 0 device disable pump-3
prints '^disabled device "pump-3" in hub localhost$'
run "it is disabled" 0 device show pump-3 --show-keys --json
json 'd.status === "disabled"' \
    "d.authentication.symmetricKey.primaryKey === JSON.parse(require('fs').readFileSync('$WORK/before')).authentication.symmetricKey.primaryKey"
run "enable a device" 0 device enable --device-id pump-3 --hub localhost --json
json 'd.status === "enabled"' 'd.authentication.symmetricKey === undefined'
for verb in enable disable "delete --yes"; do
    run "device $verb: none" 3 device $verb none
    run "device $verb: a stale etag" 4 device $verb pump-3 --etag AAAAAAAAAAE=
    tells "412" "changed meanwhile"
    run "device $verb: no hub" 3 device $verb pump-3 --hub none.example
    run "device $verb: no ID" 2 device $verb
done
run "delete a device unasked" 2 device delete pump-3 </dev/null
tells "give --yes"
run "delete a device" 0 device delete pump-3 --yes
prints '^deleted device "pump-3" in hub localhost$'
run "the device is gone" 3 device show pump-3
run "it registers again" 0 device provision --registration-id change-2 --key-file - \
    < <("$BERTH" enrollment keys show change-2 --json | node -p 'JSON.parse(require("fs").readFileSync(0)).primaryKey')
run "and is back" 0 device show pump-3

stop_daemon
NAME="the daemon ended well"
if [ "$SERVE_CODE" -eq 0 ]; then ok; else cp "$WORK/serve.err" "$WORK/err"; not_ok "exit code $SERVE_CODE"; fi
run "the daemon is down" 6 service show
tells "nothing answers at localhost:$HTTPS: the daemon of $WORK/data does not run" "berth serve --data-dir $WORK/data"
sed -i "s/localhost/dps.plant.invalid/" "$BERTH_PROFILE"
run "and has a name without DNS" 6 device list --data-dir "$WORK/data"
tells "the daemon of $WORK/data does not run" "berth serve --data-dir $WORK/data" "if it does run, dps.plant.invalid"
never "is not known"
(cd "$WORK/data" && "$BERTH" service show --profile ./profile.ini >"$WORK/out" 2>"$WORK/err")
NAME="the profile where it stands"
tells "the daemon of \. does not run"
run "a profile without its daemon's data" 6 device list --profile "$WORK/nodns.ini"
tells "dps.plant.invalid is not known to this machine"
run "the daemon is down, for a device" 6 device provision --registration-id a --key-file "$WORK/group.key"
"$BERTH" --version >/dev/full 2>"$WORK/err"
CODE=$?
NAME="a full disk shows"
if [ $CODE -eq 1 ]; then ok; else not_ok "exit code $CODE"; fi
tells "cannot write the output"

# ---- what make install puts beside the program ----

cmake --install "$(dirname "$BERTH")/.." --component Unspecified --prefix "$WORK/usr" >"$WORK/out" 2>"$WORK/err"
for page in errors dev trust; do
    NAME="make install: the page docs/$page.md, which messages name"
    if [ -s "$WORK/usr/share/doc/berth/docs/$page.md" ]; then ok; else not_ok "it is not installed"; fi
done
NAME="make install: no pages for those who build berth"
if [ ! -e "$WORK/usr/share/doc/berth/docs/internals" ]; then ok; else not_ok "they are installed"; fi

# ---- a limit of file sizes ----

# limited KIB NAME EXIT-CODE ARGUMENT..: as run
limited() {
    local before
    before=$(ulimit -Sf)
    ulimit -Sf "$1"
    run "${@:2}"
    ulimit -Sf "$before"
}
printf 'a passphrase' >"$WORK/passphrase"
chmod 600 "$WORK/passphrase"
for kib in 40 80; do
    limited $kib "a backup over $kib KiB" 1 backup --data-dir "$WORK/data" --output "$WORK/limited.berth" \
        --passphrase-file "$WORK/passphrase"
    tells "ulimit -f"
    NAME="it leaves no files"
    if compgen -G "$WORK/limited.berth*" || compgen -G "$WORK/data/*.copy*"; then not_ok "it does"; else ok; fi
done
run "a backup without limit" 0 backup --data-dir "$WORK/data" --output "$WORK/whole.berth" \
    --passphrase-file "$WORK/passphrase"
for kib in 16 64; do
    limited $kib "a first start over $kib KiB" 1 serve --data-dir "$WORK/limited" --hostname localhost \
        --https-port 0 --mqtts-port 0 --ops-port 0
    tells "raise the limit of file sizes (LimitFSIZE=, ulimit -f)"
done
run "a command of berth dev" 0 dev --https-port 0 --mqtts-port 0 -- sh -c 'sed -n "s/^SigIgn:[[:blank:]]*//p" /proc/$$/status'
NAME="it does not inherit that SIGXFSZ is ignored"
if [ $((0x$(cat "$WORK/out") >> 24 & 1)) -eq 0 ]; then ok; else not_ok "it does"; fi

echo "$PASSED passed, $FAILED failed"
[ $FAILED -eq 0 ]
