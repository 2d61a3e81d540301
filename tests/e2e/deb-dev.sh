#!/usr/bin/env bash
# deb-dev.sh - the Debian packages as a developer meets them: unpacked anywhere, a program builds against libberth with pkg-config and with
# CMake. Any user; needs no network.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/e2e/deb-lib.sh
work=$(mktemp -d "${TMPDIR:-/tmp}/berth-deb.XXXXXX")
trap 'rm -rf "$work"' EXIT

derives() { # PROGRAM - the key of the published example
    says "Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc=" "$1"
}
field() { # PACKAGE FIELD TEXT
    says "$3" dpkg-deb --field "$work/deb/$1"_*.deb "$2"
}

check "both packages are built" bash -c 'tools/deb "" "$1" && ls "$1"/berth_*.deb "$1"/libberth-dev_*.deb' - "$work/deb"
none_failed
check "unpacks" dpkg-deb -x "$work"/deb/libberth-dev_*.deb "$work/root"
check "dependencies by the libraries that are linked" field berth Depends "libssl3 (>= 3.0"
check "and for the user" field berth Depends adduser
check "the library asks for OpenSSL" field libberth-dev Depends libssl-dev

links_lead_somewhere() {
    local page link bad=0
    while IFS= read -r -d '' page; do
        while read -r link; do
            [ -e "$(dirname "$page")/$link" ] || { echo "${page#"$work"}: $link is not there" && bad=1; }
        done < <(grep -oE '\]\([^)#[:space:]]+' "$page" | sed 's/^](//' | grep -vE '^[a-z]+:')
    done < <(find "$work/berth/usr/share/doc/berth" -name '*.md' -print0)
    [ "$bad" -eq 0 ]
}
check "unpacks as well" dpkg-deb -x "$work"/deb/berth_*.deb "$work/berth"
check "every link of its pages leads somewhere" links_lead_somewhere

cat >"$work/app.c" <<'C'
#include <stdio.h>
#include <berth/derive.h>
#include <berth/openssl.h>

int main(void)
{
    static const char key[] = "8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE/+ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqIChbqOS9Egw==";
    struct berth_crypto crypto;
    char out[BERTH_DERIVED_TEXT_SIZE];

    if (berth_openssl_init(&crypto) != BERTH_OK ||
        berth_derive_key_text(&crypto, berth_str_of(key), BERTH_STR("sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6"), out) != BERTH_OK)
        return 1;
    puts(out);
    berth_openssl_deinit(&crypto);
    return 0;
}
C
cat >"$work/CMakeLists.txt" <<'C'
cmake_minimum_required(VERSION 3.18)
project(app C)
find_package(berth 0.1 REQUIRED)
add_executable(app app.c)
target_link_libraries(app PRIVATE berth::berth)
C
export PKG_CONFIG_PATH=$work/root/usr/lib/pkgconfig
check "a program builds with pkg-config" bash -c 'cc -o "$1/by-pkg-config" "$1/app.c" $(pkg-config --static --cflags --libs berth)' - "$work"
check "and derives a key" derives "$work/by-pkg-config"
check "a program builds with CMake" bash -c 'cmake -S "$1" -B "$1/build" -DCMAKE_PREFIX_PATH="$1/root/usr" && cmake --build "$1/build"' - "$work"
check "and derives a key so too" derives "$work/build/app"
check "a version that is not there is refused" bash -c '
    sed -i "s/berth 0.1/berth 99/" "$1/CMakeLists.txt" && ! cmake -S "$1" -B "$1/build99" -DCMAKE_PREFIX_PATH="$1/root/usr"' - "$work"
if command -v lintian >/dev/null; then
    check "lintian finds no errors" lintian --allow-root --fail-on error "$work"/deb/*.deb
fi
report
