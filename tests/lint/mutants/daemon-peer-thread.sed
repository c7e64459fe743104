# file: supervisor/daemon/peer.c test: daemon/test_peer
s/ && threads <= 1//
