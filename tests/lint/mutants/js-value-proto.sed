# file: supervisor/js/value.c test: js/test_value
s/    if (copied && !JSStringIsEqualToUTF8CString(name, "__proto__"))/    if (copied)/
