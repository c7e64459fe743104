# file: supervisor/base/list.h test: base/test_list
s/^    list_init(node);$/    ;/
