#!/usr/bin/env bash
# deb-systemd.sh - the Debian package under a systemd of its own: it starts with the installation, works inside the unit's sandbox, is
# reloaded, started again after a crash, upgraded, removed. As root, where the kernel lets systemd run in a namespace.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/e2e/deb-lib.sh

# The first process of the new root
boot() {
    mount --make-rprivate /
    mount -t proc proc "$root/proc"
    mount -t tmpfs tmpfs "$root/run"
    mount -t sysfs -o ro sysfs "$root/sys"
    mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
    mkdir -p "$root/mnt/old"
    cd "$root" || exit 1
    pivot_root . mnt/old
    umount -l /mnt/old
    mount --make-rshared / # as at a boot: credentials reach the service by it
    exec env -i container=test PATH=/usr/sbin:/usr/bin /sbin/init --show-status=no
}
if [ "${1:-}" = boot ]; then
    boot
fi

deb_enter --cgroup
if [ -z "${BERTH_DEB_WORK:-}" ]; then
    work=$(mktemp -d "${TMPDIR:-/tmp}/berth-deb.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    tools/offline-bundle --version 0.0.1 --with systemd-sysv --into "$work/old" >"$work/log" 2>&1 &&
        tools/offline-bundle --into "$work/new" >>"$work/log" 2>&1 || {
        cat "$work/log" >&2
        exit 1
    }
    BERTH_DEB_WORK=$work unshare --mount --uts --ipc --net --pid --mount-proc --fork --kill-child "$0"
    exit
fi
work=$BERTH_DEB_WORK
ip link set lo up
mount --make-rprivate /
mount_root "$work"
mkdir "$root/bundle"
tar -xf "$work"/old/*.tar -C "$root/bundle" --one-top-level=old --strip-components=1
tar -xf "$work"/new/*.tar -C "$root/bundle" --one-top-level=new --strip-components=1
chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin /bundle/old/install.sh systemd-sysv >"$work/log" 2>&1 || {
    cat "$work/log" >&2
    exit 1
}
umount "$root/proc"

# ---- boot, in a control group of its own ----

mkdir "$work/cgroup"
mount -t cgroup2 cgroup2 "$work/cgroup" 2>/dev/null && mkdir "$work/cgroup/berth-deb-$$" 2>/dev/null ||
    not_run "this root may make no control group"
group=$work/cgroup/berth-deb-$$
(
    echo "$BASHPID" >"$group/cgroup.procs"
    export root
    exec unshare --mount --ipc --pid --cgroup --fork --kill-child "$0" boot
) >"$work/boot.log" 2>&1 &
outer=$!
init=
end() {
    [ -z "$init" ] || kill -KILL "$init" 2>/dev/null
    wait "$outer" 2>/dev/null
    find "$group" -depth -type d -exec rmdir {} \; 2>/dev/null
}
trap end EXIT

inside() {
    nsenter --target "$init" --mount --pid --ipc --cgroup --root --wd \
        /usr/bin/env -i PATH=/usr/sbin:/usr/bin HOME=/root LC_ALL=C.UTF-8 "$@"
}
for _ in $(seq 150); do
    init=$(cat "/proc/$outer/task/$outer/children" 2>/dev/null | tr -d ' ')
    [ -n "$init" ] && inside systemctl is-system-running 2>/dev/null | grep -qE 'running|degraded' && break
    kill -0 "$outer" 2>/dev/null || not_run "systemd does not start in a namespace here: $(tail -n 1 "$work/boot.log")"
    sleep 0.2
done
inside systemctl is-system-running 2>/dev/null | grep -qE 'running|degraded' || not_run "systemd does not come up in a namespace here"

# ---- what is seen of the service ----

main_pid() { # as seen inside
    inside systemctl show --property MainPID --value berth
}
status() { # FIELD VALUE
    says "$2" inside grep "^$1:" "/proc/$(main_pid)/status"
}
active() {
    says active inside systemctl is-active berth || {
        inside journalctl --no-pager --unit berth --lines 30
        return 1
    }
}
has_failed() {
    says failed inside systemctl show --property ActiveState berth
}
scope() {
    sed -n 's/^id-scope = //p' "$root/var/lib/berth/profile.ini"
}
register() {
    says "plant7, deviceId: sn-1" inside berth device provision --enrollment-group plant --registration-id sn-1 "$@"
}
serves_on() {
    active && [ "$(scope)" = "$first_scope" ] && register
}
within() { # SECONDS COMMAND.. - it comes true by then
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null; do
        [ $SECONDS -lt $end ] || {
            "$@"
            return
        }
        sleep 0.2
    done
}
another_process() {
    active && [ "$(main_pid)" != "$process" ]
}
# A program beside the service, in the sandbox that it has
in_sandbox() {
    inside nsenter --target "$(main_pid)" --mount --root --wd "$@"
}

check "installed, it is started" says "berth 0.0.1-1 is installed" inside /bundle/old/install.sh
check "and up when the installation ends" active
none_failed
check "enabled for the next boot" inside systemctl is-enabled berth
check "as its own user" status Uid "$(inside id -u berth)"
check "with one right" status CapEff 0000000000000400
check "and none beyond it" status CapBnd 0000000000000400
check "system calls are filtered" status Seccomp 2
check "no new privileges" status NoNewPrivs 1
check "no core dumps" inside grep -qE '^Max core file size +0 +0 ' "/proc/$(main_pid)/limits"
check "it sees its configuration" in_sandbox test -e /etc/berth/berth.conf
check "it cannot write to the system" fails in_sandbox touch /etc/berth/probe
echo secret >"$root/root/probe"
check "nor see what is in homes" fails in_sandbox test -e /root/probe
check "it can write to its directory" in_sandbox touch /var/lib/berth/probe
check "exposure as systemd-analyze scores it: 2.0 of 10 at most" inside systemd-analyze security --threshold=20 --no-pager berth
check "a group" inside berth enrollment-group create plant
check "a device is assigned, over 8883" register
check "and over 443" register --transport https
first_scope=$(scope)

process=$(main_pid)
check "reload" inside systemctl reload berth
check "the same process serves on" serves_on
check "it was no restart" [ "$(main_pid)" = "$process" ]
check "a crash" inside sh -c "kill -KILL $process"
check "another process takes its place" within 30 another_process
check "and serves" serves_on

process=$(main_pid)
sed -i 's/^#ops-port = .*/ops-port = 9465/' "$root/etc/berth/berth.conf"
check "the newer bundle upgrades" inside /bundle/new/install.sh
check "the upgrade restarts" another_process
check "and the device is served" serves_on
check "as the edited configuration says" curl -fsS -o /dev/null http://127.0.0.1:9465/healthz

echo "no-such-key = 1" >>"$root/etc/berth/berth.conf"
check "a configuration that cannot be read fails the start" fails inside systemctl restart berth
check "for good: it would not mend itself" within 20 has_failed
check "and the journal says where" says "berth.conf:" inside journalctl --no-pager --unit berth --lines 20
sed -i '$d' "$root/etc/berth/berth.conf"
check "mended" inside systemctl restart berth

# As docs/operations.md has it
mv "$root/var/lib/berth/store.key" "$root/etc/berth/store.key"
chown 0:0 "$root/etc/berth/store.key"
mkdir -p "$root/etc/systemd/system/berth.service.d"
printf '[Service]\nLoadCredential=store.key:/etc/berth/store.key\n' >"$root/etc/systemd/system/berth.service.d/key.conf"
check "the key as a credential" inside systemctl daemon-reload
check "restarts with it" inside systemctl restart berth
check "and serves with it" serves_on
check "without another key" fails test -e "$root/var/lib/berth/store.key"

check "disabled by the operator" inside systemctl disable --now berth
check "an installation over it" inside dpkg --install "/bundle/new/packages/$(cd "$root/bundle/new/packages" && ls berth_*.deb)"
check "leaves it disabled" fails inside systemctl is-enabled berth
check "enabled again" inside systemctl enable --now berth
check "remove" inside dpkg --remove berth
check "it was stopped" fails inside systemctl is-active berth
check "with the program" fails inside pidof berth
check "data is kept" test -s "$root/var/lib/berth/berth.db"
check "install again" inside /bundle/new/install.sh
check "the same service" serves_on
check "purge with the data" says "deleted /var/lib/berth" inside env BERTH_PURGE_DATA=yes dpkg --purge berth
check "data is gone" fails test -e "$root/var/lib/berth"
check "the unit is unknown" fails inside systemctl cat berth
report
