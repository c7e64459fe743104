#!/bin/sh
# picture.sh REPORT - the timeline of a report as a picture of its own, on standard output; what
# shows only under the mouse is left out. README's storm.svg is made so.
set -eu
awk '
    BEGIN { print "<!-- SPDX-License-Identifier: MIT -->" }
    /^<\/style>/ { styled = 1 }
    in_style && !styled { style = style $0 "\n" }
    /<style>/ { in_style = 1; sub(/.*<style>/, ""); style = $0 "\n" }
    /<defs>/ { in_defs = 1; next }
    /<\/defs>/ { in_defs = 0 }
    in_defs { defs = defs $0 "\n" }
    /aria-label="Memory of each app/ {
        sub(/.*<svg /, "<svg xmlns=\"http://www.w3.org/2000/svg\" ")
        drawing = 1
        print
        printf "<style>\n%s</style>\n<defs>\n%s</defs>\n<rect width=\"100%%\" height=\"100%%\" fill=\"var(--card)\"/>\n", style, defs
        next
    }
    drawing {
        if (hidden && !sub(/.*<\/title>/, "")) next
        hidden = 0
        gsub(/<title>[^<]*<\/title>/, "")
        hidden = sub(/<title>.*/, "")
        end = sub(/<\/svg>.*/, "</svg>")
        print
        if (end) exit
    }' "$1"
