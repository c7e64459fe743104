#!/bin/sh
# for: bookworm
# A shutdown ends the apps in order; what is installed is there after it, and nothing runs that
# nobody opened.
. /vm/tests/vm/lib.sh
id=org.example.orderly
app='#!/bin/sh
trap "echo in order >$MINIPROG_DATA/end; sync; exit 0" TERM
echo began >$MINIPROG_DATA/end
while :; do sleep 1; done'
data=/var/lib/miniprogd/apps/$id/data/end

case $VM_PHASE in
1)
    need_service
    add_app $id "$app"
    ok "an app runs" miniprogctl open $id
    ok "as its file says" await 20 grep -q began $data
    ok "the scope comes before the service, and so goes after it" \
        sh -c 'systemctl show -P Before miniprog-apps.scope | grep -q -w miniprogd.service'
    reboot_then_go_on
    ;;
2)
    await 60 systemctl --quiet is-active miniprogd.service
    ok "the app was ended in order" grep -q 'in order' $data
    ok "by the supervisor" sh -c 'journalctl -b -1 -u miniprogd.service | grep -q "ending the apps in order"'
    ok "the app is there" is_in $id stopped
    ok "with its last exit" sh -c "miniprogctl status $id --json | grep -q supervisor"
    ok "and opens" miniprogctl open $id
    remove_apps
    ;;
esac
finish
