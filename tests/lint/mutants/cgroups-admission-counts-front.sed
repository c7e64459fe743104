# file: cgroups/admission.c test: cgroups/test_trace
s/table->app\[i\].state <= CGRP_APP_BACKGROUND \&\&/true \&\&/
