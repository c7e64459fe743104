#!/bin/sh
# types.sh BUILD - our examples and our table against WeChat's own types, the npm package
# miniprogram-api-typings: the examples must type-check, and each row must be known to it.
set -eu
build=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cp -R units/examples/*-js "$work/"
# A mini-program has no DOM; require and module are the package's.
cat >"$work/tsconfig.json" <<'JSON'
{
  "compilerOptions": {
    "allowJs": true, "checkJs": true, "noEmit": true, "strict": false, "target": "es2020",
    "lib": ["es2020"], "module": "commonjs", "moduleDetection": "force",
    "types": ["miniprogram-api-typings"]
  },
  "include": ["*-js/**/*.js", "table.ts"]
}
JSON

# wx.x for each function; for a part its place in the types: object is the options, success and
# callback are what is called with, return what is given back.
"$build/miniprog-js" --api | awk -F '\t' '
BEGIN {
    print "type W = WechatMiniprogram.Wx"
    print "type O<N extends keyof W> = W[N] extends (o: infer P, ...x: any) => any ? NonNullable<P> : never"
    print "type M<T, K extends keyof any> = T extends unknown ? K extends keyof T ? true : never : never"
    print "type R<N extends keyof W> = W[N] extends (...x: any) => infer P ? P : never"
    print "type S<N extends keyof W> = O<N> extends { success?: (r: infer P) => any } ? P : never"
    print "type C<N extends keyof W> = O<N> extends (r: infer P, ...x: any) => any ? P : never"
    print "type U = WechatMiniprogram.UpdateManager"
}
function want(type) { print "export const _" NR ": [" type "] extends [never] ? false : true = true" }
$2 == "sync" || $2 == "async" || $2 == "callback" || $2 == "on" || $2 == "off" { print "wx." $1 }
$2 == "manager" { sub(/.*\./, "", $1); print "wx.getUpdateManager()." $1 }
$2 == "part" {
    n = split($1, p, ".")
    if (p[1] == "UpdateManager" || p[1] == "App" || p[1] == "getApp") next
    place = p[2] == "object" ? "O" : p[2] == "success" ? "S" : p[2] == "return" ? "R" : "C"
    want("M<" place "<\"" p[1] "\">, \"" p[3] "\">")
}' >"$work/table.ts"

cd "$work"
npm --silent --no-audit --no-fund --ignore-scripts install \
    miniprogram-api-typings@5 typescript@5 >/dev/null
node_modules/.bin/tsc --project .
# What is not there must be seen: a check that passes everything proves nothing.
echo 'wx.showModal({ titel: 1 }); wx.notThere()' >broken-js.ts
sed 's/"table.ts"/"broken-js.ts"/' tsconfig.json >broken.json
if node_modules/.bin/tsc --project broken.json >/dev/null; then
    echo "the type check passes what is wrong"
    exit 1
fi
echo "$(grep -c . table.ts) lines of the table and the examples type-check"
