# file: supervisor/js/value.c test: js/test_value
s/    if ((c.to = g_hash_table_lookup(all->made, from)))/    if (0)/
