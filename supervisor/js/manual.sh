#!/bin/sh
# manual.sh PROGRAM - writes miniprog-js(1): the template with the table that the program prints.
set -eu
"$1" --api | awk -F '\t' '
function heading(kind) {
    return kind == "global" ? "Globals" : kind == "life" ? "What an app and a page define" : "wx"
}
function words(kind) {
    return kind == "async" ? ", promise" : kind == "callback" ? ", callbacks only" : ""
}
NR == FNR {
    if ($2 == "part") { parts[owner] = parts[owner] (parts[owner] ? "\n" : "") substr($1, length(owner) + 2) "\t" $3; next }
    owner = $1; order[++n] = $1; kind[$1] = $2; since[$1] = $3; text[$1] = $4
    next
}
$0 != "@API@" { print; next }
{
    for (i = 1; i <= n; i++) {
        path = order[i]
        if (heading(kind[path]) != shown) {
            if (shown) print ".El"
            shown = heading(kind[path])
            print ".Ss " shown "\n.Bl -tag -width Ds"
        }
        print ".It Li " path (since[path] || words(kind[path]) ? " Pq " (since[path] ? since[path] : "1.0.0") words(kind[path]) : "")
        if (text[path]) { t = toupper(substr(text[path], 1, 1)) substr(text[path], 2); gsub(/\\/, "\\e", t); print t "." }
        if (parts[path]) {
            m = split(parts[path], list, "\n"); line = ""
            for (k = 1; k <= m; k++) {
                split(list[k], part, "\t")
                line = line (k > 1 ? ", " : "") part[1] (part[2] && part[2] != since[path] ? " (" part[2] ")" : "")
            }
            print ".br\nHas " line "."
        }
    }
    print ".El"
}' - "${0%/*}/miniprog-js.1.in"
