/* SPDX-License-Identifier: MIT
 * cuts_kit.h - an app's versions in a store, cut short at a named point, and what must be there
 * afterwards. Layer: tests.
 *
 * A phase is one thing that happens to an app, from a store kept as a template. "disk" is an image
 * on a loop device: it is shut down without flushing its log, as a power cut would. */
#ifndef TESTS_CUTS_KIT_H
#define TESTS_CUTS_KIT_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"
#include "supervisor/base/killpoint.h"
#include "tests/lib/harness.h"
#include "tests/lib/raw.h"
#include "units/statefile.h"

#define ONE "org.example.one"
#define ID  "{\"id\":\"" ONE "\"}"
#define CONFIG                                                                                     \
    "[lifecycle]\nsuspend_after=1h\nstart_timeout=20s\nstop_timeout=2s\n"                          \
    "[update]\nhealthy_after=1h\n"

/* One thing that happens to the app, and what may open after it was cut short; 0: it is gone. */
struct phase {
    const char *name, *from; /* the store that it begins with */
    int index;               /* the index that is published meanwhile */
    const char *method;      /* NULL: the start of the daemon is all */
    const char *until;       /* phase of an update event that ends it; NULL: the reply does */
    int64_t until_code;
    int64_t opens[3]; /* -1: no more */
};

static const struct phase phases[] = {
    { "install", "empty", 1, "Install", NULL, 0, { 0, 1, -1 } },
    { "start", "litter", 2, NULL, NULL, 0, { 2, -1, -1 } },
    { "update", "two", 3, "Open", "ready", 3, { 2, 3, -1 } },
    { "take over", "good", 3, "Open", "healthy", 3, { 3, -1, -1 } },
    { "fall back", "bad", 4, "Open", "healthy", 2, { 2, -1, -1 } },
    { "roll back", "two", 2, "Rollback", NULL, 0, { 1, 2, -1 } },
    { "remove", "two", 2, "Remove", NULL, 0, { 0, 2, -1 } },
    { "set aside", "two", 2, "Remove", NULL, 0, { 0, 2, -1 } }, /* its data is kept */
};
#define N_PHASES (sizeof phases / sizeof phases[0])

enum disk_kind { DISK_NONE, DISK_EXT4, DISK_XFS, DISK_BTRFS };

struct cut {
    const struct phase *phase;
    enum killpoint point;
    unsigned pass;
    enum disk_kind disk; /* NONE: the process alone dies, kill -9 */
    bool neighbour;      /* somebody else's fsync comes just before */
    int again;           /* another one in the recovery, at that point - 1; 0: none */
};

static struct harness h;

/* --- commands ----------------------------------------------------------------------------- */

/* Runs a shell command in the folder of the test; it must succeed. */
__attribute__((format(printf, 1, 2))) static inline void sh(const char *fmt, ...) {
    char command[2048], whole[2400];
    va_list ap;

    va_start(ap, fmt);
    (void) vsnprintf(command, sizeof command, fmt, ap);
    va_end(ap);
    (void) snprintf(whole, sizeof whole, "cd %s && { %s; } >log 2>&1", h.base, command);
    if (system(whole) != 0) {
        (void) snprintf(whole, sizeof whole, "cat %s/log >&2", h.base);
        (void) !system(whole);
        fail_msg("failed: %s", command);
    }
}

static inline const char *worker(void) {
    static char path[512];
    const char *build = getenv("MINIPROG_LIBEXEC");
    (void) snprintf(path, sizeof path, "%s/miniprog-worker", build ? build : "build/debug");
    return path;
}

/* --- packages and stores ------------------------------------------------------------------ */

#define FILES 5 /* of each package */

/* A version with a few of them. script NULL: the probe, ready by its word. */
static inline void pack(int code, const char *script) {
    char folder[128];

    harness_make(&h,
                 &(struct harness_app){ .id = ONE,
                                        .code = code,
                                        .script = script,
                                        .program = script ? NULL : "probe",
                                        .ours = "\"ready\":\"notify\"" },
                 folder);
    if (!script && !strstr(worker(), "asan"))
        sh("! command -v strip || strip %s/bin/run", folder); /* copied for each cut */
    sh("cd %s && mkdir lib && for i in 1 2 3; do echo %d-$i >lib/$i; done", folder, code);
    sh("%s pack --output packages/one-%d.ma %s", worker(), code, folder);
}

/* Makes packages/index.N of these packages. */
static inline void make_index(int n, const char *files) {
    sh("cd packages && %s make-index --output i --sequence %d --expires 2099-01-01T00:00:00Z "
       "--base-url file://%s/ %s && minisign -S -s ../key.sec -m i && cat i.minisig i >index.%d",
       worker(), n, h.packages, files, n);
}

static inline void publish(int n) {
    sh("cp packages/index.%d packages/index.new && mv packages/index.new packages/index", n);
}

static inline void wait_update(const char *phase, int64_t code) {
    for (bool found = false; !found;) {
        struct varlink_reply reply;
        const struct json *u = json_get(harness_wait_event(&h, ONE, "update", &reply), "update");
        found = strcmp(json_get_string(u, "phase", ""), phase) == 0 &&
                json_get_int(u, "version_code", 0) == code;
        varlink_reply_clear(&reply);
    }
}

static inline void end_daemon(void) {
    int status = harness_signal_and_wait(&h, SIGTERM);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* The store as it is now is what phases begin with; its daemon ends for it. */
static inline void keep_as(const char *name) {
    end_daemon();
    sh("cp -a state %s && mkdir -p ref && { cp -a state/apps/" ONE "/versions/* ref/ || true; }",
       name);
}

static inline void go_on_from(const char *name) {
    sh("rm -rf state && cp -a %s state", name);
    harness_restart(&h);
}

static inline void check_for(int index, int64_t code) {
    publish(index);
    harness_ok(&h, "CheckUpdate", ID);
    wait_update("ready", code);
}

/* The templates: empty, two (2 over 1), good (3 waits to take over), bad (4 waits, and crashes),
 * litter (two, and what a dead supervisor left). */
static inline void make_stores(void) {
    harness_start(&h, CONFIG);
    sh("minisign -G -W -p key.pub -s key.sec && mkdir state/trust && cp key.pub state/trust/");
    for (int i = 1; i <= 3; i++)
        pack(i, NULL);
    pack(4, "exit 3");
    make_index(1, "one-1.ma");
    make_index(2, "one-1.ma one-2.ma");
    make_index(3, "one-2.ma one-3.ma");
    make_index(4, "one-2.ma one-4.ma");
    keep_as("empty");
    go_on_from("empty");
    publish(1);
    harness_ok(&h, "Install", "{\"source\":\"file://%s/index\"}", h.packages);
    harness_ok(&h, "Open", ID);
    wait_update("check", 0); /* of its cold start: the next one is to see a newer index */
    sh("echo kept >state/apps/" ONE "/data/kept");
    check_for(2, 2);
    harness_ok(&h, "Close", ID);
    harness_ok(&h, "Open", ID);
    wait_update("healthy", 2);
    harness_ok(&h, "Close", ID);
    keep_as("two");
    go_on_from("two");
    check_for(3, 3);
    keep_as("good");
    go_on_from("two");
    check_for(4, 4);
    keep_as("bad");
    sh("cp -a two litter && cp -a ref/3-* litter/staging/0123456789abcdef && "
       "cp -a ref/4-* litter/trash/0123456789abcdef && cp -a ref/3-* litter/apps/" ONE
       "/versions/ && touch litter/.download-0123456789abcdef && cd litter/parts && "
       "touch org.example.gone:$(sha256sum <../../packages/one-3.ma | cut -c1-64) " ONE
       ":$(sha256sum <../../packages/one-2.ma | cut -c1-64) && touch -d 2000-01-01 " ONE
       ":$(sha256sum <../../packages/one-3.ma | cut -c1-64)");
}

/* --- disks -------------------------------------------------------------------------------- */

static const char *const mkfs[] = { [DISK_EXT4] = "mkfs.ext4 -q -F -b 1024 -J size=2 -N 512",
                                    [DISK_XFS] = "mkfs.xfs -q -f",
                                    [DISK_BTRFS] = "mkfs.btrfs -q -f" };
static const char *const fs_name[] = {
    [DISK_NONE] = "none", [DISK_EXT4] = "ext4", [DISK_XFS] = "xfs", [DISK_BTRFS] = "btrfs"
};
static const unsigned size_mb[] = { [DISK_EXT4] = 24, [DISK_XFS] = 320, [DISK_BTRFS] = 128 };

static inline void mount_state(void) {
    sh("mkdir -p state && mount -o loop disk state");
}

/* Whoever still uses it a moment longer is a process on its way out. */
static inline void unmount_state(void) {
    char path[64];
    int tries = 0;

    (void) snprintf(path, sizeof path, "%s/state", h.base);
    while (umount2(path, 0) < 0) {
        if (errno != EBUSY || ++tries > 5000)
            fail_msg("cannot unmount '%s': %s", path, strerror(errno));
        (void) poll(NULL, 0, 1);
    }
}

/* One image for each template. */
static inline void make_disk(enum disk_kind kind, const char *from) {
    sh("test -e %s.%s || { truncate -s %uM disk && %s disk && mkdir -p mnt && mount -o loop disk "
       "mnt "
       "&& cp -a %s/. mnt/ && chmod 711 mnt && umount mnt && mv disk %s.%s; }",
       from, fs_name[kind], size_mb[kind], mkfs[kind], from, from, fs_name[kind]);
}

/* Why this kernel cannot have such a disk; NULL: it can. */
static inline const char *disk_trouble(enum disk_kind kind) {
    char command[512];
    (void) snprintf(command, sizeof command,
                    "cd %s && truncate -s %uM try && %s try && mkdir -p mnt && mount -o loop try "
                    "mnt && umount mnt && rm try",
                    h.base, size_mb[kind], mkfs[kind]);
    (void) strcat(command, " >/dev/null 2>&1");
    return system(command) == 0 ? NULL : "no such file system can be made and mounted here";
}

/* Source: FS_IOC_SHUTDOWN, linux/fs.h of later kernels; 2 is NOLOGFLUSH. */
#define SHUTDOWN   _IOR('X', 125, uint32_t)
#define NOLOGFLUSH UINT32_C(2)

/* All that was not asked to be durable is gone. btrfs has no such call: what its image has by now
 * is what a power cut leaves. */
static inline void cut_power(const struct cut *c) {
    uint32_t how = NOLOGFLUSH;
    char path[64];

    (void) snprintf(path, sizeof path, "%s/state%s", h.base, c->neighbour ? "/neighbour" : "");
    CLEANUP(close_p)
    int fd = open(path, c->neighbour ? O_RDWR | O_CREAT | O_CLOEXEC : O_RDONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    if (c->neighbour)
        assert_true(write(fd, "x", 1) == 1 && fsync(fd) == 0);
    if (c->disk == DISK_BTRFS)
        sh("cp --sparse=always disk disk.cut");
    else
        assert_int_equal(ioctl(fd, SHUTDOWN, &how), 0);
}

/* --- what must be there ------------------------------------------------------------------ */

static inline bool keeps_data(const struct phase *ph) {
    return ph->name && strcmp(ph->name, "set aside") == 0;
}

/* A download that was under way may be gone on with: not one of a version that is there. */
static inline void check_parts(const struct store_state *s) {
    sh("for c in %d %d; do test $c = 0 || sha256sum packages/one-$c.ma; done | cut -c1-64 >over; "
       "ls state/parts >there; ! grep -F -f over there && "
       "! grep -vE '^" ONE ":[0-9a-f]{64}(:etag)?$' there",
       (int) s->current.code, (int) s->pending.code);
}

/* Exactly the versions that the state names, each as it was published. */
static inline void check_versions(void) {
    CLEANUP(free_p) char *text = NULL;
    struct store_state s = { 0 };
    struct err e = { 0 };
    char path[96];
    size_t len;

    (void) snprintf(path, sizeof path, "%s/state/apps/" ONE "/state", h.base);
    if (fs_read(AT_FDCWD, path, STATEFILE_MAX, &text, &len, &e) < 0 ||
        statefile_decode(text, len, &s, &e) < 0)
        fail_msg("its state: %s", e.text);
    sh("printf '%%s\\n' %s %s %s | sort >named && ls state/apps/" ONE "/versions >there && "
       "diff named there && for v in $(cat there); do diff -r ref/$v state/apps/" ONE
       "/versions/$v || exit 1; done",
       s.current.name, s.previous.name, s.pending.name);
    check_parts(&s);
    store_state_clear(&s);
}

static inline void check_store(const struct phase *ph, bool there) {
    sh("ls -A state | grep -vxE "
       "'apps|lock|log|staging|trash|trust|copies|parts|neighbour|lost.found' "
       ">odd; ls -A state/staging state/trash | grep -v -e : -e '^$' >>odd; "
       "! grep . odd");
    if (there)
        check_versions();
    else if (keeps_data(ph))
        sh("test \"$(ls -A state/apps/" ONE " state/copies state/parts | xargs)\" = "
           "\"state/apps/" ONE ": data state/copies: state/parts:\" && "
           "grep -qx kept state/apps/" ONE "/data/kept");
    else
        sh("ls -A state/apps state/copies state/parts 2>&1 | grep -v -e : -e '^$' >odd; "
           "! grep . odd");
}

#endif
