/* SPDX-License-Identifier: MIT
 * server_service.c - org.varlink.service, which every server has beside its own interface.
 * Layer: 3, daemon. Uses: base, wire. */
#include <string.h>

#include "supervisor/base/json.h"
#include "supervisor/daemon/conn.h"
#include "supervisor/wire/idl.h"
#include "supervisor/wire/interfaces.h"

static int service_get_info(struct call *call) {
    struct jsonw *w = call_begin(call, false);

    jsonw_string(w, "vendor", "miniprog");
    jsonw_string(w, "product", "miniprogd");
    jsonw_string(w, "version", MINIPROG_VERSION);
    jsonw_string(w, "url", "");
    jsonw_array(w, "interfaces");
    jsonw_string(w, NULL, WIRE_SERVICE);
    jsonw_string(w, NULL, idl_name(call->conn->server->config.idl));
    jsonw_end_array(w);
    call_end(call);
    return 0;
}

static int service_get_interface_description(struct call *call) {
    const char *name = json_get_string(call_parameters(call), "interface", "");
    const struct idl *idl = server_find(call->conn->server, name, strlen(name), NULL);
    struct jsonw *w;

    if (idl) {
        w = call_begin(call, false);
        jsonw_string(w, "description", idl_text(idl));
    } else {
        w = call_begin_error(call, WIRE_SERVICE ".InterfaceNotFound");
        jsonw_string(w, "interface", name);
    }
    call_end(call);
    return 0;
}

const struct method server_service_methods[] = {
    { "GetInfo", service_get_info, false },
    { "GetInterfaceDescription", service_get_interface_description, false },
    { 0 },
};
