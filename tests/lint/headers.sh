#!/bin/sh
# headers.sh - each header stands by itself; miniprog.h also for C99 and C++, pedantically.
set -eu
bad=0
engine=$(pkg-config --cflags-only-I javascriptcoregtk-4.1 2>/dev/null || true)
for header in $(find supervisor units cgroups -name '*.h' | sort); do
    case $header in supervisor/js/*) [ -n "$engine" ] || continue ;; esac
    # shellcheck disable=SC2086 # words
    ${CC:-gcc} -std=gnu17 -D_GNU_SOURCE -I. $engine -Wall -Werror -fsyntax-only -x c "$header" || bad=1
done
for language in 'c -std=c99' 'c++ -std=c++11'; do
    # shellcheck disable=SC2086 # words
    clang -x $language -pedantic-errors -Wall -Wextra -Werror -fsyntax-only \
        supervisor/sdk/miniprog.h || bad=1
done
exit $bad
