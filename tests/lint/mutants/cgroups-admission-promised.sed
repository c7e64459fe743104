# file: cgroups/admission.c test: cgroups/test_trace
s/minus(left, promised(table))/left/
