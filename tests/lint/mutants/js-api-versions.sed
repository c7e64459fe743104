# file: supervisor/js/api.c test: js/test_api
s/        if (x != y)/        if (x > y)/
