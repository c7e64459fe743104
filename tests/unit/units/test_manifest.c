/* SPDX-License-Identifier: MIT
 * The manifest: what is read, what is refused and in which words. */
#include "scratch.h"

#include "supervisor/base/err.h"
#include "units/manifest.h"

#define NATIVE_HEAD                                                                                \
    "{\"app_id\":\"org.example.clock\",\"name\":\"Clock\","                                        \
    "\"version\":{\"code\":3},"
#define NATIVE(members) NATIVE_HEAD "\"miniprog\":{\"exec\":[\"bin/clock\"]," members "}}"
#define JS(members)                                                                                \
    "{\"app_id\":\"org.example.js\",\"name\":\"Js\",\"icons\":[{\"src\":\"icon.png\"}],"           \
    "\"pages\":[\"pages/index\",\"pages/about\"],\"version\":{\"code\":1,\"name\":\"1.0.0\"},"     \
    "\"platform_version\":{\"min_code\":1}" members "}"

/* The example of design.md §7. */
static const char whole[] =
    "{ \"app_id\": \"org.example.clock\", \"name\": \"Clock\", \"icons\": [{ \"src\": \"icon.png\" "
    "}],"
    "  \"pages\": [\"pages/index\"], \"version\": { \"code\": 3, \"name\": \"1.2.0\" },"
    "  \"platform_version\": { \"min_code\": 1 }, \"color_scheme\": \"dark\","
    "  \"miniprog\": { \"exec\": [\"bin/clock\", \"--fast\"], \"environment\": { \"TZ\": \"UTC\" },"
    "    \"ready\": \"notify\", \"memory_high\": \"48M\", \"memory_max\": \"64M\","
    "    \"memory_need\": \"16M\", \"pids_max\": 64, \"start_timeout\": \"10s\","
    "    \"stop_timeout\": \"5s\", \"background\": [\"audio\", \"task\"], \"colour\": 7,"
    "    \"update_url\": \"https://apps.example/clock/index\" } }";

static struct manifest *parsed(const char *text) {
    struct manifest *m = NULL;
    struct err e = { 0 };
    if (manifest_parse(text, strlen(text), MANIFEST_HOST_CODE, &m, NULL, &e) != 0)
        fail_msg("refused: %s", e.text);
    return m;
}

static void test_the_whole_manifest_is_read(void **state) {
    (void) state;
    struct manifest *m = parsed(whole);

    assert_string_equal(m->app_id, "org.example.clock");
    assert_string_equal(m->name, "Clock");
    assert_int_equal(m->version_code, 3);
    assert_string_equal(m->version_name, "1.2.0");
    assert_int_equal(m->platform_min_code, 1);
    assert_string_equal(m->pages[0], "pages/index");
    assert_null(m->pages[1]);
    assert_string_equal(m->icons[0], "icon.png");
    assert_null(m->icons[1]);
    assert_string_equal(m->exec[0], "bin/clock");
    assert_string_equal(m->exec[1], "--fast");
    assert_null(m->exec[2]);
    assert_string_equal(m->environment[0], "TZ=UTC");
    assert_null(m->environment[1]);
    assert_true(m->ready_notify);
    assert_int_equal(m->memory_high, 48 << 20);
    assert_int_equal(m->memory_max, 64 << 20);
    assert_int_equal(m->memory_need, 16 << 20);
    assert_int_equal(m->pids_max, 64);
    assert_int_equal(m->start_timeout_us, 10000000);
    assert_int_equal(m->stop_timeout_us, 5000000);
    assert_int_equal(m->background, BACKGROUND_AUDIO | BACKGROUND_TASK);
    assert_string_equal(m->update_url, "https://apps.example/clock/index");
    assert_null(manifest_free(m));
    assert_null(manifest_free(NULL));
}

static void test_a_native_app_may_be_brief(void **state) {
    (void) state;
    struct manifest *m = parsed(NATIVE_HEAD "\"miniprog\":{\"exec\":[\"sh\",\"-c\",\"a\\nb\"]}}");

    assert_string_equal(m->version_name, "3");
    assert_int_equal(m->platform_min_code, 0);
    assert_null(m->pages[0]);
    assert_null(m->icons[0]);
    assert_null(m->environment[0]);
    assert_false(m->ready_notify);
    assert_true(m->memory_high == MANIFEST_UNSET && m->memory_max == MANIFEST_UNSET);
    assert_true(m->memory_need == MANIFEST_UNSET && m->pids_max == MANIFEST_UNSET);
    assert_true(m->start_timeout_us == MANIFEST_UNSET && m->stop_timeout_us == MANIFEST_UNSET);
    assert_int_equal(m->background, 0);
    assert_null(m->update_url);
    assert_string_equal(m->exec[2], "a\nb"); /* an argument is any text */
    manifest_free(m);
}

static void test_a_javascript_app_is_ready_when_it_says_so(void **state) {
    (void) state;
    struct manifest *m = parsed(JS(",\"miniprog\":{\"background\":[]}"));
    assert_null(m->exec);
    assert_true(m->ready_notify);
    assert_string_equal(m->pages[1], "pages/about");
    manifest_free(m);
    m = parsed(JS(""));
    assert_true(m->ready_notify);
    manifest_free(m);
}

/* Source: W3C MiniApp Manifest. */
static void test_a_version_code_below_one_is_one(void **state) {
    (void) state;
    static const char *const codes[] = { "0", "-7", "1" };
    for (size_t i = 0; i < 3; i++) {
        char text[256];
        (void) snprintf(text, sizeof text,
                        "{\"app_id\":\"a\",\"name\":\"A\",\"version\":{\"code\":%s},"
                        "\"miniprog\":{\"exec\":[\"x\"]}}",
                        codes[i]);
        struct manifest *m = parsed(text);
        assert_int_equal(m->version_code, 1);
        manifest_free(m);
    }
}

/* What is refused: a sentence that names the member. */
static const struct refusal {
    const char *text, *says;
} refusals[] = {
    { "", "manifest.json" },
    { "[]", "must be an object" },
    { "{}", "app_id" },
    { "{\"app_id\":7}", "app_id" },
    { "{\"app_id\":\"a..b\",\"name\":\"A\"}", "'app_id'" },
    { "{\"app_id\":\"../x\",\"name\":\"A\"}", "'app_id'" },
    { "{\"app_id\":\"a\\nb\",\"name\":\"A\"}", "'app_id'" },
    { "{\"app_id\":\"a\"}", "name" },
    { "{\"app_id\":\"a\",\"name\":\"\"}", "'name'" },
    { "{\"app_id\":\"a\",\"name\":\"x\\u001b[2J\"}", "'name'" },
    { "{\"app_id\":\"a\",\"app_id\":\"b\",\"name\":\"x\"}", "manifest.json" },
    { "{\"app_id\":\"a\\u0000b\",\"name\":\"x\"}", "manifest.json" },
    { "{\"app_id\":\"a\",\"name\":\"A\",\"miniprog\":{\"exec\":[\"x\"]}}", "'version' is missing" },
    { "{\"app_id\":\"a\",\"name\":\"A\",\"version\":3,\"miniprog\":{\"exec\":[\"x\"]}}",
      "'version'" },
    { "{\"app_id\":\"a\",\"name\":\"A\",\"version\":{},\"miniprog\":{\"exec\":[\"x\"]}}",
      "'version.code'" },
    { "{\"app_id\":\"a\",\"name\":\"A\",\"version\":{\"code\":1.5},\"miniprog\":{\"exec\":[\"x\"]}"
      "}",
      "'version.code'" },
    { "{\"app_id\":\"a\",\"name\":\"A\",\"version\":{\"code\":\"3\"},\"miniprog\":{\"exec\":[\"x\"]"
      "}}",
      "'version.code'" },
    { "{\"app_id\":\"a\",\"name\":\"A\",\"version\":{\"code\":1,\"name\":2},\"miniprog\":{\"exec\":"
      "[\"x\"]}}",
      "'version.name'" },
    { NATIVE_HEAD "\"miniprog\":7}", "'miniprog'" },
    { NATIVE_HEAD "\"miniprog\":{\"exec\":\"bin/clock\"}}", "'miniprog.exec' must be a list" },
    { NATIVE_HEAD "\"miniprog\":{\"exec\":[]}}", "'miniprog.exec' must name a program" },
    { NATIVE_HEAD "\"miniprog\":{\"exec\":[\"\"]}}", "'miniprog.exec'" },
    { NATIVE_HEAD "\"miniprog\":{\"exec\":[\"x\",7]}}", "'miniprog.exec'" },
    { NATIVE_HEAD "\"miniprog\":{\"exec\":[\"../x\"]}}", "leads out of the package" },
    { NATIVE_HEAD "\"miniprog\":{\"exec\":[\"a/../../x\"]}}", "leads out of the package" },
    { NATIVE_HEAD "\"miniprog\":{\"exec\":[\"..\"]}}", "leads out of the package" },
    { NATIVE_HEAD "\"miniprog\":{\"exec\":[\"bin/\"]}}", "empty part" },
    { NATIVE_HEAD "\"miniprog\":{\"exec\":[\"bin/./x\"]}}", "needless '.'" },
    { NATIVE_HEAD "\"miniprog\":{\"exec\":[\".\"]}}", "needless '.'" },
    { NATIVE_HEAD "\"miniprog\":{\"exec\":[\"/\"]}}", "is empty" },
    { NATIVE_HEAD "\"miniprog\":{\"exec\":[\"bin/a\\nb\"]}}", "control character" },
    { NATIVE("\"environment\":[]"), "'miniprog.environment'" },
    { NATIVE("\"environment\":{\"A\":1}"), "'miniprog.environment.A'" },
    { NATIVE("\"environment\":{\"\":\"x\"}"), "'miniprog.environment'" },
    { NATIVE("\"environment\":{\"1A\":\"x\"}"), "'miniprog.environment'" },
    { NATIVE("\"environment\":{\"A=B\":\"x\"}"), "'miniprog.environment'" },
    { NATIVE("\"environment\":{\"A\\nB\":\"x\"}"), "'miniprog.environment'" },
    { NATIVE("\"environment\":{\"MINIPROG_ID\":\"x\"}"), "may not set MINIPROG_ID" },
    { NATIVE("\"environment\":{\"NOTIFY_SOCKET\":\"x\"}"), "may not set NOTIFY_SOCKET" },
    { NATIVE("\"environment\":{\"LD_PRELOAD\":\"x\"}"), "may not set LD_PRELOAD" },
    { NATIVE("\"environment\":{\"MEMORY_PRESSURE_WATCH\":\"x\"}"), "may not set MEMORY_PRESSURE" },
    { NATIVE("\"ready\":\"later\""), "'miniprog.ready'" },
    { NATIVE("\"ready\":true"), "'miniprog.ready'" },
    { JS(",\"miniprog\":{\"ready\":\"exec\"}"), "'miniprog.ready'" },
    { NATIVE("\"memory_max\":\"64X\""), "'miniprog.memory_max'" },
    { NATIVE("\"memory_max\":\"64MB\""), "'miniprog.memory_max'" },
    { NATIVE("\"memory_max\":\"0\""), "'miniprog.memory_max'" },
    { NATIVE("\"memory_high\":64"), "'miniprog.memory_high'" },
    { NATIVE("\"memory_need\":\"-1M\""), "'miniprog.memory_need'" },
    { NATIVE("\"memory_high\":\"2M\",\"memory_max\":\"1M\""), "'miniprog.memory_high' is above" },
    { NATIVE("\"pids_max\":0"), "'miniprog.pids_max'" },
    { NATIVE("\"pids_max\":\"64\""), "'miniprog.pids_max'" },
    { NATIVE("\"pids_max\":4194305"), "'miniprog.pids_max'" },
    { NATIVE("\"start_timeout\":\"soon\""), "'miniprog.start_timeout'" },
    { NATIVE("\"start_timeout\":\"0\""), "'miniprog.start_timeout'" },
    { NATIVE("\"start_timeout\":\"infinity\""), "'miniprog.start_timeout'" },
    { NATIVE("\"stop_timeout\":\"2h\""), "'miniprog.stop_timeout'" },
    { NATIVE("\"background\":\"audio\""), "'miniprog.background'" },
    { NATIVE("\"background\":[\"video\"]"), "'miniprog.background'" },
    { NATIVE("\"background\":[1]"), "'miniprog.background'" },
    { NATIVE("\"update_url\":\"ftp://x/y\""), "'miniprog.update_url'" },
    { NATIVE("\"update_url\":\"https:///y\""), "'miniprog.update_url'" },
    { NATIVE("\"update_url\":\"https://x/ y\""), "'miniprog.update_url'" },
    { NATIVE_HEAD "\"icons\":{},\"miniprog\":{\"exec\":[\"x\"]}}", "'icons'" },
    { NATIVE_HEAD "\"icons\":[{}],\"miniprog\":{\"exec\":[\"x\"]}}", "'icons'" },
    { NATIVE_HEAD "\"pages\":[7],\"miniprog\":{\"exec\":[\"x\"]}}", "'pages'" },
    { NATIVE_HEAD "\"pages\":[\"/abs\"],\"miniprog\":{\"exec\":[\"x\"]}}", "'pages'" },
    { NATIVE_HEAD "\"platform_version\":{\"min_code\":-1},\"miniprog\":{\"exec\":[\"x\"]}}",
      "'platform_version.min_code'" },
    { NATIVE_HEAD "\"name2\":1}", "'version.name' is missing" }, /* no exec: all of W3C's */
    { "{\"app_id\":\"a\",\"name\":\"A\",\"version\":{\"code\":1,\"name\":\"1\"}}",
      "'platform_version' is missing" },
    { "{\"app_id\":\"a\",\"name\":\"A\",\"version\":{\"code\":1,\"name\":\"1\"},"
      "\"platform_version\":{\"min_code\":1}}",
      "'icons' is missing" },
    { "{\"app_id\":\"a\",\"name\":\"A\",\"version\":{\"code\":1,\"name\":\"1\"},"
      "\"platform_version\":{\"min_code\":1},\"icons\":[],\"pages\":[]}",
      "'pages' must name a page" },
};

static void assert_refused(const char *text, size_t len, const char *says) {
    struct manifest *untouched = (struct manifest *) 0x1;
    enum package_fault fault = PACKAGE_OK;
    struct err e = { 0 };
    int r = manifest_parse(text, len, MANIFEST_HOST_CODE, &untouched, &fault, &e);

    if (r != -EINVAL || fault != PACKAGE_MANIFEST || !strstr(e.text, says) || strchr(e.text, '\n'))
        fail_msg("%.*s\n -> %d, fault %s, '%s'; not '%s'", (int) len, text, r,
                 package_fault_name(fault), e.text, says);
    assert_ptr_equal(untouched, (struct manifest *) 0x1);
}

static void test_each_refusal_names_the_member(void **state) {
    (void) state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
        assert_refused(refusals[i].text, strlen(refusals[i].text), refusals[i].says);
}

static void test_no_prefix_of_a_manifest_is_one(void **state) {
    (void) state;
    for (size_t n = 0; n < sizeof whole - 1; n++)
        assert_refused(whole, n, "manifest.json");
}

static void test_a_newer_platform_is_told_apart(void **state) {
    (void) state;
    struct manifest *m = NULL;
    enum package_fault fault = PACKAGE_OK;
    struct err e = { 0 };
    const char text[] =
        NATIVE_HEAD "\"platform_version\":{\"min_code\":9},\"miniprog\":{\"exec\":[\"x\"]}}";
    assert_int_equal(manifest_parse(text, sizeof text - 1, 8, &m, &fault, &e), -EOPNOTSUPP);
    assert_int_equal(fault, PACKAGE_PLATFORM);
    assert_non_null(strstr(e.text, "is 9, this host is 8"));
    assert_int_equal(manifest_parse(text, sizeof text - 1, 9, &m, &fault, &e), 0);
    manifest_free(m);
}

/* Appends n times `item`, joined by commas; a '#' in it becomes its number. */
static void append_items(char *text, size_t size, const char *item, size_t n) {
    int before = (int) strcspn(item, "#");
    for (size_t i = 0; i < n; i++) {
        size_t used = strlen(text);
        const char *comma = i ? "," : "";
        if (item[before])
            (void) snprintf(text + used, size - used, "%s%.*s%zu%s", comma, before, item, i,
                            item + before + 1);
        else
            (void) snprintf(text + used, size - used, "%s%s", comma, item);
    }
}

static void test_lists_have_an_end(void **state) {
    (void) state;
    static const struct {
        const char *open, *item, *close;
        size_t max;
    } lists[] = {
        { NATIVE_HEAD "\"miniprog\":{\"exec\":[", "\"x\"", "]}}", MANIFEST_EXEC_MAX },
        { NATIVE_HEAD "\"miniprog\":{\"exec\":[\"x\"],\"environment\":{", "\"E#\":\"\"", "}}}",
          MANIFEST_ENVIRONMENT_MAX },
        { NATIVE_HEAD "\"miniprog\":{\"exec\":[\"x\"],\"background\":[", "\"task\"", "]}}",
          MANIFEST_BACKGROUND_MAX },
        { NATIVE_HEAD "\"miniprog\":{\"exec\":[\"x\"]},\"pages\":[", "\"p\"", "]}",
          MANIFEST_PAGES_MAX },
        { NATIVE_HEAD "\"miniprog\":{\"exec\":[\"x\"]},\"icons\":[", "{\"src\":\"p\"}", "]}",
          MANIFEST_ICONS_MAX },
    };
    static char text[32768];

    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        for (size_t more = 0; more <= 1; more++) {
            (void) snprintf(text, sizeof text, "%s", lists[i].open);
            append_items(text, sizeof text, lists[i].item, lists[i].max + more);
            strcat(text, lists[i].close);
            if (more)
                assert_refused(text, strlen(text), "has more than");
            else
                manifest_free(parsed(text));
        }
}

static void test_texts_and_the_file_have_an_end(void **state) {
    (void) state;
    static char text[MANIFEST_SIZE_MAX + 2];
    char longer[MANIFEST_TEXT_MAX + 2];

    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    (void) snprintf(text, sizeof text, NATIVE_HEAD "\"miniprog\":{\"exec\":[\"x\",\"%s\"]}}",
                    longer);
    assert_refused(text, strlen(text), "'miniprog.exec' has a text");
    (void) snprintf(text, sizeof text, NATIVE("\"environment\":{\"A\":\"%s\"}"), longer);
    assert_refused(text, strlen(text), "'miniprog.environment.A' is longer");
    longer[MANIFEST_PATH_MAX + 1] = '\0';
    (void) snprintf(text, sizeof text, NATIVE_HEAD "\"miniprog\":{\"exec\":[\"%s\"]}}", longer);
    assert_refused(text, strlen(text), "is too long");
    longer[MANIFEST_NAME_MAX + 1] = '\0';
    (void) snprintf(text, sizeof text, "{\"app_id\":\"a\",\"name\":\"%s\"}", longer);
    assert_refused(text, strlen(text), "'name'");

    memset(text, ' ', sizeof text);
    memcpy(text, whole, sizeof whole - 1);
    assert_refused(text, MANIFEST_SIZE_MAX + 1, "has more than");
    struct manifest *m = NULL;
    assert_int_equal(manifest_parse(text, MANIFEST_SIZE_MAX, 1, &m, NULL, NULL), 0);
    manifest_free(m);
}

static void test_faults_and_kinds_have_names(void **state) {
    (void) state;
    for (int i = PACKAGE_OK + 1; i < PACKAGE_FAULT_COUNT; i++) {
        enum package_fault back = PACKAGE_OK;
        assert_int_equal(package_fault_parse(package_fault_name(i), &back), 0);
        assert_int_equal(back, i);
    }
    enum package_fault untouched = PACKAGE_FAULT_COUNT;
    assert_int_equal(package_fault_parse("ok", &untouched), -EINVAL);
    assert_int_equal(package_fault_parse("", &untouched), -EINVAL);
    assert_int_equal(untouched, PACKAGE_FAULT_COUNT);
    assert_string_equal(package_fault_name(PACKAGE_FAULT_COUNT), "?");
    assert_int_equal(manifest_background_bit("location"), BACKGROUND_LOCATION);
    assert_int_equal(manifest_background_bit("Audio"), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_whole_manifest_is_read),
        cmocka_unit_test(test_a_native_app_may_be_brief),
        cmocka_unit_test(test_a_javascript_app_is_ready_when_it_says_so),
        cmocka_unit_test(test_a_version_code_below_one_is_one),
        cmocka_unit_test(test_each_refusal_names_the_member),
        cmocka_unit_test(test_no_prefix_of_a_manifest_is_one),
        cmocka_unit_test(test_a_newer_platform_is_told_apart),
        cmocka_unit_test(test_lists_have_an_end),
        cmocka_unit_test(test_texts_and_the_file_have_an_end),
        cmocka_unit_test(test_faults_and_kinds_have_names),
    };
    return cmocka_run_group_tests_name("units/manifest", tests, NULL, NULL);
}
