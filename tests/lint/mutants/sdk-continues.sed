# file: supervisor/sdk/call.c test: sdk/test_hostile
s/if (reply->continues)/if (false)/
