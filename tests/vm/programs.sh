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
integration=$(cd "$src" && ls tests/integration/it_*.c tests/integration/app_*.c)
chroot "$out/tree" sh -c "cd /src && make -s -j$(nproc) all \
    $(for file in $integration; do printf 'build/debug/%s ' "${file%.c}"; done) &&
    sh units/system/deb.sh $version build/deb && sh units/system/deb.sh $version+later build/deb" >&2
cp -R "$src/build/deb" "$out/deb"
echo "$src/build/debug"
