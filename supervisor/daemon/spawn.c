/* SPDX-License-Identifier: MIT
 * spawn.c - the caller's side: memory for the child, its birth, and what became of it.
 * Layer: 3, daemon. Uses: base, cgroups. */
#include "supervisor/daemon/spawn.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"
#include "supervisor/base/parse.h"
#include "supervisor/daemon/spawn_child.h"
#include "supervisor/daemon/spawn_clone.h"
#include "supervisor/daemon/spawn_slots.h"

#define KERNEL_SIGSET_SIZE 8 /* bytes; what rt_sigprocmask(2) wants, unlike sizeof(sigset_t) */
#define NOFILE_DEFAULT     1024

/* A stack for the child, its lowest page a guard. */
struct stack {
    char *base;
    size_t guard, size;
};

/* What all births share: one at a time. */
static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
static struct {
    struct spawn_limits limits;
    struct spawn_slots slots;
    int slots_error; /* why there are none; 0: they are there */
    uint64_t ignored;
    int oom_fd;         /* the daemon's own score */
    bool copies_files;  /* this kernel has no unsharing of a part */
    struct stack stack; /* kept: pages that are there already */
} kept = { .slots_error = -EBADF, .oom_fd = -1 };

/* By the kernel's word, since glibc does not tell of signals 32 and 33. Not told: all of them. */
static uint64_t ignored_signals(void) {
    char status[4096];
    const char *at = fs_read_into(AT_FDCWD, "/proc/self/status", status, sizeof status) > 0
                         ? strstr(status, "\nSigIgn:\t")
                         : NULL;

    return at ? strtoull(at + sizeof "\nSigIgn:\t" - 1, NULL, 16) : UINT64_MAX;
}

void spawn_init(void) {
    struct spawn_limits *limits = &kept.limits;
    struct rlimit files;

    kept.ignored = ignored_signals();
    kept.oom_fd = open("/proc/self/oom_score_adj", O_RDONLY | O_CLOEXEC);
    kept.slots_error = spawn_slots_open(&kept.slots);
    for (int i = 0; i < SPAWN_LIMITS; i++)
        limits->known[i] = getrlimit((__rlimit_resource_t) i, &limits->value[i]) == 0;
    if (!limits->known[RLIMIT_NOFILE])
        return;
    files = limits->value[RLIMIT_NOFILE];
    files.rlim_cur = files.rlim_max;
    (void) setrlimit(RLIMIT_NOFILE, &files);
    /* Programs that use select(2) break on descriptors past 1024: who wants more raises it. */
    if (limits->value[RLIMIT_NOFILE].rlim_cur > NOFILE_DEFAULT)
        limits->value[RLIMIT_NOFILE].rlim_cur = NOFILE_DEFAULT;
}

static int stack_make(struct stack *s) {
    size_t page = (size_t) sysconf(_SC_PAGESIZE);
    void *p;

    if (s->base)
        return 0;
    p = mmap(NULL, page + SPAWN_CHILD_STACK, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return -errno;
    if (mprotect(p, page, PROT_NONE) < 0) {
        int r = -errno;
        (void) munmap(p, page + SPAWN_CHILD_STACK);
        return r;
    }
    *s = (struct stack){ .base = p, .guard = page, .size = SPAWN_CHILD_STACK };
    return 0;
}

/* The child is born with the daemon's: to write the same again would make its /proc entries. */
static bool has_oom_score(int adj) {
    char text[16];
    int64_t now;
    ssize_t n = kept.oom_fd < 0 ? -1 : pread(kept.oom_fd, text, sizeof text - 1, 0);

    if (n <= 0)
        return false;
    text[n] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return parse_i64(text, &now) == 0 && now == adj;
}

/* Guards of the clone: what the child must not have, and what it changes in what we share. */
struct suspended {
    uint64_t mask;
    int dumpable;
};

/* No signal may run a handler of ours in the child, where it would act on the daemon's memory
 * in another process. The raw call also blocks glibc's own two, which pthread_sigmask() leaves
 * open.
 * A child that changes its uid makes the *shared* memory undumpable, so the daemon would lose
 * its core dumps and /proc entries with the first app. Source: commit_creds(), kernel/cred.c. */
static void suspend_signals(struct suspended *s) {
    uint64_t all = UINT64_MAX;

    s->dumpable = prctl(PR_GET_DUMPABLE);
    (void) syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &s->mask, KERNEL_SIGSET_SIZE);
}

static void resume_signals_p(struct suspended *s) {
    int saved = errno;
    if (s->dumpable == 1)
        (void) prctl(PR_SET_DUMPABLE, 1);
    (void) syscall(SYS_rt_sigprocmask, SIG_SETMASK, &s->mask, NULL, KERNEL_SIGSET_SIZE);
    errno = saved;
}

/* Kernels before 5.7 answer CLONE_INTO_CGROUP with E2BIG (they know clone3, not the member),
 * before 5.3 with ENOSYS; system call filters of containers answer clone3 with ENOSYS or EPERM.
 * Then the child writes itself into the group's cgroup.procs before it does anything else: slower
 * (up to 16 ms, design.md §3), but as tight. A real refusal is met there again, and told. */
static pid_t give_birth(const struct spawn_clone *clone, struct spawn_child *child,
                        int *ret_pidfd) {
    int into_fd = child->req->join.into_fd;

    if (into_fd >= 0) {
        pid_t pid = spawn_clone_into(clone, into_fd, ret_pidfd);
        if (pid != -E2BIG && pid != -ENOSYS && pid != -EPERM)
            return pid;
        child->join_by_procs = true;
    }
    child->handlers = true;
    return spawn_clone_plain(clone, ret_pidfd);
}

int spawn_starttime(pid_t pid, uint64_t *ret) {
    char name[32], stat[2048]; /* 52 fields of at most 20 digits, and the name */
    ssize_t n;

    (void) snprintf(name, sizeof name, "/proc/%d/stat", (int) pid);
    n = fs_read_into(AT_FDCWD, name, stat, sizeof stat);
    if (n < 0)
        return (int) n;
    return spawn_parse_starttime(stat, ret);
}

int spawn_parse_starttime(const char *stat, uint64_t *ret) {
    /* The name in parentheses is the program's to choose: count from the last one. */
    const char *p = strrchr(stat, ')');
    char digits[24];
    size_t n;

    for (int field = 2; p && field < 22; field++)
        p = strchr(p + 1, ' ');
    if (!p)
        return -EINVAL;
    n = strspn(p + 1, "0123456789");
    if (n == 0 || n >= sizeof digits || p[1 + n] != ' ')
        return -EINVAL;
    memcpy(digits, p + 1, n);
    digits[n] = '\0';
    return parse_u64(digits, ret);
}

static void reap(pid_t pid) {
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

static int failed(const struct spawn_request *req, enum spawn_step step, int error,
                  struct spawn_result *ret, struct err *e) {
    ret->stage = step == SPAWN_STEP_EXEC ? "exec" : "fork";
    ret->error = error;
    if (step != SPAWN_STEP_EXEC)
        return err_set(e, -error, "%s: %s", spawn_step_text(step), strerror(error));
    /* ENOENT for a file that is there is about the #! line or the loader. */
    if (error == ENOENT && strchr(req->program, '/') &&
        faccessat(req->cwd_fd, req->program, F_OK, 0) == 0)
        return err_set(e, -error, "cannot run '%.100s': its interpreter is missing", req->program);
    return err_set(e, -error, "cannot run '%.100s': %s", req->program, strerror(error));
}

static bool request_is_sound(const struct spawn_request *req) {
    return req->argv && req->argv[0] && req->envp && req->program && req->program[0] &&
           req->n_keep <= SPAWN_KEEP_MAX && req->join.n >= 0 &&
           req->join.n <= (int) (sizeof req->join.tasks_fd / sizeof req->join.tasks_fd[0]);
}

/* Makes the child and waits until it has execed or failed. -errno: there is none. */
static pid_t bear(struct spawn_child *child, int *ret_pidfd) {
    struct spawn_clone clone = {
        .run = spawn_child_run,
        .arg = child,
        .stack = kept.stack.base + kept.stack.guard,
        .stack_size = kept.stack.size,
        .share_files = child->shares_files,
    };
    CLEANUP(resume_signals_p) struct suspended guard;

    suspend_signals(&guard);
    return give_birth(&clone, child, ret_pidfd);
}

/* The slots are filled. */
static int bear_and_tell(const struct spawn_request *req, struct spawn_result *ret, struct err *e) {
    CLEANUP(close_p) int pidfd = -1;
    struct spawn_child child = { .req = req,
                                 .limits = &kept.limits,
                                 .slots = &kept.slots,
                                 .ignored = kept.ignored,
                                 .shares_files = !kept.copies_files,
                                 .keeps_oom_score = has_oom_score(req->oom_score_adj) };
    uint64_t starttime;
    pid_t pid = bear(&child, &pidfd);

    if (pid < 0)
        return failed(req, SPAWN_STEP_CLONE, -pid, ret, e);
    if (child.error != 0) {
        reap(pid);
        if (child.step != SPAWN_STEP_UNSHARE)
            return failed(req, child.step, child.error, ret, e);
        kept.copies_files = true;
        return bear_and_tell(req, ret, e);
    }
    /* Not reaped yet, whatever it did since: its line is still there. */
    int r = spawn_starttime(pid, &starttime);
    if (r < 0) {
        (void) syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
        reap(pid);
        return failed(req, SPAWN_STEP_STARTTIME, -r, ret, e);
    }
    *ret = (struct spawn_result){ .pid = pid, .pidfd = TAKE_FD(pidfd), .starttime = starttime };
    return 0;
}

static int spawn_locked(const struct spawn_request *req, struct spawn_result *ret, struct err *e) {
    enum spawn_slot slot;
    int r = kept.slots_error < 0 ? kept.slots_error : stack_make(&kept.stack);

    if (r < 0)
        return failed(req, SPAWN_STEP_CLONE, -r, ret, e);
    r = spawn_slots_fill(&kept.slots, req, &slot);
    if (r < 0)
        return failed(req, slot == SPAWN_SLOT_CWD ? SPAWN_STEP_DIRECTORY : SPAWN_STEP_DESCRIPTORS,
                      -r, ret, e);
    r = bear_and_tell(req, ret, e);
    spawn_slots_empty(&kept.slots, req);
    return r;
}

void spawn_gate_open(struct spawn_gate *gate, bool let_go) {
    uint32_t before = atomic_exchange(&gate->state, let_go ? SPAWN_GATE_OPEN : SPAWN_GATE_REFUSED);

    if (before == SPAWN_GATE_WAITED_AT)
        (void) syscall(SYS_futex, &gate->state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

int spawn_process(const struct spawn_request *req, struct spawn_result *ret, struct err *e) {
    if (!request_is_sound(req))
        return failed(req, SPAWN_STEP_CLONE, EINVAL, ret, e);
    (void) pthread_mutex_lock(&one);
    int r = spawn_locked(req, ret, e);
    (void) pthread_mutex_unlock(&one);
    return r;
}
