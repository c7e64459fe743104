#!/bin/sh
# accel.sh KERNEL - prints what qemu is to run machines with. A /dev/kvm that is there may still
# not run a kernel (nested, or half of it missing): the kernel is let boot into the panic of a
# machine without disks, which takes a second where KVM works.
kernel=$1
words="$(timeout 20 qemu-system-x86_64 -accel kvm -cpu host -m 512 -display none -serial stdio \
    -monitor none -nic none -no-reboot -kernel "$kernel" -append 'console=ttyS0 panic=-1' \
    </dev/null 2>&1)"
case $words in
*'Kernel panic'*)
    echo "machines run on KVM" >&2
    echo kvm -cpu host
    ;;
*)
    echo "KVM runs no kernel here ($(echo "$words" | tail -n 1 | cut -c1-90)):" \
        "machines are emulated (TCG), and slow" >&2
    echo tcg,thread=multi -cpu max
    ;;
esac
