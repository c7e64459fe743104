/* SPDX-License-Identifier: MIT */
#include "supervisor/daemon/gid.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor/base/cleanup.h"

/* Never returns. Its exit status says nothing: what counts is whether an answer was written. */
static void look_up(const char *name, int fd) {
    const struct group *g = getgrnam(name);

    if (g)
        (void) !write(fd, &g->gr_gid, sizeof g->gr_gid);
    _exit(0);
}

int gid_of(const char *name, gid_t *ret) {
    int ends[2];
    gid_t gid;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    CLEANUP(close_p) int answer = ends[0];
    CLEANUP(close_p) int question = ends[1];
    pid_t pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0)
        look_up(name, question);
    close_p(&question);
    question = -1;
    ssize_t n;
    do
        n = read(answer, &gid, sizeof gid);
    while (n < 0 && errno == EINTR);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    if (n != (ssize_t) sizeof gid)
        return 0;
    *ret = gid;
    return 1;
}
