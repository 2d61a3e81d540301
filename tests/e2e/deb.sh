#!/usr/bin/env bash
# deb.sh - the Debian package in a fresh minimal root without a network: installed from the offline bundle, started by its unit's command
# line as its user, upgraded with data, removed, purged. As root; deb-systemd.sh has systemd itself do it.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/e2e/deb-lib.sh

deb_enter
if [ -z "${BERTH_DEB_WORK:-}" ]; then
    work=$(mktemp -d "${TMPDIR:-/tmp}/berth-deb.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    tools/offline-bundle --version 0.0.1 --into "$work/old" >"$work/log" 2>&1 &&
        tools/offline-bundle --into "$work/new" >>"$work/log" 2>&1 || {
        cat "$work/log" >&2
        exit 1
    }
    BERTH_DEB_WORK=$work unshare --mount --uts --ipc --net --pid --fork --kill-child "$0"
    exit
fi
work=$BERTH_DEB_WORK
ip link set lo up
mount --make-rprivate /
mount_root "$work"
mkdir "$root/bundle"
tar -xf "$work"/old/*.tar -C "$root/bundle" --one-top-level=old --strip-components=1
tar -xf "$work"/new/*.tar -C "$root/bundle" --one-top-level=new --strip-components=1

in_root() {
    chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 "$@"
}
mode_of() { # PATH MODE OWNER GROUP
    [ "$(in_root stat -c '%a %U %G' "$1")" = "$2 $3 $4" ] || {
        in_root stat -c '%n %a %U %G' "$1"
        return 1
    }
}

# ---- the service, as systemd starts it: command line, user, rights and limits are the unit's ----

listener= pid=
start() {
    local rights name=$root/run/notify out=$work/service.log
    rights=-all,$(unit AmbientCapabilities | tr 'A-Z ' 'a-z,' | sed 's/cap_/+/g')
    rm -f "$name"
    perl -MIO::Socket::UNIX -MSocket -e 'alarm 60; my $s = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $ARGV[0]) or die $!;
        chmod 0777, $ARGV[0]; while ($s->recv(my $text, 4096), 1) { exit 0 if $text =~ /^READY=1$/m }' "$name" &
    listener=$!
    until [ -S "$name" ]; do sleep 0.05; done
    (
        umask "$(unit UMask)"
        ulimit -c "$(unit LimitCORE)"
        # shellcheck disable=SC2046 # the command line is words
        exec chroot "$root" /usr/bin/env -i PATH=/usr/bin NOTIFY_SOCKET=/run/notify "STATE_DIRECTORY=/var/lib/$(unit StateDirectory)" \
            setpriv --reuid "$(unit User)" --regid "$(unit Group)" --init-groups --no-new-privs --bounding-set "$rights" \
            --inh-caps "$rights" --ambient-caps "$rights" $(unit ExecStart)
    ) >"$out" 2>&1 &
    pid=$!
    while kill -0 "$listener" 2>/dev/null; do
        kill -0 "$pid" 2>/dev/null || kill "$listener"
        sleep 0.05
    done
    wait "$listener" && return 0
    cat "$out"
    stop
    return 1
}
stop() {
    [ -n "$pid" ] || return 0
    kill "$pid" 2>/dev/null
    wait "$pid"
    local code=$?
    pid=
    return $code
}

scope() {
    sed -n 's/^id-scope = //p' "$root/var/lib/berth/profile.ini"
}
register() {
    says "plant7, deviceId: sn-1" in_root berth device provision --enrollment-group plant --registration-id sn-1 "$@"
}
device_is_there() {
    says sn-1 in_root berth device list --hub plant7
}
still_serves() { # it is the same service for its devices
    start && [ "$(scope)" = "$first_scope" ] && device_is_there && register --transport https
    local code=$?
    stop
    return $code
}
data() { # what must not change
    (cd "$root/var/lib/berth" && find . -type f ! -name berth.lock -exec sha256sum {} + | sort)
}
data_is_kept() {
    [ -n "$before" ] && [ "$before" = "$(data)" ]
}
files_are_private() {
    local others
    others=$(in_root find /var/lib/berth \( ! -user berth -o ! -name '*.pem' -perm /077 \) -printf '%p %u %m\n')
    echo "$others"
    [ -z "$others" ]
}
keys_are_named() {
    local key lacking=0
    for key in $(in_root berth serve --help | grep -oE '^ +--[a-z-]+' | tr -d ' ' | sed 's/^--//' | grep -vE '^(config|help|usage)$'); do
        grep -qE "^#?$key = " "$root/etc/berth/berth.conf" && continue
        echo "berth.conf does not name $key"
        lacking=1
    done
    return $lacking
}

# ---- install ----

echo >>"$root/bundle/new/packages/Packages"
check "a changed bundle is refused" fails in_root /bundle/new/install.sh
check "and installs nothing" fails test -e "$root/usr/bin/berth"
sed -i '$d' "$root/bundle/new/packages/Packages"
sed s/VERSION_CODENAME=.*/VERSION_CODENAME=potato/ "$base/usr/lib/os-release" >"$root/usr/lib/os-release"
check "a Debian of another release is refused" fails in_root /bundle/old/install.sh
check "and installs nothing here" fails test -e "$root/usr/bin/berth"
cp "$base/usr/lib/os-release" "$root/usr/lib/os-release"
check "the bundle installs without a network" says "berth 0.0.1-1 is installed" in_root /bundle/old/install.sh
none_failed
check "all is configured" says "install ok installed" in_root dpkg-query -W -f '${Status}' berth
check "files are as they were packed" in_root dpkg --verify berth
check "the program runs" in_root berth --version
check "a user of its own, who cannot sign in" says "/var/lib/berth:/usr/sbin/nologin" in_root getent passwd berth
check "a system user" test "$(in_root id -u berth)" -lt 1000
check "the data directory is the user's alone" mode_of /var/lib/berth 700 berth berth
check "the configuration" mode_of /etc/berth/berth.conf 644 root root
check "it names every key" keys_are_named
check "it is a conffile" says /etc/berth/berth.conf in_root dpkg-query -W -f '${Conffiles}' berth
check "the unit is enabled" test -L "$root/etc/systemd/system/multi-user.target.wants/berth.service"
check "documentation" bash -c 'cd "$1/usr/share/doc/berth" && ls copyright changelog.Debian.gz changelog.gz docs/operations.md' - "$root"
check "completion for bash" test -f "$root/usr/share/bash-completion/completions/berth"
check "completion for zsh, where Debian's looks" test -f "$root/usr/share/zsh/vendor-completions/_berth"
manual_is_there() {
    local page
    for page in build/release/man/man*/*.[1-9]; do
        [ -f "$root/usr/share/man/${page#build/release/man/}.gz" ] && continue
        echo "$page is not in the package"
        return 1
    done
}
check "the manual" manual_is_there

# ---- first start, with not a line of berth.conf changed ----

check "starts by its unit, and says so to the service manager" start
check "as its own user" test "$(stat -c %u "$root/proc/$pid")" = "$(in_root id -u berth)"
check "with one right" grep -qE '^CapEff:\s*0000000000000400$' "$root/proc/$pid/status"
check "that no program can add to" grep -qE '^NoNewPrivs:\s*1$' "$root/proc/$pid/status"
check "its files are its alone" files_are_private
check "a group" in_root berth enrollment-group create plant
check "a device is assigned" register
check "it is in the hub" device_is_there
first_scope=$(scope)
check "stops in order" stop

# ---- upgrade: the database is as version 1 wrote it, the configuration has an edit ----

as_version_1() {
    local db=$root/var/lib/berth/berth.db t
    {
        echo "ATTACH '$db' AS now; PRAGMA application_id=1651668072; PRAGMA user_version=1;"
        echo "CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;"
        echo "INSERT INTO meta SELECT name, value FROM now.meta WHERE name IN ('version', 'key_check');"
        for t in setting policy hub enrollment_group enrollment registration device; do
            echo "CREATE TABLE $t (id INTEGER PRIMARY KEY, scope TEXT NOT NULL, key TEXT NOT NULL, name TEXT NOT NULL,
                owner TEXT NOT NULL, tag INTEGER NOT NULL, version INTEGER NOT NULL, created_ms INTEGER NOT NULL,
                updated_ms INTEGER NOT NULL, secret BLOB, body TEXT NOT NULL, UNIQUE (scope, key));"
            echo "INSERT INTO $t SELECT id, scope, key, name, owner, tag, version, created_ms, updated_ms, secret, body FROM now.$t;"
        done
    } | sqlite3 -bail "$work/v1.db" || return 1
    rm -f "$db" "$db-wal" "$db-shm"
    cp "$work/v1.db" "$db"
    in_root chown berth:berth /var/lib/berth/berth.db
    chmod 600 "$db"
}
schema() {
    sqlite3 "$1" 'PRAGMA user_version'
}

check "a database of the first version" as_version_1
sed -i 's/^#ops-port = .*/ops-port = 9465/' "$root/etc/berth/berth.conf"
old_conf=$(cat "$root/etc/berth/berth.conf")
check "the newer bundle upgrades" says "berth $(cd "$root/bundle/new/packages" && ls berth_*.deb | cut -d_ -f2) is installed" \
    in_root /bundle/new/install.sh
conf_is_kept() {
    grep -q '^ops-port = 9465$' "$root/etc/berth/berth.conf" && [ "$old_conf" = "$(cat "$root/etc/berth/berth.conf")" ]
}
check "the edit is kept" conf_is_kept
check "the same scope and device after the upgrade" still_serves
check "the schema is today's" test "$(schema "$root/var/lib/berth/berth.db")" -gt 1
if grep -rqF before-v server/store; then
    check "the database of before is kept" test "$(schema "$root"/var/lib/berth/berth.db.before-v*)" = 1
fi
check "the edit is obeyed" start
check "on the port of the edit" curl -fsS -o /dev/null http://127.0.0.1:9465/healthz
check "stops again" stop

# ---- remove, install again, purge ----

before=$(data)
check "remove" in_root dpkg --remove berth
check "the program is gone" fails test -e "$root/usr/bin/berth"
check "data is kept" data_is_kept
check "the edit is kept over a removal" conf_is_kept
check "its user is kept" in_root getent passwd berth
check "install again" in_root /bundle/new/install.sh
check "the same scope and device after a removal" still_serves

before=$(data)
check "purge says that data is kept" says "berth: kept /var/lib/berth" in_root env BERTH_PURGE_DATA=1 dpkg --purge berth
check "data is kept over a purge" data_is_kept
check "configuration is gone" fails test -e "$root/etc/berth"
check "so is the link of the unit" fails test -L "$root/etc/systemd/system/multi-user.target.wants/berth.service"
check "its user is kept over a purge" in_root getent passwd berth
check "install after the purge" in_root /bundle/new/install.sh
check "the same scope and device after a purge" still_serves

mkdir "$root/etc/berth/tls"
kept=/var/lib/berth.before-restore-20261123T101530Z
mkdir "$root$kept"
check "purge with the data, where asked, says what a restore left" says "berth: kept $kept" \
    in_root env BERTH_PURGE_DATA=yes dpkg --purge berth
check "data is gone" fails test -e "$root/var/lib/berth"
check "what a restore left stays" rmdir "$root$kept"
check "what the operator put into /etc/berth stays" test -d "$root/etc/berth/tls"
check "a first start again" bash -c 'chroot "$1" /bundle/new/install.sh' - "$root"
check "of another service" start
check "with another scope" [ "$(scope)" != "$first_scope" ]
stop
report
