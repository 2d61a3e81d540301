#!/bin/bash
# IDs and keys in bulk: every form of file, what is refused and how, what is left when it is interrupted; a million keys,
# equal to what openssl says. BERTH: the program. Needs node, openssl, iconv, script and GNU time; runs as any user.
set -u

BERTH=${BERTH:-build/debug/cli/berth}
BERTH=$(readlink -f "$BERTH") || exit 1
[ -x "$BERTH" ] || { echo "no program at $BERTH: set BERTH" >&2; exit 1; }
cd "$(dirname "$0")/../.." || exit 1
WORK=$(mktemp -d) || exit 1
DAEMON=
PASSED=0
FAILED=0
export BERTH_TEST_DUMPABLE=1
unset BERTH_PROFILE BERTH_LOGIN BERTH_KEY STATE_DIRECTORY
export HOME=$WORK/home XDG_DATA_HOME=$WORK/home/share
mkdir -p "$XDG_DATA_HOME"

GROUP_KEY='8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE/+ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqIChbqOS9Egw=='
DEVICE=sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6
DEVICE_KEY='Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc='
MILLION=${MILLION:-1000000}

cleanup() {
    [ -z "$DAEMON" ] || { kill "$DAEMON" && wait "$DAEMON"; } 2>/dev/null
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
    head -n 20 "$WORK/out" | sed 's/^/  out: /'
    head -n 20 "$WORK/err" | sed 's/^/  err: /'
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

tells() {
    for each; do
        if grep -qFe "$each" "$WORK/err"; then ok; else not_ok "no \"$each\" on standard error"; fi
    done
}

# outputs LINE..: these and no others
outputs() {
    if printf '%s\n' "$@" | cmp -s - "$WORK/out"; then ok; else not_ok "not the output that was expected"; fi
}

holds() { # WHAT COMMAND..
    local what=$1
    shift
    if "$@"; then ok; else not_ok "not so: $what"; fi
}

# Nothing but the given names is in the directory that files are written to.
left() {
    if [ "$(ls -A "$WORK/o" | tr '\n' ' ')" = "${*:+$* }" ]; then ok; else not_ok "there is: $(ls -A "$WORK/o")"; fi
}

theirs() { # ID: its key by the article's commands
    printf '%s' "$1" | openssl sha256 -mac HMAC -macopt "hexkey:$KEYBYTES" -binary | base64
}

KEYBYTES=$(echo "$GROUP_KEY" | base64 --decode | xxd -p -u -c 1000)
printf '%s\n' "$GROUP_KEY" >"$WORK/group.key"
mkdir "$WORK/o"
umask 027

# ---- one ID ----

id() { "$BERTH" registration-id build "$@" 2>/dev/null; }

NAME="forms of a MAC address"
for mac in A1:B2:C3:D4:E5:F6 a1-b2-c3-d4-e5-f6 a1b2.c3d4.e5f6 A1B2C3D4E5F6 a1b2c3-d4e5f6 "MAC: A1B2C3D4E5F6"; do
    holds "$mac" [ "$(id --serial 007-888-abc --mac "$mac")" = $DEVICE ]
done
holds "blanks around the serial number" [ "$(id --serial ' 007-888-abc ' --mac A1B2C3D4E5F6)" = $DEVICE ]
holds "a template" [ "$(id --serial AbC --template 'x{serial-lower}')" = xabc ]
holds "capitals, colons" [ "$(id --mac a1b2c3d4e5f6 --template '{mac-colon-upper}')" = A1:B2:C3:D4:E5:F6 ]
run "as JSON" 0 registration-id build --serial 007-888-abc --mac a1b2c3d4e5f6 --json
outputs '{' "  \"registrationId\": \"$DEVICE\"," '  "serial": "007-888-abc",' '  "mac": "a1:b2:c3:d4:e5:f6"' '}'
run "no MAC address" 2 registration-id build --serial 1
tells "--mac is missing"
run "no serial number" 2 registration-id build --mac a1b2c3d4e5f6
tells "--serial is missing"
run "a MAC address too many" 2 registration-id build --serial 1 --mac a1b2c3d4e5f6 --template '{serial}'
tells "--mac has no place"
run "a blank in the serial number" 2 registration-id build --serial '00 7' --template 'sn-{serial}'
tells 'has a character that is not allowed (character 6)' "an ID has letters"
run "an empty serial number" 2 registration-id build --serial ' ' --template 'sn-{serial}'
tells "the serial number is empty"
run "too long" 2 registration-id build --serial "$(printf '%0126d' 0)" --template 'sn-{serial}'
tells "longer than 128"
run "just not too long" 0 registration-id build --serial "$(printf '%0125d' 0)" --template 'sn-{serial}'
run "a bad MAC address" 2 registration-id build --serial 1 --mac a1:b2:c3:d4:e5:g6
tells "no hex digit (character 16)" "12 hex digits"
run "a MAC address made a number" 2 registration-id build --serial 1 --mac 1.12233E+11
tells "a spreadsheet has made it a number"
run "a template with a field that is not known" 2 registration-id build --serial 1 --template 'sn-{serail}'
tells "not known (character 4)" "{serial-lower}"
run "a template without field" 2 registration-id build --serial 1 --template device
tells "the same ID"
run "options of files without file" 2 registration-id build --serial 1 --template '{serial}' --header
tells "--csv FILE is missing"
run "columns without file" 2 registration-id build --serial 1 --template '{serial}' --serial-column 1
tells "are for --csv"
run "one and many" 2 registration-id build --serial 1 --csv x
tells "for one device"
run "a stray argument" 2 registration-id build stray
tells "stray"

# ---- files ----

BOTH='registrationId,serial,mac'
FIRST="$DEVICE,007-888-abc,a1:b2:c3:d4:e5:f6"
SECOND='sn-9-mac-00-00-00-00-00-09,9,00:00:00:00:00:09'

# built NAME FILE-TEXT ARGUMENT..: both devices come out
built() {
    local name=$1 text=$2
    shift 2
    printf "$text" >"$WORK/in.csv"
    run "$name" 0 registration-id build --csv "$WORK/in.csv" "$@"
    outputs "$BOTH" "$FIRST" "$SECOND"
}

PLAIN='serial,mac\n007-888-abc,a1:b2:c3:d4:e5:f6\n9,00-00-00-00-00-09\n'
built "commas" "$PLAIN"
built "no end of the last line" 'serial,mac\n007-888-abc,a1:b2:c3:d4:e5:f6\n9,00-00-00-00-00-09'
built "CRLF" 'serial,mac\r\n007-888-abc,a1:b2:c3:d4:e5:f6\r\n9,00-00-00-00-00-09\r\n'
built "semicolons" 'Serial No.;MAC Address;Price\n007-888-abc;A1B2.C3D4.E5F6;1,50\n9;000000000009;2,00\n'
built "tabs" 'MAC\tS/N\na1:b2:c3:d4:e5:f6\t007-888-abc\n00:00:00:00:00:09\t9\n'
built "byte order mark" '\xef\xbb\xbfserial,mac\n007-888-abc,a1:b2:c3:d4:e5:f6\n9,00-00-00-00-00-09\n'
built "quotes" '"Serial Number","Mac_Address"\n"007-888-abc","a1:b2:c3:d4:e5:f6"\n" 9 ","00-00-00-00-00-09"\n'
built "a note of two lines" 'note,sn,mac\n"a ""b"",\nc",007-888-abc,a1:b2:c3:d4:e5:f6\n,9,00-00-00-00-00-09\n'
built "empty rows" '\n\nserial,mac\n\n007-888-abc,a1:b2:c3:d4:e5:f6\n,\n9,00-00-00-00-00-09\n,\n\n'
built "Excel's line" 'sep=;\r\nserial;mac\r\n007-888-abc;a1:b2:c3:d4:e5:f6\r\n9;00-00-00-00-00-09\r\n'
built "columns by name" 'no,code,hw,mac\n1,007-888-abc,a1:b2:c3:d4:e5:f6,x\n2,9,00-00-00-00-00-09,x\n' \
    --serial-column CODE --mac-column hw
built "columns by number" '007-888-abc,a1:b2:c3:d4:e5:f6\n9,00-00-00-00-00-09\n' --serial-column 1 --mac-column 2
built "columns by number, names above" "$PLAIN" --serial-column 1 --mac-column 2
built "columns by number, other names above" 'a,b\n007-888-abc,a1:b2:c3:d4:e5:f6\n9,00-00-00-00-00-09\n' \
    --serial-column 1 --mac-column 2 --header
built "the separator is said" '007-888-abc:a1b2c3d4e5f6\n9:000000000009\n' --separator : --no-header \
    --serial-column 1 --mac-column 2
printf "$PLAIN" >"$WORK/plain.csv"
for encoding in UTF-16LE UTF-16BE; do
    { printf '\xfe\xff' | iconv -f UTF-16BE -t $encoding; iconv -f UTF-8 -t $encoding "$WORK/plain.csv"; } >"$WORK/u16.csv"
    run "$encoding" 0 registration-id build --csv "$WORK/u16.csv"
    outputs "$BOTH" "$FIRST" "$SECOND"
    run "$encoding without mark" 0 registration-id build --csv - < <(iconv -f UTF-8 -t $encoding "$WORK/plain.csv")
    outputs "$BOTH" "$FIRST" "$SECOND"
done
printf x >>"$WORK/u16.csv"
run "UTF-16 that ends early" 1 registration-id build --csv "$WORK/u16.csv"
tells "ends within a character"
run "lines of JSON" 0 registration-id build --csv - --json <"$WORK/plain.csv"
outputs "{\"registrationId\":\"$DEVICE\",\"serial\":\"007-888-abc\",\"mac\":\"a1:b2:c3:d4:e5:f6\"}" \
    '{"registrationId":"sn-9-mac-00-00-00-00-00-09","serial":"9","mac":"00:00:00:00:00:09"}'
run "one column is enough for one field" 0 registration-id build --csv - --template '{mac}' < <(printf 'a1b2c3d4e5f6\n')
outputs registrationId,mac a1-b2-c3-d4-e5-f6,a1:b2:c3:d4:e5:f6

run "no such file" 2 registration-id build --csv "$WORK/none.csv"
tells "no such file"
run "a directory" 2 registration-id build --csv "$WORK"
tells "is a directory"
run "an empty file" 0 registration-id build --csv /dev/null
tells "has no devices"
run "which column?" 2 registration-id build --csv - < <(printf 'a,b,mac\n1,2,3\n')
tells "which column is the serial number?" "a, b, mac" "--serial-column"
run "two columns of one name" 2 registration-id build --csv - < <(printf 'serial,mac,MAC Address\n1,2,3\n')
tells "columns 2 and 3 may both be the MAC address" "--mac-column NUMBER"
run "no such column" 2 registration-id build --csv "$WORK/plain.csv" --mac-column hw
tells 'has no column "hw"' "serial, mac"
run "no column 0" 2 registration-id build --csv "$WORK/plain.csv" --mac-column 0
tells "columns 1 to 1024"
for option in serial mac; do
    run "no column 9 for the $option" 2 registration-id build --csv "$WORK/plain.csv" --$option-column 9
    tells "--$option-column 9: there is no column 9" "plain.csv has 2" "its first row is: serial, mac"
    holds "told once" [ "$(wc -l <"$WORK/err")" = 2 ]
done
run "a short line among wide ones" 1 registration-id build --csv - --serial-column 1 --mac-column 2 \
    < <(printf 'sn-1,a1:b2:c3:d4:e5:f6\nsn-2\n')
tells "line 2: the MAC address is empty" "lines refused: 1, good ones: 1"
run "a name and --no-header" 2 registration-id build --csv "$WORK/plain.csv" --mac-column hw --no-header
tells "by its number"
run "a separator of two characters" 2 registration-id build --csv x --separator ab
tells "one character"

BAD='serial,mac\n1,a1b2c3d4e5f6\n2,a1b2c3d4e5f\n3\n4,000000000004\n"5"x,6\n6,000000000006\n'
printf "$BAD" >"$WORK/bad.csv"
run "bad lines" 1 registration-id build --csv "$WORK/bad.csv"
tells "bad.csv, line 3: the MAC address \"a1b2c3d4e5f\" does not have 12 hex digits" "dropped zeros" \
    "line 4: the MAC address is empty" "line 6: text after a closing quote" "lines refused: 3, good ones: 3; the others are written"
outputs "$BOTH" sn-1-mac-a1-b2-c3-d4-e5-f6,1,a1:b2:c3:d4:e5:f6 sn-4-mac-00-00-00-00-00-04,4,00:00:00:00:00:04 \
    sn-6-mac-00-00-00-00-00-06,6,00:00:00:00:00:06
echo old >"$WORK/o/ids.csv"
run "bad lines and a file" 1 registration-id build --csv "$WORK/bad.csv" -o "$WORK/o/ids.csv"
tells "nothing is written" "--skip-bad-lines"
left ids.csv
holds "the old file is as it was" [ "$(cat "$WORK/o/ids.csv")" = old ]
run "bad lines passed over" 0 registration-id build --csv "$WORK/bad.csv" -o "$WORK/o/ids.csv" --skip-bad-lines
tells "line 3" "bad lines passed over: 3, devices done: 3"
left ids.csv
holds "its mode is the usual one" [ "$(stat -c %a "$WORK/o/ids.csv")" = 640 ]
holds "the new file has the others" [ "$(wc -l <"$WORK/o/ids.csv")" -eq 4 ]
run "a thousand bad lines" 1 registration-id build --csv - < <(echo serial,mac; yes x,y | head -n 1000)
tells "line 21" "and 980 more lines" "lines refused: 1000, good ones: 0"
holds "most are not told" [ "$(grep -c 'line [0-9]' "$WORK/err")" -eq 20 ]

run "two inputs, one ID" 1 registration-id build --csv - -o "$WORK/o/ids.csv" --skip-bad-lines \
    < <(printf 'serial,mac\nab,a1b2c3d4e5f6\n1,000000000001\n\nAB,A1:B2:C3:D4:E5:F6\n')
tells "line 5: gives the ID sn-AB-mac-a1-b2-c3-d4-e5-f6, as line 2 does" "nothing is written"
run "two inputs, one ID by the template" 1 registration-id build --csv - --template '{mac}' \
    < <(printf 'serial,mac\n1,a1b2c3d4e5f6\n2,a1b2c3d4e5f6\n')
tells "line 3: gives the ID a1-b2-c3-d4-e5-f6, as line 2 does" "--template leaves out"
run "a quote never closed" 1 registration-id build --csv - < <(printf 'serial,mac\n1,a1b2c3d4e5f6\n"2,000000000002\n3,4\n')
tells "line 3: a row longer than 64 KiB, or a quote that is never closed"
run "its own input" 2 registration-id build --csv "$WORK/plain.csv" -o "$WORK/plain.csv"
tells "is what is read"
run "no ordinary file" 2 registration-id build --csv "$WORK/plain.csv" -o "$WORK/o"
tells "not an ordinary file"
run "no such directory" 1 registration-id build --csv "$WORK/plain.csv" -o "$WORK/none/ids.csv"
tells "cannot write"
NAME="a full disk"
"$BERTH" registration-id build --csv "$WORK/plain.csv" >/dev/full 2>"$WORK/err"
holds "exit code" [ $? -eq 1 ]
tells "No space left"

NAME="a limit of file sizes"
seq -f 'sn-%.0f,00-00-00-00-00-09' 400 >"$WORK/many.csv"
(ulimit -f 8 && exec "$BERTH" registration-id build --csv "$WORK/many.csv" --serial-column 1 --mac-column 2 -o "$WORK/o/limited.csv") \
    >"$WORK/out" 2>"$WORK/err"
holds "exit code" [ $? -eq 1 ]
tells "File too large" "ulimit -f"
left ids.csv

# ---- keys ----

export BERTH_KEY=$GROUP_KEY
printf '%s\r\n\r\nsn-9\r\n' $DEVICE >"$WORK/ids.txt"
NINE="sn-9,$(theirs sn-9)"
run "a list" 0 key derive --list "$WORK/ids.txt"
outputs registrationId,deviceKey "$DEVICE,$DEVICE_KEY" "$NINE"
run "a list on standard input, lines of JSON" 0 key derive --list - --json <"$WORK/ids.txt"
outputs "{\"registrationId\":\"$DEVICE\",\"deviceKey\":\"$DEVICE_KEY\"}" \
    "{\"registrationId\":\"sn-9\",\"deviceKey\":\"${NINE#*,}\"}"
run "a CSV without names" 0 key derive --csv "$WORK/ids.txt"
outputs registrationId,deviceKey "$DEVICE,$DEVICE_KEY" "$NINE"
run "a CSV" 0 key derive --csv - < <(printf 'note;Registration ID\n"a;b";%s\nc; sn-9 \n' $DEVICE)
outputs registrationId,deviceKey "$DEVICE,$DEVICE_KEY" "$NINE"
run "no such column of it" 2 key derive --csv - --id-column 3 < <(printf 'a,%s\nb,sn-9\n' $DEVICE)
tells "there is no column 3" "has 2"
run "its column" 0 key derive --csv - --id-column 2 < <(printf 'a,%s\nb,sn-9\n' $DEVICE)
outputs registrationId,deviceKey "$DEVICE,$DEVICE_KEY" "$NINE"
NAME="from labels to keys"
"$BERTH" registration-id build --csv "$WORK/plain.csv" | "$BERTH" key derive --csv - >"$WORK/out" 2>"$WORK/err"
outputs registrationId,deviceKey "$DEVICE,$DEVICE_KEY" "sn-9-mac-00-00-00-00-00-09,$(theirs sn-9-mac-00-00-00-00-00-09)"
run "to a file" 0 key derive --list "$WORK/ids.txt" --output-file "$WORK/o/keys.csv"
left ids.csv keys.csv
holds "nobody else can read it" [ "$(stat -c %a "$WORK/o/keys.csv")" = 600 ]
holds "it is whole" [ "$(tail -n 1 "$WORK/o/keys.csv")" = "$NINE" ]
run "bad IDs" 1 key derive --list - < <(printf 'a b\n%s\n%0129d\n' $DEVICE 0)
tells 'line 1: the ID "a b" has a character that is not allowed (character 2)' "line 3" "longer than 128"
outputs registrationId,deviceKey "$DEVICE,$DEVICE_KEY"
run "a list that is a CSV" 1 key derive --list "$WORK/plain.csv"
tells "for columns use --csv"
run "one and many" 2 key derive --registration-id a --list b
tells "for one device"
run "list and CSV" 2 key derive --csv a --list b
tells "only one of"
run "key and IDs on standard input" 2 key derive --list - --key-file - </dev/null
tells "cannot both"
run "columns of a list" 2 key derive --list a --header
tells "no columns"
unset BERTH_KEY

# ---- terminals and signals ----

# typed QUESTION ANSWER COMMAND: on a terminal, types ANSWER once QUESTION stands there
typed() {
    rm -f "$WORK/typed"
    mkfifo "$WORK/typed"
    : >"$WORK/err"
    exec 9<>"$WORK/typed"
    script -qefc "$3" /dev/null <"$WORK/typed" >"$WORK/out" 2>&1 &
    local terminal=$!
    for _ in $(seq 600); do grep -qF "$1" "$WORK/out" && break; sleep 0.1; done
    printf '%s\n' "$2" >&9
    wait $terminal
    TYPED_CODE=$?
    exec 9>&-
}

NAME="IDs on standard input, the key asked for"
typed "group key (base64):" "$GROUP_KEY" "echo sn-9 | '$BERTH' key derive --list -"
holds "the key of it" grep -qF "$NINE" "$WORK/out"
holds "the group's key is not shown" [ "$(grep -cF "$GROUP_KEY" "$WORK/out")" -eq 0 ]

NAME="a bar on a terminal"
mkfifo "$WORK/slow"
typed nothing-is-asked "" "{ echo sn-1; sleep 1; echo sn-2; sleep 0.3; } >'$WORK/slow' &
    BERTH_KEY='$GROUP_KEY' '$BERTH' key derive --list '$WORK/slow' -o '$WORK/o/slow.csv'"
holds "it is drawn" grep -qF "rows, " "$WORK/out"
holds "it is taken away" grep -qP '\r\x1b\[K$' "$WORK/out"
holds "both are done" [ "$(wc -l <"$WORK/o/slow.csv")" -eq 3 ]
rm "$WORK/o/slow.csv"

# interrupted NAME SIGNAL: in the middle of a file
interrupted() {
    NAME=$1
    echo old >"$WORK/o/keys.csv"
    exec 8<>"$WORK/slow"
    head -n 100000 "$WORK/many.txt" >&8 &
    local feeder=$!
    # a shell without job control lets background commands ignore SIGINT; env gives it back
    BERTH_KEY=$GROUP_KEY env --default-signal=INT "$BERTH" key derive --list "$WORK/slow" -o "$WORK/o/keys.csv" \
        >"$WORK/out" 2>"$WORK/err" &
    local program=$!
    for _ in $(seq 600); do ls "$WORK/o" | grep -q 'keys.csv\.' && break; sleep 0.05; done
    sleep 0.2
    kill -"$2" $program
    wait $program
    holds "it ended by the signal" [ $? -eq $((128 + $(kill -l "$2"))) ]
    kill $feeder 2>/dev/null
    wait $feeder 2>/dev/null
    exec 8>&-
    left ids.csv keys.csv
    holds "the old file is as it was" [ "$(cat "$WORK/o/keys.csv")" = old ]
}

seq -f 'sn-%.0f' 100000 >"$WORK/many.txt"
interrupted "Ctrl-C leaves no half file" INT
interrupted "SIGTERM leaves no half file" TERM

# ---- a service ----

free_ports() {
    node -e 'const net = require("net"), held = [];
             const next = () => { if (held.length == 2) {
                 console.log(held.map(s => s.address().port).join(" "));
                 held.forEach(s => s.close()); return; }
               const s = net.createServer().listen(0, "127.0.0.1", () => { held.push(s); next(); }); };
             next();'
}

read -r HTTPS MQTTS < <(free_ports)
"$BERTH" serve --data-dir "$WORK/data" --hostname localhost --https-port "$HTTPS" --mqtts-port "$MQTTS" --ops-port 0 \
    --loops 1 >"$WORK/serve.out" 2>"$WORK/serve.err" &
DAEMON=$!
for _ in $(seq 300); do grep -q 'berth serves' "$WORK/serve.out" && break; sleep 0.1; done
export BERTH_PROFILE=$WORK/data/profile.ini
run "a group" 0 enrollment-group create legacy
run "keys of a group that the service knows" 0 key derive --csv "$WORK/ids.txt" --enrollment-group legacy -o "$WORK/o/keys.csv"
run "from labels to a device" 0 registration-id build --csv "$WORK/plain.csv" -o "$WORK/o/ids.csv"
run "keys of both" 0 key derive --csv "$WORK/o/ids.csv" --enrollment-group legacy -o "$WORK/o/keys.csv"
NAME="devices with keys of a file"
while IFS=, read -r id key; do
    [ "$id" = registrationId ] && continue
    run "$id provisions itself" 0 device provision --registration-id "$id" --key-file - < <(echo "$key")
done <"$WORK/o/keys.csv"
unset BERTH_PROFILE
kill "$DAEMON" && wait "$DAEMON"
DAEMON=

# ---- docs/keys.md: what it says to type is what is so ----

NAME="the commands of docs/keys.md"
sed -n '/^```bash$/,/^```$/p' docs/keys.md | grep -v '^```' >"$WORK/docs.sh"
holds "openssl's line" [ "$(bash "$WORK/docs.sh" 2>"$WORK/err")" = "$DEVICE_KEY" ]
# PowerShell: the same three steps, FromBase64String, ComputeHash of the ASCII bytes, ToBase64String, one by one.
sed -n '/^```powershell$/,/^```$/p' docs/keys.md >"$WORK/docs.ps1"
for step in FromBase64String HMACSHA256 'ComputeHash([Text.Encoding]::ASCII.GetBytes($REG_ID))' ToBase64String; do
    holds "PowerShell has $step" grep -qF "$step" "$WORK/docs.ps1"
done
ps_key=$(sed -n "s/^\$KEY *= *'\(.*\)'$/\1/p" "$WORK/docs.ps1")
ps_id=$(sed -n "s/^\$REG_ID *= *'\(.*\)'$/\1/p" "$WORK/docs.ps1")
ps_result=$(node -e 'const [key, id] = process.argv.slice(1);
    console.log(require("crypto").createHmac("sha256", Buffer.from(key, "base64")).update(id, "ascii").digest("base64"));' \
    "$ps_key" "$ps_id")
holds "PowerShell's steps give the device's key" [ "$ps_result" = "$DEVICE_KEY" ]
holds "and that is the key it shows" grep -qF "$DEVICE_KEY" docs/keys.md

# ---- a million ----

measured() { # FILE-OF-FIGURES ARGUMENT..
    local figures=$1
    shift
    # what a sanitizer keeps of freed memory is not the program's
    ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}quarantine_size_mb=1" \
        /usr/bin/time -f '%M %e %U %S' -o "$figures" "$BERTH" "$@" >"$WORK/out" 2>"$WORK/err"
}

NAME="a million keys"
export BERTH_KEY=$GROUP_KEY
awk -v n="$MILLION" 'BEGIN { print "Serial;MAC"
    for (i = 0; i < n; i++) printf "%06d;a1:b2:c3:%02X:%02X:%02X\r\n", i, i / 65536, i / 256 % 256, i % 256 }' >"$WORK/million.csv"
measured "$WORK/ids.figures" registration-id build --csv "$WORK/million.csv" -o "$WORK/million-ids.csv"
holds "IDs" [ "$(wc -l <"$WORK/million-ids.csv")" -eq $((MILLION + 1)) ]
head -n 10001 "$WORK/million-ids.csv" >"$WORK/few-ids.csv"
measured "$WORK/few.figures" key derive --csv "$WORK/few-ids.csv"
measured "$WORK/keys.figures" key derive --csv "$WORK/million-ids.csv" -o "$WORK/million-keys.csv"
holds "keys" [ "$(wc -l <"$WORK/million-keys.csv")" -eq $((MILLION + 1)) ]
read -r few _ <"$WORK/few.figures"
read -r kib seconds user system <"$WORK/keys.figures"
read -r ids_kib ids_seconds ids_user ids_system <"$WORK/ids.figures"
holds "memory does not grow with the file: $few KiB, $kib KiB" [ $((kib - few)) -lt 16384 ]
echo "  $MILLION IDs: $ids_seconds s ($ids_user + $ids_system s CPU), $ids_kib KiB; keys: $seconds s ($user + $system s CPU), $kib KiB"
NAME="20 of them as openssl has them"
for line in $(shuf -i 2-$((MILLION + 1)) -n 20); do
    IFS=, read -r id key < <(sed -n "${line}p" "$WORK/million-keys.csv")
    holds "$id" [ "$key" = "$(theirs "$id")" ]
done
NAME="the last of a million again"
{ cat "$WORK/million.csv"; tail -n 1 "$WORK/million.csv"; } >"$WORK/again.csv"
run "one of a million twice" 1 registration-id build --csv "$WORK/again.csv" -o "$WORK/o/again.csv"
tells "line $((MILLION + 2)): gives the ID" "as line $((MILLION + 1)) does"
left ids.csv keys.csv

echo "$PASSED passed, $FAILED failed"
[ "$FAILED" -eq 0 ]
