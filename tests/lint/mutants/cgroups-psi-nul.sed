# file: cgroups/psi.c test: cgroups/test_psi
s/return (size_t) n + 1;/return (size_t) n;/
