# file: supervisor/js/esm.c test: js/test_esm
s/        if (\*c->copied == '.n')/        if (0)/
