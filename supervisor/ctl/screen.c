/* SPDX-License-Identifier: MIT
 * screen.c - xterm's alternate screen, which every terminal of today has. */
#include "supervisor/ctl/screen.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/str.h"
#include "supervisor/ctl/ctl.h"

#define FRAME_MAX ((size_t) 4 * 1024 * 1024)

static const char enter[] = "\033[?1049h\033[?25l\033[H\033[2J";
static const char leave[] = "\033[0m\033[?25h\033[?1049l";

static int put(const char *text) {
    CLEANUP(str_clear_p) struct str out = STR_INIT(FRAME_MAX);
    int r = str_puts(&out, text);
    return r < 0 ? r : ctl_write(&out);
}

void screen_measure(struct screen *s) {
    struct winsize size = { 0 };

    (void) ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    s->rows = size.ws_row ? size.ws_row : 24;
    s->columns = size.ws_col ? size.ws_col : 80;
}

int screen_enter(struct screen *s) {
    struct termios raw;

    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return -ENOTTY;
    if (tcgetattr(STDIN_FILENO, &s->before) < 0)
        return -errno;
    raw = s->before;
    raw.c_lflag &= ~(tcflag_t) (ICANON | ECHO | IEXTEN);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) < 0)
        return -errno;
    s->entered = true;
    screen_measure(s);
    return put(enter);
}

void screen_leave(struct screen *s) {
    if (!s->entered)
        return;
    s->entered = false;
    (void) put(leave);
    (void) tcsetattr(STDIN_FILENO, TCSADRAIN, &s->before);
}

/* Bytes of the colour that begins here; 0: none. */
static size_t colour_at(const char *at, const char *end) {
    const char *p = at;

    if (*p++ != '\033' || p == end || *p++ != '[')
        return 0;
    while (p < end && *p != 'm')
        p++;
    return p < end ? (size_t) (p - at) + 1 : 0;
}

void screen_cut(struct str *out, const char *line, size_t n, size_t columns) {
    const char *end = line + n;
    mbstate_t state = { 0 };
    size_t used = 0;

    while (line < end) {
        size_t k = colour_at(line, end);
        wchar_t c;
        if (k == 0) {
            k = mbrtowc(&c, line, (size_t) (end - line), &state);
            int width = 1;
            if (k == 0 || k > (size_t) (end - line)) /* not of this locale */
                k = 1, memset(&state, 0, sizeof state);
            else
                width = wcwidth(c);
            used += width > 0 ? (size_t) width : 0;
            if (used > columns)
                break;
        }
        (void) str_append(out, line, k);
        line += k;
    }
    if (line < end)
        (void) str_puts(out, "\033[0m");
}

int screen_draw(const struct screen *s, const struct str *lines) {
    CLEANUP(str_clear_p) struct str out = STR_INIT(FRAME_MAX);
    const char *line = str_text(lines);
    size_t row = 1;

    for (; row <= s->rows && *line; row++) {
        size_t n = strcspn(line, "\n");
        (void) str_printf(&out, "\033[%zu;1H", row);
        screen_cut(&out, line, n, s->columns);
        (void) str_puts(&out, "\033[K\033[0m");
        line += n + (line[n] == '\n');
    }
    if (row <= s->rows)
        (void) str_printf(&out, "\033[%zu;1H\033[J", row);
    int r = str_error(&out);
    return r < 0 ? r : ctl_write(&out);
}
