#!/usr/bin/env bash
# why.sh - every refusal, made by real clients, is told apart by `berth explain`, and looks the same on the wire.
# BERTH: the program. Needs node, openssl, curl and mosquitto_pub. Uses ports 443 and 8883: tests/in-netns.
set -uo pipefail
: "${BERTH:?the berth program}"
berth=$(readlink -f "$BERTH")
dir=$(mktemp -d "${TMPDIR:-/tmp}/berth-why.XXXXXX")
passed=0 failed=0 pid=
export BERTH_TEST_DUMPABLE=1 BERTH_PROFILE=$dir/data/profile.ini

finish() {
    [ -z "$pid" ] || { kill "$pid" && wait "$pid"; } 2>/dev/null
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
        [ ! -s "$dir/explained" ] || sed 's/^/    /' "$dir/explained" >&2
        failed=$((failed + 1))
    fi
}

json() { # EXPRESSION - of the first refusal, as e
    node -e 'const e = JSON.parse(require("fs").readFileSync(0, "utf8"))[0]; console.log(eval(process.argv[1]) ?? "")' "$1"
}

"$berth" serve --data-dir "$dir/data" --hostname localhost --listen 127.0.0.1 --ops-port 0 >"$dir/out" 2>"$dir/err" &
pid=$!
for _ in $(seq 1200); do
    grep -q '^berth serves' "$dir/out" && break
    sleep 0.05
done
ca=$dir/data/tls/ca.pem
scope=$(sed -n 's/^id-scope = //p' "$BERTH_PROFILE")

# ---- devices ----

group_key='8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE/+ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqIChbqOS9Egw=='
other_group_key='b3RoZXItZ3JvdXAta2V5LW90aGVyLWdyb3VwLWtleSE='
id=sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6
device_key='Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc='
printf '%s' "$group_key" >"$dir/group"
printf '%s' "$other_group_key" >"$dir/other"
"$berth" enrollment-group create mylegacydevices --primary-key-file "$dir/group" >"$dir/made"
"$berth" enrollment-group create otherdevices --primary-key-file "$dir/other" >>"$dir/made"

hex() { od -An -v -tx1 | tr -d ' \n'; }
hex_of() { printf '%s' "$1" | base64 -d | hex; }
encode() { sed 's/+/%2B/g; s|/|%2F|g; s/=/%3D/g'; }
sign() { # KEY-IN-HEX TEXT - base64
    printf '%b' "$2" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$1" -binary | base64 -w 0
}
sr_plain=$scope/registrations/$id
sr=$scope%2Fregistrations%2F$id
later=$(($(date +%s) + 3600))
token() { # SR SIGNATURE SE
    printf 'SharedAccessSignature sr=%s&sig=%s&se=%s&skn=registration' "$1" "$2" "$3"
}
good_token() { token "$sr" "$(sign "$(hex_of "$1")" "$sr\n$later" | encode)" "$later"; } # KEY

register() { # TOKEN [ID] - leaves the answer in $dir/answer and its tracking ID in $tracking
    curl -sS -i --cacert "$ca" -X PUT -H 'Content-Type: application/json' -H "Authorization: $1" \
        -d "{\"registrationId\":\"${2:-$id}\"}" \
        "https://localhost/$scope/registrations/${2:-$id}/register?api-version=2021-06-01" >"$dir/answer"
    tracking=$(tr -d '\r' <"$dir/answer" | sed -n 's/^x-ms-request-id: //ip')
}
# What differs from one refusal to the next: tracking ID and time.
masked() {
    sed -E "s/$tracking/TRACKING/g; s/^Date: .*/Date/; s/\"timestampUtc\":\"[^\"]*\"/TIME/" "$dir/answer" | tr -d '\r'
}
explain() { # ABOUT
    "$berth" explain "$@" --json >"$dir/explained" 2>&1
}
is_refused_alike() {
    [ -s "$dir/first" ] || masked >"$dir/first"
    masked | diff "$dir/first" - >&2
}
proven=true
mistake() { # NAME WANTED-MISTAKES TOKEN [ENROLLMENT]
    register "$3"
    explain "$tracking"
    check "$1: explained" [ "$(json 'e.mistakes?.map((m) => m.name).join(" ")' <"$dir/explained")" = "$2" ]
    check "$1: proven" [ "$(json e.proven <"$dir/explained")" = "$proven" ]
    check "$1: whose key" [ "$(json e.enrollment <"$dir/explained")" = "${4-mylegacydevices}" ]
    check "$1: a remedy in words" grep -q '"remedy": "..' "$dir/explained"
    check "$1: the same on the wire" is_refused_alike
}

mistake "group key's base64 text" GROUP_KEY_TEXT "$(good_token '/eqtUSc3oy1gyllte8P+6Y0WjjLFOc3tWeUuSgRh8x8=')"
mistake "the same without padding" GROUP_KEY_TEXT_UNPADDED "$(good_token 'ksmlgC0BY04V6xWPTw+Pg2nBEOmw1IPYyv22CuBsb2I=')"
mistake "ID in upper case" ID_UPPER_CASE "$(good_token '9GWVnYuoOLXlHc346XjhLRb9pKgIOrKSwxDRSOgnvXo=')"
mistake "ID and LF" ID_LINE_FEED "$(good_token '9xk+A3Y29nEzASjuakJUhcmNyb4ZjibgUKRXPMBArUU=')"
mistake "ID and CR LF" ID_CR_LF "$(good_token 'lF0g/7HBHVAV1uddsfPLtThAptJCb1no5vfkga7Pr9s=')"
mistake "ID in quotes" ID_QUOTED "$(good_token 'n+MaS7u5LSY8FbxD4mspRTm+r1tJDHcmamJFHBtOKZE=')"
mistake "ID as UTF-16" ID_UTF16 "$(good_token 'DBzRsEgMO0MerNnWeyhKIe40H5Mn2TSmjmq6YQEZxUw=')"
mistake "HMAC swapped" HMAC_SWAPPED "$(good_token 'EjXTFwePveB925INHSxzEPo4lZ+zXWNjQsplGzoDzE8=')"
mistake "SHA-256" SHA256_NO_HMAC "$(good_token 'E9BFoVzIqITEswjJHhSB8yPZO1lovB0tRlAEAH7MsXo=')"
mistake "derived twice" DERIVED_TWICE "$(good_token '53UZuPzGVF/eB/YrsU3NEAUj6Q48VQKM/fhyp9R3Oz4=')"

device_hex=$(hex_of "$device_key")
signed() { # KEY-IN-HEX TEXT [SR] - a token for TEXT, carrying SR
    token "${3-$sr}" "$(sign "$1" "$2" | encode)" "$later"
}
mistake "signed with base64 text" SIGNED_WITH_TEXT "$(signed "$(printf '%s' "$device_key" | hex)" "$sr\n$later")"
mistake "signed with hex text" SIGNED_WITH_HEX "$(signed "$(printf '%s' "$device_hex" | hex)" "$sr\n$later")"
mistake "signed with the group key" GROUP_KEY_USED "$(good_token "$group_key")"
mistake "signed decoded, sent encoded" SIGNED_DECODED "$(signed "$device_hex" "$sr_plain\n$later")"
mistake "signed encoded, sent decoded" SIGNED_ENCODED "$(signed "$device_hex" "$sr\n$later" "$sr_plain")"
mistake "no LF" LINE_FEED_MISSING "$(signed "$device_hex" "$sr$later")"
mistake "CR LF" LINE_FEED_IS_CR_LF "$(signed "$device_hex" "$sr\r\n$later")"
at() { token "$sr" "$(sign "$device_hex" "$sr\n$1" | encode)" "$1"; } # SE
mistake "expired" EXPIRED_BY "$(at $(($(date +%s) - 1000)))"
check "by how much" [ "$(json 'e.offSeconds >= 1000 && e.offSeconds < 1060' <"$dir/explained")" = true ]
proven=false # a distance in time is seen, its cause is not
mistake "local time" EXPIRED_LOCAL_TIME "$(at $(($(date +%s) - 5 * 3600)))"
mistake "local time in India" EXPIRED_LOCAL_TIME "$(at $(($(date +%s) - 5 * 3600 - 1800)))"
proven=true
for_other() { token "$1" "$(sign "$device_hex" "$1\n$later" | encode)" "$later"; } # SR
mistake "another scope" SR_OTHER_SCOPE "$(for_other "0neFFFFFFFF%2Fregistrations%2F$id")"
mistake "another ID" SR_OTHER_ID "$(for_other "$scope%2Fregistrations%2Fsn-008")"
mistake "of a hub" SR_OF_HUB "$(for_other "localhost%2Fdevices%2F$id")"
se=$later
until sign "$device_hex" "$sr\n$se" | grep -q +; do se=$((se + 1)); done
mistake "'+' became a blank" PLUS_BECAME_BLANK "$(token "$sr" "$(sign "$device_hex" "$sr\n$se" | tr + ' ')" "$se")"
mistake "another group's key itself" GROUP_KEY_USED "$(good_token "$other_group_key")" otherdevices

register "$(good_token "$(head -c 32 /dev/urandom | base64)")"
explain "$tracking"
check "nobody's key: looked into" [ "$(json e.examined <"$dir/explained")" = yes ]
check "nobody's key: no guess" [ "$(json '"mistakes" in e' <"$dir/explained")" = false ]
check "nobody's key: the same on the wire" is_refused_alike
check "in words" bash -c '"$1" explain "$2" | grep -q "no known mistake matches"' - "$berth" "$tracking"

# An individual enrollment that stands before the group whose key was used.
"$berth" enrollment create "$id" >>"$dir/made"
mistake "an individual enrollment comes first" INDIVIDUAL_FIRST "$(good_token "$device_key")"
"$berth" enrollment delete "$id" --yes >>"$dir/made"

# ---- accepted, with a warning ----

warned() { # NAME WANTED TOKEN [ID]
    register "$3" "${4:-$id}"
    check "$1: accepted" grep -q '"status":"assigned"' "$dir/answer"
    explain --last
    check "$1: warning" [ "$(json 'e.mistakes?.map((m) => m.name).join(" ")' <"$dir/explained")" = "$2" ]
}
warned "se in milliseconds" SE_MILLISECONDS "$(at "${later}000")"
warned "se ahead by hours" SE_AHEAD "$(at $(($(date +%s) + 9 * 3600 + 3600)))"
warned "a long life" SE_LONG "$(at $(($(date +%s) + 400 * 86400)))"
register "$(at "$later")"
check "the right token" grep -q '"status":"assigned"' "$dir/answer"
explain --last
check "no warning for it" [ "$(json 'e.mistakes[0].name' <"$dir/explained")" = SE_LONG ]
other_device=$(printf '%s' "$id" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$(hex_of "$other_group_key")" -binary | base64 -w 0)
warned "another group's key" GROUP_CHANGED "$(good_token "$other_device")"

# A key that was replaced; the device still has the old one.
"$berth" enrollment-group delete otherdevices --yes >>"$dir/made"
mistake "a key that is gone" KEY_REPLACED "$(good_token "$other_device")" otherdevices

# The other transport.
printf '9xk+A3Y29nEzASjuakJUhcmNyb4ZjibgUKRXPMBArUU=' >"$dir/wrong"
"$berth" device provision --registration-id "$id" --key-file "$dir/wrong" >"$dir/provision" 2>&1
explain "$id"
check "over MQTT" [ "$(json 'e.transport + " " + e.mistakes?.[0].name' <"$dir/explained")" = "mqtts ID_LINE_FEED" ]
check "by the tracking ID that the device prints" grep -q "$(sed -n 's/.*tracking ID //p' "$dir/provision")" "$dir/explained"

# ---- before anyone has said who it is ----

connection() { # NAME REASON PORT COMMAND..: the command's output does not matter, its refusal does
    local name=$1 want=$2 port=$3 got
    shift 3
    "$@" </dev/null >"$dir/client" 2>&1
    for _ in $(seq 400); do
        explain --last
        got=$(json 'e.kind + " " + e.reason + " " + e.transport' <"$dir/explained")
        [ "$got" = "connection $want $port" ] && break
        sleep 0.05
    done
    check "$name" [ "$got" = "connection $want $port" ]
    check "$name: in words" grep -q '"remedy": "..' "$dir/explained"
}
tls() { timeout 30 openssl s_client -connect "localhost:$1" "${@:2}"; }
tell() { # PORT BYTES - without TLS, reads the answer
    exec 7<>"/dev/tcp/127.0.0.1/$1"
    printf '%b' "$2" >&7
    timeout 30 cat <&7
    exec 7<&-
}
mqtt_connect='\x10\x14\x00\x04MQTT\x04\x02\x00\x3c\x00\x08device-1'

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=another -keyout "$dir/ca.key" \
    -out "$dir/another.pem" 2>"$dir/client"
connection "openssl with another CA" TLS_CA_UNKNOWN https tls 443 -CAfile "$dir/another.pem" -verify_return_error
connection "openssl with another CA, MQTT" TLS_CA_UNKNOWN mqtts tls 8883 -CAfile "$dir/another.pem" -verify_return_error
connection "curl with another CA" TLS_CA_UNKNOWN https curl --cacert "$dir/another.pem" https://localhost/
connection "a clock in the future" TLS_CERTIFICATE_EXPIRED https \
    tls 443 -CAfile "$ca" -verify_return_error -attime 9000000000
connection "a clock in the past" TLS_CERTIFICATE_BAD https tls 443 -CAfile "$ca" -verify_return_error -attime 1000000000
connection "a name that is not covered, curl" TLS_NAME_NOT_COVERED https \
    curl --cacert "$ca" --resolve other.example:443:127.0.0.1 https://other.example/
connection "a name that is not covered, openssl" TLS_NAME_NOT_COVERED mqtts \
    tls 8883 -CAfile "$ca" -servername else.example -verify_hostname else.example -verify_return_error
connection "TLS 1.1" TLS_VERSION_OLD https tls 443 -tls1_1 -cipher DEFAULT@SECLEVEL=0
connection "no shared cipher" TLS_NO_SHARED_CIPHER https tls 443 -tls1_2 -cipher AES128-SHA
connection "no shared curve" TLS_NO_SHARED_CIPHER mqtts tls 8883 -tls1_3 -groups P-521
connection "HTTP without TLS, curl" PLAIN_HTTP https curl http://localhost:443/
connection "HTTP without TLS to the MQTT port" PLAIN_HTTP mqtts curl http://localhost:8883/
connection "MQTT without TLS" PLAIN_MQTT mqtts tell 8883 "$mqtt_connect"
connection "MQTT without TLS to the HTTPS port" PLAIN_MQTT https tell 443 "$mqtt_connect"
connection "something else without TLS" PLAIN_BYTES https tell 443 'hello\n'
connection "HTTP to the MQTT port" HTTP_ON_MQTT_PORT mqtts curl --max-time 30 --cacert "$ca" https://localhost:8883/
mqtt_over_tls() { { printf '%b' "$mqtt_connect"; sleep 1; } | timeout 30 openssl s_client -quiet -connect localhost:443; }
connection "MQTT to the HTTPS port" MQTT_ON_HTTPS_PORT https mqtt_over_tls
connection "no WebSocket at its path" WEBSOCKET_EXPECTED mqtt-ws curl --cacert "$ca" "https://localhost/\$iothub/websocket"
publish=(timeout 30 mosquitto_pub -t t -m m -i device-1)
connection "mosquitto_pub with another CA" TLS_CA_UNKNOWN mqtts \
    "${publish[@]}" -h localhost -p 8883 --cafile "$dir/another.pem"
connection "mosquitto_pub without TLS" PLAIN_MQTT https "${publish[@]}" -h localhost -p 443
connection "mosquitto_pub to the HTTPS port" MQTT_ON_HTTPS_PORT https \
    "${publish[@]}" -h localhost -p 443 --cafile "$ca"
connection "mosquitto_pub with a user name of its own" MQTT_LOGIN_MALFORMED mqtts \
    "${publish[@]}" -h localhost -p 8883 --cafile "$ca" -u me -P secret
connection "mosquitto_pub with MQTT 5" MQTT_VERSION mqtts \
    "${publish[@]}" -h localhost -p 8883 --cafile "$ca" -V mqttv5 -u me -P secret

# ---- a hub that is not there refuses all ----

"$berth" enrollment-group create twohubs --iot-hubs "localhost line2.plant.example" \
    >"$dir/made" 2>"$dir/explained"
check "a hub that is not there: the warning" grep -q 'no hub line2.plant.example: each device of the group is refused' "$dir/explained"
"$berth" device provision --enrollment-group twohubs --registration-id pump-9 >/dev/null 2>&1
check "it is refused" [ $? -ne 0 ]
explain pump-9
check "explained" [ "$(json 'e.reason + " " + e.detail' <"$dir/explained")" = "HUB_NOT_LINKED there is no hub line2.plant.example" ]
check "in words" bash -c '"$1" explain pump-9 | grep -q "^detail *there is no hub line2.plant.example"' - "$berth"
check "in the log" grep -q '"unlinked_hub":"line2.plant.example"' "$dir/err"

# ---- the service's clients, and what explain says of nothing ----

curl -s -i --cacert "$ca" https://localhost/enrollments/x?api-version=2021-10-01 | tr -d '\r' >"$dir/answer"
explain "$(sed -n 's/^x-ms-request-id: //p' "$dir/answer")"
check "a service request" [ "$(json 'e.kind + " " + e.reason' <"$dir/explained")" = "service SERVICE_TOKEN_MISSING" ]
explain 127.0.0.1
check "by address" [ "$(json e.kind <"$dir/explained")" = service ]
"$berth" explain no-such-thing >"$dir/explained" 2>&1
check "nothing: exit code" [ $? -eq 3 ]
check "nothing: words" grep -q 'nothing is known of "no-such-thing"' "$dir/explained"
"$berth" explain >"$dir/explained" 2>&1
check "no argument: exit code" [ $? -eq 2 ]
check "--last 3" [ "$("$berth" explain --last 3 | grep -c '^time ')" -eq 3 ]
check "--last=2" [ "$("$berth" explain --last=2 | grep -c '^time ')" -eq 2 ]
check "no key or signature is told" bash -c '! grep -qF -e "$3" -e "$4" <("$1" explain --last 200 --json) "$2"' - \
    "$berth" "$dir/err" "$device_key" "$(sign "$device_hex" "$sr\n$later" | encode)"

printf 'why: %d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
