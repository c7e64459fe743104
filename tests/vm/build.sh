#!/bin/sh
# build.sh SUITE - makes a whole Debian machine for tests: build/vm/SUITE/{image,vmlinuz,initrd}.
# Kept until the recipe changes. Where SUITE is not this machine's own, what builds our programs
# is in it, too, and its tree stays for that (programs.sh).
set -eu
suite=$1
out=build/vm/$suite
here=$(dirname "$0")
own=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")

# What our programs and tests need. The libraries come by their -dev packages, whose names do not
# change from release to release.
needs() { sh .ci/deps -n "$@" | tr ' ' '\n' | grep .; }
packages="systemd-sysv systemd-oomd dbus dbus-user-session libpam-systemd udev kmod procps locales
    busybox-static xz-utils cpio
    linux-image-cloud-amd64 $(needs build tests | grep -vx -e gcc -e libc6-dev -e make)"
[ "$suite" != bookworm ] || packages="$packages earlyoom" # a peer of ours, to be measured beside
if [ "$suite" != "$own" ]; then
    packages="$packages $(needs build tests deb)"
    [ "$suite" = bookworm ] || packages="$packages systemd-dev" # bookworm has it in systemd
fi
packages=$(echo $packages | tr ' ' ',')

recipe=$({ cat "$0" "$here/vm-guest.service" "$here/initrd.sh" && echo "$packages"; } | sha256sum)
if [ -e "$out/image" ] && [ "$(cat "$out/recipe" 2>/dev/null)" = "$recipe" ]; then
    exit 0
fi
if [ "$(id -u)" != 0 ]; then
    echo "build.sh: a machine's files belong to root: run it as root" >&2
    exit 1
fi

echo "building a machine of $suite"
rm -rf "$out"
mkdir -p "$out"
tree=$out/tree
mmdebstrap --quiet --variant=minbase --include="$packages" "$suite" "$tree"

# The serial line is ours; nothing of the machine's own habits disturbs a test.
for unit in serial-getty@ttyS0.service getty@tty1.service apt-daily.timer apt-daily-upgrade.timer \
    dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer man-db.timer \
    systemd-networkd-wait-online.service systemd-oomd.service systemd-oomd.socket \
    earlyoom.service systemd-udev-trigger.service modprobe@configfs.service \
    modprobe@dm_mod.service modprobe@drm.service modprobe@efi_pstore.service \
    modprobe@fuse.service modprobe@loop.service; do
    ln -sf /dev/null "$tree/etc/systemd/system/$unit"
done
install -m 644 "$here/vm-guest.service" "$tree/etc/systemd/system/"
mkdir -p "$tree/etc/systemd/system/multi-user.target.wants" "$tree/etc/systemd/journald.conf.d"
ln -sf ../vm-guest.service "$tree/etc/systemd/system/multi-user.target.wants/"
printf '[Journal]\nStorage=persistent\nRateLimitIntervalSec=0\n' \
    >"$tree/etc/systemd/journald.conf.d/vm.conf"
echo vm >"$tree/etc/hostname"
echo "$suite" | md5sum | cut -c1-32 >"$tree/etc/machine-id"
echo '/dev/vda / ext4 defaults 0 0' >"$tree/etc/fstab"

cp -L "$tree/vmlinuz" "$out/vmlinuz"
sh "$here/initrd.sh" "$tree" "$out/initrd"
truncate -s 3G "$out/image.new"
mke2fs -q -F -t ext4 -L root -d "$tree" "$out/image.new"
mv "$out/image.new" "$out/image"
[ "$suite" != "$own" ] || rm -rf "$tree"
echo "$recipe" >"$out/recipe"
