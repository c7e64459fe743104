# file: supervisor/base/err.c test: base/test_err
s/(void) plain_sentence(raw, strlen(raw), e->text, sizeof e->text);/(void) snprintf(e->text, sizeof e->text, "%s", raw);/
