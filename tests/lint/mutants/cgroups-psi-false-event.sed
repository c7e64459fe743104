# file: cgroups/psi.c test: cgroups/test_psi
s/psi->first \&\& line.total_us/false \&\& line.total_us/
