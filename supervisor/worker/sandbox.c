/* SPDX-License-Identifier: MIT */
#include "supervisor/worker/sandbox.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"

/* The sanitizers map terabytes, and their leak check traces this process from another. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define INSTRUMENTED true
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define INSTRUMENTED true
#endif
#ifndef INSTRUMENTED
#define INSTRUMENTED false
#endif

static int failed(struct err *e, const char *what) {
    int r = -errno;
    return err_set(e, r, "cannot give up %s: %s", what, strerror(-r));
}

/* --- limits ------------------------------------------------------------------------------- */

static int limit(__rlimit_resource_t resource, uint64_t value, struct err *e) {
    struct rlimit l;

    if (getrlimit(resource, &l) < 0)
        return failed(e, "resources");
    if (l.rlim_max > value)
        l.rlim_max = value;
    l.rlim_cur = l.rlim_max;
    return setrlimit(resource, &l) < 0 ? failed(e, "resources") : 0;
}

static int set_limits(const struct sandbox *s, struct err *e) {
    int r;

    if ((r = limit(RLIMIT_CORE, 0, e)) < 0 || (r = limit(RLIMIT_FSIZE, s->file_bytes, e)) < 0 ||
        (r = limit(RLIMIT_CPU, s->cpu_seconds, e)) < 0 ||
        (r = limit(RLIMIT_NOFILE, s->descriptors, e)) < 0)
        return r;
    return INSTRUMENTED ? 0 : limit(RLIMIT_AS, s->memory_bytes, e);
}

/* --- paths and ports: Landlock ------------------------------------------------------------- */

/* The kernel's, of ABI 6; an older kernel is told less of it. Debian 12's header knows ABI 2.
 * Source: Documentation/userspace-api/landlock.rst. */
struct ruleset {
    uint64_t fs, net, scoped;
};
#define NET_BIND_TCP    UINT64_C(1)
#define NET_CONNECT_TCP UINT64_C(2)
#define SCOPE_ALL       UINT64_C(3) /* abstract sockets and signals of others */

static uint64_t known_fs_rights(long abi) {
    unsigned bits = abi >= 5 ? 16 : abi >= 3 ? 15 : abi == 2 ? 14 : 13;
    return (UINT64_C(1) << bits) - 1;
}

static size_t known_size(long abi) {
    return abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
}

static uint64_t wanted_rights(enum sandbox_access access, bool is_folder) {
    const uint64_t truncate = UINT64_C(1) << 14;
    uint64_t rights = LANDLOCK_ACCESS_FS_READ_FILE;

    if (access == SANDBOX_WRITE)
        rights |= LANDLOCK_ACCESS_FS_WRITE_FILE | truncate;
    if (!is_folder)
        return rights;
    rights |= LANDLOCK_ACCESS_FS_READ_DIR;
    if (access == SANDBOX_WRITE)
        rights |= LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |
                  LANDLOCK_ACCESS_FS_MAKE_REG;
    return rights;
}

static int allow(int ruleset_fd, const struct sandbox_path *p, uint64_t known, struct err *e) {
    CLEANUP(close_p) int own = -1;
    struct landlock_path_beneath_attr rule = { .parent_fd = p->fd };
    struct stat st;

    if (p->path) {
        own = open(p->path, O_PATH | O_CLOEXEC);
        if (own < 0)
            return 0; /* what cannot be found needs no rule */
        rule.parent_fd = own;
    }
    if (fstat(rule.parent_fd, &st) < 0)
        return failed(e, "the file system");
    rule.allowed_access = wanted_rights(p->access, S_ISDIR(st.st_mode)) & known;
    if (syscall(SYS_landlock_add_rule, ruleset_fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
        return failed(e, "the file system");
    return 0;
}

static int restrict_paths(const struct sandbox *s, struct err *e) {
    CLEANUP(close_p) int fd = -1;
    long abi =
        syscall(SYS_landlock_create_ruleset, NULL, (size_t) 0, LANDLOCK_CREATE_RULESET_VERSION);
    const struct sandbox_path proc = { "/proc", -1, SANDBOX_READ };
    struct ruleset set = { .scoped = SCOPE_ALL };
    int r;

    if (abi < 0)
        return 0; /* not built in, or not enabled */
    set.fs = known_fs_rights(abi);
    set.net = s->network ? NET_BIND_TCP : NET_BIND_TCP | NET_CONNECT_TCP;
    fd = (int) syscall(SYS_landlock_create_ruleset, &set, known_size(abi), 0);
    if (fd < 0)
        return failed(e, "the file system");
    for (size_t i = 0; i < s->n_paths; i++)
        if ((r = allow(fd, &s->paths[i], set.fs, e)) < 0)
            return r;
    if (INSTRUMENTED && (r = allow(fd, &proc, set.fs, e)) < 0)
        return r;
    if (syscall(SYS_landlock_restrict_self, fd, 0) < 0)
        return failed(e, "the file system");
    return 0;
}

/* --- calls: seccomp ------------------------------------------------------------------------ */

/* A list of what is denied is no wall, but each of these would lead out of the job: to other
 * programs, other processes, other ways to a socket or a file, or to much used doors of the
 * kernel. Landlock knows no network before Linux 6.7, and of it TCP alone. */
static const int denied[] = {
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(pidfd_getfd),
    SCMP_SYS(kcmp),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(open_by_handle_at),
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(pivot_root),
    SCMP_SYS(chroot),
    SCMP_SYS(unshare),
    SCMP_SYS(setns),
    SCMP_SYS(bpf),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(keyctl),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(kexec_load),
};

static void release_p(scmp_filter_ctx *filter) {
    seccomp_release(*filter);
}

static int deny(scmp_filter_ctx filter, int call) {
    return seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), call, 0);
}

static int restrict_calls(const struct sandbox *s, struct err *e) {
    CLEANUP(release_p) scmp_filter_ctx filter = NULL;
    int r = 0;

    if (prctl(PR_GET_SECCOMP) < 0 && errno == EINVAL)
        return 0; /* not built in */
    filter = seccomp_init(SCMP_ACT_ALLOW);
    if (!filter)
        return err_set(e, -ENOMEM, "no memory for a filter of calls");
    for (size_t i = 0; r == 0 && i < sizeof denied / sizeof denied[0]; i++)
        r = deny(filter, denied[i]);
    if (r == 0 && !INSTRUMENTED)
        r = deny(filter, SCMP_SYS(ptrace));
    if (r == 0 && !s->network)
        r = deny(filter, SCMP_SYS(socket));
    if (r == 0)
        r = seccomp_load(filter);
    return r < 0 ? err_set(e, r, "cannot give up system calls: %s", strerror(-r)) : 0;
}

int sandbox_enter(const struct sandbox *s, struct err *e) {
    int r;

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return failed(e, "new privileges");
    if ((r = set_limits(s, e)) < 0 || (r = restrict_paths(s, e)) < 0)
        return r;
    return restrict_calls(s, e);
}
