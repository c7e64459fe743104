/* SPDX-License-Identifier: MIT
 * The whole way of an update: packages and an index made by the worker, signed with minisign,
 * served over HTTP by python3; what is heard, what runs when, and what is refused. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "supervisor/base/err.h"
#include "tests/lib/harness.h"
#include "tests/lib/raw.h"

#define ONE "org.example.one"
#define ID  "{\"id\":\"" ONE "\"}"
#define CONFIG                                                                                     \
    "[lifecycle]\nsuspend_after=1h\nstart_timeout=10s\nstop_timeout=2s\n"                          \
    "[update]\nhealthy_after=1h\nallow_http=yes\n"

static struct harness h;
static pid_t server;
static int port;

/* Runs a shell command in the folder of packages; it must succeed. */
static void sh(const char *fmt, ...) {
    char command[2048], whole[2400];
    va_list ap;

    va_start(ap, fmt);
    (void) vsnprintf(command, sizeof command, fmt, ap);
    va_end(ap);
    (void) snprintf(whole, sizeof whole, "cd %s && { %s; } >>log 2>&1", h.packages, command);
    if (system(whole) != 0) {
        (void) snprintf(whole, sizeof whole, "cat %s/log >&2", h.packages);
        (void) !system(whole);
        fail_msg("failed: %s", command);
    }
}

static const char *worker(void) {
    static char path[512];
    const char *build = getenv("MINIPROG_LIBEXEC");
    (void) snprintf(path, sizeof path, "%s/miniprog-worker", build ? build : "build/debug");
    return path;
}

/* Serves the folder "www"; the port it got is what it says first. */
static void serve(void) {
    static const char program[] =
        "import http.server,socketserver,sys,os\n"
        "os.chdir(sys.argv[1])\n"
        "class H(http.server.SimpleHTTPRequestHandler):\n"
        "    def log_message(self,*a): open('../requests','a').write(self.path+'\\n')\n"
        "s=socketserver.TCPServer(('127.0.0.1',0),H)\n"
        "print(s.server_address[1],flush=True)\n"
        "s.serve_forever()\n";
    char folder[128];
    int said[2];

    (void) snprintf(folder, sizeof folder, "%s/www", h.packages);
    assert_int_equal(mkdir(folder, 0755), 0);
    assert_int_equal(pipe2(said, O_CLOEXEC), 0);
    server = fork();
    assert_true(server >= 0);
    if (server == 0) {
        (void) dup2(said[1], 1);
        (void) dup2(open("/dev/null", O_WRONLY), 2); /* a client that hangs up is no news */
        (void) execlp("python3", "python3", "-c", program, folder, (char *) NULL);
        _exit(127);
    }
    (void) close(said[1]);
    FILE *f = fdopen(said[0], "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%d", &port), 1);
    (void) fclose(f);
}

static int start(void **state) {
    (void) state;
    harness_start(&h, CONFIG);
    serve();
    sh("minisign -G -W -p key.pub -s key.sec");
    sh("mkdir %s/trust && cp key.pub %s/trust/", h.state, h.state);
    return 0;
}

static int end(void **state) {
    (void) state;
    if (server > 0) {
        (void) kill(server, SIGKILL);
        (void) waitpid(server, NULL, 0);
    }
    server = 0;
    harness_clean(&h);
    return 0;
}

static void finish(void) {
    raw_assert_sound(&h);
    harness_stop(&h);
}

/* Packs a version into www/ as one-<code>.ma. script NULL: the probe, ready by its word. */
static void pack(int code, const char *script) {
    char folder[128], ours[256];

    (void) snprintf(ours, sizeof ours,
                    "\"ready\":\"notify\",\"update_url\":\"http://127.0.0.1:%d/index\"", port);
    harness_make(&h,
                 &(struct harness_app){ .id = ONE,
                                        .code = code,
                                        .script = script,
                                        .program = script ? NULL : "probe",
                                        .ours = ours },
                 folder);
    sh("%s pack --output www/one-%d.ma %s", worker(), code, folder);
}

/* Publishes an index of these versions. what: more of its members, or "". */
static void publish(unsigned sequence, const char *codes, const char *options) {
    char files[512] = "";
    const char *at = codes;
    int code, n;

    for (; sscanf(at, "%d%n", &code, &n) == 1; at += n)
        (void) snprintf(files + strlen(files), sizeof files - strlen(files), " www/one-%d.ma",
                        code);
    sh("%s make-index --output index.json --sequence %u --expires 2099-01-01T00:00:00Z "
       "--base-url http://127.0.0.1:%d/ %s %s",
       worker(), sequence, port, options, files);
    sh("minisign -S -s key.sec -m index.json && cat index.json.minisig index.json >www/index.new "
       "&& mv www/index.new www/index");
}

static void install_over_http(int code) {
    struct varlink_reply reply;
    harness_call(&h, &reply, "Install", "{\"source\":\"http://127.0.0.1:%d/index\"}", port);
    if (reply.error)
        fail_msg("%s: %s", reply.error, json_get_string(reply.parameters, "detail", ""));
    assert_string_equal(json_get_string(reply.parameters, "id", ""), ONE);
    assert_int_equal(json_get_int(reply.parameters, "version_code", 0), code);
    assert_false(json_get_bool(reply.parameters, "pending", true));
    varlink_reply_clear(&reply);
}

static void opens_as(int64_t code) {
    struct varlink_reply reply;
    harness_call(&h, &reply, "Open", ID);
    if (reply.error)
        fail_msg("%s: %s", reply.error, json_get_string(reply.parameters, "detail", ""));
    assert_int_equal(json_get_int(reply.parameters, "version_code", 0), code);
    varlink_reply_clear(&reply);
}

/* Passes over update events until this one; its reason must be that, if one is given. */
static void hears(const char *phase, int64_t code, const char *reason) {
    for (bool found = false; !found;) {
        struct varlink_reply reply;
        const struct json *u = json_get(harness_wait_event(&h, ONE, "update", &reply), "update");
        found = strcmp(json_get_string(u, "phase", ""), phase) == 0;
        if (found) {
            assert_int_equal(json_get_int(u, "version_code", -1), code);
            if (reason)
                assert_string_equal(json_get_string(u, "reason", ""), reason);
        }
        varlink_reply_clear(&reply);
    }
}

static void checks(bool has_update, int64_t code) {
    struct varlink_reply reply;
    harness_call(&h, &reply, "CheckUpdate", ID);
    if (reply.error)
        fail_msg("%s: %s", reply.error, json_get_string(reply.parameters, "detail", ""));
    assert_int_equal(json_get_bool(reply.parameters, "has_update", !has_update), has_update);
    assert_int_equal(json_get_int(reply.parameters, "version_code", -1), code);
    varlink_reply_clear(&reply);
}

static void check_is_refused(const char *reason) {
    struct varlink_reply reply;
    harness_call(&h, &reply, "CheckUpdate", ID);
    assert_non_null(reply.error);
    assert_string_equal(json_get_string(reply.parameters, "reason", ""), reason);
    varlink_reply_clear(&reply);
    hears("failed", -1, reason);
}

static void versions(int64_t current, int64_t pending, int64_t previous) {
    assert_int_equal(harness_number(&h, ONE, "version_code"), current);
    assert_int_equal(harness_number(&h, ONE, "pending_version"), pending);
    assert_int_equal(harness_number(&h, ONE, "previous_version"), previous);
}

static void restart(void) {
    harness_ok(&h, "Close", ID);
}

/* Version 1 runs, version 2 is published; 1 hears of it and goes on; the next cold start is 2. 3
 * crashes and falls back to 2; 4 is applied at once. */
static void test_the_story(void **state) {
    (void) state;
    pack(1, NULL);
    publish(1, "1", "");
    install_over_http(1);
    opens_as(1);
    harness_wait_log(&h, ONE, "update_check no");
    pack(2, NULL);
    publish(2, "1 2", "");
    checks(true, 2);
    hears("available", 2, NULL);
    hears("download", 2, NULL);
    hears("verify", 2, NULL);
    hears("unpack", 2, NULL);
    hears("ready", 2, NULL);
    harness_wait_log(&h, ONE, "update_check yes");
    harness_wait_log(&h, ONE, "update_ready 2");
    harness_assert_state(&h, ONE, "foreground");
    versions(1, 2, -1);
    restart();
    opens_as(2);
    hears("healthy", 2, NULL);
    versions(2, -1, 1);

    pack(3, "exit 9");
    publish(3, "2 3", "");
    checks(true, 3);
    hears("ready", 3, NULL);
    restart();
    opens_as(2);
    hears("rolled_back", 3, NULL);
    harness_wait_log(&h, ONE, "update_failed");
    hears("healthy", 2, NULL);
    checks(false, -1); /* that package has failed here */

    pack(4, NULL);
    publish(4, "3 4", "");
    checks(true, 4);
    hears("ready", 4, NULL);
    harness_ok(&h, "Open", "{\"id\":\"" ONE "\",\"path\":\"!apply\"}");
    harness_wait_exit(&h, ONE, "update");
    hears("healthy", 4, NULL);
    versions(4, -1, 2);
    finish();
}

static unsigned requests(void) {
    char path[128], line[256];
    unsigned n = 0;
    (void) snprintf(path, sizeof path, "%s/requests", h.packages);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        n += strcmp(line, "/index\n") == 0;
    if (f)
        (void) fclose(f);
    return n;
}

static void test_a_cold_start_checks_once_in_a_while(void **state) {
    (void) state;
    pack(1, NULL);
    publish(1, "1", "");
    install_over_http(1);
    assert_int_equal(requests(), 1);
    opens_as(1);
    hears("check", -1, NULL);
    assert_int_equal(requests(), 2);
    restart();
    opens_as(1);
    restart();
    opens_as(1);
    assert_int_equal(requests(), 2); /* the same interval */
    checks(false, -1);
    assert_int_equal(requests(), 3); /* who asks is answered */
    finish();
}

static void test_what_is_not_as_signed_changes_nothing(void **state) {
    (void) state;
    pack(1, NULL);
    publish(5, "1", "");
    install_over_http(1);
    opens_as(1);
    hears("check", -1, NULL);

    sh("cp www/index index.good");
    sh("sed 's/%s/org.example.two/' index.good >www/index", ONE);
    check_is_refused("signature");
    sh("minisign -G -W -p other.pub -s other.sec");
    sh("minisign -S -s other.sec -m index.json && cat index.json.minisig index.json >www/index");
    check_is_refused("signature"); /* a key nobody trusts */
    sh("cp other.pub %s/trust/", h.state);
    check_is_refused("trust"); /* trusted, but not who signed the app before */
    publish(4, "1", "");
    check_is_refused("downgrade");
    sh("rm www/index");
    check_is_refused("missing");

    pack(2, NULL);
    publish(6, "1 2", "");
    sh("printf x | dd of=www/one-2.ma bs=1 seek=100 conv=notrunc");
    checks(true, 2);
    hears("failed", 2, "hash");
    harness_wait_log(&h, ONE, "update_failed hash");
    sh("rm www/one-2.ma");
    checks(true, 2);
    hears("failed", 2, NULL);
    harness_assert_state(&h, ONE, "foreground");
    versions(1, -1, -1);
    pack(2, NULL); /* the same bytes again: reproducible, so the index still fits */
    checks(true, 2);
    hears("ready", 2, NULL);
    versions(1, 2, -1);
    finish();
}

static void test_a_key_is_pinned(void **state) {
    (void) state;
    char folder[128];
    pack(1, NULL);
    publish(1, "1", "");
    install_over_http(1);
    harness_make(&h, &(struct harness_app){ .id = ONE, .code = 9 }, folder);
    struct varlink_reply reply;
    harness_call(&h, &reply, "Install", "{\"source\":\"%s\",\"unsigned\":true}", folder);
    assert_non_null(reply.error);
    assert_string_equal(json_get_string(reply.parameters, "reason", ""), "trust");
    varlink_reply_clear(&reply);
    versions(1, -1, -1);
    finish();
}

static void is_refused(const char *file, bool is_unsigned, const char *reason) {
    struct varlink_reply reply;
    harness_call(&h, &reply, "Install", "{\"source\":\"%s/www/%s\",\"unsigned\":%s}", h.packages,
                 file, is_unsigned ? "true" : "false");
    if (!reply.error)
        fail_msg("%s was installed", file);
    assert_string_equal(json_get_string(reply.parameters, "reason", ""), reason);
    varlink_reply_clear(&reply);
}

static void test_package_files(void **state) {
    (void) state;
    pack(1, NULL);
    pack(2, NULL);
    is_refused("one-1.ma", false, "signature"); /* it has none beside it */
    sh("minisign -S -s key.sec -m www/one-1.ma");
    harness_ok(&h, "Install", "{\"source\":\"%s/www/one-1.ma\"}", h.packages);
    versions(1, -1, -1);
    is_refused("one-1.ma", false, "same_version");
    is_refused("one-2.ma", true, "trust");
    sh("cp www/one-1.ma.minisig www/one-2.ma.minisig");
    is_refused("one-2.ma", false, "signature");
    sh("minisign -S -s key.sec -m www/one-2.ma");
    harness_ok(&h, "Install", "{\"source\":\"http://127.0.0.1:%d/one-2.ma\"}", port);
    versions(2, -1, 1);
    is_refused("one-1.ma", false, "downgrade");
    harness_ok(&h, "Remove", ID);
    harness_ok(&h, "Install", "{\"source\":\"%s/www/one-1.ma\",\"unsigned\":true}", h.packages);
    opens_as(1);
    finish();
}

static void test_the_server_may_order_back_and_forbid(void **state) {
    (void) state;
    pack(1, NULL);
    pack(2, NULL);
    publish(1, "1 2", "");
    install_over_http(2);
    opens_as(2);
    hears("check", -1, NULL);
    publish(2, "1 2", "--downgrade-to 1");
    checks(true, 1);
    hears("ready", 1, NULL);
    restart();
    opens_as(1);
    hears("healthy", 1, NULL);

    pack(3, NULL);
    sh("mv www/one-3.ma .");
    publish(3, "1", "--minimum-usable 1");
    checks(false, -1);
    sh("mv one-3.ma www");
    publish(4, "3", "--minimum-usable 2");
    sh("mv www/one-3.ma .");
    checks(true, 3);
    hears("failed", 3, NULL);
    restart();
    harness_error(&h, "StartFailed", "Open", ID); /* too old, and it goes on trying */
    sh("mv one-3.ma www");
    checks(true, 3);
    hears("ready", 3, NULL);
    opens_as(3);
    finish();
}

/* Known, but not here yet: the start waits for it, but not for ever. */
static void test_a_start_waits_for_what_is_known(void **state) {
    (void) state;
    pack(1, NULL);
    publish(1, "1", "");
    install_over_http(1);
    pack(2, NULL);
    publish(2, "1 2", "");
    sh("mv www/one-2.ma .");
    checks(true, 2);
    hears("failed", 2, "missing");
    opens_as(1); /* still not there */
    hears("failed", 2, "missing");
    restart();
    sh("mv one-2.ma www");
    opens_as(2);
    versions(2, -1, 1);

    pack(3, NULL);
    publish(3, "3", "");
    sh("mv www/one-3.ma .");
    checks(true, 3);
    hears("failed", 3, "missing");
    restart();
    sh("mkfifo www/one-3.ma"); /* a server that never answers */
    opens_as(2);
    finish();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_story, start, end),
        cmocka_unit_test_setup_teardown(test_a_cold_start_checks_once_in_a_while, start, end),
        cmocka_unit_test_setup_teardown(test_what_is_not_as_signed_changes_nothing, start, end),
        cmocka_unit_test_setup_teardown(test_a_key_is_pinned, start, end),
        cmocka_unit_test_setup_teardown(test_package_files, start, end),
        cmocka_unit_test_setup_teardown(test_a_start_waits_for_what_is_known, start, end),
        cmocka_unit_test_setup_teardown(test_the_server_may_order_back_and_forbid, start, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
