/* SPDX-License-Identifier: MIT
 * The wire as others see it: the interface files byte for byte, a client and an app that share no
 * line of code with us, and what `after` is worth over a restart. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"
#include "supervisor/wire/interfaces.h"
#include "tests/lib/harness.h"
#include "tests/lib/raw.h"

#define ONE "org.example.one"

static struct harness h;

static int start(void **state) {
    (void) state;
    harness_need("python3", access("/usr/bin/python3", X_OK) == 0, "there is no /usr/bin/python3");
    harness_start(&h, NULL);
    return 0;
}
static int end(void **state) {
    (void) state;
    harness_clean(&h);
    return 0;
}

static void finish(void) {
    raw_assert_sound(&h);
    harness_stop(&h);
}

static void mute_app(void) {
    harness_install(&h, &(struct harness_app){ .id = ONE, .program = "probe", .argument = "mute" });
    harness_ok(&h, "Open", "{\"id\":\"" ONE "\"}");
}

/* --- introspection ------------------------------------------------------------------------ */

static char *file_of(const char *interface) {
    const char *source = getenv("MINIPROG_SOURCE");
    char path[4096], *text = NULL;
    struct err e = { 0 };
    (void) snprintf(path, sizeof path, "%s/supervisor/wire/%s.varlink", source ? source : ".",
                    interface);
    if (fs_read(AT_FDCWD, path, 1 << 20, &text, NULL, &e) < 0)
        fail_msg("%s", e.text);
    return text;
}

static void calls(struct raw *r, const char *call, struct varlink_reply *ret) {
    struct err e = { 0 };
    raw_call(r, call);
    const char *text = raw_hear(r);
    assert_non_null(text);
    if (varlink_reply_parse(text, strlen(text), ret, &e) < 0)
        fail_msg("%s", e.text);
    assert_null(ret->error);
}

static void describes(struct raw *r, const char *interface) {
    CLEANUP(free_p) char *want = file_of(interface);
    struct varlink_reply reply;
    char call[256];
    (void) snprintf(call, sizeof call,
                    "{\"method\":\"" WIRE_SERVICE
                    ".GetInterfaceDescription\",\"parameters\":{\"interface\":\"%s\"}}",
                    interface);
    calls(r, call, &reply);
    assert_string_equal(json_get_string(reply.parameters, "description", ""), want);
    varlink_reply_clear(&reply);
}

static void introduces_itself(struct raw *r, const char *interface) {
    static const char *const members[] = { "vendor", "product", "version" };
    struct varlink_reply reply;
    calls(r, "{\"method\":\"" WIRE_SERVICE ".GetInfo\"}", &reply);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        assert_true(json_get_string(reply.parameters, members[i], "")[0] != '\0');
    assert_non_null(json_get(reply.parameters, "url"));
    const struct json *list = json_get(reply.parameters, "interfaces");
    assert_int_equal(json_count(list), 2);
    assert_string_equal(json_string(json_first(list)), WIRE_SERVICE);
    assert_string_equal(json_string(json_next(json_first(list))), interface);
    varlink_reply_clear(&reply);
}

static void test_introspection(void **state) {
    (void) state;
    mute_app();
    struct raw r = raw_open(h.control);
    introduces_itself(&r, WIRE_SUPERVISOR);
    describes(&r, WIRE_SUPERVISOR);
    describes(&r, WIRE_SERVICE);
    raw_close(&r);
    r = raw_open_app(&h, ONE);
    introduces_itself(&r, WIRE_APP);
    describes(&r, WIRE_APP);
    describes(&r, WIRE_SERVICE);
    raw_close(&r);
    finish();
}

/* --- a client of another make ------------------------------------------------------------- */

static const char client_py[] =
    "import json, socket, sys\n"
    "class Peer:\n"
    "    def __init__(self, path):\n"
    "        self.s = socket.socket(socket.AF_UNIX); self.s.settimeout(20)\n"
    "        self.s.connect(path); self.b = b''\n"
    "    def send(self, method, more=False, **parameters):\n"
    "        m = {'method': method, 'parameters': parameters}\n"
    "        if more: m['more'] = True\n"
    "        self.s.sendall(json.dumps(m).encode() + b'\\0')\n"
    "    def hear(self):\n"
    "        while b'\\0' not in self.b:\n"
    "            got = self.s.recv(65536)\n"
    "            assert got, 'hung up'\n"
    "            self.b += got\n"
    "        one, self.b = self.b.split(b'\\0', 1)\n"
    "        return json.loads(one)\n"
    "    def call(self, method, **parameters):\n"
    "        self.send(method, **parameters)\n"
    "        reply = self.hear()\n"
    "        assert not reply.get('continues'), reply\n"
    "        return reply\n"
    "S = 'org.miniprog.Supervisor.'\n"
    "a, w = Peer(sys.argv[1]), Peer(sys.argv[1])\n"
    "info = a.call('org.varlink.service.GetInfo')['parameters']\n"
    "assert 'org.miniprog.Supervisor' in info['interfaces'], info\n"
    "apps = a.call(S + 'List')['parameters']['apps']\n"
    "assert [x['id'] for x in apps] == [sys.argv[2]] and apps[0]['state'] == 'stopped', apps\n"
    "w.send(S + 'Watch', more=True)\n"
    "first = w.hear()\n"
    "assert first['continues'] and first['parameters']['event']['type'] == 'snapshot', first\n"
    "assert first['parameters']['event']['snapshot']['apps'] == apps, first\n"
    "opened = a.call(S + 'Open', id=sys.argv[2], path='p', query={'k': 'v'}, scene=1011)\n"
    "assert opened['parameters']['start'] == 'cold', opened\n"
    "seq, states = first['parameters']['event']['seq'], []\n"
    "while 'foreground' not in states:\n"
    "    event = w.hear()['parameters']['event']\n"
    "    assert event['seq'] > seq, event\n"
    "    seq = event['seq']\n"
    "    if event['type'] == 'state': states.append(event['state']['to'])\n"
    "assert states == ['starting', 'foreground'], states\n"
    "# Three calls in one write are answered in their order.\n"
    "a.s.sendall(b''.join(json.dumps(m).encode() + b'\\0' for m in (\n"
    "    {'method': S + 'Close', 'parameters': {'id': sys.argv[2]}},\n"
    "    {'method': S + 'Nope'}, {'method': S + 'List', 'parameters': {}})))\n"
    "assert a.hear().get('parameters', {}) == {}\n"
    "assert a.hear()['error'] == 'org.varlink.service.MethodNotFound'\n"
    "assert a.hear()['parameters']['apps'][0]['last_exit']['reason'] == 'closed'\n"
    "# What nobody wants an answer to is not answered.\n"
    "a.s.sendall(json.dumps({'method': S + 'List', 'oneway': True}).encode() + b'\\0')\n"
    "assert a.call(S + 'Status', id='none')['error'] == S + 'NoSuchApp'\n";

static void write_file(const char *folder, const char *name, const char *text) {
    char path[256];
    struct err e = { 0 };
    (void) snprintf(path, sizeof path, "%s/%s", folder, name);
    if (fs_replace(AT_FDCWD, path, text, strlen(text), 0644, FS_VOLATILE, &e) < 0)
        fail_msg("%s", e.text);
}

static void test_a_client_that_is_not_ours(void **state) {
    (void) state;
    char script[64];
    int status;
    harness_install(&h, &(struct harness_app){ .id = ONE, .program = "probe" });
    write_file(h.base, "client.py", client_py);
    (void) snprintf(script, sizeof script, "%s/client.py", h.base);
    pid_t pid = fork();
    if (pid == 0) {
        (void) execl("/usr/bin/python3", "python3", "-I", script, h.control, ONE, (char *) NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    finish();
}

/* --- an app of another make --------------------------------------------------------------- */

static const char app_py[] =
    "import json, os, socket, time\n"
    "A, last = 'org.miniprog.App.', 0\n"
    "def say(*what): print(*what, flush=True)\n"
    "class Peer:\n"
    "    def __init__(self):\n"
    "        path = os.environ['MINIPROG_ADDRESS'].split(':', 1)[1]\n"
    "        end = time.monotonic() + 60\n"
    "        while True: # the supervisor may be away for a moment\n"
    "            self.s, self.b = socket.socket(socket.AF_UNIX), b''\n"
    "            try: return self.s.connect(path)\n"
    "            except OSError: time.sleep(0.02)\n"
    "            if time.monotonic() > end:\n"
    "                say('nobody came back')\n"
    "                os._exit(1)\n"
    "    def send(self, method, more=False, **parameters):\n"
    "        m = {'method': A + method, 'parameters': parameters}\n"
    "        if more: m['more'] = True\n"
    "        self.s.sendall(json.dumps(m).encode() + b'\\0')\n"
    "    def hear(self):\n"
    "        while b'\\0' not in self.b:\n"
    "            got = self.s.recv(65536)\n"
    "            if not got: raise ConnectionResetError\n"
    "            self.b += got\n"
    "        one, self.b = self.b.split(b'\\0', 1)\n"
    "        return json.loads(one)\n"
    "calls = Peer()\n"
    "def call(method, **parameters):\n"
    "    global calls\n"
    "    while True:\n"
    "        try:\n"
    "            calls.send(method, **parameters)\n"
    "            return calls.hear()\n"
    "        except OSError: calls = Peer()\n"
    "def tell_info():\n"
    "    i = call('GetInfo')['parameters']\n"
    "    say('info', i['id'], i['version_code'], i['start'], i['launch']['path'],\n"
    "        i['launch']['query'], i['launch']['scene'], i['enter']['path'], i.get('exit_state'))\n"
    "def obey(event):\n"
    "    global last\n"
    "    assert event['seq'] > last, event\n"
    "    last, kind = event['seq'], event['type']\n"
    "    about = event[kind]\n"
    "    if kind in ('launch', 'show'): say(kind, about['path'])\n"
    "    if kind == 'show': tell_info()\n"
    "    if kind == 'hide': say('hide', about['reason'])\n"
    "    if kind == 'hide': call('SaveExitState', data={'pages': ['p', 7]})\n"
    "    if kind == 'memory_warning': say('warning', about['level'], about['source'])\n"
    "    if kind == 'unload':\n"
    "        say('unload', about['reason'], about['timeout_usec'] > 0)\n"
    "        os._exit(0)\n"
    "say('error', call('KeepRunning', kind='audio', on=True).get('error'))\n"
    "watch = Peer()\n"
    "watch.send('Watch', more=True)\n"
    "say('ready', call('Ready').get('parameters', {}))\n"
    "while True:\n"
    "    try: obey(watch.hear()['parameters']['event'])\n"
    "    except OSError:\n"
    "        say('reconnects', after := last)\n"
    "        watch = Peer()\n"
    "        watch.send('Watch', more=True, after=after)\n";

static void install_python_app(void) {
    char folder[128];
    harness_make(&h,
                 &(struct harness_app){ .id = ONE,
                                        .script = "exec /usr/bin/python3 -I app.py",
                                        .ours = "\"ready\":\"notify\"" },
                 folder);
    write_file(folder, "app.py", app_py);
    harness_ok(&h, "Install", "{\"source\":\"%s\",\"unsigned\":true}", folder);
}

static void assert_in_order(const char *log, const char *const *lines) {
    const char *at = log;
    for (; *lines; lines++) {
        const char *found = strstr(at, *lines);
        if (!found)
            fail_msg("'%s' is missing or out of order in:\n%s", *lines, log);
        at = found + strlen(*lines);
    }
}

static void test_an_app_that_is_not_built_on_our_library(void **state) {
    (void) state;
    static const char *const story[] = {
        "error org.miniprog.App.NotDeclared",
        "launch first",
        "show first",
        "info " ONE " 1 cold first {'k': 'v'} 1011 first None",
        "hide 0",
        "warning 5 suspend",
        "show second", /* queued while it was suspended; the daemon was killed, and told it still */
        "info " ONE " 1 hot first {'k': 'v'} 1011 second None",
        "unload closed True",
        "launch third",
        "info " ONE " 1 cold third {} 1001 third {'pages': ['p', 7]}",
        NULL,
    };
    install_python_app();
    harness_ok(&h, "Open",
               "{\"id\":\"" ONE "\",\"path\":\"first\",\"query\":{\"k\":\"v\"},\"scene\":1011}");
    harness_wait_state(&h, ONE, "foreground", "ready");
    harness_wait_log(&h, ONE, "info");
    harness_ok(&h, "Hide", "{\"id\":\"" ONE "\"}");
    harness_wait_state(&h, ONE, "suspended", "timeout");
    (void) harness_signal_and_wait(&h, SIGKILL);
    harness_restart(&h);
    harness_ok(&h, "Open", "{\"id\":\"" ONE "\",\"path\":\"second\"}");
    harness_wait_log(&h, ONE, "second None");
    harness_ok(&h, "Close", "{\"id\":\"" ONE "\"}");
    harness_ok(&h, "Open", "{\"id\":\"" ONE "\",\"path\":\"third\"}");
    harness_wait_log(&h, ONE, "third {'pages'");
    CLEANUP(free_p) char *log = harness_log(&h, ONE);
    assert_in_order(log, story);
    const char *launch = strstr(log, "launch first");
    assert_null(strstr(launch + 1, "launch first")); /* `after`: nothing is heard twice */
    assert_non_null(strstr(log, "reconnects"));
    finish();
}

/* --- after -------------------------------------------------------------------------------- */

static int64_t hears_event(struct raw *r, const char *type) {
    struct varlink_reply reply;
    struct err e = { 0 };
    const char *text = raw_hear(r);
    assert_non_null(text);
    if (varlink_reply_parse(text, strlen(text), &reply, &e) < 0)
        fail_msg("%s", e.text);
    const struct json *event = json_get(reply.parameters, "event");
    assert_string_equal(json_get_string(event, "type", ""), type);
    int64_t seq = json_get_int(event, "seq", -1);
    varlink_reply_clear(&reply);
    return seq;
}

/* A Watch is answered by an event only, and what is then asked for by another connection may come
 * first. So a call goes before it, in the same write: the daemon reads both at once, and handles
 * both before it turns to anybody else. */
static struct raw watches(int64_t after) {
    static const char first[] = "{\"method\":\"" WIRE_APP ".GetInfo\"}";
    struct raw r = raw_open_app(&h, ONE);
    char calls[256];
    int n = snprintf(calls, sizeof calls,
                     "%s%c{\"method\":\"" WIRE_APP
                     ".Watch\",\"parameters\":{\"after\":%lld},\"more\":true}",
                     first, '\0', (long long) after);
    assert_true(n > 0 && (size_t) n < sizeof calls);
    raw_say(&r, calls, (size_t) n + 1);
    const char *info = raw_hear(&r);
    assert_non_null(info);
    assert_non_null(strstr(info, "\"" ONE "\""));
    return r;
}

/* The last daemon may have sent an event and died before it wrote so: the app has seen more than
 * the next one knows of, and must still hear what comes. */
static void test_after_that_is_ahead_of_the_supervisor(void **state) {
    (void) state;
    harness_write_config(&h, "[lifecycle]\nsuspend_after=0\n"); /* it shall hear all at once */
    harness_signal(&h, SIGHUP);
    mute_app();
    struct raw r = watches(0);
    (void) hears_event(&r, "launch");
    int64_t last = hears_event(&r, "show");
    raw_close(&r);
    (void) harness_signal_and_wait(&h, SIGKILL);
    harness_restart(&h);
    harness_ok(&h, "Hide", "{\"id\":\"" ONE "\"}");
    r = watches(last + 1);
    assert_true((last = hears_event(&r, "hide")) > 3);
    raw_close(&r);
    r = watches(last + 100);
    harness_ok(&h, "Open", "{\"id\":\"" ONE "\"}");
    assert_true(hears_event(&r, "show") > last + 100);
    raw_close(&r);
    finish();
}

#define WIRE(test) cmocka_unit_test_setup_teardown(test, start, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        WIRE(test_introspection),
        WIRE(test_a_client_that_is_not_ours),
        WIRE(test_an_app_that_is_not_built_on_our_library),
        WIRE(test_after_that_is_ahead_of_the_supervisor),
    };
    return cmocka_run_group_tests_name("daemon/wire", tests, NULL, NULL);
}
