# file: supervisor/js/esm_scan.c test: js/test_esm
s/    if (depth == DEPTH_MAX)/    if (0)/
