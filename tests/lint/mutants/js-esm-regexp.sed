# file: supervisor/js/esm_scan.c test: js/test_esm
s/    if (\*p == '.' && !s->value_before)/    if (0)/
