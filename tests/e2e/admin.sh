#!/bin/bash
# Policies, logins, hubs that change and go, lists with filters and pages: every verb against a daemon of its own.
# BERTH: the program. Needs node, openssl and script; runs as any user, on free ports of loopback.
set -u

source "$(dirname "$0")/cli-lib.sh"

STALE='"00000000deadbeef"'
KEY='AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8='
value() { # EXPRESSION of d, the output as JSON
    node -p 'const d = JSON.parse(require("fs").readFileSync(0, "utf8")); eval(process.argv[1])' "$1" <"$WORK/out"
}

start_daemon
export BERTH_PROFILE=$WORK/data/profile.ini
CA=$WORK/data/tls/ca.pem

# ---- help ----

for verb in "policy list" "policy show" "policy create" "policy update" "policy delete" "policy keys show" \
    "policy keys regenerate" "hub show" "hub update" "hub delete" "login list" "login use" "login remove" login logout; do
    run "help of $verb" 0 $verb --help
    prints "Usage: berth $verb"
done

# ---- policies ----

run "the service's policies" 0 policy list
prints '^POLICY *RIGHTS$' '^provisioningserviceowner *ServiceConfig, EnrollmentRead'
run "a hub's policies" 0 policy list --hub localhost --json
json 'd.length === 5' 'd.every(p => p.primaryKey === undefined)' 'd[0].keyName === "device"' 'd[0].etag.length > 4'
run "of a hub that is not there" 3 policy list --hub none.example
tells 'hub none.example'
run "those with a right" 0 policy list --hub localhost --rights registrywrite --json
json 'd.map(p => p.keyName).join() === "iothubowner,registryReadWrite"'
run "those that begin so" 0 policy list --hub localhost --prefix REG --top 1 --json
json 'd.length === 1 && d[0].keyName === "registryRead"'
tells "there are more"
run "a right that is none" 2 policy list --rights Everything
tells "not one of ServiceConfig"

run "create a policy" 0 policy create line-1 --rights "EnrollmentRead enrollmentwrite"
prints '^policy *line-1$' '^of *the service$' '^rights *EnrollmentRead, EnrollmentWrite$'
run "create it again" 4 policy create line-1 --rights EnrollmentRead
tells "already exists" "409212"
run "create one without rights" 2 policy create line-2
tells "rights is missing"
run "with rights of a hub" 2 policy create line-2 -r RegistryRead
tells "name it with --hub"
run "with an unknown right" 2 policy create line-2 -r Everything
tells "Everything: not one of"
run "with an odd name" 2 policy create "line 2" -r EnrollmentRead
tells "a policy's name has"
run "a name at its bound" 0 policy create "$(printf 'a%.0s' $(seq 64))" -r EnrollmentRead
run "a name over its bound" 2 policy create "$(printf 'a%.0s' $(seq 65))" -r EnrollmentRead
printf '%s\n' "$KEY" >"$WORK/policy.key"
run "with a key of ours, in a hub" 0 policy create -n reader --hub localhost -r RegistryRead,ServiceConnect \
    --primary-key-file "$WORK/policy.key" --json
json 'd.rights === "RegistryRead, ServiceConnect"' 'd.primaryKey === undefined'
run "show it with keys" 0 policy show reader --hub localhost --show-keys
prints "^of *localhost$" "^primary key *$KEY"
run "show it" 0 policy show reader --hub localhost
never "$KEY"
run "it is none of the service's" 3 policy show reader
tells "404211"
run "its keys" 0 policy keys show --policy-name reader --hub localhost --json
json "d.primaryKey === '$KEY'" 'd.secondaryKey.length === 44'
run "az has it so" 0 connection-string show --hub localhost --policy-name reader
prints "SharedAccessKeyName=reader;SharedAccessKey=$KEY"

run "update rights" 0 policy update reader --hub localhost --rights RegistryRead --json
json 'd.rights === "RegistryRead"'
run "its keys stayed" 0 policy keys show reader --hub localhost
prints "$KEY"
run "update a key" 0 policy update line-1 --secondary-key-file "$WORK/policy.key" --json
json 'd.rights === "EnrollmentRead, EnrollmentWrite"' 'd.secondaryKey === undefined'
run "it is there" 0 policy keys show line-1
prints "^secondary key *$KEY"
run "update nothing" 2 policy update line-1
tells "nothing to change"
run "update none" 3 policy update none --rights EnrollmentRead
for verb in "update line-1 --rights EnrollmentRead" "keys regenerate line-1 --key-type primary" "delete line-1 --yes"; do
    run "a stale etag: $verb" 4 policy $verb --etag "$STALE"
    tells "412" "changed meanwhile"
done

"$BERTH" connection-string show --policy-name line-1 --key-type secondary >"$WORK/line-1"
LINE_1=$(grep -o 'HostName=.*' "$WORK/line-1")
BERTH_LOGIN=$LINE_1 BERTH_PROFILE='' run "the new policy may read enrollments" 0 enrollment list --ca-file "$CA"
BERTH_LOGIN=$LINE_1 BERTH_PROFILE='' run "and nothing else" 5 policy list --ca-file "$CA"
run "regenerate its key" 0 policy keys regenerate line-1 --key-type secondary --json
json "d.secondaryKey !== '$KEY'" 'd.secondaryKey.length === 44'
BERTH_LOGIN=$LINE_1 BERTH_PROFILE='' run "the old one opens nothing" 5 enrollment list --ca-file "$CA"
run "regenerate neither" 2 policy keys regenerate line-1
tells "key-type is missing"
run "regenerate none" 3 policy keys regenerate none --key-type primary

cp "$BERTH_PROFILE" "$WORK/before.ini"
run "regenerate the key in use" 0 policy keys regenerate provisioningserviceowner --key-type primary --json
tells "the new one stands there now"
NAME="the profile has the new key"
if [ "$(stat -c %a "$BERTH_PROFILE")" = 600 ] && grep -qF "$(value d.primaryKey)" "$BERTH_PROFILE" &&
    [ "$(grep -c . "$BERTH_PROFILE")" = "$(grep -c . "$WORK/before.ini")" ]; then ok; else not_ok "it has not"; fi
run "and works" 0 service show
run "the profile from before does not" 5 service show --profile "$WORK/before.ini"
run "regenerate the key that is not in use" 0 policy keys regenerate provisioningserviceowner --key-type secondary
if grep -q "stands there" "$WORK/err"; then not_ok "the profile was touched"; else ok; fi
run "still" 0 service show
SECOND=$("$BERTH" connection-string show --key-type secondary 2>/dev/null | grep -o 'HostName=.*')
BERTH_LOGIN=$SECOND BERTH_PROFILE='' run "regenerate the key of a login" 0 policy keys regenerate provisioningserviceowner \
    --key-type secondary --ca-file "$CA"
tells "BERTH_LOGIN"

run "delete the last owner" 4 policy delete provisioningserviceowner --yes
tells "409213" "give another policy ServiceConfig first"
run "take its right" 4 policy update provisioningserviceowner --rights EnrollmentRead
tells "409213"
run "delete unasked" 2 policy delete line-1 </dev/null
tells "give --yes"
run "delete one" 0 policy delete line-1 --yes
prints '^deleted policy "line-1"$'
run "it is gone" 3 policy delete line-1 --yes
run "the policies of a hub may all go: one" 0 policy delete registryRead --hub localhost --yes
run "another that has the right does" 0 device list
run "a second owner" 0 policy create second --rights ServiceConfig
run "so the first may go" 0 policy delete provisioningserviceowner --yes
tells "this login's policy is gone"
run "its login is void" 5 service show
stop_daemon
start_daemon
run "the daemon's profile has the other" 0 service show
run "who is" 0 policy list --json
json '!d.some(p => p.keyName === "provisioningserviceowner")' 'd.some(p => p.keyName === "second")'
run "a full owner again" 0 policy update second \
    --rights "ServiceConfig EnrollmentRead EnrollmentWrite RegistrationStatusRead RegistrationStatusWrite DeviceConnect"

# ---- lists ----

printf '%s' "$KEY" >"$WORK/group.key"
"$BERTH" enrollment-group create line --primary-key-file "$WORK/group.key" >/dev/null
"$BERTH" enrollment-group create empty --provisioning-status disabled --iot-hubs localhost >/dev/null
for id in pump-1 pump-2 pump-3 valve-1 valve-2; do
    "$BERTH" device provision --enrollment-group line --registration-id $id >/dev/null
done
ids='d.map(r => r.registrationId || r.enrollmentGroupId || r.deviceId).join(" ")'
run "all of them, in pages" 0 registration list --page-size 2 --json
json "$ids === 'pump-1 pump-2 pump-3 valve-1 valve-2'"
run "the first ones" 0 registration list --top 2 --json
json "$ids === 'pump-1 pump-2'"
tells '^there are more: --continuation [A-Za-z0-9_-]*$'
run "the others" 0 registration list --json --continuation "$(sed 's/.* //' "$WORK/err")"
json "$ids === 'pump-3 valve-1 valve-2'"
run "some of the others" 0 registration list --top 1 --prefix VALVE --json
json "$ids === 'valve-1'"
run "and their others" 0 registration list --json --prefix valve --continuation "$(sed 's/.* //' "$WORK/err")"
json "$ids === 'valve-2'"
run "as many as there are" 0 registration list --top 5 --json
json 'd.length === 5'
if [ -s "$WORK/err" ]; then not_ok "it tells of more"; else ok; fi
run "a made-up continuation" 1 registration list --continuation '!!'
tells "x-ms-continuation"
run "a word for a continuation" 1 registration list --continuation foo
tells "not one that this service gave"
run "a continuation to cut" 0 registration list --top 1
TOKEN=$(sed -n 's/^there are more: --continuation //p' "$WORK/err")
run "it is whole" 0 registration list --continuation "$TOKEN"
run "a part of it" 1 registration list --continuation "${TOKEN%??}"
tells "not one that this service gave"
run "one with a line feed" 2 registration list --continuation $'a\nb'
run "a page too many" 2 registration list --page-size 1001
run "a page at its bound" 0 registration list --page-size 1000
run "none at all" 2 registration list --top 0

run "by status" 0 registration list --status assigned --hub localhost --json
json 'd.length === 5'
run "by another status" 0 registration list --status failed --json
json 'd.length === 0'
run "by no status" 2 registration list --status lost
tells "not one of unassigned, assigning"
run "by a group" 0 registration list --enrollment-group line --top 2 --json
json 'd.length === 2'
run "by an empty group" 0 registration list --group-id empty --json
json 'd.length === 0'
run "by a group that is not there" 3 registration list --enrollment-group nope --json
tells 'enrollment group "nope"' 404204 '`berth enrollment-group list` shows'
json 'd.length === 0'
run "by a hub that is not there" 3 registration list --hub nope.example
tells 'hub nope.example' '`berth hub list` shows'
run "the same for scripts" 3 registration list --hub nope.example --json
json 'd.length === 0'
run "by a hub without any" 0 registration list --hub localhost --since 2999-01-01 --json
json 'd.length === 0'
run "a policy that is not served" 2 enrollment-group list --allocation-policy foo
tells "not one of hashed, static$"
run "a hub that is not there yet" 0 enrollment create early --iot-hubs "localhost later.example" --json
tells "there is no hub later.example: the device is refused" "whatever other hubs are named" "taken out of --iot-hubs"
json 'd.iotHubs.length === 2'
NAME="those that are there are not told"
if grep -q "no hub localhost" "$WORK/err"; then not_ok "it is"; else ok; fi
run "the same in a change" 0 enrollment update early --iot-hubs "other.example"
tells "there is no hub other.example"
run "away with it" 0 enrollment delete early --yes
run "an enrollment that is not there" 3 enrollment show early
tells '`berth enrollment list` shows'
run "a registration that is not there" 3 registration show early
tells '`berth registration list` shows'
run "a device that is not there" 3 device show early
tells '`berth device list --hub localhost` shows'
run "a policy that is not there" 3 policy show nope
tells '`berth policy list` shows'
run "one of a hub" 3 policy show nope --hub localhost
tells '`berth policy list --hub localhost` shows'
quiet
run "since a day that comes" 0 registration list --since 2999-01-01 --json
json 'd.length === 0'
for since in 1h 3w 2001-02-03 2001-02-03T04:05:06Z "2001-02-03 04:05:06Z"; do
    run "since $since" 0 registration list --since "$since" --json
    json 'd.length === 5'
done
for since in yesterday 1y 2001-13-01 -1h h ""; do
    run "since \"$since\"" 2 registration list --since="$since"
done

run "groups by status" 0 enrollment-group list --status disabled --json
json "$ids === 'empty'"
run "groups by hub" 0 enrollment-group list --hub LOCALHOST --json
json "$ids === 'empty'"
run "groups by prefix and status" 0 enrollment-group list --prefix l --status enabled --allocation-policy hashed
prints '^line '
run "enrollments by status" 0 enrollment list --status enabled --since 1h --json
json 'd.length === 0'
"$BERTH" device disable valve-2 >/dev/null
run "devices by status" 0 device list --status disabled --json
json "$ids === 'valve-2'" 'd[0].authentication.symmetricKey === undefined'
run "devices by connection" 0 device list --connection-state connected --json
json 'd.length === 0'
run "devices by their ID" 0 device list --hub localhost --prefix pump --connection-state disconnected --top 3 --page-size 1 --json
json "$ids === 'pump-1 pump-2 pump-3'"
run "devices active since" 0 device list --since 1h --json
json 'd.length === 0'
run "hubs that take devices" 0 hub list --allocation false --json
json 'd.length === 0'
run "refusals of a reason" 3 explain --last --reason TOKEN_EXPIRED
"$BERTH" device provision --registration-id pump-1 --key "$KEY" >/dev/null 2>&1
run "refusals of a device" 0 explain --last 5 --reason signature_unknown --since 1h --kind device --json
json 'd.length === 1 && d[0].registrationId === "pump-1"'

# ---- hubs ----

"$BERTH" hub create line2.example >/dev/null 2>&1
run "update a hub" 0 hub update line2.example --allocation-weight 7 --json
json 'd.allocationWeight === 7 && d.allocation === true'
run "take it out of allocation" 0 hub update line2.example --allocation false
prints '^allocation *false' '^weight *7'
run "show it" 0 hub show line2.example --json
json 'd.allocation === false && d.allocationWeight === 7 && d.deviceCount === 0'
run "update nothing" 2 hub update line2.example
tells "nothing to change"
run "a weight at its bound" 0 hub update line2.example --allocation-weight 1000
run "a weight over its bound" 2 hub update line2.example --allocation-weight 1001
run "neither true nor false" 2 hub update line2.example --allocation maybe
run "a stale etag" 4 hub update line2.example --allocation true --etag "$STALE"
run "update none" 3 hub update none.example --allocation true
run "show none" 3 hub show none.example
run "delete with a stale etag" 4 hub delete line2.example --yes --etag "$STALE"
run "delete unasked" 2 hub delete line2.example </dev/null
run "delete an empty hub" 0 hub delete line2.example --yes
prints '^deleted hub line2.example$'
run "it is gone" 3 hub delete line2.example --yes
run "a hub with devices" 4 hub delete localhost --yes
tells "has devices" "force" "is the last hub"
run "a hub with devices, forced" 0 hub delete localhost --force --yes
tells "its devices go with it" "is the last hub"
run "registrations stay" 0 registration show pump-1 --json
json 'd.assignedHub === "localhost"'
run "there is no hub" 1 device provision --enrollment-group line --registration-id pump-1
"$BERTH" hub create localhost >/dev/null 2>&1
run "a new one is empty" 0 device list --json
json 'd.length === 0'
run "and takes devices" 0 device provision --enrollment-group line --registration-id pump-1
run "that are there" 0 device show pump-1

# ---- as many as there can be, made at once ----

seq 30 | xargs -P 10 -I N "$BERTH" policy create pN --hub localhost --rights DeviceConnect >/dev/null 2>&1
run "15 policies" 0 policy list --hub localhost --json
json 'd.length === 15'
seq 60 | xargs -P 10 -I N "$BERTH" hub create hN.plant.example --no-allocation >/dev/null 2>&1
run "50 hubs" 0 hub list --json
json 'd.length === 50'

# ---- logins ----

run "a connection string of the policy in use" 0 connection-string show
prints "SharedAccessKeyName=second;"
grep -o 'HostName=.*' "$WORK/out" >"$WORK/string"
sed 's/.*SharedAccessKey=//' "$WORK/string" >"$WORK/login.key"
SECRET=$(cat "$WORK/login.key")
unset BERTH_PROFILE
PROFILES=$HOME/.config/berth/profiles
run "nothing is known" 2 service show
run "log in without the CA" 6 login --connection-string-file "$WORK/string"
tells "not trusted" "ca" "login --fetch-ca"
run "nothing is left of it" 2 service show
run "a CA that is none" 2 login --connection-string-file "$WORK/string" --ca "$WORK/string"
tells "--ca $WORK/string: no certificate in PEM form"
never /proc/self
run "log in, with another port for MQTT" 0 login --connection-string-file "$WORK/string" --ca "$CA" --mqtts-port 18883 --json
json 'd.mqttsPort === 18883'
run "log in" 0 login --connection-string-file "$WORK/string" --ca "$CA"
prints "^logged in to localhost:$HTTPS as second, profile default$"
never "$SECRET"
NAME="the profile is its owner's alone"
if [ "$(stat -c %a "$PROFILES/default.ini" "$PROFILES" | tr '\n' ' ')" = "600 700 " ]; then ok; else not_ok "it is not"; fi
run "it is used" 0 service show
run "a device too" 0 device provision --enrollment-group line --registration-id pump-2
mv "$CA" "$WORK/ca.pem"
run "it has its CA" 0 hub list
mv "$WORK/ca.pem" "$CA"

run "not without comparing" 2 login --profile two --connection-string-file "$WORK/string" --fetch-ca </dev/null
PRINT=$(openssl x509 -in "$CA" -noout -fingerprint -sha256 | cut -d= -f2)
tells "$PRINT"
run "another fingerprint" 6 login --profile two --connection-string-file "$WORK/string" --fetch-ca --fingerprint "00${PRINT#??}"
tells "another fingerprint"
run "a part of the fingerprint" 2 login --profile two --connection-string-file "$WORK/string" --fetch-ca --fingerprint "${PRINT:0:20}"
tells "not a SHA-256 fingerprint"
for bad in 00:11 "${PRINT}0" "${PRINT/:/::}" "$PRINT:" ":$PRINT" "${PRINT:0:-1}g" ""; do
    run "no fingerprint: $bad" 2 login --profile two --connection-string-file "$WORK/string" --fetch-ca --fingerprint "$bad"
    tells "not a SHA-256 fingerprint"
done
run "the fingerprint" 0 login --profile two --connection-string-file - --fetch-ca \
    --fingerprint "$(tr -d : <<<"$PRINT" | tr A-F a-f)" --json <"$WORK/string"
json 'd.profile === "two"' 'd.current === true' 'd.idScope.startsWith("0ne")'
NAME="compared at the terminal"
for answer in n y; do
    printf '%s\n' "$answer" | script -qec "'$BERTH' login --profile tty-$answer --connection-string-file '$WORK/string' --fetch-ca" \
        /dev/null >"$WORK/out" 2>&1
    prints "$PRINT" "same"
done
run "a no remembers nothing" 3 service show --profile tty-n
run "a yes does" 0 service show --profile tty-y
run "by its parts" 0 login --profile parts --url "https://localhost:$HTTPS/" --policy second --key-file "$WORK/login.key" --ca-file "$CA"
printf '%s' "$KEY" >"$WORK/wrong.key"
run "with a wrong key" 5 login --profile wrong --url "localhost:$HTTPS" --policy second --key-file "$WORK/wrong.key" --ca "$CA"
BERTH_PROFILE=$WORK/data/profile.ini run "a hub's connection string" 0 connection-string show --hub localhost
grep -o 'HostName=.*' "$WORK/out" >"$WORK/hub-string"
run "is none of the service's" 5 login --profile wrong --connection-string-file "$WORK/hub-string" --ca "$CA"
tells "this is a hub's connection string" "iothubowner" "of hub localhost" "berth connection-string show"
run "which is not remembered" 3 service show --profile wrong
tells "no profile \"wrong\""
BERTH_LOGIN=$(cat "$WORK/string") run "by the environment" 0 login --profile two --ca "$CA"
NAME="the old CA has gone"
if [ "$(find "$PROFILES" -name 'two-*.pem' | wc -l)" = 1 ]; then ok; else not_ok "$(ls "$PROFILES")"; fi
run "no secret as an argument" 2 login --login "$(cat "$WORK/string")" --ca "$CA"
run "no connection string" 2 login --ca "$CA" </dev/null
tells "no connection string"
run "an odd name" 2 login --profile a/b --connection-string-file "$WORK/string" --ca "$CA"
run "a CA that is not there" 2 login --connection-string-file "$WORK/string" --ca "$WORK/none"
run "a url alone" 2 login --url https://localhost

run "list them" 0 login list
prints "^default *localhost:$HTTPS *second *-$" "^two .*in use$"
run "list them for scripts" 0 login list --json
json 'd.map(p => p.profile).join() === "default,parts,tty-y,two"' 'd.filter(p => p.current).length === 1'
never "$SECRET"
run "use another" 0 login use default
run "it is in use" 0 login list
prints "^default .*in use$"
run "name one" 0 service show --profile parts
BERTH_PROFILE=two run "name one by the environment" 0 service show
run "use none that is there" 3 login use nope
run "name none that is there" 3 service show --profile nope
tells "no profile \"nope\""
BERTH_PROFILE=nope run "likewise by the environment" 3 service show
run "a new key" 0 policy keys regenerate second --key-type primary
tells "default.ini"
run "it goes on" 0 service show
run "others have the old one" 5 service show --profile parts
run "forget one" 0 login remove parts
prints '^forgot profile parts$'
run "it is forgotten" 3 login remove parts
run "log out" 0 logout
run "nothing is in use" 2 service show
tells "berth login use"
run "log out of nothing" 3 logout
run "log out of the others" 0 logout two
run "log out of the others" 0 logout tty-y
NAME="nothing is left"
if [ -z "$(ls -A "$PROFILES")" ]; then ok; else not_ok "$(ls -A "$PROFILES")"; fi

stop_daemon
NAME="the daemon ended well"
if [ "$SERVE_CODE" -eq 0 ]; then ok; else cp "$WORK/serve.err" "$WORK/err"; not_ok "exit code $SERVE_CODE"; fi

echo "$PASSED passed, $FAILED failed"
[ $FAILED -eq 0 ]
