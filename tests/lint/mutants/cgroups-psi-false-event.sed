# file: cgroups/psi.c test: cgroups/test_psi
s/    psi->told_total_us = line.total_us;//
