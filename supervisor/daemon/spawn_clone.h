/* SPDX-License-Identifier: MIT
 * spawn_clone.h - a child that borrows the caller's memory until it execs or ends.
 * Layer: 3, daemon. Uses: libc. Never: what the child does with it.
 *
 * The child runs on a stack of its own in the caller's address space (CLONE_VM) while the
 * calling thread, and no other, is suspended (CLONE_VFORK). So what the child writes before it
 * ends can be read by the caller, and no page table is copied. errno is the caller's thread's. */
#ifndef DAEMON_SPAWN_CLONE_H
#define DAEMON_SPAWN_CLONE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct spawn_clone {
    int (*run)(void *arg); /* in the child: execs, or returns the exit status */
    void *arg;
    void *stack; /* lowest byte; size a multiple of 16 */
    size_t stack_size;
    bool share_files; /* the caller's table of descriptors; else a copy of it */
};

/* clone3 with CLONE_INTO_CGROUP: born in the v2 group whose folder into_fd is, without the
 * caller's signal handlers. Returns the pid; -ENOSYS on machines for which there is no entry here,
 * else as clone3(2). */
pid_t spawn_clone_into(const struct spawn_clone *c, int into_fd, int *ret_pidfd);

/* clone(2), born in the caller's groups, with its signal handlers. */
pid_t spawn_clone_plain(const struct spawn_clone *c, int *ret_pidfd);

#endif
