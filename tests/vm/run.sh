#!/bin/sh
# run.sh MACHINE BUILD [CASE...] - boots a machine, "SUITE" or "SUITE+WHAT", runs the cases in it (all
# that are for SUITE, or those named), and ends with one line of totals. BUILD has the programs and tests.
#
# The machine's disks: vda its root, a copy that is thrown away; vdb a tar of what is tested; vdc
# a tar of what came out, found afterwards in build/vm/SUITE/results[+WHAT]. What it says on its serial
# line is shown as it comes. Some of it is for us:
#     vm: reboot      it ends, and is to be started again
#     vm: cut MS      its power is to go after so many milliseconds, and to come back
#     vm: end         all cases are done
set -eu
machine=$1 build=$2
shift 2
suite=${machine%%+*}
out=build/vm/$suite
results=$out/results${machine#"$suite"}
words= # for the kernel
here=$(dirname "$0")
boots_max=$((20 + ${VM_CUTS:-20}))

sh "$here/build.sh" "$suite"
work=$(mktemp -d "$out/run-XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
if [ ! -e "$out/accel" ]; then # which another lane may be about to find out, too
    sh "$here/accel.sh" "$out/vmlinuz" >"$work/accel"
    mv "$work/accel" "$out/accel"
fi
accel=$(cat "$out/accel")
case $accel in
tcg*)
    export VM_EMULATED=1
    # What each step of an emulated processor pays for: clocks that are devices, guards against what
    # only silicon does, a level of page tables; and waits for the other processor, which are long.
    words='mitigations=off tsc=reliable no5lvl rcupdate.rcu_expedited=1'
    ;;
esac
# What a case says that its machine is to go without, "# without: UNIT...", its systemd does not start.
for case; do
    for unit in $(sed -n 's/^# without: //p' "$here/cases/$case.sh"); do
        words="$words systemd.mask=$unit"
    done
done
cp --sparse=always "$out/image" "$work/vda"
sh "$here/pack.sh" "$suite" "$build" "$work/vdb" "$@"
truncate -s 256M "$work/vdc"
mkfifo "$work/line"

# What has left the machine for its disk is in a file of ours when qemu is killed; what its kernel
# still held is lost, as it is when the power goes.
cut_after() {
    sleep "$(awk -v ms="$1" 'BEGIN { print ms / 1000 }')"
    kill -9 "$(cat "$work/pid")" 2>/dev/null || true
}

boot() {
    # shellcheck disable=SC2086 # words
    timeout --foreground -k 10 "${VM_TIMEOUT:-3600}" \
        qemu-system-x86_64 -accel $accel -smp 2 -m "${VM_MEMORY:-1024}" \
        -display none -monitor none -nic none -no-reboot -serial stdio -pidfile "$work/pid" \
        -kernel "$out/vmlinuz" -initrd "$out/initrd" \
        -append "console=ttyS0 root=/dev/vda rw psi=1 panic=-1 no_timer_check quiet $words \
            systemd.show_status=false" \
        -drive "file=$work/vda,format=raw,if=virtio,cache=unsafe" \
        -drive "file=$work/vdb,format=raw,if=virtio,readonly=on" \
        -drive "file=$work/vdc,format=raw,if=virtio,cache=unsafe" \
        </dev/null >"$work/line" 2>&1 &
    : >"$work/console"
    sed -u 's/\r//g' <"$work/line" | while IFS= read -r line; do
        printf '%s\n' "$line" >>"$work/console"
        case $line in
        'vm: cut '*) cut_after "${line#vm: cut }" & ;;
        [0-9]*' passed, '*) line="-- $line" ;; # the totals are ours to say
        esac
        printf '%s\n' "$line"
    done
    wait $! 2>/dev/null || true
}

: >"$work/all"
boots=0
while [ $boots -lt $boots_max ]; do
    boots=$((boots + 1))
    began=$(date +%s)
    boot
    echo "-- $machine, boot $boots: $(($(date +%s) - began)) s"
    cat "$work/console" >>"$work/all"
    grep -q -e '^vm: reboot$' -e '^vm: cut ' "$work/console" || break
done

rm -rf "$results"
mkdir -p "$results"
tar -xf "$work/vdc" -C "$results" 2>/dev/null || echo "vm: no results came out of the machine"
cp "$work/all" "$results/console"

finished=$(grep -c '^vm: end$' "$work/all" || true)
awk -v finished="$finished" -v machine="$machine" '
    /^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$/ { p += $1; f += $3; s += $5 }
    END {
        if (!finished) {
            print "the machine did not come to its end"
            f++
        }
        print machine ": " p + 0 " passed, " f + 0 " failed, " s + 0 " skipped"
        exit f || !(p + s)
    }' "$work/all"
