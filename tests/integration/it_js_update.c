/* SPDX-License-Identifier: MIT
 * The update code that WeChat's authors have, as units/examples/update-js has it unchanged: its
 * three ways, each from a published version to what runs afterwards. */
#include "tests/integration/js_kit.h"

#include <sys/wait.h>

#define ONE "org.example.update-js"
#define ID  "{\"id\":\"" ONE "\"}"
#define CONFIG                                                                                     \
    "[lifecycle]\nsuspend_after=1h\nstart_timeout=20s\nstop_timeout=5s\n"                          \
    "[update]\nallow_http=yes\n"

static struct harness h;
static pid_t server;
static int port;

/* Runs a shell command in the folder of packages; it must succeed. */
static void sh(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
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

/* Serves the folder "www"; the port it got is what it says first. */
static void serve(void) {
    static const char program[] =
        "import http.server,os,sys\n"
        "os.chdir(sys.argv[1])\n"
        "s=http.server.HTTPServer(('127.0.0.1',0),http.server.SimpleHTTPRequestHandler)\n"
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
        int null = open("/dev/null", O_WRONLY);
        (void) dup2(said[1], 1);
        (void) dup2(null, 2);
        (void) execlp("python3", "python3", "-c", program, folder, (char *) NULL);
        _exit(127);
    }
    (void) close(said[1]);
    FILE *f = fdopen(said[0], "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%d", &port), 1);
    (void) fclose(f);
}

static void start(const char *config) {
    js_start(&h, config);
    serve();
    sh("minisign -G -W -p key.pub -s key.sec");
    sh("mkdir %s/trust && cp key.pub %s/trust/", h.state, h.state);
}

static int end(void **state) {
    (void) state;
    if (server > 0) {
        (void) kill(server, SIGKILL);
        (void) waitpid(server, NULL, 0);
    }
    server = 0;
    js_clean(&h, ONE);
    return 0;
}

/* The example as that version, packed and published. */
static void publish(int code) {
    const char *source = getenv("MINIPROG_SOURCE"), *build = getenv("MINIPROG_LIBEXEC");

    sh("rm -rf app && cp -R %s/units/examples/update-js app", source ? source : ".");
    sh("sed -i 's/\"code\": 1/\"code\": %d/; "
       "s,\"miniprog\": {,& \"update_url\": \"http://127.0.0.1:%d/index\"\\,,' app/manifest.json",
       code, port);
    sh("echo 'console.log(\"version %d runs\")' >>app/app.js", code);
    sh("%s/miniprog-worker pack --output www/app-%d.ma app", build, code);
    sh("%s/miniprog-worker make-index --output index.json --sequence %d "
       "--expires 2099-01-01T00:00:00Z --base-url http://127.0.0.1:%d/ www/app-%d.ma",
       build, code, port, code);
    sh("minisign -S -s key.sec -m index.json");
    sh("cat index.json.minisig index.json >www/index.new && mv www/index.new www/index");
}

static void install(void) {
    publish(1);
    harness_ok(&h, "Install", "{\"source\":\"http://127.0.0.1:%d/index\"}", port);
}

static void test_a_new_version_runs_once_the_user_agrees(void **state) {
    char content[2048];

    (void) state;
    start(CONFIG);
    install();
    publish(2);
    js_open(&h, ONE);
    js_answer(&h, ONE, true, content);
    assert_string_equal(content, "更新提示|发现版本更新，已经准备好请重启应用~");
    harness_wait_exit(&h, ONE, "update");
    harness_wait_log(&h, ONE, "version 2 runs");
    harness_wait_state(&h, ONE, "foreground", NULL);
    assert_int_equal(harness_number(&h, ONE, "version_code"), 2);
    harness_stop(&h);
}

static void test_a_user_who_declines_stays(void **state) {
    char content[2048];

    (void) state;
    start(CONFIG);
    install();
    publish(2);
    js_open(&h, ONE);
    js_answer(&h, ONE, false, content);
    harness_assert_state(&h, ONE, "foreground");
    harness_ok(&h, "Close", ID);
    js_open(&h, ONE); /* the next cold start is the new version all the same */
    harness_wait_log(&h, ONE, "version 2 runs");
    harness_stop(&h);
}

static void test_a_failed_download_is_told(void **state) {
    char content[2048];

    (void) state;
    start(CONFIG);
    install();
    publish(2);
    sh("rm www/app-2.ma");
    js_open(&h, ONE);
    js_answer(&h, ONE, true, content);
    assert_string_equal(content, "更新提示|新版本已经上线啦~，请您删除当前小程序，重新搜索打开哟~");
    harness_assert_state(&h, ONE, "foreground");
    assert_int_equal(harness_number(&h, ONE, "version_code"), 1);
    harness_stop(&h);
}

static void test_an_old_base_library_asks_for_a_newer_host(void **state) {
    struct varlink_reply reply;
    char content[2048];

    (void) state;
    start(CONFIG "[apps]\nbase_library=1.9.0\n");
    install();
    js_open(&h, ONE);
    js_answer(&h, ONE, true, content);
    assert_string_equal(content,
                        "提示|当前微信版本过低，无法使用该功能，请升级到最新微信版本后重试。");
    const struct json *event = harness_wait_event(&h, ONE, "host_update", &reply);
    assert_non_null(json_get(event, "host_update"));
    varlink_reply_clear(&reply);
    js_assert_log(&h, ONE, "version 1 runs");
    harness_stop(&h);
}

static void test_simulated_updates_take_the_same_ways(void **state) {
    char content[2048];

    (void) state;
    js_start(&h, CONFIG);
    js_install(&h, "units/examples/update-js");
    js_open(&h, ONE);
    harness_ok(&h, "SimulateUpdate", "{\"id\":\"" ONE "\",\"outcome\":\"failed\"}");
    js_answer(&h, ONE, true, content);
    assert_non_null(strstr(content, "重新搜索打开哟"));
    harness_ok(&h, "SimulateUpdate", "{\"id\":\"" ONE "\",\"outcome\":\"ready\"}");
    js_answer(&h, ONE, true, content);
    assert_non_null(strstr(content, "已经准备好请重启应用"));
    harness_wait_exit(&h, ONE, "update");
    harness_wait_state(&h, ONE, "foreground", NULL);
    harness_stop(&h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_a_new_version_runs_once_the_user_agrees, end),
        cmocka_unit_test_teardown(test_a_user_who_declines_stays, end),
        cmocka_unit_test_teardown(test_a_failed_download_is_told, end),
        cmocka_unit_test_teardown(test_an_old_base_library_asks_for_a_newer_host, end),
        cmocka_unit_test_teardown(test_simulated_updates_take_the_same_ways, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
