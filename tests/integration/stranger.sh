#!/bin/sh
# stranger.sh OUT - builds stranger.c in a Debian 13, whose libsystemd has
# sd_event_add_memory_pressure(), and puts into OUT the program, that release's loader and the
# libraries that it needs, so that it runs on any release. Kept until the recipe changes.
# Exit status 77: this machine cannot make it, with the reason on standard error.
set -eu
out=$1
here=$(dirname "$0")
suite=trixie

cannot() {
    echo "$*" >&2
    exit 77
}

[ -e "$here/stranger.c" ] || cannot "its source is not here"
recipe=$(cat "$0" "$here/stranger.c" | sha256sum)
[ "$(cat "$out/recipe" 2>/dev/null)" != "$recipe" ] || exit 0
[ "$(id -u)" = 0 ] || cannot "a Debian 13 is made as root"
command -v mmdebstrap >/dev/null || cannot "mmdebstrap is not installed, so no Debian 13 can be made"

mkdir -p "${out%/*}"
work=$(mktemp -d "${out%/*}/stranger-XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
mmdebstrap --quiet --variant=apt --include=gcc,libc6-dev,libsystemd-dev "$suite" "$work/root" \
    2>"$work/said" || cannot "no Debian 13 could be made: $(tail -n 1 "$work/said")"
cp "$here/stranger.c" "$work/root/tmp/"
chroot "$work/root" gcc -std=gnu17 -O1 -D_GNU_SOURCE -Wall -Wextra -Werror -o /tmp/stranger \
    /tmp/stranger.c -lsystemd

mkdir -p "$work/made/bin" "$work/made/lib"
cp "$work/root/tmp/stranger" "$work/made/bin/"
# "libc.so.6 => /lib/…/libc.so.6 (0x…)", and the loader without an arrow.
chroot "$work/root" ldd /tmp/stranger | sed -n 's,.*[[:space:]]\(/[^ ]*\) (0x.*,\1,p' |
    while read -r library; do
        cp -L "$work/root$library" "$work/made/lib/"
    done
loader=$(cd "$work/made/lib" && echo ld-*)
cat >"$work/made/bin/run" <<RUN
#!/bin/sh
exec lib/$loader --library-path lib bin/stranger "\$@"
RUN
chmod 755 "$work/made/bin/run"
chroot "$work/root" dpkg-query -W -f '\${Version}' libsystemd0 >"$work/made/version"
echo "$recipe" >"$work/made/recipe"
chmod -R a+rX "$work/made"
rm -rf "$out"
mv "$work/made" "$out"
