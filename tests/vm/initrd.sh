#!/bin/sh
# initrd.sh TREE FILE - what the kernel of TREE needs to mount a virtio disk with ext4, and no more:
# Debian's own initrd brings modules for every machine, and a udev to choose, which takes an emulated
# processor a third of the boot.
set -eu
tree=$1 file=$2
work=$(mktemp -d "$tree/tmp/initrd-XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/bin" "$work/modules" "$work/dev" "$work/root"
cp "$tree/bin/busybox" "$work/bin/"
n=10
for module in $(chroot "$tree" sh -c 'modprobe -aDS "$(ls /lib/modules)" virtio_pci virtio_blk ext4' |
    awk '$1 == "insmod" && !seen[$2]++ { print $2 }'); do
    name=$work/modules/$n-$(basename "$module" | sed 's/\.ko.*/.ko/')
    case $module in
    *.xz) chroot "$tree" xz -dc "$module" >"$name" ;;
    *) cp "$tree$module" "$name" ;;
    esac
    n=$((n + 1))
done
cat >"$work/init" <<'INIT'
#!/bin/busybox sh
busybox mount -t devtmpfs dev /dev
for module in /modules/*; do busybox insmod $module; done
until [ -b /dev/vda ]; do busybox sleep 0.1; done
busybox mount -t ext4 /dev/vda /root
busybox umount /dev
exec busybox switch_root /root /sbin/init
INIT
chmod 755 "$work/init"
chroot "$tree" sh -c 'cd "$1" && find . | cpio --quiet -o -H newc' sh "${work#"$tree"}" >"$file"
