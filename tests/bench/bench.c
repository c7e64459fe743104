/* SPDX-License-Identifier: MIT
 * bench.c - the table, its JSON, and what all rows share. */
#include "tests/bench/bench.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cmocka.h>

struct bench_clock *bench_clock;
char bench_clock_path[64];
static FILE *json;
static int rows;

void bench_add(struct bench_samples *s, uint64_t ns) {
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 64;
        s->ns = realloc(s->ns, s->cap * sizeof *s->ns);
        if (!s->ns)
            exit(1);
    }
    s->ns[s->n++] = ns;
}

static int by_value(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;
    return x < y ? -1 : x > y;
}

static double at_share_us(struct bench_samples *s, size_t one_in) {
    qsort(s->ns, s->n, sizeof *s->ns, by_value);
    return s->n ? (double) s->ns[s->n / one_in] / 1000.0 : 0;
}

double bench_median_us(struct bench_samples *s) {
    return at_share_us(s, 2);
}

double bench_best_us(struct bench_samples *s) {
    return at_share_us(s, 10);
}

void bench_clear(struct bench_samples *s) {
    free(s->ns);
    *s = (struct bench_samples){ 0 };
}

static void put_row(const char *what, double value, double floor, const char *unit, double best,
                    const char *target, const char *note) {
    char ratio[24] = "", bare[24] = "", quiet[16] = "";
    if (best > 0)
        (void) snprintf(quiet, sizeof quiet, "(%.2f)", best);
    if (floor > 0) {
        (void) snprintf(ratio, sizeof ratio, "%.2f x", value / floor);
        (void) snprintf(bare, sizeof bare, "%.1f %s", floor, unit);
    }
    (void) printf("%-46s %9.1f %-3s %13s %9s %-7s %-9s %s\n", what, value, unit, bare, ratio, quiet,
                  target, note);
    (void) fflush(stdout);
    if (json)
        (void) fprintf(
            json,
            "%s\n  "
            "{\"what\":\"%s\",\"value\":%.3f,\"floor\":%.3f,\"unit\":\"%s\",\"best_ratio\":%.3f,"
            "\"target\":\"%s\"}",
            rows++ ? "," : "", what, value, floor, unit, best, target);
}

void bench_row(const char *what, double value, double floor, const char *unit, const char *target,
               const char *note) {
    put_row(what, value, floor, unit, 0, target, note);
}

void bench_row_samples(const char *what, struct bench_samples *ours, struct bench_samples *floor,
                       const char *target, const char *note) {
    put_row(what, bench_median_us(ours), bench_median_us(floor), "us",
            bench_best_us(ours) / bench_best_us(floor), target, note);
    bench_clear(ours);
    bench_clear(floor);
}

void bench_settle(void) {
    (void) poll(NULL, 0, 20);
}

void bench_wait(uint32_t *count, uint32_t beyond) {
    const struct timespec patience = { .tv_sec = 10 };
    uint32_t now;
    while ((now = __atomic_load_n(count, __ATOMIC_ACQUIRE)) <= beyond)
        if (syscall(SYS_futex, count, FUTEX_WAIT, now, &patience, NULL, 0) < 0 &&
            errno == ETIMEDOUT)
            fail_msg("an app did not come to it in 10 s");
}

void bench_id(char id[32], int i) {
    (void) snprintf(id, 32, "org.bench.a%d", i);
}

static struct harness *begun[16];

void bench_start(struct harness *h, const char *config) {
    for (size_t i = 0; i < sizeof begun / sizeof begun[0]; i++)
        if (!begun[i] || begun[i] == h) {
            begun[i] = h;
            break;
        }
    harness_start(h, config);
}

/* What a failure has left. */
static void bench_end(void) {
    for (size_t i = 0; i < sizeof begun / sizeof begun[0] && begun[i]; i++)
        harness_clean(begun[i]);
}

void bench_install(struct harness *h, int i) {
    char id[32], ours[128];
    bench_id(id, i);
    (void) snprintf(ours, sizeof ours, "\"environment\":{\"BENCH_CLOCK\":\"%s\"}",
                    bench_clock_path);
    harness_install(h, &(struct harness_app){ .id = id, .program = "bench", .ours = ours });
}

/* Where $BENCH_CLOCK says, or anew. */
static void make_clock(void) {
    const char *there = getenv("BENCH_CLOCK");
    (void) snprintf(bench_clock_path, sizeof bench_clock_path, "%s",
                    there ? there : "/tmp/mp-bench-XXXXXX");
    int fd = there ? open(there, O_RDWR | O_CREAT | O_CLOEXEC, 0666) : mkstemp(bench_clock_path);
    if (fd < 0 || fchmod(fd, 0666) < 0 || ftruncate(fd, sizeof *bench_clock) < 0)
        exit(1);
    bench_clock = mmap(NULL, sizeof *bench_clock, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    (void) close(fd);
    (void) setenv("BENCH_CLOCK", bench_clock_path, 1); /* for the floors' processes */
}

static void head(void) {
    struct utsname u;
    (void) uname(&u);
    (void) printf(
        "Linux %s, %ld processors. Medians, and in brackets the ratio of the best tenths; "
        "the floor is measured in the same run.\n\n",
        u.release, sysconf(_SC_NPROCESSORS_ONLN));
    (void) printf("%-46s %13s %13s %9s %-7s %-9s\n", "what", "measured", "floor", "ratio", "",
                  "target");
}

/* BENCH_ONLY: some of "starts suspend js flat rest staging memory". */
static bool wanted(const char *part) {
    const char *only = getenv("BENCH_ONLY");
    return !only || strstr(only, part);
}

/* A test that cmocka runs, so that a failed assertion ends in a message and not in a loop. */
static void run_all(void **state) {
    (void) state;
    const char *idle = getenv("BENCH_IDLE");
    int rounds = getenv("BENCH_ROUNDS") ? atoi(getenv("BENCH_ROUNDS")) : 200;

    if (wanted("starts"))
        bench_starts(rounds);
    if (wanted("suspend")) {
        bench_suspend(20);
        bench_suspend_daemon(5);
    }
    if (wanted("js"))
        bench_js(rounds);
    if (wanted("flat"))
        bench_flat(rounds);
    if (wanted("rest"))
        bench_rest(idle ? atoi(idle) : 60);
    if (wanted("staging"))
        bench_staging(rounds);
    if (wanted("memory"))
        bench_memory(10);
}

static const char *peers_folder;

static void run_peers(void **state) {
    (void) state;
    const char *rounds = getenv("BENCH_ROUNDS");
    bench_peers(peers_folder, rounds ? atoi(rounds) : 30);
}

static int bench(void) {
    const char *build = getenv("MINIPROG_BUILD");
    char path[4096];
    const struct CMUnitTest tests[] = { cmocka_unit_test(run_all) };

    (void) snprintf(path, sizeof path, "%s/bench.json", build ? build : ".");
    json = fopen(path, "w");
    if (json)
        (void) fputs("[", json);
    head();
    int failed = cmocka_run_group_tests_name("bench", tests, NULL, NULL);
    if (json) {
        (void) fputs("\n]\n", json);
        (void) fclose(json);
        (void) printf("The same as JSON: %s\n", path);
    }
    return failed;
}

/* "peers FOLDER": beside other supervisors, which peers.sh has started. */
int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(run_peers) };

    if (access("/dev/shm", W_OK) == 0)
        (void) setenv("MINIPROG_TEST_DIR", "/dev/shm",
                      0);                                /* a runtime folder is on tmpfs in life */
    (void) setenv("MINIPROG_TEST_LOG_LEVEL", "info", 0); /* as it is where nobody chose one */
    make_clock();
    peers_folder = argc == 3 && strcmp(argv[1], "peers") == 0 ? argv[2] : NULL;
    int failed = peers_folder ? cmocka_run_group_tests_name("peers", tests, NULL, NULL) : bench();
    bench_end();
    (void) unlink(bench_clock_path);
    return failed;
}
