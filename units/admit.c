/* SPDX-License-Identifier: MIT */
#include "units/admit.h"

#include <errno.h>
#include <string.h>

#include "supervisor/base/err.h"
#include "units/index.h"

#define NUMBER(n) ((unsigned long long) (n))

static int refuse(enum package_fault *ret_fault, enum package_fault fault, int r) {
    *ret_fault = fault;
    return r;
}

static int check_target(const char *app_id, const struct admit_app *app, enum package_fault *fault,
                        struct err *e) {
    if (app->id && strcmp(app_id, app->id) != 0)
        return refuse(fault, PACKAGE_TARGET,
                      err_set(e, -EINVAL, "it is for '%.64s', not for '%s'", app_id, app->id));
    return 0;
}

static int check_key(const char *key, const struct admit_app *app, enum package_fault *fault,
                     struct err *e) {
    if (app->pinned[0] && strcmp(key, app->pinned) != 0)
        return refuse(
            fault, PACKAGE_TRUST,
            err_set(e, -EINVAL, "it is not signed by the key that signed the app before"));
    return 0;
}

int admit_index(const struct index *ix, const char *key, const struct admit_app *app,
                enum package_fault *ret_fault, struct err *e) {
    int r;

    r = check_target(ix->app_id, app, ret_fault, e);
    if (r == 0 && !(ix->next_key[0] && strcmp(ix->next_key, app->pinned) == 0))
        r = check_key(key, app, ret_fault, e);
    if (r < 0)
        return r;
    if (ix->sequence < app->index_seen)
        return refuse(ret_fault, PACKAGE_DOWNGRADE,
                      err_set(e, -EINVAL,
                              "the index's sequence %llu is lower than %llu, seen before",
                              NUMBER(ix->sequence), NUMBER(app->index_seen)));
    if (app->index_seen && ix->sequence - app->index_seen > INDEX_SEQUENCE_STEP_MAX)
        return refuse(ret_fault, PACKAGE_FORMAT,
                      err_set(e, -EINVAL, "the index's sequence leaps from %llu to %llu",
                              NUMBER(app->index_seen), NUMBER(ix->sequence)));
    return 0;
}

const char *admit_pin(const struct index *ix, const char *key, const char *pinned) {
    if (ix && ix->next_key[0])
        return ix->next_key;
    return pinned[0] ? pinned : key;
}

uint64_t admit_sequence(const struct index *ix, const char *key, const struct admit_app *app) {
    const char *pin = admit_pin(ix, key, app->pinned);

    if (strcmp(key, pin) == 0)
        return ix->sequence;
    return strcmp(pin, app->pinned) == 0 ? app->index_seen : 0;
}

static int check_order(const struct admit_package *p, const struct admit_app *app,
                       enum package_fault *fault, struct err *e) {
    if (p->source == ADMIT_ORDERED)
        return 0;
    if (p->code < app->code)
        return refuse(fault, PACKAGE_DOWNGRADE,
                      err_set(e, -EINVAL, "its version %llu is lower than the installed %llu",
                              NUMBER(p->code), NUMBER(app->code)));
    if (p->code < app->floor)
        return refuse(fault, PACKAGE_DOWNGRADE,
                      err_set(e, -EINVAL, "its version %llu is lower than %llu, the lowest allowed",
                              NUMBER(p->code), NUMBER(app->floor)));
    if (p->code == app->code && p->source != ADMIT_FOLDER)
        return refuse(fault, PACKAGE_SAME_VERSION,
                      err_set(e, -EINVAL, "version %llu is installed already", NUMBER(p->code)));
    return 0;
}

int admit_package(const struct admit_package *p, const struct admit_app *app,
                  enum package_fault *ret_fault, struct err *e) {
    int r = check_target(p->app_id, app, ret_fault, e);

    if (r < 0)
        return r;
    switch (p->source) {
    case ADMIT_FOLDER:
        if (app->pinned[0])
            return refuse(ret_fault, PACKAGE_TRUST,
                          err_set(e, -EINVAL,
                                  "the app is installed with a signature: without one it is not "
                                  "replaced"));
        break;
    case ADMIT_SIGNED:
        r = check_key(p->key, app, ret_fault, e);
        break;
    case ADMIT_INDEXED:
    case ADMIT_ORDERED:
        if (p->code != p->expected_code)
            r = refuse(ret_fault, PACKAGE_MANIFEST,
                       err_set(e, -EINVAL, "its manifest says version %llu, the index %llu",
                               NUMBER(p->code), NUMBER(p->expected_code)));
        break;
    }
    return r < 0 ? r : check_order(p, app, ret_fault, e);
}

static bool begins(const char *url, const char *with) {
    return strncmp(url, with, strlen(with)) == 0;
}

int admit_url(const char *url, const char *index_url, bool allow_http, struct err *e) {
    if (!index_url_is_sound(url))
        return err_set(e, -EINVAL, "that is not an https, http or file URL");
    if (begins(url, "http:") && !allow_http)
        return err_set(e, -EINVAL, "http is not allowed ([update] allow_http)");
    if (begins(url, "file:") && index_url && !begins(index_url, "file:"))
        return err_set(e, -EINVAL, "an index from the network may not name files of this machine");
    return 0;
}
