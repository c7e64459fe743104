#!/bin/sh
# installed.sh - installs into a scratch folder and builds a C99 app there against what came out,
# by pkg-config alone, shared and static; then uninstalls, and nothing may be left.
set -eu
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
make -s install DESTDIR="$root" PREFIX=/usr

# Where a test can have a program killed (killpoint.h) is no business of a release.
for program in "$root"/usr/sbin/* "$root"/usr/bin/* "$root"/usr/libexec/miniprog/*; do
    if [ -f "$program" ] && grep -aq -e MINIPROG_KILLPOINT -e VERSION_MOVED "$program"; then
        echo "$program has kill points in it"
        exit 1
    fi
done
grep -aq VERSION_MOVED build/debug/miniprogd || { echo "and the debug build has none" && exit 1; }

for program in miniprog-worker miniprog-fetch; do
    [ "$(stat -c %a "$root/usr/libexec/miniprog/$program")" = 711 ] ||
        { echo "$program can be read, and so be looked into while it works" && exit 1; }
done
# What parses archives has no network library in it, nor the time it takes to load one.
if ldd "$root/usr/libexec/miniprog/miniprog-worker" | grep -q libcurl; then
    echo "miniprog-worker is linked with libcurl"
    exit 1
fi

cat >"$root/app.c" <<'C'
#include <miniprog.h>
int main(void) {
    return miniprog_close(0) != 0;
}
C
export PKG_CONFIG_SYSROOT_DIR="$root" PKG_CONFIG_PATH="$root/usr/lib/pkgconfig"
export PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 PKG_CONFIG_ALLOW_SYSTEM_LIBS=1
cc=${CC:-gcc}
# shellcheck disable=SC2046 # words
$cc -std=c99 -Wall -Werror "$root/app.c" $(pkg-config --cflags --libs miniprog) -o "$root/shared"
LD_LIBRARY_PATH="$root/usr/lib" "$root/shared"
# shellcheck disable=SC2046
$cc -std=c99 -Wall -Werror $(pkg-config --cflags miniprog) "$root/app.c" \
    "$root/usr/lib/libminiprog.a" -lcjson -o "$root/static"
"$root/static"
"$root/usr/bin/miniprogctl" --help >/dev/null
rm -f "$root/app.c" "$root/shared" "$root/static"

make -s uninstall DESTDIR="$root" PREFIX=/usr
left=$(find "$root" -type f -o -type l)
if [ -n "$left" ]; then
    echo "uninstall left:"
    echo "$left"
    exit 1
fi
echo "installed, used and uninstalled"
