#!/bin/sh
# install.sh - checks every file of this bundle and installs berth from it, with what it needs and this machine lacks. Uses no network.
# With arguments: installs these packages of the bundle instead (libberth-dev, where the bundle has it).
set -eu
cd "$(dirname "$0")"

fail() {
    echo "install.sh: $*" >&2
    exit 1
}

[ "$(id -u)" -eq 0 ] || fail "run this as root"
sha256sum --quiet --strict --check SHA256SUMS || fail "the bundle is damaged or was changed: copy it anew. Nothing was installed"
[ "$(. /etc/os-release && echo "${VERSION_CODENAME:-}")" = "@RELEASE@" ] || fail "this bundle is for Debian @RELEASE@. Nothing was installed"
[ "$(dpkg --print-architecture)" = "@ARCHITECTURE@" ] || fail "this bundle is for @ARCHITECTURE@. Nothing was installed"
[ $# -gt 0 ] || set -- berth

work=$(mktemp -d /tmp/berth-install.XXXXXX)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
mkdir -p "$work/lists/partial" "$work/cache/archives/partial"
ln -s "$PWD/packages" "$work/packages" # apt's list of sources takes no spaces
# Trusted, for its checksums were checked above.
echo "deb [trusted=yes] file:$work/packages ./" >"$work/sources.list"

# The bundle is the one source; a configuration that was edited is kept.
from_bundle() {
    apt-get -qq -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=- -o Dir::State::lists="$work/lists" \
        -o Dir::Cache="$work/cache" -o APT::Sandbox::User=root -o Acquire::Languages=none \
        -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold -o Dpkg::Use-Pty=false "$@"
}
export DEBIAN_FRONTEND=noninteractive
from_bundle update
from_bundle install --yes --no-install-recommends "$@"
dpkg-query --show --showformat '${Package} ${Version} is installed\n' "$@"
