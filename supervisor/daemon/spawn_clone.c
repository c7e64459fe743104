/* SPDX-License-Identifier: MIT
 * spawn_clone.c - clone3 by hand, since glibc has no wrapper that takes a function.
 * Layer: 3, daemon. Uses: libc. */
#include "supervisor/daemon/spawn_clone.h"

#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>

#if (defined(__x86_64__) && !defined(__ILP32__)) || defined(__aarch64__)

/* The child comes back from the system call on its new stack, where no frame of C exists: it
 * must call run() before any compiled code touches the stack. Of the registers the kernel
 * changes only those named as clobbers, so run and arg wait in registers. The frame pointer is
 * cleared to end stack walks. In the parent this is an ordinary system call.
 * With user shadow stacks a CLONE_VFORK child uses the parent's, below what is in use.
 * Source: clone(2) "C library/kernel differences"; arch/x86/kernel/shstk.c. */
static long clone3_and_run(struct clone_args *args, size_t size, int (*run)(void *), void *arg) {
#if defined(__x86_64__)
    register int (*fn)(void *) __asm__("r8") = run;
    register void *fn_arg __asm__("r9") = arg;
    long ret;

    __asm__ volatile("syscall\n\t"
                     "testq %%rax, %%rax\n\t"
                     "jnz 1f\n\t"
                     "xorl %%ebp, %%ebp\n\t"
                     "movq %[arg], %%rdi\n\t"
                     "call *%[fn]\n\t"
                     "movl %%eax, %%edi\n\t"
                     "movl %[nr_exit], %%eax\n\t"
                     "syscall\n\t"
                     "ud2\n"
                     "1:"
                     : "=a"(ret)
                     : "a"((long) SYS_clone3), "D"(args),
                       "S"(size), [fn] "r"(fn), [arg] "r"(fn_arg), [nr_exit] "i"(SYS_exit_group)
                     : "rcx", "r11", "cc", "memory");
    return ret;
#else
    register long x8 __asm__("x8") = SYS_clone3;
    register long x0 __asm__("x0") = (long) args;
    register long x1 __asm__("x1") = (long) size;
    register long x2 __asm__("x2") = (long) run;
    register long x3 __asm__("x3") = (long) arg;

    __asm__ volatile("svc #0\n\t"
                     "cbnz x0, 1f\n\t"
                     "mov x29, xzr\n\t"
                     "mov x0, x3\n\t"
                     "blr x2\n\t"
                     "mov x8, %[nr_exit]\n\t"
                     "svc #0\n\t"
                     "brk #1\n"
                     "1:"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), [nr_exit] "i"(SYS_exit_group)
                     : "cc", "memory");
    return x0;
#endif
}

pid_t spawn_clone_into(const struct spawn_clone *c, int into_fd, int *ret_pidfd) {
    int pidfd = -1;
    struct clone_args args = {
        .flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | CLONE_INTO_CGROUP | CLONE_CLEAR_SIGHAND |
                 (c->share_files ? CLONE_FILES : 0),
        .pidfd = (uintptr_t) &pidfd,
        .exit_signal = SIGCHLD,
        .stack = (uintptr_t) c->stack,
        .stack_size = c->stack_size,
        .cgroup = (unsigned) into_fd,
    };
    long r = clone3_and_run(&args, sizeof args, c->run, c->arg);

    if (r < 0)
        return (pid_t) r;
    *ret_pidfd = pidfd;
    return (pid_t) r;
}

#else

pid_t spawn_clone_into(const struct spawn_clone *c, int into_fd, int *ret_pidfd) {
    (void) c;
    (void) into_fd;
    (void) ret_pidfd;
    return -ENOSYS;
}

#endif

pid_t spawn_clone_plain(const struct spawn_clone *c, int *ret_pidfd) {
    int pidfd = -1;
    pid_t pid =
        clone(c->run, (char *) c->stack + c->stack_size,
              CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD | (c->share_files ? CLONE_FILES : 0),
              c->arg, &pidfd);

    if (pid < 0)
        return -errno;
    *ret_pidfd = pidfd;
    return pid;
}
