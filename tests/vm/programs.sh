#!/bin/sh
# programs.sh SUITE BUILD VERSION - makes what the machine of SUITE is to test: prints the folder of
# programs and tests, and leaves two packages in build/vm/SUITE/deb, the second to upgrade to. On
# SUITE itself BUILD is that folder; another release's are built in that machine's own tree.
set -eu
suite=$1 build=$2 version=$3
out=$PWD/build/vm/$suite
own=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")

rm -rf "$out/deb"
if [ "$suite" = "$own" ]; then
    sh units/system/deb.sh "$version" "$out/deb" >&2
    sh units/system/deb.sh "$version+later" "$out/deb" >&2
    echo "$build"
    exit 0
fi

src=$out/tree/src
mkdir -p "$src"
cp -Ru Makefile LICENSE CHANGELOG.md .ci supervisor units cgroups tests "$src/"
wanted=$(cd "$src" && ls tests/integration/app_*.c | sed 's,\(.*\)\.c,build/debug/\1,')
if grep -q "^# for:.*\<$suite\>" tests/vm/cases/10-integration.sh; then
    wanted="all $wanted $(cd "$src" && ls tests/integration/it_*.c | sed 's,\(.*\)\.c,build/debug/\1,')"
fi
chroot "$out/tree" sh -c "cd /src && make -s -j$(nproc) $(echo $wanted) &&
    sh units/system/deb.sh $version build/deb && sh units/system/deb.sh $version+later build/deb" >&2
cp -R "$src/build/deb" "$out/deb"
echo "$src/build/debug"
