#!/bin/sh
# for: bookworm
# machine: integration
# programs: those it prints are run
# The whole integration suite where the kernel has everything: cgroup v2 with memory and pids, all
# capabilities, real limits. TESTS=it_foo of the make that started it chooses. On an emulated
# processor, which takes ten times as long for each, those are left out to which these groups are
# like any others or time is short, and said with what they are about.
left_out() {
    cat <<'END'
it_cgroups_none     the backend without groups
it_clock            a wrong clock, preloaded
it_concurrency      calls that meet
it_ctl_ends         the command line: how it ends
it_ctl_progress     the command line: how far a download is
it_cuts             the store, cut short hundreds of times; 85-power cuts the machine's power
it_faults           the store, when calls fail
it_fetch_bad        downloads that are refused
it_forkbomb         a bomb a hundred times; it_cgroups_many has some
it_hostile          bytes that are no calls: a minute and more
it_hostile_apps     apps that mean harm: minutes of processor time
it_hostile_install  folders that are refused
it_hostile_peers    clients that mean harm
it_install          what becomes of an app that is there: the store
it_js_hostile       JavaScript: scripts that mean harm, minutes of processor time each
it_js_life          JavaScript: a life, minutes of it; it_js and it_js_update are there
it_memory_kills     memory filled page by page: minutes of processor time; 15-memory has kills
it_none             the supervisor without groups
it_package          packages
it_pressure         a program of Debian 13; 75-pressure has it on Debian 13 itself
it_scale            500 apps that run
it_stress           the load's own options; 15-memory has the load
it_update           the store: updates
it_update_bad       updates that are refused
it_update_resume    downloads that go on
it_update_when      when updates are looked for
it_verify           signatures
END
}

cd build/tests/integration || exit 1
if [ -s /vm/only ]; then
    programs=$(ls -d $(cat /vm/only))
elif [ -e /vm/emulated ]; then
    left_out | sed 's/^/-- left out: /' >&2
    programs=$(ls -d it_* | grep -vx $(left_out | sed 's/ .*//; s/^/-e /'))
else
    programs=$(ls -d it_*)
fi
sh /vm/tests/vm/leaf.sh $(echo "$programs" | sed "s,^,$PWD/,")
