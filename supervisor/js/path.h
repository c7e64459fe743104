/* SPDX-License-Identifier: MIT
 * path.h - paths and page addresses as scripts write them.
 * Layer: 4, js. Uses: base. */
#ifndef JS_PATH_H
#define JS_PATH_H

#include <stddef.h>

#include "supervisor/base/str.h"

#define PATH_TEXT_MAX 1024

/* Resolves `name` as the file `from` ("pages/a.js", "" for the root) names it: "./x", "../x", "x"
 * beside it, "/x" from the package's root. ret: without "." and "..", no leading slash. -EACCES: it
 * would leave the package; -ENAMETOOLONG; -EINVAL: empty, or has an empty or a control character
 * in it. */
int path_resolve(const char *from, const char *name, char ret[PATH_TEXT_MAX]);

/* A page's route: without leading slashes, query and ".html" or ".js". */
void path_route(const char *address, char ret[PATH_TEXT_MAX]);

/* Appends the query of an address ("p?a=1&b") as JSON members: "a":"1","b":"". The last of a name
 * counts; nothing is decoded, as in WeChat. Returns how many were appended. */
size_t path_query(const char *address, struct str *out);

#endif
