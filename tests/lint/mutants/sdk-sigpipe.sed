# file: supervisor/sdk/lane.c test: sdk/test_reconnect
s/MSG_NOSIGNAL | //
