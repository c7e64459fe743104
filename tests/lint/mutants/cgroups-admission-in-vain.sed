# file: cgroups/admission.c test: cgroups/test_trace
s/return sum >= f->figure\[0\];/return true;/
