/* SPDX-License-Identifier: MIT
 * `miniprogctl run FOLDER` on the real supervisor: the log of this run alone, anew at each change,
 * and closed with Ctrl-C. */
#include "tests/integration/js_kit.h"

#include <poll.h>
#include <sys/wait.h>

#define ONE "org.example.one"

static struct harness h;
static pid_t ctl;
static int out = -1;
static char seen[1 << 16];

static int end(void **state) {
    (void) state;
    if (ctl > 0) {
        (void) kill(ctl, SIGKILL);
        (void) waitpid(ctl, NULL, 0);
    }
    ctl = 0;
    if (out >= 0)
        (void) close(out);
    out = -1;
    harness_clean(&h);
    return 0;
}

static void run(const char *folder) {
    char program[512];
    const char *build = getenv("MINIPROG_BUILD");
    int fds[2];

    seen[0] = '\0';
    (void) snprintf(program, sizeof program, "%s/miniprogctl", build ? build : "build/debug");
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    ctl = fork();
    assert_true(ctl >= 0);
    if (ctl == 0) {
        (void) dup2(fds[1], 1);
        (void) dup2(fds[1], 2);
        (void) execl(program, program, "--socket", h.control, "run", folder, (char *) NULL);
        _exit(127);
    }
    (void) close(fds[1]);
    out = fds[0];
}

/* Reads what it prints until that is there. */
static void prints(const char *text) {
    struct pollfd p = { .fd = out, .events = POLLIN };
    size_t n = strlen(seen);

    while (!strstr(seen, text)) {
        if (poll(&p, 1, HARNESS_PATIENCE_MS) <= 0)
            fail_msg("'%s' was not printed, but:\n%s", text, seen);
        ssize_t got = read(out, seen + n, sizeof seen - 1 - n);
        if (got <= 0)
            fail_msg("it ended before '%s':\n%s", text, seen);
        n += (size_t) got;
        seen[n] = '\0';
    }
}

static int ends_by(int sig) {
    int status = 0;
    assert_int_equal(kill(ctl, sig), 0);
    assert_int_equal(waitpid(ctl, &status, 0), ctl);
    ctl = 0;
    return status;
}

static void make(const char *script, char folder[128]) {
    harness_make(&h, &(struct harness_app){ .id = ONE, .script = script }, folder);
}

static void edit(const char *folder, const char *script) {
    char path[256];
    struct err e = { 0 };

    (void) snprintf(path, sizeof path, "%s/bin/run", folder);
    if (fs_replace(AT_FDCWD, path, script, strlen(script), 0755, FS_VOLATILE, &e) < 0)
        fail_msg("%s", e.text);
}

static void test_it_is_anew_at_each_change(void **state) {
    char folder[128];

    (void) state;
    harness_start(&h, NULL);
    make("echo first\nexec sleep 1000000", folder);
    run(folder);
    prints("first\n");
    prints("-- " ONE " runs, version 1\n");
    edit(folder, "#!/bin/sh\necho second\nexec sleep 1000000\n");
    prints("second\n");
    harness_wait_state(&h, ONE, "foreground", NULL);

    edit(folder, "#!/bin/sh\necho third\nexec sleep 1000000\n");
    prints("third\n");
    assert_int_equal(ends_by(SIGINT), 0);
    harness_assert_state(&h, ONE, "stopped");

    run(folder); /* what was printed before is not printed again */
    prints("third\n");
    assert_null(strstr(seen, "first"));
    assert_null(strstr(seen, "second"));
    assert_int_equal(ends_by(SIGTERM), 0);
    harness_stop(&h);
}

static void test_a_new_folder_counts_and_a_broken_one_is_said(void **state) {
    char folder[128], path[256];

    (void) state;
    harness_start(&h, NULL);
    make("cat deep/er/text 2>/dev/null || echo none\nexec sleep 1000000", folder);
    run(folder);
    prints("none\n");
    js_put(folder, "deep/er/text", "it is there\n");
    prints("it is there\n");
    js_put(folder, "deep/er/text", "it has changed\n");
    prints("it has changed\n");

    (void) snprintf(path, sizeof path, "%s/manifest.json", folder);
    CLEANUP(free_p) char *manifest = NULL;
    assert_int_equal(fs_read(AT_FDCWD, path, 65536, &manifest, NULL, NULL), 0);
    js_put(folder, "manifest.json", "{");
    prints("miniprogctl: the package's manifest is wrong");
    harness_assert_state(&h, ONE, "foreground"); /* the old one runs on */
    js_put(folder, "deep/er/text", "mended\n");
    js_put(folder, "manifest.json", manifest);
    prints("mended\n");
    assert_int_equal(ends_by(SIGINT), 0);
    harness_stop(&h);
}

static void test_what_cannot_run(void **state) {
    int status = 0;

    (void) state;
    harness_start(&h, NULL);
    run("/nowhere");
    prints("cannot run '/nowhere': No such file or directory");
    assert_int_equal(waitpid(ctl, &status, 0), ctl);
    ctl = 0;
    assert_int_equal(WEXITSTATUS(status), 1);
    harness_stop(&h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_it_is_anew_at_each_change, end),
        cmocka_unit_test_teardown(test_a_new_folder_counts_and_a_broken_one_is_said, end),
        cmocka_unit_test_teardown(test_what_cannot_run, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
