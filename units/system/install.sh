#!/bin/sh
# install.sh install|uninstall - puts what was built into place, or takes it away again: programs,
# library, units, manual pages, completions. PREFIX, DESTDIR, BUILD and VERSION are in the
# environment. Where pkg-config knows no systemd, its usual folders are taken.
set -eu
verb=$1
version=$(pkg-config --modversion systemd 2>/dev/null || echo 0)

folder() {
    pkg-config --define-variable=prefix="$PREFIX" --define-variable=rootprefix="$PREFIX" \
        --variable="$1" systemd 2>/dev/null || echo "$PREFIX/lib/$2"
}
units=$(folder systemdsystemunitdir systemd/system)
user=$(folder systemduserunitdir systemd/user)
sysusers=$(folder sysusersdir sysusers.d)
tmpfiles=$(folder tmpfilesdir tmpfiles.d)
catalog=$(folder catalogdir systemd/catalog)

# Since 253 systemd waits until a reload is done.
if [ "${version%%[!0-9]*}" -ge 253 ]; then
    words='s,@TYPE@,notify-reload,; /^@RELOAD@$/d'
else
    words='s,@TYPE@,notify,; s,^@RELOAD@$,ExecReload=/bin/kill -HUP $MAINPID,'
fi
words="$words; s,@PREFIX@,$PREFIX,; s,@VERSION@,$VERSION,"
# #define LOG_ID_X "..." becomes s/@LOG_ID_X@/.../
words="$words; $(sed -n 's/^#define \(LOG_ID_[A-Z]*\) *"\([0-9a-f]*\)"$/s,@\1@,\2,/p' \
    supervisor/daemon/log.h | tr '\n' ';')"

# put MODE FILE FOLDER [NAME]; a file that ends in .in is filled in.
put() {
    name=${4:-${2##*/}}
    to=$DESTDIR$3/${name%.in}
    if [ "$verb" = uninstall ]; then
        rm -f "$to"
        return
    fi
    install -d "$DESTDIR$3"
    case $2 in
    *.in) sed "$words" "$2" >"$to" && chmod "$1" "$to" ;;
    *) install -m "$1" "$2" "$to" ;;
    esac
}

put 755 "$BUILD/miniprogd" "$PREFIX/sbin"
for program in miniprogctl miniprog-stress; do
    put 755 "$BUILD/$program" "$PREFIX/bin"
done
put 755 "$BUILD/miniprog-stress-app" "$PREFIX/libexec/miniprog"
# Not to be read: then nobody whose uid it runs under can look or write into it, not even before it
# says so itself. Source: ptrace(2), dumpable.
put 711 "$BUILD/miniprog-worker" "$PREFIX/libexec/miniprog"
put 711 "$BUILD/miniprog-fetch" "$PREFIX/libexec/miniprog"
# The engine is not everywhere, and its program is started by name: from libexec by the supervisor,
# from bin by authors.
if [ -x "$BUILD/miniprog-js" ] || [ "$verb" = uninstall ]; then
    put 755 "$BUILD/miniprog-js" "$PREFIX/libexec/miniprog"
    if [ "$verb" = install ]; then
        ln -sf "$PREFIX/libexec/miniprog/miniprog-js" "$DESTDIR$PREFIX/bin/miniprog-js"
        sh supervisor/js/manual.sh "$BUILD/miniprog-js" >"$BUILD/miniprog-js.1"
    else
        rm -f "$DESTDIR$PREFIX/bin/miniprog-js"
    fi
    put 644 "$BUILD/miniprog-js.1" "$PREFIX/share/man/man1"
fi
put 644 supervisor/sdk/miniprog.h "$PREFIX/include"
put 644 "$BUILD/libminiprog.a" "$PREFIX/lib"
put 644 "$BUILD/libminiprog.so.0" "$PREFIX/lib"
if [ "$verb" = install ]; then
    ln -sf libminiprog.so.0 "$DESTDIR$PREFIX/lib/libminiprog.so"
else
    rm -f "$DESTDIR$PREFIX/lib/libminiprog.so"
fi
put 644 supervisor/sdk/miniprog.pc.in "$PREFIX/lib/pkgconfig"

for unit in miniprogd.service.in miniprogd.socket miniprog.slice; do
    put 644 "units/system/$unit" "$units"
    put 644 "units/system/user/$unit" "$user"
done
put 644 units/system/sysusers.conf "$sysusers" miniprog.conf
put 644 units/system/tmpfiles.conf "$tmpfiles" miniprog.conf
put 644 units/system/miniprog.catalog.in "$catalog"

put 644 supervisor/ctl/miniprogctl.1 "$PREFIX/share/man/man1"
put 644 supervisor/sdk/miniprog.3 "$PREFIX/share/man/man3"
put 644 supervisor/daemon/miniprogd.conf.5 "$PREFIX/share/man/man5"
put 644 units/miniprog-manifest.5 "$PREFIX/share/man/man5"
put 644 supervisor/daemon/miniprogd.8 "$PREFIX/share/man/man8"

put 644 supervisor/ctl/completion.bash "$PREFIX/share/bash-completion/completions" miniprogctl
put 644 supervisor/ctl/completion.zsh "$PREFIX/share/zsh/vendor-completions" _miniprogctl

if [ "$verb" = uninstall ]; then
    rmdir "$DESTDIR$PREFIX/libexec/miniprog" 2>/dev/null || true
fi
