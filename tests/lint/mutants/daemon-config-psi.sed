# file: supervisor/daemon/config_keys.c test: daemon/test_config
s/psi.stall_us > psi.window_us/psi.stall_us > 10 * psi.window_us/
