# file: supervisor/js/package.c test: js/test_package
s/    if (v && value_to_json(p->ctx, v, &strict, NULL) == 0)/    if (!v)/
