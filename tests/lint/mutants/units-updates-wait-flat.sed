# file: units/updates.c test: units/test_updates
s/before ? before \* 2 :/before ? before :/
