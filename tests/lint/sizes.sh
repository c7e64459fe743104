#!/bin/sh
# sizes.sh FOLDER... - the sizes a reader can take in: file 500 lines, header 120, function 80,
# line 100 columns. Prints each breach. Relies on clang-format's layout: what starts in column 0
# and ends in "{" ends with the next "}" in column 0; it is a function if the line ends in ") {".
find "$@" -name '*.[ch]' | sort | LC_ALL=C xargs awk '
function breach(file, line, text) { print file ":" line ": " text; bad = 1 }
function end_of_file() { if (last > most) breach(file, last, last " lines, the most is " most) }
FNR == 1 {
    end_of_file()
    file = FILENAME; most = file ~ /\.h$/ && file !~ /^tests/ ? 120 : 500; inside = 0
}
{ last = FNR }
{
    line = $0
    gsub(/[\200-\277]/, "", line) # what follows the first byte of a UTF-8 character
    if (length(line) > 100) breach(file, FNR, length(line) " columns, the most is 100")
}
!inside && (/^[^ \t}].*\{$/ || /^[ \t].*\) \{$/) { inside = 1; first = FNR; is_function = /\) \{$/ }
inside && /^}/ {
    n = FNR - first + 1
    if (is_function && n > 80) breach(file, first, "function of " n " lines, the most is 80")
    inside = 0
}
END { end_of_file(); exit bad }'
