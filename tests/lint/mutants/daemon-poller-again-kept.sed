# file: supervisor/daemon/poller.c test: daemon/test_poller
/^void poller_remove/,/^}/s/    list_remove(&node->again);//
