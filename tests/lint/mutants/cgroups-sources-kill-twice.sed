# file: cgroups/sources_app.c test: cgroups/test_sources
s/app->oom_kills = kills;//
