/* SPDX-License-Identifier: MIT
 * Cut short at every named point: install, update, take-over, fall back, roll back, removal, start.
 * After it the app opens in a version that is allowed, whole, with its data, and the store has
 * nothing but what its state names. Source: facts/updates.md §5.3.
 *
 * kill -9 of the supervisor (its apps live on), and on a disk of its own that is cut from power
 * (nothing lives on), with and without somebody else's fsync just before.
 * $MINIPROG_SOAK=N: N cuts at random, of all kinds of disks, some with a second cut in the
 * recovery; $MINIPROG_SEED says which. */
#include "cuts_kit.h"

#define ENTRIES_ENOUGH 4 /* in the removal of one tree one is like the other */

static unsigned cuts;
static struct cut last; /* for who reads of a failure */
static bool in_work;

/* --- up to the cut ------------------------------------------------------------------------ */

static void prepare(const struct cut *c) {
    publish(c->phase->index);
    if (c->disk) {
        sh("cp --sparse=always %s.%s disk", c->phase->from, fs_name[c->disk]);
        mount_state();
    } else {
        sh("rm -rf state && cp -a %s state", c->phase->from);
    }
}

static bool in_worker(enum killpoint p) {
    return p == KP_UNPACK_FILE || p == KP_UNPACK_LISTED;
}

/* A worker that is cut short is noticed by its supervisor, which is cut at that moment. */
static void choose(const struct cut *c) {
    char text[160];
    const char *action = c->disk ? "stop" : "kill";

    if (in_worker(c->point))
        (void) snprintf(text, sizeof text, "%s:%u:kill,WORKER_LOST:1:%s", killpoint_name(c->point),
                        c->pass, action);
    else
        (void) snprintf(text, sizeof text, "%s:%u:%s", killpoint_name(c->point), c->pass, action);
    assert_int_equal(setenv("MINIPROG_KILLPOINT", text, 1), 0);
}

static bool was_cut(void) {
    int status;

    if (h.daemon == 0)
        return true;
    if (waitpid(h.daemon, &status, WNOHANG | WUNTRACED) != h.daemon)
        return false;
    if (!WIFSTOPPED(status)) {
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        h.daemon = 0;
    }
    return true;
}

static uint64_t now_ms(void) {
    struct timespec ts;
    (void) clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t) ts.tv_sec * 1000 + (uint64_t) ts.tv_nsec / 1000000;
}

/* Nobody is there any more to talk to. */
static void wait_for_the_cut(void) {
    uint64_t end = now_ms() + HARNESS_PATIENCE_MS;

    while (!was_cut()) {
        assert_true(now_ms() < end);
        (void) poll(NULL, 0, 1);
    }
}

/* NULL: it was cut. */
static struct client *say(const char *method, bool more, const char *parameters) {
    struct client *c = NULL;

    if (client_open(h.control, &c, NULL) == 0 &&
        client_send(c, method, parameters, more, false, NULL) == 0)
        return c;
    wait_for_the_cut();
    return client_close(c);
}

/* The next reply on c; false: the cut came first. */
static bool hear(struct client *c, struct varlink_reply *reply) {
    uint64_t end = now_ms() + HARNESS_PATIENCE_MS;
    struct err e = { 0 };

    while (c) {
        int r = client_receive(c, 2, reply, &e);
        if (r == 0)
            return true;
        if (was_cut())
            return false;
        if (now_ms() > end)
            fail_msg("neither cut nor answered: %s", e.text);
    }
    return false;
}

/* False: it was cut while it started. */
static bool start_daemon(void) {
    int fd = harness_spawn(&h);
    struct pollfd p = { .fd = fd, .events = POLLIN };
    struct varlink_reply snapshot;
    bool is_cut = false;

    while (!is_cut && poll(&p, 1, 2) == 0)
        is_cut = was_cut();
    (void) close(fd);
    if (is_cut)
        return false;
    h.watcher = say("org.miniprog.Supervisor.Watch", true, "{}");
    if (!hear(h.watcher, &snapshot))
        return false;
    varlink_reply_clear(&snapshot);
    return true;
}

static bool ends(const struct phase *ph, const struct varlink_reply *reply) {
    const struct json *ev = json_get(reply->parameters, "event");
    const struct json *u = json_get(ev, "update");
    return u && strcmp(json_get_string(u, "phase", ""), ph->until) == 0 &&
           json_get_int(u, "version_code", 0) == ph->until_code;
}

/* Until its end, or the cut (false). */
static bool go_through(const struct phase *ph) {
    struct varlink_reply reply;
    char parameters[160] = ID, method[64];

    if (!start_daemon())
        return false;
    if (!ph->method)
        return true;
    if (strcmp(ph->method, "Install") == 0)
        (void) snprintf(parameters, sizeof parameters, "{\"source\":\"file://%s/index\"}",
                        h.packages);
    else if (keeps_data(ph))
        (void) strcpy(parameters, "{\"id\":\"" ONE "\",\"keep_data\":true}");
    (void) snprintf(method, sizeof method, "org.miniprog.Supervisor.%s", ph->method);
    struct client *call = say(method, false, parameters);
    bool through = hear(call, &reply);
    if (through) {
        if (reply.error && ph->name)
            fail_msg("%s: %s %s", ph->name, reply.error,
                     json_get_string(reply.parameters, "detail", ""));
        varlink_reply_clear(&reply);
    }
    (void) client_close(call);
    for (bool over = !ph->until; through && !over;) {
        through = hear(h.watcher, &reply);
        over = through && ends(ph, &reply);
        if (through)
            varlink_reply_clear(&reply);
    }
    return through;
}

/* --- after it ----------------------------------------------------------------------------- */

/* No process outlives the power: ours are our children, or become so when their parent ends. */
static void kill_all(void) {
    char path[64], list[4096];
    pid_t pid;

    (void) snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
    while (fs_read_into(AT_FDCWD, path, list, sizeof list) > 0)
        for (char *at = list; (pid = (pid_t) strtol(at, &at, 10)) > 0;) {
            (void) kill(pid, SIGKILL);
            (void) waitpid(pid, NULL, 0);
        }
    h.daemon = 0;
}

static void close_clients(void) {
    h.client = client_close(h.client);
    h.watcher = client_close(h.watcher);
}

static void fall(const struct cut *c) {
    if (c->disk) {
        cut_power(c);
        kill_all();
        unmount_state();
        if (c->disk == DISK_BTRFS)
            sh("mv disk.cut disk");
        mount_state();
        sh("rm -rf run");
    }
    close_clients();
}

/* The code it opens with; 0: it is not there. */
static int64_t open_it(void) {
    struct varlink_reply reply;
    harness_call(&h, &reply, "Open", ID);
    int64_t code = json_get_int(reply.parameters, "version_code", 0);
    if (reply.error && !strstr(reply.error, ".NoSuchApp"))
        fail_msg("%s: %s", reply.error, json_get_string(reply.parameters, "detail", ""));
    varlink_reply_clear(&reply);
    return code;
}

static bool is_allowed(const struct phase *ph, int64_t code) {
    for (size_t i = 0; i < 3 && ph->opens[i] >= 0; i++)
        if (ph->opens[i] == code)
            return true;
    return false;
}

static void recover(const struct cut *c) {
    harness_restart(&h);
    int64_t code = open_it();
    if (!is_allowed(c->phase, code))
        fail_msg("it opens with version %d", (int) code);
    if (code)
        harness_ok(&h, "Kill", ID);
    end_daemon();
    if (code && strcmp(c->phase->from, "empty") != 0)
        sh("grep -qx kept state/apps/" ONE "/data/kept");
    check_store(c->phase, code != 0);
    if (c->disk)
        unmount_state();
}

/* In order; false: it was cut on the way. */
static bool end_in_order(void) {
    int status = 0;

    harness_signal(&h, SIGTERM);
    assert_int_equal(waitpid(h.daemon, &status, WUNTRACED), h.daemon);
    if (WIFSTOPPED(status))
        return false;
    h.daemon = 0;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        return false;
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    close_clients();
    return true;
}

/* Another one while the first is recovered from, wherever it comes to that point. */
static void cut_again(const struct cut *c) {
    const struct cut again = { .phase = c->phase,
                               .point = (enum killpoint)(c->again - 1),
                               .pass = 1,
                               .disk = c->disk,
                               .neighbour = !c->neighbour };
    const struct phase recovery = { .method = "Open" };

    choose(&again);
    bool through = go_through(&recovery) && end_in_order();
    assert_int_equal(unsetenv("MINIPROG_KILLPOINT"), 0);
    if (!through)
        fall(&again);
}

/* False: the phase was over before it came to this point for so many times. */
static bool cut(const struct cut *c) {
    last = *c;
    in_work = true;
    prepare(c);
    choose(c);
    (void) prctl(PR_SET_CHILD_SUBREAPER, c->disk != DISK_NONE, 0, 0, 0);
    bool through = go_through(c->phase) && end_in_order();
    assert_int_equal(unsetenv("MINIPROG_KILLPOINT"), 0);
    if (through && c->disk)
        unmount_state();
    in_work = !through;
    if (through)
        return false;
    fall(c);
    if (c->again)
        cut_again(c);
    recover(c);
    in_work = false;
    cuts++;
    return true;
}

/* --- all of them -------------------------------------------------------------------------- */

static unsigned passes[N_PHASES][KP_COUNT];

static void count_passes(size_t phase) {
    const struct cut none = { .phase = &phases[phase] };
    char name[64], path[64];

    prepare(&none);
    (void) snprintf(path, sizeof path, "note:%s/passed", h.base);
    (void) unlink(path + 5);
    assert_int_equal(setenv("MINIPROG_KILLPOINT", path, 1), 0);
    assert_true(go_through(none.phase) && end_in_order());
    assert_int_equal(unsetenv("MINIPROG_KILLPOINT"), 0);
    FILE *f = fopen(path + 5, "r");
    assert_non_null(f);
    while (fscanf(f, "%63s", name) == 1)
        for (int p = 0; p < KP_COUNT; p++)
            passes[phase][p] += strcmp(name, killpoint_name((enum killpoint) p)) == 0;
    (void) fclose(f);
    if (passes[phase][KP_TREE_ENTRY_REMOVED] > ENTRIES_ENOUGH)
        passes[phase][KP_TREE_ENTRY_REMOVED] = ENTRIES_ENOUGH;
    /* The worker cannot note: as many as there are files, once for the rest. */
    if (passes[phase][KP_DELIVERED] > 1) {
        passes[phase][KP_UNPACK_FILE] = FILES;
        passes[phase][KP_UNPACK_LISTED] = 1;
        passes[phase][KP_WORKER_LOST] = 1; /* that is how these are cut */
    }
}

/* $CUTS_ONLY=NAME: that phase alone. */
static bool is_wanted(const struct phase *ph) {
    const char *only = getenv("CUTS_ONLY");
    return !only || strcmp(only, ph->name) == 0;
}

#if defined __SANITIZE_ADDRESS__
#define STRIDE                                                                                     \
    3 /* what cuts find is on the disk, not in memory: enough that nothing is sanitized */
#else
#define STRIDE 1
#endif

/* Every pass of every point in every phase; on a disk every other one, half of these with a
 * neighbour's fsync: make soak has them all. */
static void cut_everywhere(enum disk_kind disk) {
    unsigned before = cuts, turn = 0;
    uint64_t began = now_ms();

    for (size_t i = 0; i < N_PHASES; i++)
        for (int p = 0; p < KP_COUNT && is_wanted(&phases[i]); p++)
            for (unsigned n = 1; n <= passes[i][p] && p != KP_WORKER_LOST; n++) {
                const struct cut c = { .phase = &phases[i],
                                       .point = (enum killpoint) p,
                                       .pass = n,
                                       .disk = disk,
                                       .neighbour = disk && turn & 2 };
                if (turn++ % (disk ? 2 : STRIDE) != 0)
                    continue;
                /* What happens beside a phase (its check for an update) may come later than it. */
                (void) cut(&c);
            }
    print_message("%u cuts (%s) in %u s%s\n", cuts - before, disk ? fs_name[disk] : "kill -9",
                  (unsigned) ((now_ms() - began) / 1000),
                  STRIDE > 1 ? ": one in three, the others are left to the build without sanitizers"
                             : "");
}

static void test_every_point_is_passed(void **state) {
    (void) state;
    for (size_t i = 0; i < N_PHASES; i++)
        count_passes(i);
    for (int p = 0; p < KP_COUNT; p++) {
        unsigned n = 0;
        for (size_t i = 0; i < N_PHASES; i++)
            n += passes[i][p];
        if (n == 0)
            fail_msg("nothing ever comes to %s", killpoint_name((enum killpoint) p));
    }
}

static void test_kill_9(void **state) {
    (void) state;
    cut_everywhere(DISK_NONE);
}

/* Where this machine can make and mount it: an image for each template. */
static const char *make_disks(enum disk_kind kind) {
    const char *trouble = geteuid() == 0 ? disk_trouble(kind) : "mounting needs root";
    for (size_t i = 0; i < N_PHASES && !trouble; i++)
        make_disk(kind, phases[i].from);
    return trouble;
}

static void test_power_cut(void **state) {
    (void) state;
    if (STRIDE > 1) {
        print_message("skipped: power cuts are the same with and without sanitizers, and slow\n");
        skip();
    }
    const char *trouble = make_disks(DISK_EXT4);
    harness_need("loop", trouble == NULL, trouble ? trouble : "");
    cut_everywhere(DISK_EXT4);
}

/* --- for hours ---------------------------------------------------------------------------- */

static uint32_t below(uint32_t n) {
    return (uint32_t) random() % n;
}

/* Each pass of each point of the phases is as likely as any other. */
static struct cut any_cut(const enum disk_kind *disks, unsigned n_disks) {
    struct cut c = { .disk = disks[below(n_disks)], .neighbour = below(2) };

    do {
        size_t i = below(N_PHASES);
        c.phase = &phases[i];
        c.point = (enum killpoint) below(KP_COUNT);
        c.pass = passes[i][c.point] ? 1 + below(passes[i][c.point]) : 0;
    } while (c.pass == 0 || c.point == KP_WORKER_LOST);
    return c;
}

static unsigned find_disks(enum disk_kind disks[4]) {
    unsigned n = 0;

    disks[n++] = DISK_NONE;
    for (enum disk_kind k = DISK_EXT4; k <= DISK_BTRFS; k++) {
        const char *trouble = make_disks(k);
        if (trouble)
            print_message("skipped: %s: %s\n", fs_name[k], trouble);
        else
            disks[n++] = k;
    }
    return n;
}

static void test_soak(void **state) {
    const unsigned want = (unsigned) strtoul(getenv("MINIPROG_SOAK"), NULL, 10);
    const char *given = getenv("MINIPROG_SEED");
    const unsigned seed = given ? (unsigned) strtoul(given, NULL, 10) : (unsigned) time(NULL);
    unsigned n_disks, of[4] = { 0 };
    enum disk_kind disks[4];

    (void) state;
    print_message("MINIPROG_SEED=%u\n", seed);
    srandom(seed);
    n_disks = find_disks(disks);
    while (cuts < want) {
        struct cut c = any_cut(disks, n_disks);
        c.again = below(4) == 0 ? any_cut(disks, 1).point + 1 : 0;
        of[c.disk] += cut(&c);
    }
    for (unsigned i = 0; i < n_disks; i++)
        print_message("%u cuts (%s)\n", of[disks[i]], disks[i] ? fs_name[disks[i]] : "kill -9");
}

static int begin(void **state) {
    (void) state;
    assert_int_equal(setenv("LC_ALL", "C", 1), 0);
    make_stores();
    return 0;
}

/* What a test that failed has left. */
static int clear(void **state) {
    char path[64];
    (void) state;
    if (in_work)
        print_message("it was cut in '%s' at %s, pass %u (%s)\n", last.phase->name,
                      killpoint_name(last.point), last.pass, fs_name[last.disk]);
    (void) snprintf(path, sizeof path, "%s/state", h.base);
    (void) unsetenv("MINIPROG_KILLPOINT");
    kill_all();
    close_clients();
    (void) umount2(path, MNT_DETACH);
    return 0;
}

/* The last cut left the groups of its supervisor: one that ends in order takes them away. */
static int finish(void **state) {
    (void) state;
    harness_restart(&h);
    (void) harness_signal_and_wait(&h, SIGTERM);
    (void) fs_remove_tree(AT_FDCWD, h.base, NULL);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_every_point_is_passed, clear),
        cmocka_unit_test_teardown(test_kill_9, clear),
        cmocka_unit_test_teardown(test_power_cut, clear),
    };
    const struct CMUnitTest soak[] = {
        cmocka_unit_test_teardown(test_every_point_is_passed, clear),
        cmocka_unit_test_teardown(test_soak, clear),
    };
    int r = getenv("MINIPROG_SOAK") ? cmocka_run_group_tests(soak, begin, finish)
                                    : cmocka_run_group_tests(tests, begin, finish);
    print_message("%u cuts in all\n", cuts);
    return r;
}
