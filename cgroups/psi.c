/* SPDX-License-Identifier: MIT */
#include "cgroups/psi.h"

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define STEP_US UINT64_C(2000000)
#define MAX_US  UINT64_C(10000000)

struct cgrp_psi_want cgrp_psi_unprivileged(const struct cgrp_psi_want *want) {
    struct cgrp_psi_want w = *want;

    w.window_us = (want->window_us + STEP_US - 1) / STEP_US * STEP_US;
    if (w.window_us > MAX_US)
        w.window_us = MAX_US;
    if (want->window_us > 0)
        w.stall_us =
            (uint64_t) ((unsigned __int128) want->stall_us * w.window_us / want->window_us);
    return w;
}

size_t cgrp_psi_text(const struct cgrp_psi_want *want, char buf[CGRP_PSI_TEXT_MAX]) {
    int n = snprintf(buf, CGRP_PSI_TEXT_MAX, "%s %" PRIu64 " %" PRIu64,
                     want->full ? "full" : "some", want->stall_us, want->window_us);

    return (size_t) n + 1; /* 5 + 20 + 1 + 20 fit */
}

/* "12.34" in hundredths. */
static bool take_hundredths(const char *text, uint32_t *ret) {
    unsigned whole, part;
    int n = 0;

    if (sscanf(text, "%3u.%2u%n", &whole, &part, &n) != 2 || n < 4 || text[n - 3] != '.')
        return false;
    *ret = whole * 100 + part;
    return true;
}

int cgrp_psi_parse(const char *text, bool full, struct cgrp_psi_line *ret) {
    const char *word = full ? "full " : "some ";
    char line[160];
    struct cgrp_psi_line found;

    while (strncmp(text, word, strlen(word)) != 0) {
        text = strchr(text, '\n');
        if (!text)
            return -ENODATA;
        text++;
    }
    size_t n = strcspn(text, "\n");
    if (text[n] != '\n' || n >= sizeof line)
        return -EPROTO; /* cut: a number may lack digits */
    memcpy(line, text, n);
    line[n] = '\0';
    const char *avg10 = strstr(line, " avg10="), *total = strstr(line, " total=");
    if (!avg10 || !total || !take_hundredths(avg10 + strlen(" avg10="), &found.avg10) ||
        sscanf(total + strlen(" total="), "%" SCNu64, &found.total_us) != 1)
        return -EPROTO;
    *ret = found;
    return 0;
}

/* Through the trigger's own descriptor, so that it is the same group whatever became of the name.
 */
static int read_line(int fd, bool full, struct cgrp_psi_line *ret) {
    char text[512];

    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    if (n < 0)
        return -errno;
    text[n] = '\0';
    return cgrp_psi_parse(text, full, ret);
}

static int arm_once(int dir_fd, const char *file, const struct cgrp_psi_want *want,
                    struct cgrp_psi *ret) {
    char text[CGRP_PSI_TEXT_MAX];
    struct cgrp_psi_line line;
    size_t n = cgrp_psi_text(want, text);

    CLEANUP(close_p) int fd = openat(dir_fd, file, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? -EOPNOTSUPP : -errno;
    if (write(fd, text, n) < 0)
        return -errno;
    int r = read_line(fd, want->full, &line);
    if (r < 0)
        return r;
    *ret = (struct cgrp_psi){
        .fd = TAKE_FD(fd),
        .want = *want,
        .told_total_us = line.total_us,
    };
    return 0;
}

int cgrp_psi_arm(int dir_fd, const char *file, const struct cgrp_psi_want *want,
                 struct cgrp_psi *ret, struct err *e) {
    struct cgrp_psi_want other = cgrp_psi_unprivileged(want);

    int r = arm_once(dir_fd, file, want, ret);
    if (r == -EINVAL && other.window_us != want->window_us)
        r = arm_once(dir_fd, file, &other, ret);
    if (r == -EOPNOTSUPP)
        return err_set(e, r, "no pressure information in '%s' (PSI is not built in, or off)", file);
    if (r == -EPERM)
        return err_set(e, r, "this kernel wants CAP_SYS_RESOURCE for a trigger on '%s'", file);
    return r < 0 ? err_set(e, r, "cannot arm '%s': %s", file, strerror(-r)) : 0;
}

void cgrp_psi_disarm(struct cgrp_psi *psi) {
    close_p(&psi->fd);
    psi->fd = -1;
}

void cgrp_psi_disarm_p(struct cgrp_psi *psi) {
    cgrp_psi_disarm(psi);
}

int cgrp_psi_heard(struct cgrp_psi *psi, struct cgrp_psi_line *ret) {
    struct cgrp_psi_line line;

    int r = read_line(psi->fd, psi->want.full, &line);
    if (r < 0)
        return r;
    if (line.total_us - psi->told_total_us < psi->want.stall_us)
        return 0;
    psi->told_total_us = line.total_us;
    *ret = line;
    return 1;
}
