/* SPDX-License-Identifier: MIT
 * How warnings arrive, what is reclaimed and what a resume costs, a trace that replays, and that
 * nothing wakes up while nothing is wrong. */
#include "tests/integration/memory_kit.h"

#include <dirent.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/fs.h"
#include "supervisor/base/str.h"

#define BUDGET "budget=128M\n" HARNESS_NO_STALLS
#define SHORT  KIT_LIFE("200ms") "[memory]\n" BUDGET

/* --- systemd's memory pressure protocol --------------------------------------------------- */

/* It knows two variables of the environment and nothing of us: opens the FIFO read-write, writes
 * what it is told to, polls, reads. Source: systemd's docs/MEMORY_PRESSURE.md */
static const char listener[] =
    "exec /usr/bin/python3 -u -c '\n"
    "import base64, os, select\n"
    "fd = os.open(os.environ[\"MEMORY_PRESSURE_WATCH\"], os.O_RDWR | os.O_NONBLOCK)\n"
    "own = base64.b64decode(os.environ[\"MEMORY_PRESSURE_WRITE\"])\n"
    "os.write(fd, own)\n"
    "poll = select.poll()\n"
    "poll.register(fd, select.POLLIN)\n"
    "print(\"listens\")\n"
    "heard = 0\n"
    "while True:\n"
    "    for fd, events in poll.poll():\n"
    "        if events & ~select.POLLIN:\n"
    "            print(\"broken\", events)\n"
    "            raise SystemExit(1)\n"
    "        for byte in os.read(fd, 4096):\n"
    "            if bytes([byte]) == own:\n"
    "                continue\n"
    "            heard += 1\n"
    "            print(\"heard\", heard)\n"
    "'";

static void warn(int level) {
    harness_ok(&h, "Warn", "{\"level\":%d}", level);
}

static void test_a_stranger_hears_each_warning(void **state) {
    (void) state;
    kit_start(SHORT);
    harness_need("python", access("/usr/bin/python3", X_OK) == 0, "there is no /usr/bin/python3");
    harness_install(&h, &(struct harness_app){ .id = A, .script = listener });
    open_app(A);
    harness_wait_log(&h, A, "listens");
    warn(5);
    harness_wait_log(&h, A, "heard 1");
    warn(10);
    harness_wait_log(&h, A, "heard 2");

    /* The supervisor goes and comes: no end of file, no error, and the next warning is heard. */
    pid_t pid = harness_pid(&h, A);
    tape_end();
    assert_true(WIFSIGNALED(harness_signal_and_wait(&h, SIGKILL)));
    harness_restart(&h);
    tape_begin();
    assert_int_equal(harness_pid(&h, A), pid);
    warn(15);
    harness_wait_log(&h, A, "heard 3");

    /* Real pressure says the same as a test. */
    hog(C, "20,lies");
    harness_ok(&h, "Open", "{\"id\":\"" A "\"}"); /* in front, so that it runs on */
    (void) tape_wait("state", C, "suspended");
    hog(B, "20,lies");
    kit_reload(KIT_LIFE("0") "[memory]\nbudget=52M\n" HARNESS_NO_STALLS);
    harness_ok(&h, "Open", "{\"id\":\"" A "\"}");
    (void) tape_wait_levels(0, 5, 15);
    harness_wait_log(&h, A, "heard 4");
    char *log = harness_log(&h, A);
    assert_null(strstr(log, "broken"));
    free(log);
    kit_stop();
}

/* --- reclaim and resume ------------------------------------------------------------------- */

/* Polls Memory, whose figure nobody announces, with a deadline. */
static void wait_number(const char *id, const char *member, int64_t least) {
    int64_t end = kit_now_ms() + HARNESS_PATIENCE_MS;
    while (memory_number(id, member) < least) {
        if (kit_now_ms() > end)
            fail_msg("%s of %s is %lld", member, id, (long long) memory_number(id, member));
        (void) poll(NULL, 0, 5);
    }
}

static void test_suspending_gives_page_cache_back(void **state) {
    (void) state;
    char path[64], said[80];
    (void) snprintf(path, sizeof path, "/var/tmp/it-memory-words-%d", getpid());
    kit_start(SHORT);
    kit_make_file(path, 48);
    hog(C, "8,lies,calls");
    order(C, "!read %s", path);
    (void) snprintf(said, sizeof said, "cached %s", path);
    harness_wait_log(&h, C, said);
    assert_true(memory_number(C, "current") > 50 * MB);

    harness_ok(&h, "Hide", "{\"id\":\"" C "\"}");
    (void) tape_wait("state", C, "suspended");
    wait_number(C, "reclaimed", 36 * MB); /* not all: the kernel keeps what is in use */
    assert_in_range(memory_number(C, "current"), 8 * MB, 20 * MB);

    /* What it calls first after the resume ends its measurement. */
    assert_int_equal(memory_number(C, "resume_usec"), -1);
    open_app(C);
    wait_number(C, "resume_usec", 1);
    (void) unlink(path);
    kit_stop();
}

/* policy=off leaves suspended ones as they are. */
static void test_nothing_is_reclaimed_when_off(void **state) {
    (void) state;
    char path[64];
    (void) snprintf(path, sizeof path, "/var/tmp/it-memory-words-%d", getpid());
    kit_start(SHORT "policy=off\n");
    kit_make_file(path, 16);
    hog(C, "8,lies");
    order(C, "!read %s", path);
    harness_wait_log(&h, C, "cached /");
    harness_ok(&h, "Hide", "{\"id\":\"" C "\"}");
    (void) tape_wait("state", C, "suspended");
    open_app(C);
    tape_catch_up();
    assert_int_equal(memory_number(C, "reclaimed"), 0);
    assert_true(memory_number(C, "current") > 20 * MB);
    (void) unlink(path);
    kit_stop();
}

/* --- the trace ---------------------------------------------------------------------------- */

/* What it printed, malloc'd, and its exit status. */
static char *run_replay(const char *trace, int *ret_status) {
    char program[4096], command[8192];
    const char *build = getenv("MINIPROG_BUILD");
    struct str out = STR_INIT(1 << 22);
    char buf[4096];
    size_t n;

    (void) snprintf(program, sizeof program, "%s/miniprogd", build ? build : "build/debug");
    (void) snprintf(command, sizeof command, "'%s' --replay '%s' 2>&1", program, trace);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    while ((n = fread(buf, 1, sizeof buf, f)) > 0)
        (void) str_append(&out, buf, n);
    *ret_status = WEXITSTATUS(pclose(f));
    return str_take(&out);
}

static void wait_said(const char *text) {
    int64_t end = kit_now_ms() + HARNESS_PATIENCE_MS;
    while (!harness_daemon_said(&h, text)) {
        if (kit_now_ms() > end)
            fail_msg("the daemon does not say '%s'", text);
        (void) poll(NULL, 0, 5);
    }
}

/* From the middle of things to their end: warnings, kills, a start that had to wait. */
static void test_a_trace_replays_alike(void **state) {
    (void) state;
    char path[64];
    int status;

    kit_start(SHORT);
    (void) snprintf(path, sizeof path, "%s/memory-trace", h.state);
    suspended_hog(A, "20,lies");
    suspended_hog(B, "30,frees");
    hog(C, "20,lies");
    order(C, "!take 55");
    (void) tape_wait("warned", C, "budget");
    harness_signal(&h, SIGUSR2);
    wait_said("facts and decisions go to");
    order(C, "!take 7");
    (void) tape_wait("exit", NULL, "memory_pressure");
    hog_with(D, "4,lies", ",\"memory_need\":\"50M\"");
    order(C, "!drop 40");
    open_app(D);
    warn(10);
    kit_reload(KIT_LIFE("200ms") "[memory]\nalarm_count=3\n" BUDGET);
    wait_said("configuration read anew");
    harness_ok(&h, "Close", "{\"id\":\"" C "\"}");
    harness_signal(&h, SIGUSR2);
    wait_said("memory-trace' is complete");

    char *out = run_replay(path, &status);
    if (status != 0)
        fail_msg("%s", out);
    assert_non_null(strstr(out, "> kill " A " at once"));
    assert_null(strstr(out, "! "));
    free(out);

    /* What it decided otherwise is marked, and the status says so. */
    CLEANUP(free_p) char *text = NULL;
    assert_int_equal(fs_read(AT_FDCWD, path, 1 << 24, &text, NULL, NULL), 0);
    char *at = strstr(text, "> kill " A);
    assert_non_null(at);
    memcpy(at, "> KILL ", 7);
    assert_int_equal(fs_replace(AT_FDCWD, path, text, strlen(text), 0600, FS_VOLATILE, NULL), 0);
    out = run_replay(path, &status);
    assert_int_equal(status, 1);
    assert_non_null(strstr(out, "! recorded: > KILL " A));
    free(out);
    kit_stop();
}

/* --- rest --------------------------------------------------------------------------------- */

/* Voluntary switches of all its threads: each wait that ended is one. */
static int64_t switches(pid_t pid) {
    char path[64], buf[4096];
    int64_t sum = 0;

    (void) snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    const struct dirent *d;
    while ((d = readdir(dir))) {
        char name[300];
        (void) snprintf(name, sizeof name, "%s/status", d->d_name);
        if (d->d_name[0] == '.' || fs_read_into(dirfd(dir), name, buf, sizeof buf) <= 0)
            continue;
        const char *at = strstr(buf, "\nvoluntary_ctxt_switches:");
        assert_non_null(at);
        sum += atoll(strchr(at, ':') + 1);
    }
    (void) closedir(dir);
    return sum;
}

#define CROWD 100

static int count_suspended(void) {
    struct varlink_reply reply;
    int n = 0;

    harness_call(&h, &reply, "List", "{}");
    const struct json *apps = json_get(reply.parameters, "apps");
    for (const struct json *a = json_first(apps); a; a = json_next(a))
        n += strcmp(json_get_string(a, "state", ""), "suspended") == 0;
    varlink_reply_clear(&reply);
    return n;
}

static void suspend_a_crowd(void) {
    char id[32];

    hog(A, "10,lies"); /* some that were warned, and measured */
    hog(B, "10,frees");
    for (int i = 2; i < CROWD; i++) {
        (void) snprintf(id, sizeof id, "org.example.idle%d", i);
        harness_install(&h, &(struct harness_app){ .id = id, .program = "idle" });
        open_app(id);
    }
    harness_ok(&h, "Hide", "{\"id\":\"%s\"}", id);
    int64_t end = kit_now_ms() + 2 * HARNESS_PATIENCE_MS;
    while (count_suspended() < CROWD) { /* in whatever order */
        if (kit_now_ms() > end)
            fail_msg("%d of %d are suspended", count_suspended(), CROWD);
        (void) poll(NULL, 0, 20);
    }
}

/* A hundred suspended apps, no pressure: not a single thread of the supervisor wakes up. What was
 * begun comes to rest first, and the machine's memory may be short for a moment because of others,
 * which the supervisor has to hear of: so one span of some tries has to be quiet all through. */
static void test_nothing_wakes_while_nothing_is_wrong(void **state) {
    (void) state;
    int seconds = getenv("MINIPROG_LONG") ? 60 : 10;
    /* Room for all, a sanitizer's, too. */
    kit_start(KIT_LIFE("200ms") "[memory]\nbudget=2G\n" HARNESS_NO_STALLS);
    tape_end(); /* watchers are no part of it */
    suspend_a_crowd();
    (void) poll(NULL, 0, 2500); /* what a warning's measurement takes */
    int64_t before, after = switches(h.daemon);
    int tries = 5;
    do {
        if (tries-- == 0)
            fail_msg("the daemon wakes up within each %d s", seconds);
        before = after;
        (void) poll(NULL, 0, 1000 * seconds);
        after = switches(h.daemon);
    } while (after != before);
    print_message("no wake-up in %d s with %d suspended apps\n", seconds, CROWD);
    assert_int_equal(count_suspended(), CROWD);
    kit_stop();
}

#define MEMORY(test) cmocka_unit_test_teardown(test, kit_end)

int main(void) {
    const struct CMUnitTest tests[] = {
        MEMORY(test_a_stranger_hears_each_warning),
        MEMORY(test_suspending_gives_page_cache_back),
        MEMORY(test_nothing_is_reclaimed_when_off),
        MEMORY(test_a_trace_replays_alike),
        MEMORY(test_nothing_wakes_while_nothing_is_wrong),
    };
    return cmocka_run_group_tests_name("daemon/memory_words", tests, NULL, NULL);
}
