# file: supervisor/sdk/lane.c test: sdk/test_hostile
/^static void lane_break/,/^}/s/^    frame_clear(&l->in);/    if (0)/
