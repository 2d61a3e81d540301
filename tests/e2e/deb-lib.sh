# deb-lib.sh - what the tests of the Debian package share. Sourced, as root, in namespaces of their own (deb_enter).
passed=0 failed=0
log=${TMPDIR:-/tmp}/berth-deb.$$.log

check() { # NAME COMMAND..
    local name=$1
    shift
    if "$@" >"$log" 2>&1; then
        passed=$((passed + 1))
        echo "  ok  $name"
    else
        echo "FAILED: $name" >&2
        sed 's/^/    /' "$log" >&2
        failed=$((failed + 1))
    fi
}

says() { # TEXT COMMAND.. - it succeeds and says TEXT
    local text=$1 out
    shift
    out=$("$@" 2>&1) || {
        echo "$out"
        return 1
    }
    echo "$out"
    grep -qF -- "$text" <<<"$out"
}

fails() {
    ! "$@"
}

# What follows would only fail after what failed
none_failed() {
    [ "$failed" -eq 0 ] && return
    report
    exit 1
}

report() {
    rm -f "$log"
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}

# What this machine cannot run counts for nothing: tests/run names it beside the sum.
not_run() {
    echo "not run: $*"
    exit 77
}

# Runs the script again in namespaces of its own: no network, ports that are free, mounts that end with it.
deb_enter() { # FLAGS-OF-UNSHARE..
    [ -z "${BERTH_DEB_INSIDE:-}" ] || return 0
    [ "$(id -u)" -eq 0 ] || not_run "only root can make a root with users of its own"
    unshare --mount --uts --ipc --net --pid --fork "$@" true 2>/dev/null || not_run "this root may make no namespaces"
    tools/need package_test
    base=$(tests/e2e/fresh-root) || exit 1
    export base BERTH_DEB_INSIDE=yes
}

# An overlay over BASE on a disk in memory
mount_root() { # WORK
    root=$1/root
    mkdir -p "$root" "$1/memory"
    mount -t tmpfs -o size=1g,mode=755 tmpfs "$1/memory"
    mkdir "$1/memory/upper" "$1/memory/work"
    mount -t overlay -o "lowerdir=$base,upperdir=$1/memory/upper,workdir=$1/memory/work" overlay "$root" 2>/dev/null || {
        mount -t tmpfs -o size=2g,mode=755 tmpfs "$root" # the disk below takes no overlay
        cp -a "$base/." "$root"
    }
    mount -t proc proc "$root/proc"
    mount -t tmpfs -o mode=755 tmpfs "$root/dev"
    local node
    for node in null zero full random urandom tty; do
        : >"$root/dev/$node"
        mount --bind "/dev/$node" "$root/dev/$node"
    done
    ln -s pts/ptmx "$root/dev/ptmx"
    ln -s /proc/self/fd "$root/dev/fd"
    mkdir "$root/dev/shm" "$root/dev/pts"
    mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
    hostname plant7
    echo plant7 >"$root/etc/hostname"
    printf '127.0.0.1 localhost\n127.0.1.1 plant7\n' >"$root/etc/hosts"
}

# A row of the unit, as it lies in the root
unit() { # KEY
    sed -n "s/^$1=//p" "$root/usr/lib/systemd/system/berth.service"
}
