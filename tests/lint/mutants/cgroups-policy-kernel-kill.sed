# file: cgroups/policy.c test: cgroups/test_trace
s/        kernel_killed(app, now);/        break;/
