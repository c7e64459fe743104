# file: supervisor/daemon/poller.c test: daemon/test_poller
s/    list_append(&p->later, &node->again);/    (void) node;/
