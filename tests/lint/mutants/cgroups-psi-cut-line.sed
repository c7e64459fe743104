# file: cgroups/psi.c test: cgroups/test_psi
s/text\[n\] != '.n' || n >= sizeof line/n >= sizeof line/
