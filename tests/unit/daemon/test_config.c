/* SPDX-License-Identifier: MIT
 * test_config.c - every key, every way to get it wrong, and where the error points. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"
#include "supervisor/daemon/config.h"
#include "supervisor/daemon/config_keys.h"

#define S UINT64_C(1000000)

static char dir[] = "/tmp/test_config.XXXXXX";
static char path[PATH_MAX];

static void put(const char *name, const char *text, size_t n) {
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, n), (ssize_t) n);
    close(fd);
}

static struct config *load(const char *text) {
    struct config *c = NULL;
    struct err e = { 0 };
    put(path, text, strlen(text));
    if (config_load(path, &c, &e) < 0)
        fail_msg("refused: %s", e.text);
    return c;
}

/* `want` follows "<path>" in the sentence. */
static void assert_refused(const char *text, const char *want) {
    struct config *c = (struct config *) 0x1;
    struct err e = { 0 };
    char whole[PATH_MAX + 300];

    put(path, text, strlen(text));
    assert_int_equal(config_load(path, &c, &e), -EINVAL);
    assert_ptr_equal(c, (struct config *) 0x1);
    snprintf(whole, sizeof whole, "%s%s", path, want);
    if (strncmp(e.text, whole, strlen(whole)) != 0)
        fail_msg("'%s' does not begin with '%s'", e.text, whole);
}
static void assert_psi(const struct config_psi *p, bool full, uint64_t stall_us,
                       uint64_t window_us) {
    assert_int_equal(p->full, full);
    assert_int_equal(p->stall_us, stall_us);
    assert_int_equal(p->window_us, window_us);
}

static void test_defaults_are_the_contract(void **state) {
    (void) state;
    struct config *c = load("");

    assert_int_equal(c->lifecycle.suspend_after, 5 * S);
    assert_int_equal(c->lifecycle.destroy_after, 30 * 60 * S);
    assert_int_equal(c->lifecycle.background_grace, 20 * S);
    assert_int_equal(c->lifecycle.max_foreground, 1);
    assert_int_equal(c->lifecycle.max_warm, 5);
    assert_int_equal(c->lifecycle.start_timeout, 10 * S);
    assert_int_equal(c->lifecycle.stop_timeout, 5 * S);
    assert_int_equal(c->lifecycle.suspend, CGRP_HOLD_SIGNAL);
    assert_int_equal(c->lifecycle.exit_state_expiry, 24 * 3600 * S);
    assert_string_equal(c->lifecycle.home, "");
    assert_true(c->memory.policy);
    assert_true(c->memory.budget == CONFIG_UNSET);
    assert_psi(&c->memory.moderate, false, 70000, S);
    assert_psi(&c->memory.low, true, 70000, S);
    assert_psi(&c->memory.critical, true, 300000, S);
    assert_int_equal(c->memory.alarm_count, 2);
    assert_int_equal(c->memory.alarm_window, 5 * S);
    assert_int_equal(c->memory.resume_budget, 150000);
    assert_int_equal(c->memory.available_low, 80);
    assert_int_equal(c->memory.available_low_exit, 100);
    assert_int_equal(c->memory.available_critical, 40);
    assert_int_equal(c->memory.available_critical_exit, 60);
    assert_int_equal(c->update.check_interval, 30 * 60 * S);
    assert_int_equal(c->update.sync_timeout, 2 * S);
    assert_int_equal(c->update.sync_after, 7 * 24 * 3600 * S);
    assert_int_equal(c->update.install_timeout, 60 * S);
    assert_false(c->update.allow_http);
    assert_int_equal(c->update.trials, 3);
    assert_int_equal(c->update.healthy_after, 10 * S);
    assert_false(c->apps.uid_range_given);
    assert_int_equal(c->apps.uid_low, 70000);
    assert_int_equal(c->apps.uid_high, 89999);
    assert_null(c->apps.groups[0]);
    assert_true(c->apps.memory_high == CONFIG_UNSET && c->apps.memory_max == CONFIG_UNSET);
    assert_int_equal(c->apps.pids_max, 256);
    assert_true(c->apps.data_size == CONFIG_UNSET);
    assert_int_equal(c->apps.log_size, 1024 * 1024);
    assert_string_equal(c->apps.javascript, "miniprog-js");
    assert_string_equal(c->apps.base_library, "");
    assert_false(c->control.group_given);
    assert_string_equal(c->control.group, "miniprog");
    assert_int_equal(c->control.max_clients, 64);
    assert_int_equal(c->control.dialog_timeout, 60 * S);
    assert_int_equal(config_key_count(), 41);
    assert_null(config_free(c));
    assert_null(config_free(NULL));
}

static void test_values_comments_and_blanks(void **state) {
    (void) state;
    struct config *c = load("\xef\xbb\xbf; a BOM, and comments\n"
                            "# of both kinds\n\n"
                            "  [lifecycle]   ; here too\n"
                            "suspend_after = 0 ; never\n"
                            "\tdestroy_after=infinity\r\n"
                            "suspend: cgroup\n"
                            "home=org.example.home\n"
                            "max_warm=0\n"
                            "[apps]\n"
                            "groups=audio, video,render   input\n"
                            "uid_range=70000-70001\n"
                            "pids_max=\n"
                            "memory_high=48M\n"
                            "javascript=/usr/bin/miniprog-js\n"
                            "[memory]\n"
                            "policy=off\n"
                            "budget=1G\n"
                            "moderate=some  100ms\t500ms\n"
                            "available_low=8.5%\n"
                            "[control]\n"
                            "group=kiosk");

    assert_true(c->lifecycle.suspend_after == CONFIG_NEVER);
    assert_true(c->lifecycle.destroy_after == CONFIG_NEVER);
    assert_int_equal(c->lifecycle.suspend, CGRP_HOLD_FREEZE);
    assert_string_equal(c->lifecycle.home, "org.example.home");
    assert_int_equal(c->lifecycle.max_warm, 0);
    assert_string_equal(c->apps.groups[0], "audio");
    assert_string_equal(c->apps.groups[1], "video");
    assert_string_equal(c->apps.groups[2], "render");
    assert_string_equal(c->apps.groups[3], "input");
    assert_null(c->apps.groups[4]);
    assert_true(c->apps.uid_range_given);
    assert_int_equal(c->apps.uid_high, 70001);
    assert_true(c->apps.pids_max == CONFIG_UNSET);
    assert_int_equal(c->apps.memory_high, 48 * 1024 * 1024);
    assert_string_equal(c->apps.javascript, "/usr/bin/miniprog-js");
    assert_false(c->memory.policy);
    assert_int_equal(c->memory.budget, 1024 * 1024 * 1024);
    assert_psi(&c->memory.moderate, false, 100000, 500000);
    assert_int_equal(c->memory.available_low, 85);
    assert_true(c->control.group_given);
    assert_string_equal(c->control.group, "kiosk");
    config_free(c);
}

static void test_errors_name_file_line_and_key(void **state) {
    (void) state;
    static const struct {
        const char *text, *want;
    } rows[] = {
        { "[memory]\n\n  policy=maybe\n", ":3: [memory] policy: 'maybe' is neither yes nor no" },
        { "[memory]\nfoo=1\n", ":2: [memory] foo: there is no such key" },
        { "\n[moon]\nfoo=1\n", ":3: [moon] foo: there is no such section" },
        { "policy=on\n", ":1: [] policy: stands before any section" },
        { "[memory]\npolicy=on\npolicy=off\n", ":3: [memory] policy: is given twice" },
        { "[memory]\npolicy=on\n[update]\ntrials=1\n[memory]\npolicy=on\n",
          ":6: [memory] policy: is given twice" },
        { "[memory]\npolicy\n", ":2: is neither" },
        { "[memory\npolicy=on\n", ":1: is neither" },
        { "[memory] policy=off\n", ":1: something follows" },
        /* A line that begins with a blank is a line, not more of the value before. */
        { "[apps]\ngroups=a\n  b\n", ":3: is neither" },
        { "[lifecycle]\nsuspend_after=5 parsecs\n", ":2: [lifecycle] suspend_after: '5 parsecs'" },
        { "[lifecycle]\nsuspend_after=\n", ":2: [lifecycle] suspend_after: '' is not a span" },
        { "[lifecycle]\nstart_timeout=0\n", ":2: [lifecycle] start_timeout: must be above 0" },
        { "[lifecycle]\nstart_timeout=infinity\n", ":2: [lifecycle] start_timeout: 'infinity'" },
        { "[lifecycle]\nstart_timeout=4000d\n", ":2: [lifecycle] start_timeout: '4000d' is too" },
        { "[lifecycle]\nstart_timeout=99999999999999999999s\n", ":2: [lifecycle] start_timeout:" },
        { "[lifecycle]\nmax_foreground=0\n", ":2: [lifecycle] max_foreground: '0' is not from 1" },
        { "[lifecycle]\nmax_warm=-1\n", ":2: [lifecycle] max_warm: '-1' is not a number" },
        { "[lifecycle]\nmax_warm=99999999999999999999\n", ":2: [lifecycle] max_warm: '999" },
        { "[lifecycle]\nsuspend=freeze\n", ":2: [lifecycle] suspend: 'freeze' is neither" },
        { "[lifecycle]\nhome=../x\n", ":2: [lifecycle] home: '../x' is not an app's id" },
        { "[memory]\nbudget=1k\n", ":2: [memory] budget: '1k' is not a size" },
        { "[memory]\nbudget=0\n", ":2: [memory] budget: '0' is not from" },
        { "[memory]\nmoderate=some 70ms\n", ":2: [memory] moderate: 'some 70ms' is not of the" },
        { "[memory]\nmoderate=some 70ms 1s x\n", ":2: [memory] moderate: 'some 70ms 1s x'" },
        { "[memory]\nmoderate=any 70ms 1s\n", ":2: [memory] moderate: 'any 70ms 1s' is not" },
        { "[memory]\nmoderate=some 0 1s\n", ":2: [memory] moderate: the stall '0' is not" },
        { "[memory]\nmoderate=some 2s 1s\n", ":2: [memory] moderate: the stall '2s' is not" },
        { "[memory]\nmoderate=some 70ms 499ms\n", ":2: [memory] moderate: the window '499ms'" },
        { "[memory]\nmoderate=some 70ms 11s\n", ":2: [memory] moderate: the window '11s'" },
        { "[memory]\navailable_low=101%\n", ":2: [memory] available_low: '101%' is not a share" },
        { "[memory]\navailable_low=8\n", ":2: [memory] available_low: '8' is not a share" },
        { "[memory]\navailable_low=11%\n",
          ":2: [memory] available_low_exit: must not be below available_low" },
        { "[memory]\navailable_critical=5%\navailable_critical_exit=4%\n",
          ":3: [memory] available_critical_exit: must not be below available_critical" },
        { "[update]\ntrials=\x1b[2J\n", ":2: [update] trials: '\\x1b[2J' is not a number" },
        { "[up\x1b"
          "date]\ntrials=\x1b[2J\n",
          ":2: [up\\x1bdate] trials: there is no such section" },
        { "[update]\ntrials=0\n", ":2: [update] trials: '0' is not from 1 to 100" },
        { "[apps]\nuid_range=0-10\n", ":2: [apps] uid_range: '0-10' is not within" },
        { "[apps]\nuid_range=10-5\n", ":2: [apps] uid_range: '10-5' is not a range" },
        { "[apps]\nuid_range=1-4294967295\n", ":2: [apps] uid_range: '1-4294967295' is not" },
        { "[apps]\npids_max=0\n", ":2: [apps] pids_max: '0' is not from 1" },
        { "[apps]\nlog_size=1K\n", ":2: [apps] log_size: '1K' is not from 16.0K" },
        { "[apps]\nlog_size=\n", ":2: [apps] log_size: '' is not a size" },
        { "[apps]\njavascript=\n", ":2: [apps] javascript: must not be empty" },
        { "[apps]\nbase_library=0123456789012345678901234567890123\n",
          ":2: [apps] base_library: is longer than 31 bytes" },
        { "[control]\ngroup=a\x1b[2J\n", ":2: [control] group: has bytes that are not text" },
        { "[control]\ngroup=\xff\n", ":2: [control] group: has bytes that are not text" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_refused(rows[i].text, rows[i].want);
}

static void test_long_lines_are_refused_not_cut(void **state) {
    (void) state;
    char text[4096] = "[apps]\njavascript=/";
    size_t n = strlen(text);

    memset(text + n, 'x', 2000);
    assert_refused(text, ":2: the line is too long");
    for (size_t len = 150; len < 250; len++) { /* across inih's own buffer */
        struct config *c = NULL;
        memset(text, 'x', len);
        text[0] = '#';
        memcpy(text + len, "\n[memory]\npolicy=off\n", 22);
        put(path, text, len + 21);
        int r = config_load(path, &c, NULL);
        assert_true(r == -EINVAL || (r == 0 && !c->memory.policy));
        config_free(c);
    }
    strcpy(text, "[apps]\njavascript=/");
    memset(text + n, 'x', 2000);
    memcpy(text, "[apps]\n#; comments", 18);
    assert_refused(text, ":2: the line is too long");
}

static void test_what_is_no_text_file_is_refused(void **state) {
    (void) state;
    static char big[1024 * 1024 + 2];
    struct config *c = NULL;
    struct err e = { 0 };
    char fifo[PATH_MAX + 8];

    put(path, "[memory]\npolicy=on\n\0policy=off\n", 31);
    assert_int_equal(config_load(path, &c, &e), -EINVAL);
    assert_non_null(strstr(e.text, "has bytes that are not text"));
    memset(big, '\n', sizeof big);
    put(path, big, sizeof big);
    assert_int_equal(config_load(path, &c, &e), -EINVAL);
    assert_non_null(strstr(e.text, "larger than 1 MiB"));
    put(path, big, sizeof big - 2);
    assert_int_equal(config_load(path, &c, NULL), 0);
    c = config_free(c);
    snprintf(fifo, sizeof fifo, "%s/fifo", dir);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(config_load(fifo, &c, &e), -EINVAL);
    assert_non_null(strstr(e.text, "not a regular file"));
    assert_int_equal(config_load(dir, &c, &e), -EINVAL);
    snprintf(fifo, sizeof fifo, "%s/missing", dir);
    assert_int_equal(config_load(fifo, &c, &e), -ENOENT);
    assert_null(c);
}

static void put_drop_in(const char *name, const char *text) {
    char whole[PATH_MAX + 64];
    snprintf(whole, sizeof whole, "%s.d", path);
    (void) mkdir(whole, 0755);
    snprintf(whole, sizeof whole, "%s.d/%s", path, name);
    put(whole, text, strlen(text));
}

static void test_drop_ins_win_by_name(void **state) {
    (void) state;
    struct config *c = NULL;
    struct err e = { 0 };

    put_drop_in("20-b.conf", "[lifecycle]\nmax_warm=20\n");
    put_drop_in("10-a.conf", "[lifecycle]\nmax_warm=10\nmax_foreground=2\n");
    put_drop_in("30-c.conf.bak", "rubbish");
    put_drop_in(".40-d.conf", "rubbish");
    put_drop_in(".conf", "rubbish");
    c = load("[lifecycle]\nmax_warm=1\nmax_foreground=1\nstop_timeout=1s\n");
    assert_int_equal(c->lifecycle.max_warm, 20);
    assert_int_equal(c->lifecycle.max_foreground, 2);
    assert_int_equal(c->lifecycle.stop_timeout, S);
    c = config_free(c);

    put(path, "[memory]\navailable_low_exit=9%\n", 31);
    put_drop_in("50-e.conf", "# one\n[memory]\navailable_low=50%\n");
    assert_int_equal(config_load(path, &c, &e), -EINVAL);
    assert_non_null(strstr(e.text, "50-e.conf:3: [memory] available_low_exit: must not be below"));
    put_drop_in("50-e.conf", "[memory]\n\navailable_low=x\n");
    assert_int_equal(config_load(path, &c, &e), -EINVAL);
    assert_non_null(strstr(e.text, "50-e.conf:3: [memory] available_low: 'x'"));
    assert_null(c);
}

/* Whatever is cut off: refused or read, and never past the end (the sanitizer's to see). */
static void test_every_prefix(void **state) {
    (void) state;
    static const char text[] = "[lifecycle]\nsuspend_after=1h 30min\nhome=org.example.a\n"
                               "[memory]\nmoderate=some 70ms 1s ; x\n[apps]\ngroups=a b\n";

    for (size_t n = 0; n <= sizeof text - 1; n++) {
        struct config *c = NULL;
        put(path, text, n);
        int r = config_load(path, &c, NULL);
        assert_true(r == 0 ? c != NULL : r == -EINVAL && !c);
        config_free(c);
    }
}

static int set_up(void **state) {
    (void) state;
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof path, "%s/c", dir);
    return 0;
}

static int tear_down(void **state) {
    (void) state;
    return fs_remove_tree(AT_FDCWD, dir, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults_are_the_contract),
        cmocka_unit_test(test_values_comments_and_blanks),
        cmocka_unit_test(test_errors_name_file_line_and_key),
        cmocka_unit_test(test_long_lines_are_refused_not_cut),
        cmocka_unit_test(test_what_is_no_text_file_is_refused),
        cmocka_unit_test(test_every_prefix),
        cmocka_unit_test(test_drop_ins_win_by_name), /* last: leaves its folder behind */
    };

    return cmocka_run_group_tests_name("config", tests, set_up, tear_down);
}
