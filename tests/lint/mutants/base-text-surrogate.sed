# file: supervisor/base/text.c test: base/test_text
s/s\[0\] == 0xED ? 0x9F : 0xBF/0xBF/
