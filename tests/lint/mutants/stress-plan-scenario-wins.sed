# file: tests/stress/plan.c test: stress/test_plan
s/if (g\.value\[i\])$/if (g.value[i] \&\& rows[i].kind != PLAN_COUNT)/
