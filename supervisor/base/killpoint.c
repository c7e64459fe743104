/* SPDX-License-Identifier: MIT */
#include "supervisor/base/killpoint.h"

#ifdef MINIPROG_KILLPOINTS

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VARIABLE "MINIPROG_KILLPOINT"

#define X(name) [KP_##name] = #name,
static const char *const names[KP_COUNT] = { KILLPOINTS(X) };
#undef X

const char *killpoint_name(enum killpoint point) {
    return (unsigned) point < KP_COUNT ? names[point] : "?";
}

/* The action for this pass, or NULL. */
static const char *chosen(const char *wanted, const char *name, unsigned pass) {
    char mark[64];
    size_t n = (size_t) snprintf(mark, sizeof mark, "%s:%u:", name, pass);

    for (const char *at = wanted; *at; at += strcspn(at, ","), at += *at == ',')
        if (strncmp(at, mark, n) == 0)
            return at + n;
    return NULL;
}

/* One write, so that the lines of threads do not mix. A worker that may open nothing notes nothing.
 */
static void note(const char *path, const char *name) {
    char line[64];
    int n = snprintf(line, sizeof line, "%s\n", name);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    if (fd < 0)
        return;
    (void) !write(fd, line, (size_t) n);
    (void) close(fd);
}

void killpoint_pass(enum killpoint point) {
    static atomic_uint passes[KP_COUNT];
    const char *wanted = getenv(VARIABLE);
    unsigned pass = atomic_fetch_add(&passes[point], 1) + 1;
    const char *action = wanted ? chosen(wanted, names[point], pass) : NULL;

    if (action && strncmp(action, "stop", 4) == 0)
        (void) kill(getpid(), SIGSTOP);
    else if (action && strncmp(action, "kill", 4) == 0)
        (void) kill(getpid(), SIGKILL);
    else if (wanted && strncmp(wanted, "note:", 5) == 0)
        note(wanted + 5, names[point]);
    if (!action)
        return;
    /* The signal may reach another thread first: nothing of this one's may happen meanwhile. A
     * stopped one is not continued but killed. */
    for (;;)
        (void) pause();
}

const char *killpoint_environment(void) {
    const char *wanted = getenv(VARIABLE);
    return wanted ? wanted - sizeof VARIABLE : NULL; /* "NAME=" is right before it. Source:
                                                        environ(7) */
}

#else
/* ISO C wants something in every file. */
extern int killpoint_none;
#endif
