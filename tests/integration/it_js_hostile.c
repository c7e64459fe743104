/* SPDX-License-Identifier: MIT
 * Hostile scripts: the app alone suffers, its end has a clear reason, and the supervisor and
 * another app go on. */
#include "tests/integration/js_kit.h"
#include "tests/lib/raw.h"

#define ONE   "org.example.one"
#define OTHER "org.example.other"

static struct harness h;

/* In front as long as a test runs, besides the hostile one. */
#define CONFIG "[lifecycle]\nsuspend_after=1h\nmax_foreground=2\nstop_timeout=5s\n"

static int start(void **state) {
    (void) state;
    js_start(&h, CONFIG);
    js_install_app(&h, &(struct js_app){
                           .id = OTHER, .app = "App({ onShow(o) { console.log(o.query.n) } })\n" });
    js_open(&h, OTHER);
    return 0;
}

static int end(void **state) {
    (void) state;
    js_clean(&h, ONE);
    return 0;
}

/* The other app still hears and says, the supervisor still answers. */
static void finish(void) {
    harness_ok(&h, "Open",
               "{\"id\":\"" OTHER "\",\"path\":\"pages/two\",\"query\":{\"n\":\"still here\"}}");
    harness_wait_log(&h, OTHER, "still here");
    raw_assert_sound(&h);
    harness_stop(&h);
}

static void run(const char *app, const char *said) {
    js_install_app(&h, &(struct js_app){ .id = ONE, .app = app });
    js_open(&h, ONE);
    harness_wait_log(&h, ONE, said);
}

/* It goes on, and is closed in order. */
static void survives(const char *app, const char *said) {
    run(app, said);
    harness_assert_state(&h, ONE, "foreground");
    js_assert_no_log(&h, ONE, "not ok");
    harness_ok(&h, "Close", "{\"id\":\"" ONE "\"}");
    harness_wait_exit(&h, ONE, "closed");
    harness_ok(&h, "Remove", "{\"id\":\"" ONE "\"}");
}

static void test_recursion(void **state) {
    (void) state;
    survives(
        "function f() { f() }\n"
        "const deep = n => { let o = {}; for (let i = 0; i < n; i++) o = { o }; return o }\n"
        "const tries = {\n"
        "  plain: f,\n"
        "  getter: () => wx.showModal({ get title() { return wx.showModal(this) } }),\n"
        "  text: () => { const o = { toString() { return String(o) } }; console.log(o) },\n"
        "  json: () => wx.setStorageSync('k', deep(2e4)),\n"
        "  module: () => require('./loop'),\n"
        "  cycle: () => { const o = {}; o.o = o; wx.setStorageSync('k', o) },\n"
        "}\n"
        "App({ onShow() {\n"
        "  for (const [name, f] of Object.entries(tries)) {\n"
        "    try { f(); console.log(`${name}: nothing`) } catch (e) { console.log(`${name}: ${e}`) "
        "}\n"
        "  }\n"
        "  const page = getCurrentPages\n"
        "  setTimeout(() => { page()[0].setData({ d: deep(1e4) }); console.log('all tried') }, 1)\n"
        "} })\n",
        "all tried");
    finish();
}

/* The log was removed with the app, so what it said is looked at before. */
static void test_what_recursion_says(void **state) {
    (void) state;
    run("function f() { f() }\n"
        "App({ onShow() { try { f() } catch (e) { console.log(String(e)) } f() } })\n",
        "uncaught RangeError: Maximum call stack size exceeded");
    js_assert_log(&h, ONE, "[log] RangeError: Maximum call stack size exceeded");
    js_assert_log(&h, ONE, "f@app.js:1:");
    harness_assert_state(&h, ONE, "foreground");
    finish();
}

static void test_a_million_timers(void **state) {
    (void) state;
    survives("let n = 0\n"
             "App({ onShow() {\n"
             "  const ids = []\n"
             "  for (let i = 0; i < 1e6; i++) ids.push(setTimeout(() => { n++ }, 1))\n"
             "  for (let i = 0; i < 5e5; i++) clearTimeout(ids[2 * i])\n"
             "  setTimeout(() => console.log(n === 5e5 ? 'all ran' : `not ok ${n}`), 1)\n"
             "} })\n",
             "all ran");
    finish();
}

/* Events come between them: it hears that it is to end. */
static void test_endless_tasks(void **state) {
    (void) state;
    survives("const more = () => setTimeout(more, 0)\n"
             "const ask = () => wx.getSystemInfo({ success: ask, fail: ask })\n"
             "App({ onShow() { for (let i = 0; i < 100; i++) { more(); ask() } console.log('busy') "
             "} })\n",
             "busy");
    finish();
}

static void test_listeners_that_add_listeners(void **state) {
    (void) state;
    survives("let n = 0\n"
             "const more = () => { n++; wx.onMemoryWarning(more); wx.onMemoryWarning(more) }\n"
             "App({ onShow() {\n"
             "  wx.onError(() => { wx.onError(() => nothing.x); nothing.y })\n"
             "  wx.onMemoryWarning(more)\n"
             "  setTimeout(() => console.log(n === 0 ? 'listens' : 'not ok'), 1)\n"
             "  nothing.z\n"
             "} })\n",
             "listens");
    run("let n = 0\n"
        "const more = () => { n++; wx.onMemoryWarning(more); wx.onMemoryWarning(more); "
        "console.log(`n ${n}`) }\n"
        "App({ onShow() { wx.onMemoryWarning(more); console.log('up') } })\n",
        "up");
    static const char *const counts[] = { "n 1", "n 4", "n 13" };
    for (size_t i = 0; i < 3; i++) {
        harness_ok(&h, "Warn", "{\"level\":5,\"id\":\"" ONE "\"}");
        harness_wait_log(&h, ONE, counts[i]);
    }
    js_assert_no_log(&h, ONE, "n 14");
    finish();
}

static void test_polluted_prototypes(void **state) {
    (void) state;
    survives("const trap = { get() { return 'polluted' }, set() { throw new Error('set') }, "
             "configurable: true }\n"
             "for (const name of ['errMsg', 'confirm', 'data', 'keys', 'exports', 'success', "
             "'fail', 'complete',\n"
             "  'title', 'content', 'path', 'query', 'hasUpdate', 'message', 'reason', 'promise', "
             "'route', 'url', 'key'])\n"
             "  Object.defineProperty(Object.prototype, name, trap)\n"
             "Object.prototype.hasOwnProperty = () => { throw 1 }\n"
             "Function.prototype.call = Function.prototype.apply = Function.prototype.bind = null\n"
             "Array.prototype.push = Array.prototype[Symbol.iterator] = null\n"
             "JSON.stringify = JSON.parse = () => { throw 2 }\n"
             "Promise.prototype.then = () => { throw 3 }\n"
             "globalThis.Object = globalThis.Promise = globalThis.Error = null\n"
             "App({ onShow() { wx.getStorageInfo({ success(r) { console.log(r.errMsg) } }); "
             "console.log(wx.getEnterOptionsSync().path) } })\n",
             "getStorageInfo:ok");
    finish();
}

/* Our objects have their members, whatever Object.prototype has. */
static void test_what_pollution_does_not_reach(void **state) {
    (void) state;
    js_install_app(
        &h,
        &(struct js_app){
            .id = ONE,
            .app =
                "for (const name of ['exports', 'data', 'route', 'is', 'options', 'errMsg', "
                "'applyUpdate'])\n"
                "  Object.defineProperty(Object.prototype, name,\n"
                "    { get() { return 'polluted' }, set() { console.log(`not ok: ${name}`) } })\n"
                "App({})\n",
            .page = "const lib = require('./lib')\n"
                    "Page({ onLoad() { console.log(`page ${this.route} ${this.is} "
                    "${typeof this.data} ${lib} ${typeof this.options} "
                    "${typeof wx.getUpdateManager().applyUpdate}`) } })\n",
            .more = { { "pages/lib.js", "module.exports = 'lib'\n" } } });
    js_open(&h, ONE);
    harness_wait_log(&h, ONE, "page pages/index pages/index object lib object function");
    js_assert_no_log(&h, ONE, "not ok");
    finish();
}

static void test_ways_out_of_the_package(void **state) {
    (void) state;
    survives(
        "let got = 0\n"
        "for (const p of ['../../../etc/passwd', '/etc/passwd', '/../../../../etc/passwd', "
        "'../../../../proc/self/environ',\n"
        "  './pages/../../../../etc/passwd', 'file:///etc/passwd', '..', '.', '/', '', '\\0', "
        "'./app.js\\0x', 'pages', './app.css'])\n"
        "  try { require(p); got++; console.log(`not ok: ${p}`) } catch (e) { "
        "console.log(e.message) }\n"
        "App({ onShow() {\n"
        "  for (const n of ['process', 'XMLHttpRequest', 'fetch', 'Deno', 'module', 'window', "
        "'document', 'importScripts', 'load', 'readFile'])\n"
        "    if (n in globalThis) console.log(`not ok: ${n}`)\n"
        "  wx.navigateTo({ url: '../../../../etc/passwd', fail: r => console.log(r.errMsg) })\n"
        "} })\n",
        "navigateTo:fail page");
    finish();
}

static void test_getters_that_throw(void **state) {
    (void) state;
    survives("const bad = new Proxy({}, { get() { throw new Error('trap') }, ownKeys() { throw new "
             "Error('keys') } })\n"
             "App({\n"
             "  get onLaunch() { throw new Error('onLaunch') },\n"
             "  get onHide() { throw new Error('onHide') },\n"
             "  onShow() {\n"
             "    for (const name of Object.keys(wx)) {\n"
             "      if (name === 'exitMiniProgram') continue\n"
             "      try { wx[name](bad) } catch (e) {}\n"
             "      try { wx[name](null, bad) } catch (e) {}\n"
             "      try { wx[name](Symbol()) } catch (e) {}\n"
             "    }\n"
             "    for (const f of [App, Page, getApp, getCurrentPages, setTimeout, require])\n"
             "      try { f(bad) } catch (e) {}\n"
             "    console.log(bad, 'tried')\n"
             "  },\n"
             "})\n",
             "tried");
    finish();
}

static void test_a_flood_in_the_log(void **state) {
    (void) state;
    survives("App({ onShow() {\n"
             "  const long = 'x'.repeat(1e6)\n"
             "  for (let i = 0; i < 100; i++) console.log(i, long, [long])\n"
             "  console.log('\\n'.repeat(1e5))\n"
             "  for (let i = 0; i < 2e4; i++) console.log(i, 'short')\n"
             "  console.log('over')\n"
             "} })\n",
             "[log] over");
    finish();
}

/* Where there is a limit the kernel ends it, else it may have what the machine has. */
static void test_a_string_of_a_gigabyte(void **state) {
    (void) state;
    js_install_app(
        &h, &(struct js_app){
                .id = ONE,
                .ours = "\"memory_max\":\"128M\"",
                .app = "App({ onShow() {\n"
                       "  const s = 'x'.repeat(1 << 30)\n"
                       "  console.log(`length ${s.length}`)\n"
                       "  try { console.log(s.length, s); wx.setStorageSync(s, s) } catch (e) { "
                       "console.log(e.message) }\n"
                       "  try { wx.showModal({ title: s, fail: r => console.log(r.errMsg) }) } "
                       "catch (e) { console.log('not ok', e) }\n"
                       "} })\n" });
    js_open(&h, ONE);
    struct varlink_reply reply;
    harness_call(&h, &reply, "Memory", "{}");
    bool limited = strcmp(json_get_string(reply.parameters, "backend", ""), "none") != 0;
    varlink_reply_clear(&reply);
    if (limited) {
        harness_wait_exit(&h, ONE, "memory_limit");
    } else {
        harness_wait_log(&h, ONE, "showModal:fail title is too long");
        js_assert_log(&h, ONE, "setStorageSync:fail the key is too long");
    }
    finish();
}

static void test_a_loop_without_end(void **state) {
    (void) state;
    run("App({ onShow() { console.log('in'); spin() } })\n"
        "function spin() {\n"
        "  while (true) {}\n"
        "}\n",
        "in");
    harness_wait_exit(&h, ONE, "unresponsive");
    js_assert_log(&h, ONE, "the script gave no turn for 10 s and is ended");
    js_assert_log(&h, ONE, "spin() at app.js:");
    js_assert_log(&h, ONE, "onShow() at app.js:");
    finish();
}

static void test_promises_without_end(void **state) {
    (void) state;
    run("const next = () => Promise.resolve().then(next)\n"
        "App({ onShow() { console.log('in'); next() } })\n",
        "in");
    harness_wait_exit(&h, ONE, "unresponsive");
    finish();
}

/* The engine has no safe point in there: no stack, and ended all the same. */
static void test_a_call_without_end(void **state) {
    (void) state;
    run("App({ onShow() { console.log('in'); new Array(4294967295).indexOf(1); "
        "console.log('out') } })\n",
        "in");
    harness_wait_exit(&h, ONE, "unresponsive");
    js_assert_log(&h, ONE, "the script gave no turn for 10 s and is ended");
    finish();
}

static void test_a_loop_before_it_is_ready(void **state) {
    (void) state;
    js_install_app(&h, &(struct js_app){ .id = ONE,
                                         .ours = "\"start_timeout\":\"2s\"",
                                         .app = "while (true) {}\n" });
    harness_error(&h, "StartFailed", "Open", "{\"id\":\"" ONE "\"}");
    harness_wait_exit(&h, ONE, "start_timeout");
    finish();
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, start, end)
    const struct CMUnitTest tests[] = {
        TEST(recursion),
        TEST(what_recursion_says),
        TEST(a_million_timers),
        TEST(endless_tasks),
        TEST(listeners_that_add_listeners),
        TEST(polluted_prototypes),
        TEST(what_pollution_does_not_reach),
        TEST(ways_out_of_the_package),
        TEST(getters_that_throw),
        TEST(a_flood_in_the_log),
        TEST(a_string_of_a_gigabyte),
        TEST(a_loop_without_end),
        TEST(promises_without_end),
        TEST(a_call_without_end),
        TEST(a_loop_before_it_is_ready),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
