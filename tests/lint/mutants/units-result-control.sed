# file: units/result.c test: units/test_result
s/ ||$/ ||/;s/text_has_control(detail, strlen(detail))/false/
