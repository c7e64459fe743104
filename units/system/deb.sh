#!/bin/sh
# deb.sh VERSION FOLDER - builds FOLDER/miniprog_VERSION_ARCH.deb for the release it runs on, out of
# what `make install` puts into place.
set -eu
version=$1 out=$2
arch=$(dpkg --print-architecture)
mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root

make -s install DESTDIR="$root" PREFIX=/usr
find "$root/usr/share/man" -type f -exec gzip -9n {} +
find "$root" -type f -perm -100 -exec strip --strip-unneeded {} + 2>/dev/null || true
install -d "$root/usr/share/doc/miniprog" "$root/DEBIAN"
install -m 644 LICENSE "$root/usr/share/doc/miniprog/copyright"
gzip -9nc CHANGELOG.md >"$root/usr/share/doc/miniprog/changelog.gz"

# What the programs link, as packages of this release.
mkdir "$work/debian"
printf 'Source: miniprog\n\nPackage: miniprog\nArchitecture: any\n' >"$work/debian/control"
libraries=$(cd "$work" && dpkg-shlibdeps -O --ignore-missing-info -lroot/usr/lib \
    root/usr/sbin/* root/usr/bin/miniprogctl root/usr/libexec/miniprog/* root/usr/lib/libminiprog.so.0 \
    2>/dev/null | sed -n 's/^shlibs:Depends=//p')

cat >"$root/DEBIAN/control" <<CONTROL
Package: miniprog
Version: $version
Architecture: $arch
Maintainer: miniprog <miniprog@localhost>
Installed-Size: $(du -sk "$root" | cut -f1)
Depends: $libraries
Recommends: systemd, ca-certificates
Section: admin
Priority: optional
Description: Supervisor that gives Linux processes the life of a mini-program
 Opened cold, hidden, suspended, brought back hot, warned when memory is short,
 destroyed when it must be, and updated behind the user's back. With the command
 line, the library for apps and its header.
CONTROL
for script in postinst prerm postrm; do
    install -m 755 "units/system/deb.$script" "$root/DEBIAN/$script"
done
echo 'activate-noawait ldconfig' >"$root/DEBIAN/triggers"
dpkg-deb --root-owner-group --build "$root" "$out/miniprog_${version}_$arch.deb" >/dev/null
echo "$out/miniprog_${version}_$arch.deb"
