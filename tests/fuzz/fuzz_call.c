/* SPDX-License-Identifier: MIT
 * fuzz_call.c - one message, as the daemon takes it from a peer: parsed as a call, its method
 * looked up, its parameters held against our interface files. As a reply it is read besides. */
#include "supervisor/base/err.h"
#include "supervisor/base/json.h"
#include "supervisor/base/str.h"
#include "supervisor/base/text.h"
#include "supervisor/wire/idl.h"
#include "supervisor/wire/interfaces.h"
#include "supervisor/wire/varlink.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static void check(bool holds) {
    if (!holds)
        __builtin_trap();
}

static void check_sentence(const struct err *e) {
    check(e->code < 0 && e->text[0] != '\0' && !text_has_control(e->text, strlen(e->text)));
}

static const struct idl *find_interface(const char *name) {
    const struct idl *all[] = { wire_supervisor(), wire_app(), wire_service() };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(idl_name(all[i]), name) == 0)
            return all[i];
    return NULL;
}

/* What fits still fits after it was written and read again. */
static void check_again(const struct idl *idl, const struct idl_method *m,
                        const struct varlink_call *call) {
    struct str out = STR_INIT(1 << 24);
    struct varlink_call again;
    struct jsonw w;
    char where[64];

    varlink_begin_call(&w, &out, call->method, call->more, call->oneway);
    for (const struct json *v = call->parameters ? json_first(call->parameters) : NULL; v;
         v = json_next(v))
        jsonw_json(&w, json_name(v), v);
    varlink_end(&w);
    check(str_error(&out) == 0);
    check(varlink_call_parse(out.data, out.len - 1, &again, NULL) == 0);
    check(strcmp(again.method, call->method) == 0 && again.more == call->more);
    check(idl_check(idl, idl_method_in(m), again.parameters, where, sizeof where, NULL) == 0);
    varlink_call_clear(&again);
    str_clear(&out);
}

static void check_parameters(const struct varlink_call *call) {
    char interface[64], where[64] = "";
    const char *member;
    struct err e = { 0 };

    if (varlink_split(call->method, interface, sizeof interface, &member) < 0)
        return;
    const struct idl *idl = find_interface(interface);
    const struct idl_method *m = idl ? idl_method(idl, member) : NULL;
    if (!m)
        return;
    int r = idl_check(idl, idl_method_in(m), call->parameters, where, sizeof where, &e);
    if (r == 0) {
        check_again(idl, m, call);
        return;
    }
    check(r == -EINVAL && memchr(where, '\0', sizeof where));
    check_sentence(&e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct varlink_call call = { .doc = NULL };
    struct varlink_reply reply = { .doc = NULL };
    struct err e = { 0 };

    if (varlink_call_parse((const char *) data, size, &call, &e) == 0) {
        check(call.doc && call.method && !(call.more && call.oneway));
        check(!call.parameters || json_kind(call.parameters) == JSON_OBJECT);
        check_parameters(&call);
        varlink_call_clear(&call);
    } else {
        check(!call.doc);
        check_sentence(&e);
    }
    if (varlink_reply_parse((const char *) data, size, &reply, NULL) == 0) {
        check(!(reply.error && reply.continues));
        varlink_reply_clear(&reply);
    }
    return 0;
}
