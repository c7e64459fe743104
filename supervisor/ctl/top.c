/* SPDX-License-Identifier: MIT
 * top.c - keys, signals, events and answers in one loop that waits for nobody.
 *
 * Three kinds of connection: one watches, one asks for List and Memory in turn, and each key that
 * acts on an app has one of its own, since a start or an end may take its time. */
#include "supervisor/ctl/top.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/json.h"
#include "supervisor/base/jsonw.h"
#include "supervisor/base/parse.h"
#include "supervisor/ctl/call.h"
#include "supervisor/ctl/ctl.h"
#include "supervisor/ctl/look.h"
#include "supervisor/ctl/refusal.h"
#include "supervisor/ctl/top_parts.h"
#include "supervisor/wire/client.h"
#include "supervisor/wire/interfaces.h"

#define EVERY_US     UINT64_C(1000000) /* asked so often with nothing told */
#define GAP_US       UINT64_C(100000)  /* and no more often than this */
#define PAGE_MAX     ((size_t) 64 * 1024 * 1024)
#define SENTENCE_MAX ((size_t) 64 * 1024)
#define WARN_LEVEL   10

enum { GOES_ON = -1 }; /* else an exit status: the run is over */

static uint64_t now_us(void) {
    struct timespec t;
    (void) clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t) t.tv_sec * 1000000 + (uint64_t) t.tv_nsec / 1000;
}

/* What ends the run is said on the terminal as it was before. */
static int lost(struct top *t, int r, const struct err *e) {
    screen_leave(&t->screen);
    return call_connection_failed(t->c, r, e);
}

static int bad_answer(struct top *t, const struct err *fault) {
    screen_leave(&t->screen);
    return ctl_fail(CTL_FAILED, "the answer from '%s' is not as it should be: %s", t->c->socket,
                    fault->text);
}

static int refused(struct top *t, const struct varlink_reply *reply) {
    screen_leave(&t->screen);
    return refusal_tell(reply->error, reply->parameters);
}

static int send_to(struct client *client, const char *method, const char *parameters, bool more,
                   struct err *e) {
    char name[128];
    (void) snprintf(name, sizeof name, WIRE_SUPERVISOR ".%s", method);
    return client_send(client, name, parameters, more, false, e);
}

/* --- List and Memory ---------------------------------------------------------------------- */

static int ask(struct top *t) {
    struct err e = { 0 };

    if (t->asks != TOP_RESTS || !t->stale || now_us() < t->asked_at + GAP_US)
        return GOES_ON;
    t->stale = false;
    t->asked_at = now_us();
    int r = send_to(t->data, "List", "{}", false, &e);
    if (r < 0)
        return lost(t, r, &e);
    t->asks = TOP_ASKS_LIST;
    return GOES_ON;
}

static int draw(struct top *t) {
    struct err fault = { 0 };
    int r = top_draw(t, &fault);

    if (fault.code < 0)
        return bad_answer(t, &fault);
    if (r < 0) {
        screen_leave(&t->screen);
        return ctl_write_failed(r);
    }
    return GOES_ON;
}

static int arrange(struct top *t) {
    struct err fault = { 0 };
    int r = top_arrange(t, &fault);

    if (r == -ENOMEM) {
        screen_leave(&t->screen);
        return ctl_fail(CTL_FAILED, "out of memory");
    }
    if (r < 0)
        return bad_answer(t, &fault);
    t->has_both = true;
    return draw(t);
}

static int on_data(struct top *t) {
    CLEANUP(varlink_reply_clear) struct varlink_reply reply = { 0 };
    struct err e = { 0 };

    int r = client_receive(t->data, 0, &reply, &e);
    if (r == -ETIMEDOUT)
        return GOES_ON;
    if (r < 0)
        return lost(t, r, &e);
    if (reply.error)
        return refused(t, &reply);
    if (t->asks == TOP_ASKS_LIST) {
        varlink_reply_clear(&t->next_list);
        t->next_list = TAKE(reply, (struct varlink_reply){ 0 });
        t->asks = TOP_ASKS_MEMORY;
        r = send_to(t->data, "Memory", "{}", false, &e);
        return r < 0 ? lost(t, r, &e) : GOES_ON;
    }
    t->n_rows = 0;
    varlink_reply_clear(&t->list);
    varlink_reply_clear(&t->memory);
    t->list = TAKE(t->next_list, (struct varlink_reply){ 0 });
    t->memory = TAKE(reply, (struct varlink_reply){ 0 });
    t->asks = TOP_RESTS;
    return arrange(t);
}

/* --- what is told ------------------------------------------------------------------------- */

static void remember(struct top *t, const char *line, size_t n) {
    char *copy = strndup(line, n);

    if (!copy)
        return;
    if (t->n_told == TOP_TOLD_MAX) {
        free(t->told[0]);
        memmove(&t->told[0], &t->told[1], (TOP_TOLD_MAX - 1) * sizeof t->told[0]);
        t->n_told--;
    }
    t->told[t->n_told++] = copy;
}

static int tell(struct top *t, const struct json *reply) {
    struct page p = { .out = STR_INIT(PAGE_MAX), .state = &t->shown };
    const char *type = json_get_string(json_get(reply, "event"), "type", "");

    if (strcmp(type, "snapshot") == 0)
        return GOES_ON; /* List has it all */
    show_event(t->c, &p, reply);
    const char *line = str_text(&p.out);
    for (size_t n; p.fault.code == 0 && *line; line += n + (line[n] == '\n')) {
        n = strcspn(line, "\n");
        remember(t, line, n);
    }
    str_clear(&p.out);
    return p.fault.code < 0 ? bad_answer(t, &p.fault) : GOES_ON;
}

static int on_watch(struct top *t) {
    for (;;) {
        CLEANUP(varlink_reply_clear) struct varlink_reply reply = { 0 };
        struct err e = { 0 };
        int r = client_receive(t->watch, 0, &reply, &e);

        if (r == -ETIMEDOUT)
            return GOES_ON;
        if (r < 0)
            return lost(t, r, &e);
        if (reply.error)
            return refused(t, &reply);
        t->stale = true;
        r = tell(t, reply.parameters);
        if (r != GOES_ON)
            return r;
    }
}

/* --- what keys do ------------------------------------------------------------------------- */

static void say(struct top *t, enum style style, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void say(struct top *t, enum style style, const char *fmt, ...) {
    va_list ap;
    str_reset(&t->message);
    va_start(ap, fmt);
    (void) str_vprintf(&t->message, fmt, ap);
    va_end(ap);
    t->message_style = style;
}

static void act(struct top *t, const char *method, bool with_level) {
    const struct top_row *row = top_selected(t);
    CLEANUP(client_close_p) struct client *client = NULL;
    struct top_act *free_act = NULL;
    struct err e = { 0 };

    for (size_t i = 0; i < TOP_ACTS_MAX && !free_act; i++)
        if (!t->acts[i].client)
            free_act = &t->acts[i];
    if (!row)
        return;
    if (!free_act) {
        say(t, YELLOW, "%d calls have not been answered yet", TOP_ACTS_MAX);
        return;
    }
    REQUEST(q);
    jsonw_string(&q.w, "id", row->id);
    if (with_level)
        jsonw_int(&q.w, "level", WARN_LEVEL);
    jsonw_end_object(&q.w);
    if (client_open(t->c->socket, &client, &e) < 0 ||
        send_to(client, method, str_text(&q.text), false, &e) < 0) {
        say(t, RED, "%s %s: %s", method, row->id, e.text);
        return;
    }
    free_act->client = TAKE_PTR(client);
    free_act->since = now_us();
    (void) snprintf(free_act->what, sizeof free_act->what, "%s", method);
    (void) snprintf(free_act->id, sizeof free_act->id, "%s", row->id);
    say(t, DIM, "%s %s ...", method, row->id);
}

static void answered(struct top *t, const struct top_act *a, const struct varlink_reply *reply) {
    const char *start = json_get_string(reply->parameters, "start", NULL);
    char span[32];

    if (reply->error) {
        CLEANUP(str_clear_p) struct str text = STR_INIT(SENTENCE_MAX);
        refusal_sentence(&text, reply->error, reply->parameters);
        say(t, RED, "%s", str_text(&text));
        return;
    }
    (void) format_duration(now_us() - a->since, span, sizeof span);
    if (start)
        say(t, GREEN, "%s %s: %s, in %s", a->what, a->id, start, span);
    else if (json_get_int(reply->parameters, "delivered", 1) == 0)
        say(t, YELLOW, "%s %s: it does not listen", a->what, a->id);
    else
        say(t, GREEN, "%s %s: done in %s", a->what, a->id, span);
}

static int on_act(struct top *t, struct top_act *a) {
    CLEANUP(varlink_reply_clear) struct varlink_reply reply = { 0 };
    struct err e = { 0 };

    int r = client_receive(a->client, 0, &reply, &e);
    if (r == -ETIMEDOUT)
        return GOES_ON;
    a->client = client_close(a->client);
    if (r < 0)
        say(t, RED, "%s %s: %s", a->what, a->id, e.text);
    else
        answered(t, a, &reply);
    t->stale = true;
    return draw(t);
}

/* --- keys --------------------------------------------------------------------------------- */

static int on_key(struct top *t, unsigned char key) {
    switch (key) {
    case 'q':
    case 'Q':
        return CTL_DONE;
    case 'o':
        act(t, "Open", false);
        break;
    case 'h':
        act(t, "Hide", false);
        break;
    case 'c':
        act(t, "Close", false);
        break;
    case 'w':
        act(t, "Warn", true);
        break;
    default:
        return GOES_ON;
    }
    return draw(t);
}

/* ESC [ A and the like; it may come in pieces. True: the sequence is complete. */
static bool on_sequence(struct top *t, unsigned char byte) {
    static const struct {
        const char *bytes;
        int by, pages;
    } moves[] = {
        { "[A", -1, 0 },  { "OA", -1, 0 }, { "[B", 1, 0 },      { "OB", 1, 0 },
        { "[5~", 0, -1 }, { "[6~", 0, 1 }, { "[H", -10000, 0 }, { "[F", 10000, 0 },
    };
    if (t->n_keys == sizeof t->keys) {
        t->n_keys = 0;
        return true;
    }
    t->keys[t->n_keys++] = byte;
    for (size_t i = 0; i < sizeof moves / sizeof *moves; i++)
        if (strlen(moves[i].bytes) == t->n_keys - 1 &&
            memcmp(t->keys + 1, moves[i].bytes, t->n_keys - 1) == 0)
            top_move(t, moves[i].by + moves[i].pages * top_page(t));
    bool introduces = t->n_keys == 2 && (byte == '[' || byte == 'O');
    bool over = t->n_keys > 1 && !introduces && byte >= 0x40 && byte < 0x7f;
    if (over)
        t->n_keys = 0;
    return over;
}

static int on_keys(struct top *t) {
    unsigned char bytes[64];
    ssize_t n = read(STDIN_FILENO, bytes, sizeof bytes);

    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return GOES_ON;
    if (n <= 0)
        return CTL_DONE; /* the terminal is gone */
    bool moved = false;
    for (ssize_t i = 0; i < n; i++) {
        int r = GOES_ON;
        if (t->n_keys > 0 || bytes[i] == '\033')
            moved = on_sequence(t, bytes[i]) || moved;
        else
            r = on_key(t, bytes[i]);
        if (r != GOES_ON)
            return r;
    }
    return moved ? draw(t) : GOES_ON;
}

/* --- signals ------------------------------------------------------------------------------ */

static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH };

static int signals_watch(sigset_t *ret_before) {
    sigset_t set;

    (void) sigemptyset(&set);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        (void) sigaddset(&set, signals[i]);
    if (sigprocmask(SIG_BLOCK, &set, ret_before) < 0)
        return -errno;
    int fd = signalfd(-1, &set, SFD_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* ret_fatal: to be ended by, once the terminal is as it was. */
static int on_signal(struct top *t, int fd, int *ret_fatal) {
    struct signalfd_siginfo info;

    if (read(fd, &info, sizeof info) != sizeof info)
        return GOES_ON;
    switch (info.ssi_signo) {
    case SIGINT:
        return CTL_DONE;
    case SIGWINCH:
        screen_measure(&t->screen);
        return draw(t);
    case SIGTSTP:
        screen_leave(&t->screen);
        (void) raise(SIGSTOP);
        if (screen_enter(&t->screen) < 0)
            return CTL_DONE; /* continued where there is no terminal any more */
        t->stale = true;
        return draw(t);
    default:
        *ret_fatal = (int) info.ssi_signo;
        return CTL_FAILED;
    }
}

/* --- the loop ----------------------------------------------------------------------------- */

enum { AT_KEYS, AT_SIGNALS, AT_WATCH, AT_DATA, AT_ACTS };

static int timeout_ms(const struct top *t) {
    uint64_t now = now_us(), at = t->asked_at + (t->stale ? GAP_US : EVERY_US);

    if (t->asks != TOP_RESTS)
        return -1;
    return at > now ? (int) ((at - now + 999) / 1000) : 0;
}

static int serve(struct top *t, const struct pollfd *fds, int *ret_fatal) {
    int r = GOES_ON;

    if (fds[AT_SIGNALS].revents)
        r = on_signal(t, fds[AT_SIGNALS].fd, ret_fatal);
    if (r == GOES_ON && fds[AT_KEYS].revents)
        r = on_keys(t);
    if (r == GOES_ON && fds[AT_WATCH].revents)
        r = on_watch(t);
    if (r == GOES_ON && fds[AT_DATA].revents)
        r = on_data(t);
    for (size_t i = 0; i < TOP_ACTS_MAX; i++)
        if (r == GOES_ON && fds[AT_ACTS + i].revents && t->acts[i].client)
            r = on_act(t, &t->acts[i]);
    return r;
}

static int loop(struct top *t, int signal_fd, int *ret_fatal) {
    for (;;) {
        struct pollfd fds[AT_ACTS + TOP_ACTS_MAX] = {
            [AT_KEYS] = { .fd = STDIN_FILENO, .events = POLLIN },
            [AT_SIGNALS] = { .fd = signal_fd, .events = POLLIN },
            [AT_WATCH] = { .fd = client_fd(t->watch), .events = POLLIN },
            [AT_DATA] = { .fd = client_fd(t->data), .events = POLLIN },
        };
        for (size_t i = 0; i < TOP_ACTS_MAX; i++)
            fds[AT_ACTS + i] =
                (struct pollfd){ .fd = t->acts[i].client ? client_fd(t->acts[i].client) : -1,
                                 .events = POLLIN };
        if (t->asks == TOP_RESTS && now_us() >= t->asked_at + EVERY_US)
            t->stale = true;
        int r = ask(t);
        if (r != GOES_ON)
            return r;
        if (poll(fds, sizeof fds / sizeof *fds, timeout_ms(t)) < 0 && errno != EINTR)
            return CTL_FAILED;
        r = serve(t, fds, ret_fatal);
        if (r != GOES_ON)
            return r;
    }
}

static int connect_all(struct top *t) {
    struct err e = { 0 };

    int r = client_open(t->c->socket, &t->watch, &e);
    if (r >= 0)
        r = client_open(t->c->socket, &t->data, &e);
    if (r < 0)
        return call_cannot_connect(t->c, r, &e);
    r = send_to(t->watch, "Watch", "{}", true, &e);
    return r < 0 ? call_connection_failed(t->c, r, &e) : CTL_DONE;
}

static void clear(struct top *t) {
    screen_leave(&t->screen);
    t->watch = client_close(t->watch);
    t->data = client_close(t->data);
    for (size_t i = 0; i < TOP_ACTS_MAX; i++)
        t->acts[i].client = client_close(t->acts[i].client);
    for (size_t i = 0; i < t->n_told; i++)
        free(t->told[i]);
    free(t->rows);
    varlink_reply_clear(&t->list);
    varlink_reply_clear(&t->next_list);
    varlink_reply_clear(&t->memory);
    str_clear(&t->message);
}

int top_run(struct ctl *c) {
    struct top t = { .c = c, .stale = true, .message = STR_INIT(SENTENCE_MAX) };
    sigset_t before;
    int fatal = 0;

    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return ctl_fail(CTL_FAILED, "top needs a terminal; for anything else there is memory");
    int status = connect_all(&t);
    if (status != CTL_DONE) {
        clear(&t);
        return status;
    }
    CLEANUP(close_p) int signal_fd = signals_watch(&before);
    if (signal_fd < 0 || screen_enter(&t.screen) < 0)
        status = ctl_fail(CTL_FAILED, "the terminal cannot be used: %s", strerror(errno));
    else
        status = loop(&t, signal_fd, &fatal);
    clear(&t);
    if (signal_fd >= 0)
        (void) sigprocmask(SIG_SETMASK, &before, NULL);
    if (fatal)
        (void) raise(fatal); /* whoever waits for us learns what ended us */
    return status;
}
