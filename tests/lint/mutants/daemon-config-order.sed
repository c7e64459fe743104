# file: supervisor/daemon/config.c test: daemon/test_config
s/strcmp((\*a)->d_name, (\*b)->d_name)/strcmp((*b)->d_name, (*a)->d_name)/
