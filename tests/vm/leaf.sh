#!/bin/sh
# leaf.sh PROGRAM... - one line a program: a script that runs it alone in a group of its own. Only
# there can a test hand controllers on: no other process may live in that group.
set -eu
mkdir -p /vm/leaf "$VM_GROUP/leaf"
for program; do
    script=/vm/leaf/${program##*/}
    printf '#!/bin/sh\nset -e\nmkdir -p %s\necho 0 >%s/cgroup.procs\nexec %s "$@"\n' \
        "$VM_GROUP/leaf/${program##*/}" "$VM_GROUP/leaf/${program##*/}" "$program" >"$script"
    chmod 755 "$script"
    echo "$script"
done
echo '+memory +pids' >"$VM_GROUP/leaf/cgroup.subtree_control"
