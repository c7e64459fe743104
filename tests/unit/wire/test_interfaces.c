/* SPDX-License-Identifier: MIT
 * test_interfaces.c - the interface files that are built in, held against the contract.
 *
 * Other programs are written against these names, types and values. The files may gain members,
 * declarations and values; they may lose none, and a call that was good must stay good. */
/* wrap: idl_parse */
#include "supervisor/wire/interfaces.h"

#include "supervisor/wire/idl.h"
#include "supervisor/wire/idl_type.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char supervisor[] =
    "interface org.miniprog.Supervisor\n"
    "type State (stopped, starting, foreground, background, suspended, stopping)\n"
    "type Exit (reason: string, status: ?int, signal: ?int, at_usec: int, message: string)\n"
    "type App (id: string, name: string, version_code: int, version_name: string, state: State,\n"
    "  pid: ?int, since_usec: int, cold_starts: int, hot_starts: int, memory_current: ?int,\n"
    "  memory_peak: ?int, memory_swap: ?int, pending_version: ?int, previous_version: ?int,\n"
    "  trial: ?int, dialog: ?int, last_exit: ?Exit)\n"
    "type Dialog (dialog: int, app_id: string, title: string, content: string,\n"
    "  show_cancel: bool, confirm_text: string, cancel_text: string)\n"
    "type Candidate (id: string, text: string)\n"
    "type Decision (at_usec: int, action: string, level: ?int, source: ?string, text: string,\n"
    "  figures: [string]int, candidates: []Candidate, freed: ?int)\n"
    "type Source (name: string, works: bool, threshold: string, last_usec: ?int, detail: ?string)\n"
    "type AppMemory (id: string, state: State, current: int, peak: int, swap: ?int,\n"
    "  reclaimed: int, warned: int, freed: int, resume_usec: ?int)\n"
    "type Snapshot (apps: []App, dialogs: []Dialog)\n"
    "type StateChange (from: State, to: State, cause: string)\n"
    "type MemoryFact (level: int, source: string, figures: [string]int)\n"
    "type Warned (level: int, source: string, freed: ?int)\n"
    "type Update (phase: string, version_code: ?int, reason: ?string, bytes: ?int, total: ?int)\n"
    "type DialogClosed (dialog: int, cause: string)\n"
    "type Page (path: string, data: object)\n"
    "type HostUpdate (reason: string)\n"
    "type Event (seq: int, at_usec: int, type: string, app_id: ?string, snapshot: ?Snapshot,\n"
    "  state: ?StateChange, exit: ?Exit, memory: ?MemoryFact, warned: ?Warned,\n"
    "  decision: ?Decision, update: ?Update, dialog: ?Dialog, dialog_closed: ?DialogClosed,\n"
    "  page: ?Page, host_update: ?HostUpdate)\n"
    "method List() -> (apps: []App)\n"
    "method Status(id: string) -> (app: App)\n"
    "method Open(id: string, path: ?string, query: ?[string]string, scene: ?int) ->\n"
    "  (start: (cold, hot, current), pid: int, version_code: int)\n"
    "method Hide(id: string, reason: ?int) -> ()\n"
    "method Close(id: string) -> ()\n"
    "method Kill(id: string) -> ()\n"
    "method Install(source: string, unsigned: ?bool) ->\n"
    "  (id: string, version_code: int, pending: bool)\n"
    "method Remove(id: string, keep_data: ?bool) -> ()\n"
    "method CheckUpdate(id: string) -> (has_update: bool, version_code: ?int)\n"
    "method ApplyUpdate(id: string) -> (version_code: int)\n"
    "method Rollback(id: string) -> (version_code: int)\n"
    "method SimulateUpdate(id: string, outcome: (ready, failed)) -> ()\n"
    "method Warn(level: int, id: ?string) -> (delivered: int)\n"
    "method Memory() -> (level: int, backend: string, total: int, available: int, current: int,\n"
    "  budget: ?int, sources: []Source, apps: []AppMemory, next_victim: ?string)\n"
    "method Why(id: string) -> (decisions: []Decision)\n"
    "method Logs(id: string, follow: ?bool) -> (line: string)\n"
    "method Answer(dialog: int, confirm: bool) -> ()\n"
    "method Watch(id: ?string) -> (event: Event)\n"
    "error NoSuchApp (id: string)\n"
    "error BadState (id: string, state: State)\n"
    "error BadPackage (reason: string, detail: string)\n"
    "error StartFailed (id: string,\n"
    "  stage: (fork, exec, ready, exited, closed, memory, too_old), errno: ?int, detail: string)\n"
    "error NoUpdate (id: string)\n"
    "error NoSuchDialog (dialog: int)\n"
    "error Busy (detail: string)\n"
    "error Storage (detail: string)\n"
    "error NotPermitted (detail: string)\n";

static const char app[] =
    "interface org.miniprog.App\n"
    "type Referrer (app_id: string, extra_data: ?object)\n"
    "type Launch (path: string, query: [string]string, scene: int, referrer: ?Referrer)\n"
    "type Hide (reason: int)\n"
    "type MemoryWarning (level: int, source: string)\n"
    "type UpdateCheck (has_update: bool)\n"
    "type UpdateReady (version_code: int)\n"
    "type UpdateFailed (reason: string)\n"
    "type Unload (reason: string, timeout_usec: int)\n"
    "type Event (seq: int, type: string, launch: ?Launch, show: ?Launch, hide: ?Hide,\n"
    "  memory_warning: ?MemoryWarning, update_check: ?UpdateCheck, update_ready: ?UpdateReady,\n"
    "  update_failed: ?UpdateFailed, unload: ?Unload)\n"
    "method Watch(after: ?int) -> (event: Event)\n"
    "method Ready() -> ()\n"
    "method GetInfo() -> (id: string, version_code: int, host_version_code: int,\n"
    "  base_library: string, start: (cold, hot), launch: Launch, enter: Launch,\n"
    "  exit_state: ?object)\n"
    "method SaveExitState(data: object, expires_at_usec: ?int) -> ()\n"
    "method ApplyUpdate() -> ()\n"
    "method Exit() -> ()\n"
    "method Restart(path: ?string) -> ()\n"
    "method ShowDialog(title: string, content: string, show_cancel: ?bool,\n"
    "  confirm_text: ?string, cancel_text: ?string) -> (confirm: bool)\n"
    "method KeepRunning(kind: string, on: bool) -> ()\n"
    "method ReportPage(path: string, data: object) -> ()\n"
    "method RequestHostUpdate(reason: ?string) -> ()\n"
    "error NotReady ()\n"
    "error NotDeclared (kind: string)\n"
    "error NoUserInterface ()\n"
    "error TooLarge (limit: int)\n"
    "error Busy (detail: string)\n";

/* varlink.org, Service; the last two are systemd's, which every client knows by now. */
static const char service[] =
    "interface org.varlink.service\n"
    "method GetInfo() -> (vendor: string, product: string, version: string, url: string,\n"
    "  interfaces: []string)\n"
    "method GetInterfaceDescription(interface: string) -> (description: string)\n"
    "error InterfaceNotFound (interface: string)\n"
    "error MethodNotFound (method: string)\n"
    "error MethodNotImplemented (method: string)\n"
    "error InvalidParameter (parameter: string)\n"
    "error PermissionDenied ()\n"
    "error ExpectedMore ()\n";

static const struct idl_member *member(const struct idl_type *type, const char *name) {
    for (const struct idl_member *m = type->members; m; m = m->next)
        if (strcmp(m->name, name) == 0)
            return m;
    return NULL;
}

static void expect_type(const char *where, const struct idl_type *want,
                        const struct idl_type *have) {
    if (want->kind != have->kind)
        fail_msg("%s: its type was changed", where);
    if (want->kind == IDL_NAMED) {
        assert_string_equal(want->name, have->name);
        return;
    }
    if (want->of)
        expect_type(where, want->of, have->of);
    for (const struct idl_member *m = want->members; m; m = m->next) {
        const struct idl_member *there = member(have, m->name);
        if (!there)
            fail_msg("%s: '%s' is gone", where, m->name);
        if (m->type)
            expect_type(m->name, m->type, there->type);
    }
}

/* What a peer of today leaves out may not be required tomorrow. */
static void expect_only_optional_ones_are_new(const char *where, const struct idl_type *want,
                                              const struct idl_type *have) {
    for (const struct idl_member *m = have->members; m; m = m->next)
        if (m->type && m->type->kind != IDL_OPTIONAL && !member(want, m->name))
            fail_msg("%s: the new parameter '%s' must be optional", where, m->name);
}

static void expect_contract(const struct idl *have, const char *contract, unsigned symbols) {
    struct idl *want = NULL;
    unsigned n = 0;

    assert_non_null(have);
    assert_int_equal(idl_parse(contract, strlen(contract), &want, NULL), 0);
    assert_string_equal(idl_name(have), idl_name(want));
    for (const struct idl_method *w = want->symbols; w; w = w->next, n++) {
        const struct idl_method *h = idl_symbol(have, w->name);
        if (!h || h->kind != w->kind)
            fail_msg("%s: '%s' is gone", idl_name(want), w->name);
        expect_type(w->name, w->in, h->in);
        if (!w->out)
            continue;
        expect_type(w->name, w->out, h->out);
        expect_only_optional_ones_are_new(w->name, w->in, h->in);
    }
    assert_int_equal(n, symbols);
    (void) idl_free(want);
}

static void test_the_supervisor_keeps_the_contract(void **state) {
    (void) state;
    assert_string_equal(idl_name(wire_supervisor()), WIRE_SUPERVISOR);
    expect_contract(wire_supervisor(), supervisor, 17 + 18 + 9);
}

static void test_the_app_keeps_the_contract(void **state) {
    (void) state;
    assert_string_equal(idl_name(wire_app()), WIRE_APP);
    expect_contract(wire_app(), app, 9 + 11 + 5);
}

/* Not ours to extend: the same in both directions. */
static void test_the_service_is_the_standard_one(void **state) {
    (void) state;
    struct idl *standard = NULL;

    assert_string_equal(idl_name(wire_service()), WIRE_SERVICE);
    expect_contract(wire_service(), service, 2 + 6);
    assert_int_equal(idl_parse(service, strlen(service), &standard, NULL), 0);
    expect_contract(standard, idl_text(wire_service()), 2 + 6);
    (void) idl_free(standard);
}

/* Every event's type is the name of a member, and that member is optional. */
static void test_event_types_have_their_members(void **state) {
    (void) state;
    static const char *const types[] = { "snapshot",      "state",    "exit",       "memory",
                                         "warned",        "decision", "update",     "dialog",
                                         "dialog_closed", "page",     "host_update" };
    static const char *const app_types[] = { "launch",         "show",         "hide",
                                             "memory_warning", "update_check", "update_ready",
                                             "update_failed",  "unload" };
    const struct idl_type *event = idl_typedef(wire_supervisor(), "Event");

    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        assert_int_equal(member(event, types[i])->type->kind, IDL_OPTIONAL);
    event = idl_typedef(wire_app(), "Event");
    for (size_t i = 0; i < sizeof app_types / sizeof *app_types; i++)
        assert_int_equal(member(event, app_types[i])->type->kind, IDL_OPTIONAL);
}

/* systemd's reader knows one "?" and one "[]" or "[string]" before a type, in this order.
 * Source: sd-varlink-idl.c, varlink_idl_subparse_field_type(). */
static void expect_simple(const char *name, const struct idl_type *type) {
    if (type->kind == IDL_OPTIONAL)
        type = type->of;
    if (type->kind == IDL_ARRAY || type->kind == IDL_MAP)
        type = type->of;
    if (type->kind == IDL_OPTIONAL || type->kind == IDL_ARRAY || type->kind == IDL_MAP)
        fail_msg("systemd's varlinkctl cannot read the type of '%s'", name);
    for (const struct idl_member *m = type->members; m && m->type; m = m->next)
        expect_simple(m->name, m->type);
}

static void test_systemd_can_read_them(void **state) {
    (void) state;
    const struct idl *ours[] = { wire_supervisor(), wire_app(), wire_service() };

    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        for (const struct idl_method *s = ours[i]->symbols; s; s = s->next) {
            expect_simple(s->name, s->in);
            if (s->out)
                expect_simple(s->name, s->out);
        }
}

/* Each of these acts once, on the next parse. */
static bool no_memory, other_thread_is_first;
static const struct idl *first;

int __real_idl_parse(const char *text, size_t len, struct idl **ret, struct err *e);
int __wrap_idl_parse(const char *text, size_t len, struct idl **ret, struct err *e);
int __wrap_idl_parse(const char *text, size_t len, struct idl **ret, struct err *e) {
    if (no_memory) {
        no_memory = false;
        return -ENOMEM;
    }
    if (other_thread_is_first) {
        other_thread_is_first = false;
        first = wire_app();
    }
    return __real_idl_parse(text, len, ret, e);
}

/* This and the next run before all others: they are about the first use. */
static void test_a_failure_is_not_remembered(void **state) {
    (void) state;
    no_memory = true;
    assert_null(wire_service());
    const struct idl *idl = wire_service();
    assert_non_null(idl);
    assert_ptr_equal(wire_service(), idl);
}

/* Two threads in the same first use: played by a use inside the other's parse. */
static void test_threads_share_one_parse(void **state) {
    (void) state;
    other_thread_is_first = true;
    const struct idl *second = wire_app();
    assert_non_null(first);
    assert_ptr_equal(second, first);
    assert_ptr_equal(wire_app(), first);
    assert_string_equal(idl_name(first), WIRE_APP);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_failure_is_not_remembered),
        cmocka_unit_test(test_threads_share_one_parse),
        cmocka_unit_test(test_the_supervisor_keeps_the_contract),
        cmocka_unit_test(test_the_app_keeps_the_contract),
        cmocka_unit_test(test_the_service_is_the_standard_one),
        cmocka_unit_test(test_event_types_have_their_members),
        cmocka_unit_test(test_systemd_can_read_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
