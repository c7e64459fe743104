/* SPDX-License-Identifier: MIT
 * environment.c - what the supervisor put into the app's environment. */
#include <stdlib.h>

#include "supervisor/base/parse.h"
#include "supervisor/sdk/sdk.h"

PUBLIC const char *miniprog_id(void) {
    return secure_getenv("MINIPROG_ID");
}

PUBLIC int64_t miniprog_version(void) {
    const char *text = secure_getenv("MINIPROG_VERSION");
    int64_t code = 0;

    if (!text || parse_i64(text, &code) < 0)
        return 0;
    return code;
}

PUBLIC const char *miniprog_data_dir(void) {
    return secure_getenv("MINIPROG_DATA");
}

PUBLIC const char *miniprog_package_dir(void) {
    return secure_getenv("MINIPROG_PACKAGE");
}
