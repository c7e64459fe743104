/* SPDX-License-Identifier: MIT
 * A JavaScript mini-program's life on the real supervisor: order, suspension, errors, exit state,
 * storage over kill -9, memory given back. */
#include "tests/integration/js_kit.h"

#include <ctype.h>

#define ONE   "org.example.one"
#define OTHER "org.example.other"

static struct harness h;

static int end(void **state) {
    (void) state;
    js_clean(&h, ONE);
    return 0;
}

static void hide(void) {
    harness_ok(&h, "Hide", "{\"id\":\"" ONE "\"}");
}

static void close_app(void) {
    harness_ok(&h, "Close", "{\"id\":\"" ONE "\"}");
}

/* The lines of the log that begin with "[log] ", without that, joined by spaces. */
static void assert_said(const char *expected) {
    CLEANUP(free_p) char *log = harness_log(&h, ONE);
    char said[4096] = "";

    for (char *save = NULL, *line = strtok_r(log, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save))
        if (strncmp(line, "[log] ", 6) == 0)
            (void) snprintf(said + strlen(said), sizeof said - strlen(said), "%s%s",
                            *said ? " " : "", line + 6);
    assert_string_equal(said, expected);
}

static const char order_app[] = "console.log('load')\n"
                                "App({\n"
                                "  onLaunch() { console.log('launch') },\n"
                                "  onShow() { console.log('show') },\n"
                                "  onHide() { console.log('hide') },\n"
                                "})\n";
static const char order_page[] = "console.log('page-file')\n"
                                 "Page({\n"
                                 "  onLoad(q) { console.log('page-load' + (q.n || '')) },\n"
                                 "  onShow() { console.log('page-show') },\n"
                                 "  onReady() { console.log('page-ready') },\n"
                                 "  onHide() { console.log('page-hide') },\n"
                                 "  onUnload() { console.log('page-unload') },\n"
                                 "})\n";

static void test_the_order_of_a_life(void **state) {
    (void) state;
    js_start(&h, NULL);
    js_install_app(&h, &(struct js_app){ .id = ONE, .app = order_app, .page = order_page });
    js_open(&h, ONE);
    harness_wait_log(&h, ONE, "page-ready");
    hide();
    harness_wait_state(&h, ONE, "suspended", NULL);
    js_open(&h, ONE); /* no path: it is where it was */
    harness_wait_log(&h, ONE, "show");
    harness_ok(&h, "Open", "{\"id\":\"" ONE "\",\"path\":\"pages/index\",\"query\":{\"n\":\"2\"}}");
    harness_wait_log(&h, ONE, "page-load2");
    close_app();
    assert_said("load launch show page-file page-load page-show page-ready page-hide hide show "
                "page-show show page-unload page-load2 page-show page-ready");
    harness_stop(&h);
}

/* Each timer notes how long after the last one it ran. */
static const char timers_app[] =
    "let shown = false, hidden = false, last = Date.now(), woke = 0, after = 0\n"
    "App({\n"
    "  onLaunch() {\n"
    "    const m = wx.getUpdateManager()\n"
    "    m.onUpdateReady(() => console.log(`update ${shown}`))\n"
    "    wx.onMemoryWarning(() => console.log('warned'))\n"
    "  },\n"
    "  onShow() { shown = true; console.log('shown') },\n"
    "  onHide() {\n"
    "    shown = false, hidden = true\n"
    "    for (const n of [3, 1, 2]) setTimeout(() => console.log(`due ${n} ${shown}`), 2500 + 200 "
    "* n)\n"
    "  },\n"
    "})\n"
    "setInterval(() => {\n"
    "  const now = Date.now()\n"
    "  if (hidden && now - last > 700) { woke = now; console.log(`woke ${shown}`) }\n"
    "  else if (woke && now - woke < 100) after++\n"
    "  else if (woke) { console.log(after <= 6 ? 'no burst' : `burst of ${after}`); woke = 0 }\n"
    "  last = now\n"
    "}, 20)\n";

static void test_timers_after_a_suspension(void **state) {
    CLEANUP(free_p) char *log = NULL;

    (void) state;
    js_start(&h, NULL);
    js_install_app(&h, &(struct js_app){ .id = ONE, .app = timers_app });
    js_install_app(&h, &(struct js_app){ .id = OTHER,
                                         .app = "App({})\n"
                                                "setTimeout(() => console.log('later'), 3500)\n" });
    js_open(&h, ONE);
    harness_wait_log(&h, ONE, "shown");
    js_open(&h, OTHER);
    harness_wait_state(&h, ONE, "suspended", NULL);
    harness_wait_proc_state(harness_pid(&h, ONE), "T");
    harness_ok(&h, "SimulateUpdate", "{\"id\":\"" ONE "\",\"outcome\":\"ready\"}");
    harness_wait_log(&h, OTHER, "later");
    js_open(&h, ONE);
    harness_wait_log(&h, ONE, "burst");
    log = harness_log(&h, ONE);
    if (strstr(log, "false") || !strstr(log, "no burst") || !strstr(log, "update true"))
        fail_msg("%s", log);
    /* Late ones come once each, in the order in which they were due. */
    const char *one = strstr(log, "due 1 true"), *two = strstr(log, "due 2 true"),
               *three = strstr(log, "due 3 true");
    assert_true(one && two && three && one < two && two < three);
    harness_stop(&h);
}

static void test_an_error_is_no_crash(void **state) {
    (void) state;
    js_start(&h, NULL);
    js_install_app(
        &h, &(struct js_app){
                .id = ONE,
                .app = "let n = 0; App({\n"
                       "  onLaunch() { throw new TypeError('in launch') },\n"
                       "  onShow() { deep(() => { throw new Error('in show') }) },\n"
                       "  onError(e) { console.log(`told ${++n}`); throw new Error('again') },\n"
                       "})\n"
                       "function deep(f) {\n"
                       "  f()\n"
                       "}\n" });
    js_open(&h, ONE);
    harness_wait_log(&h, ONE, "told 2");
    harness_assert_state(&h, ONE, "foreground");
    js_assert_log(&h, ONE, "Error: in show");
    js_assert_log(&h, ONE, "[error] uncaught TypeError: in launch\n    onLaunch@app.js:2:");
    js_assert_log(&h, ONE, "    deep@app.js:7:");
    js_assert_log(&h, ONE, "Error: again"); /* the handler's own: logged, not handled */
    js_assert_no_log(&h, ONE, "told 3");
    harness_stop(&h);
}

static void test_what_is_thrown_is_told(void **state) {
    static const char app[] =
        "const throwing = [{ errMsg: 'x:fail y' }, 'text', null, () => 1, new Proxy({}, { get() {"
        " throw 5 } }), Object.assign(new Error('with stack'), { stack: 'its stack' })]\n"
        "App({ onLaunch() {\n"
        "  for (const t of throwing) setTimeout(() => { throw t }, 1)\n"
        "  wx.navigateTo({ url: 'none' }).then(() => 0)\n"
        "  wx.showModal({ title: 't', complete: r => console.log(r.errMsg) })\n"
        "} })\n";
    static const char *const said[] = { "uncaught {\"errMsg\":\"x:fail y\"}",
                                        "uncaught text",
                                        "uncaught null",
                                        "uncaught () => 1",
                                        "uncaught (Object)",
                                        "uncaught Error: with stack\n    its stack",
                                        "unhandled rejection: {\"errMsg\":\"navigateTo:fail page" };

    (void) state;
    js_start(&h, "[control]\ndialog_timeout=100ms\n");
    js_install_app(&h, &(struct js_app){ .id = ONE, .app = app });
    js_open(&h, ONE);
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++)
        js_assert_log(&h, ONE, said[i]);
    js_assert_log(&h, ONE, "[log] showModal:fail no user interface is there to answer");
    harness_stop(&h);
}

static void fails_to_start(const char *app, const char *said) {
    js_install_app(&h, &(struct js_app){ .id = ONE, .app = app });
    harness_error(&h, "StartFailed", "Open", "{\"id\":\"" ONE "\"}");
    harness_wait_exit(&h, ONE, "start_failed");
    js_assert_log(&h, ONE, said);
}

static void test_an_app_js_that_fails_does_not_start(void **state) {
    (void) state;
    js_start(&h, NULL);
    fails_to_start("App({})\n\nnothing.x()\n", "app.js failed: ReferenceError");
    js_assert_log(&h, ONE, "@app.js:3:");
    fails_to_start("App({\n", "app.js failed: SyntaxError");
    js_assert_log(&h, ONE, "app.js:");
    fails_to_start("require('./none')\n", "module 'none' is not defined");
    fails_to_start("throw null\n", "app.js failed: null");
    harness_stop(&h);
}

static const char keeping_page[] =
    "Page({\n"
    "  onLoad(q) { console.log(`two ${JSON.stringify(q)} ${JSON.stringify(this.exitState)}`) },\n"
    "  onSaveExitState() { return { data: { at: [7] } } },\n"
    "})\n";

static void test_exit_state_leads_back(void **state) {
    (void) state;
    const struct js_app app = {
        .id = ONE,
        .app = "App({})\n",
        .page = "Page({ onLoad(q) { if (!q.home) wx.redirectTo({ url: 'two?a=1' }) } })\n",
        .more = { { "app.json", "{\"window\":{\"restartStrategy\":\"homePageAndLatestPage\"}}" },
                  { "pages/two.js", keeping_page } },
    };
    js_start(&h, NULL);
    js_install_app(&h, &app);
    js_open(&h, ONE);
    harness_wait_log(&h, ONE, "two {\"a\":\"1\"} undefined");
    hide();
    harness_wait_state(&h, ONE, "suspended", NULL);
    harness_ok(&h, "Kill", "{\"id\":\"" ONE "\"}");
    js_open(&h, ONE); /* saved when it was hidden */
    harness_wait_log(&h, ONE, "two {\"a\":\"1\"} {\"at\":[7]}");
    close_app();
    js_open(&h, ONE); /* saved when it ended */
    harness_wait_state(&h, ONE, "foreground", NULL);
    close_app();
    harness_ok(&h, "Open", "{\"id\":\"" ONE "\",\"path\":\"pages/two\",\"query\":{\"b\":\"2\"}}");
    harness_wait_log(&h, ONE, "two {\"b\":\"2\"} undefined"); /* a path goes before it */
    harness_stop(&h);
}

static const char counting_page[] = "Page({ onLoad() {\n"
                                    "  const n = (wx.getStorageSync('n') || 0) + 1\n"
                                    "  wx.setStorageSync('n', n)\n"
                                    "  console.log(`home ${n}`)\n"
                                    "  wx.navigateTo({ url: `two?size=0&run=${n}` })\n"
                                    "} })\n";
static const char expired_page[] =
    "Page({\n"
    "  onLoad(q) { console.log(`two ${q.size} ${JSON.stringify(this.exitState)} ${q.run}`) },\n"
    "  onSaveExitState() {\n"
    "    const big = 'x'.repeat(this.options.size)\n"
    "    return { data: { big }, expireTimeStamp: Date.now() - 1000 }\n"
    "  },\n"
    "})\n";

/* Past its time there is no state and no way back; one that is too large is said. */
static void test_exit_state_expires_and_has_a_limit(void **state) {
    const struct js_app app = {
        .id = ONE,
        .app = "App({})\n",
        .page = counting_page,
        .more = { { "app.json", "{\"window\":{\"restartStrategy\":\"homePageAndLatestPage\"}}" },
                  { "pages/two.js", expired_page } },
    };
    (void) state;
    js_start(&h, NULL);
    js_install_app(&h, &app);
    js_open(&h, ONE);
    harness_wait_log(&h, ONE, "two 0 undefined");
    close_app();
    js_open(&h, ONE);
    harness_wait_log(&h, ONE, "two 0 undefined 2"); /* home, and its own navigation is over */
    harness_ok(&h, "Open",
               "{\"id\":\"" ONE "\",\"path\":\"pages/two\",\"query\":{\"size\":\"40000\"}}");
    harness_wait_log(&h, ONE, "two 40000 undefined");
    close_app();
    js_assert_log(&h, ONE, "the exit state is larger than 32768 bytes");
    harness_stop(&h);
}

static void test_storage_outlives_kill_and_update(void **state) {
    (void) state;
    js_start(&h, NULL);
    js_install(&h, "units/examples/storage-js");
    const char *id = "org.example.storage-js";
    for (int i = 1; i <= 3; i++) {
        char said[32];
        harness_ok(&h, "Open",
                   "{\"id\":\"%s\",\"path\":\"pages/index\",\"query\":{\"note\":\"n%d\"}}", id, i);
        (void) snprintf(said, sizeof said, "[log] %d notes: ", i);
        harness_wait_log(&h, id, said);
        assert_int_equal(kill(harness_pid(&h, id), SIGKILL), 0); /* as soon as it was said */
        harness_wait_exit(&h, id, "crashed");
    }
    js_assert_log(&h, id, "start 3");
    js_assert_log(&h, id, "3 notes: n1, n2, n3");
    js_install(&h, "units/examples/storage-js"); /* another version folder */
    js_open(&h, id);
    harness_wait_log(&h, id, "start 4");
    harness_wait_log(&h, id, "3 notes");
    harness_stop(&h);
}

static long anonymous_kb(pid_t pid) {
    char path[64], text[4096], *at;

    (void) snprintf(path, sizeof path, "/proc/%d/status", (int) pid);
    assert_true(fs_read_into(AT_FDCWD, path, text, sizeof text) > 0);
    at = strstr(text, "RssAnon:");
    assert_non_null(at);
    return strtol(at + strlen("RssAnon:"), NULL, 10);
}

/* 50 MB of objects that nobody holds any more when the warning comes. */
static const char heap_app[] =
    "let heap\n"
    "function fill() { heap = []; for (let i = 0; i < 300000; i++) heap.push({ i, s: 's' + i }) }\n"
    "App({\n"
    "  onLaunch() {\n"
    "    wx.onMemoryWarning(({ level }) => { heap = null; setTimeout(() => console.log(`gone at "
    "${level}`)) })\n"
    "    fill()\n"
    "    console.log('full')\n"
    "  },\n"
    "})\n";

static void shrinks_at(int level) {
    char said[32];

    js_open(&h, ONE);
    harness_wait_log(&h, ONE, "full");
    pid_t pid = harness_pid(&h, ONE);
    long full = anonymous_kb(pid);
    harness_ok(&h, "Warn", "{\"level\":%d,\"id\":\"" ONE "\"}", level);
    (void) snprintf(said, sizeof said, "gone at %d", level);
    harness_wait_log(&h, ONE, said);
    long left = anonymous_kb(pid);
    print_message("level %d: %ld KB become %ld KB\n", level, full, left);
    assert_true(full > 20 * 1024);
    assert_true(left < full / 2);
    harness_ok(&h, "Kill", "{\"id\":\"" ONE "\"}");
}

static void test_memory_is_given_back_at_a_warning(void **state) {
    (void) state;
#ifdef __SANITIZE_ADDRESS__
    print_message("skipped: the sanitizer's allocator keeps what the engine gives back\n");
    skip();
#endif
    js_start(&h, NULL);
    for (int level = 5; level <= 15; level += 5) {
        js_install_app(&h, &(struct js_app){ .id = ONE, .app = heap_app });
        shrinks_at(level);
        harness_ok(&h, "Remove", "{\"id\":\"" ONE "\"}");
    }
    harness_stop(&h);
}

static void test_the_memory_example(void **state) {
    const char *id = "org.example.memory-js";

    (void) state;
    js_start(&h, NULL);
    js_install(&h, "units/examples/memory-js");
    js_open(&h, id);
    harness_wait_log(&h, id, "the cache has 64 pictures");
    harness_ok(&h, "Warn", "{\"level\":5,\"id\":\"%s\"}", id);
    harness_wait_log(&h, id, "warning 5: the cache goes from 64 to 32 pictures");
    harness_ok(&h, "Warn", "{\"level\":10,\"id\":\"%s\"}", id);
    harness_wait_log(&h, id, "warning 10: the cache goes from 32 to 0 pictures");
    harness_stop(&h);
}

static void test_another_supervisor_takes_it_over(void **state) {
    (void) state;
    js_start(&h, NULL);
    js_install_app(&h, &(struct js_app){ .id = ONE, .app = order_app, .page = order_page });
    js_open(&h, ONE);
    harness_wait_log(&h, ONE, "page-ready");
    pid_t pid = harness_pid(&h, ONE);
    (void) harness_signal_and_wait(&h, SIGKILL);
    harness_restart(&h);
    assert_int_equal(harness_pid(&h, ONE), pid);
    harness_ok(&h, "Open", "{\"id\":\"" ONE "\",\"path\":\"pages/index\",\"query\":{\"n\":\"2\"}}");
    harness_wait_log(&h, ONE, "page-load2"); /* it has found the new one, and is not held before */
    hide();
    harness_wait_log(&h, ONE, "[log] hide");
    harness_wait_state(&h, ONE, "suspended", NULL);
    js_open(&h, ONE);
    close_app();
    harness_stop(&h);
}

static void test_reports_reach_a_shell(void **state) {
    struct varlink_reply reply;
    const struct json *page = NULL;

    (void) state;
    js_start(&h, NULL);
    js_install_app(&h, &(struct js_app){
                           .id = ONE,
                           .app = "App({})\n",
                           .page = "Page({ data: { n: 0 }, onReady() { for (let i = 1; i <= 1000; "
                                   "i++) this.setData({ n: i }) } })\n" });
    js_open(&h, ONE);
    unsigned reports = 0;
    for (int64_t n = -1; n != 1000; reports++) {
        page = json_get(harness_wait_event(&h, ONE, "page", &reply), "page");
        assert_string_equal(json_get_string(page, "path", ""), "pages/index");
        n = json_get_int(json_get(page, "data"), "n", -1);
        assert_true(n == 0 || n == 1000); /* the changes of a turn go out together */
        varlink_reply_clear(&reply);
    }
    assert_true(reports <= 3);
    harness_stop(&h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_the_order_of_a_life, end),
        cmocka_unit_test_teardown(test_timers_after_a_suspension, end),
        cmocka_unit_test_teardown(test_an_error_is_no_crash, end),
        cmocka_unit_test_teardown(test_what_is_thrown_is_told, end),
        cmocka_unit_test_teardown(test_an_app_js_that_fails_does_not_start, end),
        cmocka_unit_test_teardown(test_exit_state_leads_back, end),
        cmocka_unit_test_teardown(test_exit_state_expires_and_has_a_limit, end),
        cmocka_unit_test_teardown(test_storage_outlives_kill_and_update, end),
        cmocka_unit_test_teardown(test_memory_is_given_back_at_a_warning, end),
        cmocka_unit_test_teardown(test_the_memory_example, end),
        cmocka_unit_test_teardown(test_another_supervisor_takes_it_over, end),
        cmocka_unit_test_teardown(test_reports_reach_a_shell, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
