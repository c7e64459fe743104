/* SPDX-License-Identifier: MIT */
#include "supervisor/js/launch.h"

#include <string.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/jsonw.h"
#include "supervisor/base/str.h"
#include "supervisor/js/path.h"
#include "supervisor/sdk/miniprog.h"

#define LAUNCH_MAX ((size_t) 1024 * 1024)

/* A later pair wins over an earlier one, as in an object literal: what came with the call does. */
static void put_query(struct jsonw *w, const struct miniprog_launch *l) {
    CLEANUP(str_clear_p) struct str own = STR_INIT(LAUNCH_MAX);

    jsonw_object(w, "query");
    if (path_query(l->path, &own) > 0) {
        (void) str_append(w->out, str_text(&own), own.len);
        w->comma = true;
    }
    for (size_t i = 0; i < l->query_count; i++)
        jsonw_string(w, l->query[i].name, l->query[i].value);
    jsonw_end_object(w);
}

static void put_referrer(struct jsonw *w, const struct miniprog_launch *l) {
    jsonw_object(w, "referrerInfo");
    jsonw_string(w, "appId", l->referrer_app_id);
    if (l->referrer_data)
        jsonw_raw(w, "extraData", l->referrer_data, strlen(l->referrer_data));
    jsonw_end_object(w);
}

char *launch_text(const struct miniprog_launch *l) {
    struct str out = STR_INIT(LAUNCH_MAX);
    struct jsonw w = JSONW_INIT(&out);
    char route[PATH_TEXT_MAX];

    path_route(l->path, route);
    jsonw_object(&w, NULL);
    jsonw_string(&w, "path", route);
    put_query(&w, l);
    jsonw_int(&w, "scene", l->scene);
    put_referrer(&w, l);
    jsonw_string(&w, "apiCategory", "default");
    jsonw_array(&w, "forwardMaterials");
    jsonw_end_array(&w);
    jsonw_end_object(&w);
    char *text = str_take(&out);
    str_clear(&out);
    return text;
}
