/* SPDX-License-Identifier: MIT
 * Packages that are none, sources that are no folders, callers that may not read them: each gets a
 * reason and one sentence, and nothing has changed: not the list, not the store, not the uids. */
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
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cmocka.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"
#include "supervisor/base/str.h"
#include "supervisor/wire/interfaces.h"
#include "tests/lib/harness.h"
#include "tests/lib/raw.h"

#define ONE          "org.example.one"
#define BAD          "org.example.bad"
#define NOBODY       65534
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static struct harness h;
static char folder[128]; /* of the bad package */

static int start(void **state) {
    (void) state;
    harness_start(&h, "[apps]\nuid_range=70000-70002\n[control]\ngroup=nogroup\n");
    harness_install(&h, &(struct harness_app){ .id = ONE, .code = 3 });
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

/* --- nothing has changed ------------------------------------------------------------------ */

static char *output_of(const char *command) {
    struct str out = STR_INIT(1 << 24);
    char bytes[4096];
    size_t n;
    FILE *f = popen(command, "r");
    assert_non_null(f);
    while ((n = fread(bytes, 1, sizeof bytes, f)) > 0)
        (void) str_append(&out, bytes, n);
    assert_int_equal(pclose(f), 0);
    return str_take(&out);
}

/* The list, and every file of the store with its kind, mode, owner and size. */
static char *photo(void) {
    struct str all = STR_INIT(1 << 24);
    struct varlink_reply reply;
    char command[256];
    harness_call(&h, &reply, "List", "{}");
    (void) json_print(reply.parameters, &all);
    varlink_reply_clear(&reply);
    (void) snprintf(command, sizeof command, "find %s -printf '%%P %%y %%m %%U %%G %%s\\n' | sort",
                    h.state);
    CLEANUP(free_p) char *files = output_of(command);
    (void) str_printf(&all, "\n%s", files);
    return str_take(&all);
}

/* One sentence: something is said, in one line. */
static void assert_sentence(const char *detail, const char *has) {
    if (!detail[0] || strchr(detail, '\n') || !strstr(detail, has))
        fail_msg("'%s' is not one sentence with '%s'", detail, has);
}

static void is_refused(const char *what, const char *source, const char *reason, const char *has) {
    CLEANUP(free_p) char *before = photo();
    struct varlink_reply reply;
    harness_call(&h, &reply, "Install", "{\"source\":\"%s\",\"unsigned\":true}", source);
    if (!reply.error)
        fail_msg("%s: was installed", what);
    const char *got = json_get_string(reply.parameters, "reason", "none");
    const char *detail = json_get_string(reply.parameters, "detail", "");
    if (strcmp(reply.error, WIRE_SUPERVISOR ".BadPackage") != 0 || strcmp(got, reason) != 0)
        fail_msg("%s: %s %s (%s), not BadPackage %s", what, reply.error, got, detail, reason);
    assert_sentence(detail, has);
    varlink_reply_clear(&reply);
    CLEANUP(free_p) char *after = photo();
    assert_string_equal(before, after);
}

/* --- manifests ---------------------------------------------------------------------------- */

static void put(const char *name, const char *bytes, size_t n, mode_t mode) {
    char path[256];
    struct err e = { 0 };
    (void) snprintf(path, sizeof path, "%s/%s", folder, name);
    if (fs_replace(AT_FDCWD, path, bytes, n, mode, FS_VOLATILE, &e) < 0)
        fail_msg("%s", e.text);
}

static void manifest_is(const char *text) {
    put("manifest.json", text, strlen(text), 0644);
}

#define ID(id)                                                                                     \
    "{\"app_id\":" id ",\"name\":\"n\",\"version\":{\"code\":1},"                                  \
    "\"miniprog\":{\"exec\":[\"bin/run\"]}}"
#define OURS(ours)                                                                                 \
    "{\"app_id\":\"" BAD "\",\"name\":\"n\",\"version\":{\"code\":1},\"miniprog\":{" ours "}}"
#define WITH(ours)  OURS("\"exec\":[\"bin/run\"]," ours)
#define REST(rest)  "{\"app_id\":\"" BAD "\",\"miniprog\":{\"exec\":[\"bin/run\"]}" rest "}"
#define NAMED(rest) REST(",\"name\":\"n\"" rest)
#define A32         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A65         A32 A32 "a"
#define A300        A32 A32 A32 A32 A32 A32 A32 A32 A32 "aaaaaaaaaaaa"

static const struct {
    const char *what, *manifest, *reason, *has;
} manifests[] = {
    { "no such program", OURS("\"exec\":[\"bin/none\"]"), "missing", "'bin/none'" },
    { "a program that is a folder", OURS("\"exec\":[\"./bin\"]"), "type", "bin" },
    { "a program that leads out", OURS("\"exec\":[\"../../../bin/sh\"]"), "manifest", "leads out" },
    { "a way out in the middle", OURS("\"exec\":[\"bin/../../x\"]"), "manifest", "leads out" },
    { "a program with a newline", OURS("\"exec\":[\"bin/a\\nb\"]"), "manifest", "exec" },
    { "an empty program", OURS("\"exec\":[\"\"]"), "manifest", "exec" },
    { "no program in exec", OURS("\"exec\":[]"), "manifest", "exec" },
    { "exec is a text", OURS("\"exec\":\"bin/run\""), "manifest", "exec" },
    { "exec of numbers", OURS("\"exec\":[1]"), "manifest", "exec" },
    { "neither exec nor a script", OURS("\"ready\":\"notify\""), "manifest", "version.name" },
    { "an unknown unit", WITH("\"memory_max\":\"48Q\""), "manifest", "memory_max" },
    { "a size without a unit's name", WITH("\"memory_max\":\"4 8M\""), "manifest", "memory_max" },
    { "a size that is a number", WITH("\"memory_high\":48"), "manifest", "memory_high" },
    { "a size of nothing", WITH("\"memory_need\":\"0\""), "manifest", "memory_need" },
    { "a size below nothing", WITH("\"memory_max\":\"-1M\""), "manifest", "memory_max" },
    { "a size beyond all", WITH("\"memory_max\":\"99999999999G\""), "manifest", "memory_max" },
    { "high above max", WITH("\"memory_high\":\"2M\",\"memory_max\":\"1M\""), "manifest", "above" },
    { "an unknown span", WITH("\"start_timeout\":\"10 parsecs\""), "manifest", "start_timeout" },
    { "no time at all", WITH("\"stop_timeout\":\"0\""), "manifest", "stop_timeout" },
    { "no processes", WITH("\"pids_max\":0"), "manifest", "pids_max" },
    { "half a process", WITH("\"pids_max\":1.5"), "manifest", "pids_max" },
    { "ready one day", WITH("\"ready\":\"maybe\""), "manifest", "ready" },
    { "an unknown reason to run", WITH("\"background\":[\"mining\"]"), "manifest", "background" },
    { "the linker's", WITH("\"environment\":{\"LD_PRELOAD\":\"x\"}"), "manifest", "LD_PRELOAD" },
    { "ours", WITH("\"environment\":{\"MINIPROG_ID\":\"x\"}"), "manifest", "MINIPROG_ID" },
    { "a name with =", WITH("\"environment\":{\"A=B\":\"x\"}"), "manifest", "environment" },
    { "an environment of numbers", WITH("\"environment\":{\"A\":1}"), "manifest", "environment" },
    { "an update from a file", WITH("\"update_url\":\"file:///x\""), "manifest", "update_url" },
    { "no id", REST(",\"name\":\"n\",\"version\":{\"code\":1},\"app_id\":null"), "manifest", "" },
    { "an id that is a number", ID("5"), "manifest", "app_id" },
    { "an empty id", ID("\"\""), "manifest", "app_id" },
    { "an id that leads up", ID("\"..\""), "manifest", "app_id" },
    { "an id with a slash", ID("\"a/b\""), "manifest", "app_id" },
    { "an id with a newline", ID("\"a\\nb\""), "manifest", "app_id" },
    { "an id with a NUL", ID("\"a\\u0000b\""), "manifest", "" },
    { "an id with a hyphen first", ID("\"-a\""), "manifest", "app_id" },
    { "an id with a digit first", ID("\"worker.0\""), "manifest", "app_id" },
    { "an id of 65 bytes", ID("\"" A65 "\""), "manifest", "app_id" },
    { "an id of 300 bytes", ID("\"" A300 "\""), "manifest", "app_id" },
    { "no name", REST(",\"version\":{\"code\":1}"), "manifest", "name" },
    { "a name of two lines", REST(",\"name\":\"a\\nb\",\"version\":{\"code\":1}"), "manifest", "" },
    { "no version", NAMED(""), "manifest", "version" },
    { "a version that is a text", NAMED(",\"version\":{\"code\":\"1\"}"), "manifest", "code" },
    { "half a version", NAMED(",\"version\":{\"code\":1.5}"), "manifest", "code" },
    { "a younger host", NAMED(",\"version\":{\"code\":1},\"platform_version\":{\"min_code\":99}"),
      "platform", "99" },
    { "pages that lead out", NAMED(",\"version\":{\"code\":1},\"pages\":[\"../x\"]"), "manifest",
      "pages" },
    { "nothing", "", "manifest", "" },
    { "no JSON", "app_id=x", "manifest", "" },
    { "a list", "[]", "manifest", "object" },
    { "a member twice", NAMED(",\"name\":\"m\",\"version\":{\"code\":1}"), "manifest", "" },
    { "bytes behind it", NAMED(",\"version\":{\"code\":1}") "x", "manifest", "" },
    { "bad UTF-8", REST(",\"name\":\"\xff\",\"version\":{\"code\":1}"), "manifest", "" },
};

static void make_bad(void) {
    harness_make(&h, &(struct harness_app){ .id = BAD }, folder);
}

static void test_manifests(void **state) {
    (void) state;
    make_bad();
    for (size_t i = 0; i < COUNT(manifests); i++) {
        manifest_is(manifests[i].manifest);
        is_refused(manifests[i].what, folder, manifests[i].reason, manifests[i].has);
    }
    finish();
}

static void test_a_manifest_cut_short(void **state) {
    (void) state;
    static const char whole[] = WITH("\"memory_max\":\"48M\"");
    make_bad();
    for (size_t n = 0; n < sizeof whole - 1; n++) {
        put("manifest.json", whole, n, 0644);
        is_refused("cut short", folder, "manifest", "");
    }
    finish();
}

static void test_a_huge_manifest(void **state) {
    (void) state;
    size_t n = 2 * 1024 * 1024;
    CLEANUP(free_p) char *text = malloc(n);
    assert_non_null(text);
    make_bad();
    memset(text, ' ', n);
    put("manifest.json", text, n, 0644);
    is_refused("2 MiB of blanks", folder, "manifest", "");
    memset(text, '[', 100000);
    put("manifest.json", text, 100000, 0644);
    is_refused("nested", folder, "manifest", "");
    finish();
}

/* --- sources ------------------------------------------------------------------------------ */

static void test_sources_that_cannot_be_asked_for(void **state) {
    (void) state;
    char *longest = malloc(8192);
    memset(longest, 'a', 8191);
    longest[0] = '/';
    longest[8191] = '\0';
    is_refused("nothing", "", "format", "");
    is_refused("a relative path", "packages/one", "format", "absolute");
    is_refused("a URL", "https://apps.example/one.ma", "signature", "signed");
    is_refused("a path beyond all", longest, "format", "long");
    is_refused("nowhere", "/no/such/folder", "missing", "no such folder");
    is_refused("a device", "/dev/null", "type", "not a folder");
    make_bad();
    struct varlink_reply reply;
    harness_call(&h, &reply, "Install", "{\"source\":\"%s\"}", folder);
    assert_string_equal(json_get_string(reply.parameters, "reason", ""), "signature");
    varlink_reply_clear(&reply);
    free(longest);
    finish();
}

static char *in_folder(const char *name, char path[256]) {
    (void) snprintf(path, 256, "%s/%s", folder, name);
    return path;
}

static void test_sources_that_are_no_packages(void **state) {
    (void) state;
    char path[256], link[160];
    make_bad();
    is_refused("a file", in_folder("manifest.json", path), "type", "not a folder");
    (void) snprintf(link, sizeof link, "%s/link", h.packages);
    assert_int_equal(symlink(folder, link), 0);
    is_refused("a link to a package", link, "type", "not a folder");

    assert_int_equal(mkfifo(in_folder("bin/fifo", path), 0666), 0);
    is_refused("a fifo in it", folder, "type", "neither");
    assert_int_equal(unlink(path), 0);

    assert_int_equal(symlink("/etc/shadow", in_folder("bin/shadow", path)), 0);
    is_refused("a link in it", folder, "type", "symbolic link");
    assert_int_equal(unlink(path), 0);

    if (mknod(in_folder("bin/dev", path), S_IFCHR | 0666, makedev(1, 5)) == 0) { /* /dev/zero */
        is_refused("a device in it", folder, "type", "neither");
        assert_int_equal(unlink(path), 0);
    }
    put("a\nb", "x", 1, 0644);
    is_refused("a name of two lines", folder, "path", "");
    assert_int_equal(unlink(in_folder("a\nb", path)), 0);

    assert_int_equal(unlink(in_folder("manifest.json", path)), 0);
    assert_int_equal(mkfifo(path, 0666), 0);
    is_refused("a manifest that is a fifo", folder, "type", "neither");
    assert_int_equal(unlink(path), 0);
    is_refused("no manifest", folder, "missing", "manifest.json");
    finish();
}

/* --- other callers ------------------------------------------------------------------------ */

static const char *installs_as_nobody(struct raw *r, const char *source) {
    char call[512];
    assert_int_equal(raw_connect_as(h.control, NOBODY, NOBODY, r), 0);
    (void) snprintf(call, sizeof call,
                    "{\"method\":\"" WIRE_SUPERVISOR ".Install\",\"parameters\":{\"source\":\"%s\","
                    "\"unsigned\":true}}",
                    source);
    raw_call(r, call);
    const char *reply = raw_hear(r);
    assert_non_null(reply);
    return reply;
}

/* The worker reads as the caller: who may not enter a folder cannot have it installed. */
static void test_a_folder_that_the_caller_may_not_read(void **state) {
    (void) state;
    char path[256];
    struct raw r;
    make_bad();
    CLEANUP(free_p) char *before = photo();
    assert_int_equal(chmod(folder, 0700), 0);
    const char *reply = installs_as_nobody(&r, folder);
    if (!strstr(reply, "\"reason\":\"path\"") || !strstr(reply, "Permission denied"))
        fail_msg("%s", reply);
    raw_close(&r);
    assert_int_equal(chmod(folder, 0755), 0);
    put("secret", "x", 1, 0600);
    reply = installs_as_nobody(&r, folder);
    if (!strstr(reply, "\"reason\":\"path\"") || !strstr(reply, "'secret'"))
        fail_msg("%s", reply);
    raw_close(&r);
    CLEANUP(free_p) char *after = photo();
    assert_string_equal(before, after);

    assert_int_equal(unlink(in_folder("secret", path)), 0);
    reply = installs_as_nobody(&r, folder);
    if (!strstr(reply, "\"id\":\"" BAD "\""))
        fail_msg("%s", reply);
    raw_close(&r);
    finish();
}

static void test_uids_are_not_used_up(void **state) {
    (void) state;
    char path[256];
    make_bad();
    put("secret", "x", 1, 0600);
    assert_int_equal(symlink("x", in_folder("bin/link", path)), 0);
    for (int i = 0; i < 10; i++)
        is_refused("again", folder, "type", "");
    harness_install(&h, &(struct harness_app){ .id = "org.example.two" });
    harness_install(&h, &(struct harness_app){ .id = "org.example.three" });
    make_bad();
    harness_error(&h, "Storage", "Install", "{\"source\":\"%s\",\"unsigned\":true}", folder);
    harness_ok(&h, "Remove", "{\"id\":\"org.example.two\"}");
    harness_ok(&h, "Install", "{\"source\":\"%s\",\"unsigned\":true}", folder);
    assert_int_equal(raw_app_uid(&h, BAD), 70001);
    finish();
}

static void test_no_worker(void **state) {
    (void) state;
    const char *libexec = getenv("MINIPROG_LIBEXEC");
    CLEANUP(free_p) char *old = strdup(libexec ? libexec : "build/debug");
    (void) harness_signal_and_wait(&h, SIGTERM);
    assert_int_equal(setenv("MINIPROG_LIBEXEC", "/no/such/folder", 1), 0);
    harness_restart(&h);
    make_bad();
    CLEANUP(free_p) char *before = photo();
    harness_error(&h, "Storage", "Install", "{\"source\":\"%s\",\"unsigned\":true}", folder);
    CLEANUP(free_p) char *after = photo();
    assert_string_equal(before, after);
    assert_int_equal(setenv("MINIPROG_LIBEXEC", old, 1), 0);
    finish();
}

#define INSTALL(test) cmocka_unit_test_setup_teardown(test, start, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        INSTALL(test_manifests),
        INSTALL(test_a_manifest_cut_short),
        INSTALL(test_a_huge_manifest),
        INSTALL(test_sources_that_cannot_be_asked_for),
        INSTALL(test_sources_that_are_no_packages),
        INSTALL(test_a_folder_that_the_caller_may_not_read),
        INSTALL(test_uids_are_not_used_up),
        INSTALL(test_no_worker),
    };
    return cmocka_run_group_tests_name("daemon/hostile install", tests, NULL, NULL);
}
