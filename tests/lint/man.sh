#!/bin/sh
# man.sh BUILD - the manual pages: without a warning of mandoc and man, and true to what the
# programs say of themselves: every option and verb of --help, every key of the configuration with
# its default, every function of miniprog.h is on its page. The completions offer the same verbs.
set -eu
build=$1
bad=0
complain() {
    echo "$*"
    bad=1
}
page() { mandoc -T ascii "$1" | col -b; }

ctl=supervisor/ctl/miniprogctl.1 daemon=supervisor/daemon/miniprogd.8
keys=supervisor/daemon/miniprogd.conf.5 sdk=supervisor/sdk/miniprog.3
pages="$ctl $daemon $keys $sdk units/miniprog-manifest.5"
if [ -x "$build/miniprog-js" ]; then # the page is made from the table that the program has
    sh supervisor/js/manual.sh "$build/miniprog-js" >"$build/miniprog-js.1"
    pages="$pages $build/miniprog-js.1"
    page "$build/miniprog-js.1" >"$build/man.txt"
    for row in $("$build/miniprog-js" --api | awk -F '\t' '$2 != "part" { print $1 }'); do
        grep -q "^     $row\>" "$build/man.txt" || complain "miniprog-js(1): no word of '$row'"
    done
fi
for file in $pages; do
    mandoc -T lint -W warning "$file" || bad=1
    said=$(LC_ALL=C.UTF-8 man --warnings -E UTF-8 -l -Tutf8 -Z "$file" 2>&1 >/dev/null)
    [ -z "$said" ] || complain "$file: $said"
done

page $ctl >"$build/man.txt"
"$build/miniprogctl" --help >"$build/help.txt"
for verb in $(sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p' "$build/help.txt"); do
    grep -q "^     $verb\>" "$build/man.txt" || complain "$ctl: no word of '$verb'"
done
for option in $(grep -o -- '--[a-z][a-z-]*' "$build/help.txt" | sort -u); do
    grep -q -- "$option\>" "$build/man.txt" || complain "$ctl: no word of '$option'"
done
page $daemon >"$build/man.txt"
for option in $("$build/miniprogd" --help | grep -o -- '--[a-z][a-z-]*' | sort -u); do
    grep -q -- "$option\>" "$build/man.txt" || complain "$daemon: no word of '$option'"
done
sed -n 's/.*KEY([a-z]*, \([a-z_]*\), "\([^"]*\)".*/\1=\2/p' supervisor/daemon/config_keys.c >"$build/help.txt"
page $keys >"$build/man.txt"
while read -r line; do
    grep -qF -- "$line" "$build/man.txt" || complain "$keys: no word of '$line'"
done <"$build/help.txt"
for function in $(tr -d ' ;' <supervisor/sdk/libminiprog.sym | grep '^miniprog_'); do
    grep -q "$function" $sdk || complain "$sdk: no word of '$function'"
done

# The completion itself, in a shell of its own.
verbs=$(PATH=$build:$PATH bash -c '
    . supervisor/ctl/completion.bash
    COMP_WORDS=(miniprogctl "") COMP_CWORD=1
    _miniprogctl
    echo "${COMPREPLY[@]}"')
for verb in list open close logs; do
    case " $verbs " in
    *" $verb "*) ;;
    *) complain "completion.bash does not offer '$verb', but: $verbs" ;;
    esac
done
if command -v zsh >/dev/null; then
    zsh -n supervisor/ctl/completion.zsh || bad=1
fi
exit $bad
