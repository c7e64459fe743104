# file: cgroups/fact.c test: cgroups/test_psi
s/permille < limits->leave\[i\]/permille <= limits->leave[i]/
