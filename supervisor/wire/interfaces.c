/* SPDX-License-Identifier: MIT */
#include "supervisor/wire/interfaces.h"

#include "supervisor/wire/idl.h"

#include <stdatomic.h>
#include <stddef.h>

/* The file's bytes between two symbols of this program alone. The path is relative to the folder
 * that the compiler runs in, the top of the tree. */
#define EMBED(symbol, file)                                                                        \
    __asm__(".pushsection .rodata\n"                                                               \
            ".global " #symbol "\n.hidden " #symbol "\n" #symbol ":\n"                             \
            ".incbin \"supervisor/wire/" file "\"\n"                                               \
            ".global " #symbol "_end\n.hidden " #symbol "_end\n" #symbol "_end:\n.byte 0\n"        \
            ".popsection\n");                                                                      \
    extern const char symbol[], symbol##_end[]

EMBED(wire_text_supervisor, "org.miniprog.Supervisor.varlink");
EMBED(wire_text_app, "org.miniprog.App.varlink");
EMBED(wire_text_service, "org.varlink.service.varlink");

/* Two threads may both parse at first; one of them keeps its own. No lock, and a failure for want
 * of memory is no failure for ever. */
static const struct idl *parsed_once(_Atomic(struct idl *) *slot, const char *text,
                                     const char *end) {
    struct idl *idl = atomic_load(slot), *there = NULL;

    if (idl)
        return idl;
    if (idl_parse(text, (size_t) (end - text), &idl, NULL) < 0)
        return NULL;
    if (atomic_compare_exchange_strong(slot, &there, idl))
        return idl;
    (void) idl_free(idl);
    return there;
}

const struct idl *wire_supervisor(void) {
    static _Atomic(struct idl *) slot;

    return parsed_once(&slot, wire_text_supervisor, wire_text_supervisor_end);
}

const struct idl *wire_app(void) {
    static _Atomic(struct idl *) slot;

    return parsed_once(&slot, wire_text_app, wire_text_app_end);
}

const struct idl *wire_service(void) {
    static _Atomic(struct idl *) slot;

    return parsed_once(&slot, wire_text_service, wire_text_service_end);
}
