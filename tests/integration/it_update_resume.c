/* SPDX-License-Identifier: MIT
 * A download that breaks off goes on where it ended when it is tried again, by the same supervisor
 * or by the next one: what is there is hashed anew, the rest is asked for by range; a server that
 * answers something else, or a file that is not what it was, costs one more request, never a wrong
 * version. Source: facts/updates.md §6, 12. */
#include <dirent.h>
#include <poll.h>

#include "supervisor/base/fs.h"
#include "update_kit.h"

static const struct {
    const char *what, *then; /* how the server behaves once it is back */
    const char *requests[2]; /* the last two for the package: Range and If-Range; NULL: one */
} rows[] = {
    { "the rest is sent", "plain", { "bytes=HALF- \"one\"" } },
    { "all is sent", "ignore-range", { "bytes=HALF- \"one\"" } },
    { "the file has another tag by now", "other-etag", { "bytes=HALF- \"one\"" } },
    { "another part is sent", "wrong-range", { "bytes=HALF- \"one\"", "- -" } },
    { "a part of what is said to be another file",
      "range-of-other",
      { "bytes=HALF- \"one\"", "- -" } },
    { "no part at all", "416", { "bytes=HALF- \"one\"", "- -" } },
};

/* How many files there are of downloads. */
static unsigned parts(void) {
    char path[64];
    unsigned n = 0;

    (void) snprintf(path, sizeof path, "%s/parts", h.state);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *d; (d = readdir(dir));)
        n += d->d_name[0] != '.';
    (void) closedir(dir);
    return n;
}

/* The lines of requests for packages behind `from`, in order. */
static void assert_asked(size_t from, int code, const char *then, const char *const wanted[2]) {
    char half[24], line[256], path[64], want[160];
    const char *at = asked_for() + from;
    struct stat st;

    (void) snprintf(path, sizeof path, "%s/www/one-%d.ma", h.packages, code);
    assert_int_equal(stat(path, &st), 0);
    (void) snprintf(half, sizeof half, "%lld", (long long) st.st_size / 2);
    for (size_t i = 0; i < 2 && wanted[i]; i++) {
        const char *mark = strstr(wanted[i], "HALF");
        do {
            assert_int_equal(sscanf(at, "%255[^\n]", line), 1);
            at += strlen(line) + 1;
        } while (!strstr(line, ".ma "));
        (void) snprintf(want, sizeof want, "GET /stumble/%s/one-%d.ma %.*s%s%s", then, code,
                        mark ? (int) (mark - wanted[i]) : 100, wanted[i], mark ? half : "",
                        mark ? mark + 4 : "");
        assert_string_equal(line, want);
    }
    assert_null(strstr(at, ".ma "));
}

/* How a supervisor ends between the two tries; 0: it does not. */
static void next_supervisor(int sig) {
    if (sig == 0)
        return;
    (void) harness_signal_and_wait(&h, sig);
    harness_restart(&h);
}

static void goes_on(int sig) {
    pack(1, NULL);
    publish(1, "1", "");
    install_over_http(1);
    opens_as(1);
    hears("check", -1, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int code = (int) i + 2;
        char codes[12];
        print_message("%s\n", rows[i].what);
        pack(code, NULL);
        (void) snprintf(codes, sizeof codes, "%d", code);
        make_index((unsigned) code, codes, "");
        sh("sed -i 's,/plain/one,/stumble/%s/one,' index.json", rows[i].then);
        publish_json("key.sec");
        checks(true, code);
        hears("failed", code, "network"); /* half of it, and then nobody there */
        next_supervisor(sig);
        size_t before = strlen(asked_for());
        checks(true, code);
        hears("ready", code, NULL);
        assert_asked(before, code, rows[i].then, rows[i].requests);
        assert_int_equal(parts(), 0); /* it is there: what it came from is not needed */
    }
    finish();
}

static void test_it_goes_on_where_it_ended(void **state) {
    (void) state;
    goes_on(0);
}

/* No app runs at that moment, so that all that there is of the supervisor's is on the disk. */
static void test_it_goes_on_after_kill_9(void **state) {
    (void) state;
    goes_on(SIGKILL);
}

/* --- in the middle of it ------------------------------------------------------------------ */

/* Some process has this file of the store open. */
static bool is_open(const char *path) {
    DIR *proc = opendir("/proc");
    bool found = false;

    assert_non_null(proc);
    for (struct dirent *p; !found && (p = readdir(proc));) {
        char fds[64], link[400], to[512];
        (void) snprintf(fds, sizeof fds, "/proc/%.20s/fd", p->d_name);
        DIR *dir = p->d_name[0] >= '0' && p->d_name[0] <= '9' ? opendir(fds) : NULL;
        for (struct dirent *f; dir && !found && (f = readdir(dir));) {
            (void) snprintf(link, sizeof link, "%s/%s", fds, f->d_name);
            ssize_t n = readlink(link, to, sizeof to - 1);
            to[n > 0 ? n : 0] = '\0';
            found = strcmp(to, path) == 0;
        }
        if (dir)
            (void) closedir(dir);
    }
    (void) closedir(proc);
    return found;
}

/* Until it is so; these are files, which nobody tells of. */
static void wait_until(bool (*so)(const char *path), const char *path, bool wanted) {
    for (int i = 0; so(path) != wanted; i++) {
        assert_true(i < HARNESS_PATIENCE_MS);
        (void) poll(NULL, 0, 1);
    }
}

static bool is_there(const char *path) {
    return access(path, F_OK) == 0;
}

static void first_version(void) {
    pack(1, NULL);
    publish(1, "1", "");
    install_over_http(1);
}

/* That version is under way: half of it is there, the rest comes byte by byte. ret: its part. */
static void begin_download(int code, char ret[256]) {
    char path[300], sum[66];

    pack(code, NULL);
    (void) snprintf(path, sizeof path, "%d", code);
    make_index((unsigned) code * 10, path, "");
    sh("sed -i 's,/plain/one,/half/one,' index.json");
    publish_json("key.sec");
    sh("printf %%s $(sha256sum www/one-%d.ma | cut -c1-64) >sum", code);
    (void) snprintf(path, sizeof path, "%s/sum", h.packages);
    assert_int_equal(fs_read_into(AT_FDCWD, path, sum, sizeof sum), 64);
    (void) snprintf(ret, 256, "%s/parts/" ONE ":%s", h.state, sum);
    (void) snprintf(path, sizeof path, "%s:etag", ret);
    checks(true, code);
    wait_until(is_there, path, true);
}

/* From the half on, and not from the end. */
static void assert_went_on(size_t from) {
    char path[64];
    struct stat st;
    long long start = 0;
    const char *at = strstr(asked_for() + from, "/plain/one-2.ma bytes=");

    (void) snprintf(path, sizeof path, "%s/www/one-2.ma", h.packages);
    assert_int_equal(stat(path, &st), 0);
    assert_non_null(at);
    assert_int_equal(sscanf(at, "/plain/one-2.ma bytes=%lld- \"one\"\n", &start), 1);
    assert_true(start >= (long long) st.st_size / 2 && start < (long long) st.st_size);
    assert_int_equal(count_of(asked_for() + from, "one-2.ma"), 1);
}

static void goes_on_in_the_middle(int sig) {
    char part[256];

    first_version();
    begin_download(2, part);
    (void) harness_signal_and_wait(&h, sig);
    harness_restart(&h); /* it ends what the last one left at work */
    wait_until(is_open, part, false);
    publish(21, "2", "");
    size_t before = strlen(asked_for());
    checks(true, 2);
    hears("ready", 2, NULL);
    assert_went_on(before);
    assert_int_equal(parts(), 0);
    restart();
    opens_as(2);
    finish();
}

static void test_killed_in_the_middle(void **state) {
    (void) state;
    goes_on_in_the_middle(SIGKILL);
}

static void test_ended_in_the_middle(void **state) {
    (void) state;
    goes_on_in_the_middle(SIGTERM);
}

/* --- what nobody goes on with --------------------------------------------------------------- */

/* What may become of a part while nobody looks. */
static const struct {
    const char *what, *how; /* $p: the part; $whole: what it is a part of */
    /* THE_REST: it does not fit, and all of it comes anew */
    enum { THE_REST, ALL_OF_IT, NOTHING } asked_for;
} changes[] = {
    { "other bytes", "printf xyz | dd of=$p conv=notrunc 2>/dev/null", THE_REST },
    { "a hole", "n=$(stat -c %s $p) && truncate -s 0 $p && truncate -s $n $p", THE_REST },
    { "cut off in the middle, with other bytes", "truncate -s 100 $p && echo xyz >>$p", THE_REST },
    { "longer than the whole", "head -c 1000000 /dev/zero >>$p", ALL_OF_IT },
    { "all of it, and not it", "tr 'a-z' 'b-za' <$whole >$p", ALL_OF_IT },
    { "all of it", "cp $whole $p", NOTHING },
    { "nothing", ": >$p", ALL_OF_IT },
    { "a link to what must not be changed",
      "cp $p precious && rm $p && ln -s $packages/precious $p", ALL_OF_IT },
    { "another name of what must not be changed",
      "cp $p $(dirname $p)/../precious && ln -f $(dirname $p)/../precious $p", ALL_OF_IT },
    { "gone", "rm $p", ALL_OF_IT },
    { "older than a week", "touch -d '8 days ago' $p", ALL_OF_IT },
};

/* A supervisor ends, somebody does that to the part, the next supervisor is asked. */
static void after_a_change(size_t i) {
    const int code = (int) i + 2;
    char part[256], text[64];

    print_message("%s\n", changes[i].what);
    begin_download(code, part);
    (void) harness_signal_and_wait(&h, SIGTERM);
    sh("packages=$(pwd) whole=www/one-%d.ma p=%s && { %s; }", code, part, changes[i].how);
    sh("for f in precious %s/precious; do if test -e $f; then cp $f $f.was; fi; done", h.state);
    harness_restart(&h);
    wait_until(is_open, part, false);
    (void) snprintf(text, sizeof text, "%d", code);
    publish((unsigned) code * 10 + 1, text, "");
    size_t before = strlen(asked_for());
    checks(true, code);
    hears("ready", code, NULL);
    (void) snprintf(text, sizeof text, "/plain/one-%d.ma bytes=", code);
    assert_int_equal(count_of(asked_for() + before, text), changes[i].asked_for == THE_REST);
    (void) snprintf(text, sizeof text, "/plain/one-%d.ma - -", code);
    assert_int_equal(count_of(asked_for() + before, text), changes[i].asked_for != NOTHING);
    assert_int_equal(parts(), 0);
    sh("for f in precious %s/precious; do if test -e $f; then cmp $f $f.was; fi; done", h.state);
}

static void test_a_part_that_was_changed(void **state) {
    (void) state;
    first_version();
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++)
        after_a_change(i);
    finish();
}

/* Without the app, and when nothing newer is offered, there is nothing to go on with. */
static void test_it_goes_when_it_is_not_wanted(void **state) {
    char part[256];

    (void) state;
    first_version();
    begin_download(2, part);
    (void) harness_signal_and_wait(&h, SIGKILL);
    harness_restart(&h);
    assert_int_equal(parts(), 2); /* it and its tag */
    publish(21, "1", "");         /* version 2 was taken back */
    checks(false, -1);
    assert_int_equal(parts(), 0);
    begin_download(3, part);
    harness_ok(&h, "Remove", ID);
    assert_int_equal(parts(), 0);
    finish();
}

/* What is left of one file is never the beginning of another. */
static void test_not_with_another_version(void **state) {
    (void) state;
    pack(1, NULL);
    publish(1, "1", "");
    install_over_http(1);
    pack(2, NULL);
    make_index(2, "2", "");
    sh("sed -i 's,/plain/one,/stumble/plain/one,' index.json");
    publish_json("key.sec");
    checks(true, 2);
    hears("failed", 2, "network");
    pack(3, NULL);
    publish(3, "3", "");
    checks(true, 3);
    hears("ready", 3, NULL);
    assert_non_null(strstr(asked_for(), "GET /plain/one-3.ma - -\n"));
    finish();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_it_goes_on_where_it_ended, start, end),
        cmocka_unit_test_setup_teardown(test_not_with_another_version, start, end),
        cmocka_unit_test_setup_teardown(test_it_goes_on_after_kill_9, start, end),
        cmocka_unit_test_setup_teardown(test_killed_in_the_middle, start, end),
        cmocka_unit_test_setup_teardown(test_ended_in_the_middle, start, end),
        cmocka_unit_test_setup_teardown(test_a_part_that_was_changed, start, end),
        cmocka_unit_test_setup_teardown(test_it_goes_when_it_is_not_wanted, start, end),
    };
    return cmocka_run_group_tests_name("downloads that break off", tests, NULL, NULL);
}
