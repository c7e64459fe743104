# file: supervisor/base/text.c test: base/test_text
s/if (first || last || id/if (first || id/
