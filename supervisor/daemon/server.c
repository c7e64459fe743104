/* SPDX-License-Identifier: MIT
 * server.c - a service's listener: who comes in, and how many.
 * Layer: 3, daemon. Uses: base, wire, libsystemd. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/daemon/conn.h"
#include "supervisor/daemon/log.h"
#include "supervisor/daemon/loop.h"
#include "supervisor/wire/idl.h"
#include "supervisor/wire/interfaces.h"

#define SERVER_SETTLE_ROUNDS 4
#define SERVER_ACCEPTS       16 /* in a turn of the loop */
#define SERVER_GROUPS                                                                              \
    64 /* of a peer, room for which is there before it is asked how many it has                    \
        */
/* Lines about peers in a window; a peer must not be able to fill the log. */
#define COMPLAINTS_MAX       10
#define COMPLAINTS_WINDOW_US ((uint64_t) 10 * 1000 * 1000)

struct server *server_ref(struct server *s) {
    s->refs++;
    return s;
}

struct server *server_unref(struct server *s) {
    if (!s || --s->refs > 0)
        return NULL;
    free(s->path);
    free(s->log_name);
    free(s);
    return NULL;
}

/* May this line be written? */
static bool server_may_complain(struct server *s) {
    uint64_t now = loop_boottime();

    if (now - s->complaint_since > COMPLAINTS_WINDOW_US) {
        s->complaint_since = now;
        s->complaints = 0;
    }
    if (s->complaints >= COMPLAINTS_MAX) {
        s->unsaid++;
        return false;
    }
    s->complaints++;
    return true;
}

void server_complain(struct server *s, const struct ucred *peer, const char *fmt, ...) {
    char who[64] = "peers", text[320], unsaid[64] = "";
    va_list ap;

    if (!server_may_complain(s))
        return;
    va_start(ap, fmt);
    (void) vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    /* It may quote the peer. */
    for (char *p = text; *p; p++)
        if ((unsigned char) *p < ' ' || *p == 0x7f)
            *p = '?';
    if (peer)
        (void) snprintf(who, sizeof who, "peer %d of uid %u", (int) peer->pid,
                        (unsigned) peer->uid);
    if (s->unsaid > 0)
        (void) snprintf(unsaid, sizeof unsaid, " (%u such lines were left out)", s->unsaid);
    s->unsaid = 0;
    log_warning(s->log_name, "%s %s%s", who, text, unsaid);
}

const struct idl *server_find(const struct server *s, const char *interface, size_t n,
                              const struct method **ret_methods) {
    const struct method *methods[] = { s->config.methods, server_service_methods };
    const struct idl *idls[] = { s->config.idl, wire_service() };

    for (size_t i = 0; i < sizeof idls / sizeof *idls; i++) {
        const char *name = idls[i] ? idl_name(idls[i]) : "";
        if (n == 0 || strlen(name) != n || memcmp(name, interface, n) != 0)
            continue;
        if (ret_methods)
            *ret_methods = methods[i];
        return idls[i];
    }
    return NULL;
}

/* A peer's groups; no memory for them counts as an error, so that nobody is judged by half of them.
 */
static int peer_groups(int fd, gid_t **ret, size_t *ret_n) {
    CLEANUP(free_p) gid_t *gids = NULL;
    socklen_t size = SERVER_GROUPS * sizeof(gid_t);

    for (;;) {
        gid_t *more = realloc(gids, size);
        if (!more)
            return -ENOMEM;
        gids = more;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, gids, &size) == 0)
            break;
        if (errno != ERANGE) /* else size says how many there are */
            return -errno;
    }
    *ret_n = size / sizeof(gid_t);
    *ret = *ret_n > 0 ? TAKE_PTR(gids) : NULL;
    return 0;
}

static bool server_has_room(struct server *s, const struct ucred *peer) {
    const struct server_config *config = &s->config;
    const struct conn *c;
    unsigned same = 0;

    if (config->max_connections > 0 && s->n_conns >= config->max_connections) {
        server_complain(s, peer, "is turned away: there are %u connections", s->n_conns);
        return false;
    }
    if (config->max_per_uid == 0)
        return true;
    list_for_each (c, &s->conns, struct conn, in_server)
        if (c->peer.uid == peer->uid)
            same++;
    if (same < config->max_per_uid)
        return true;
    server_complain(s, peer, "is turned away: its user has %u connections", same);
    return false;
}

/* Takes the descriptor, or closes it: over a cap a peer must not be left in the backlog, where it
 * would keep others out. */
static void server_let_in(struct server *s, int accepted) {
    CLEANUP(close_p) int fd = accepted;
    CLEANUP(free_p) gid_t *gids = NULL;
    struct ucred peer = { .uid = (uid_t) -1 };
    socklen_t size = sizeof peer;
    struct conn *c;
    size_t n_gids = 0;
    int r = 0;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
        r = -errno;
    else if (!server_has_room(s, &peer))
        return;
    if (r >= 0)
        r = peer_groups(fd, &gids, &n_gids);
    if (r >= 0 && s->config.admit && !s->config.admit(s->config.userdata, &peer, gids, n_gids)) {
        server_complain(s, &peer, "is turned away: it has no permission");
        return;
    }
    if (r >= 0 && s->fd < 0) /* admit() has freed the server */
        return;
    if (r >= 0 && s->config.admit_socket &&
        !s->config.admit_socket(s->config.userdata, fd, &peer)) {
        server_complain(s, &peer, "is turned away: it is none of the app's processes");
        return;
    }
    if (r >= 0)
        r = conn_new(s, fd, &peer, &c);
    if (r < 0) {
        server_complain(s, &peer, "is turned away: %s", strerror(-r));
        return;
    }
    (void) TAKE_FD(fd);
    c->gids = TAKE_PTR(gids);
    c->n_gids = n_gids;
}

/* A descriptor has become free here; elsewhere they may too. */
void server_resume_accept(struct server *s) {
    if (s->fd < 0 || s->listener.fd >= 0)
        return;
    poller_remove(s->poller, &s->listener);
    if (poller_watch(s->poller, &s->listener, s->fd, EPOLLIN) < 0)
        poller_later(s->poller, &s->listener);
}

static void server_on_connect(struct poll_node *node, uint32_t fired) {
    struct server *s = server_ref(list_entry(node, struct server, listener));

    (void) fired;
    server_resume_accept(s);
    for (int i = 0; i < SERVER_ACCEPTS && s->fd >= 0; i++) {
        int accepted = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (accepted >= 0) {
            server_let_in(s, accepted);
            continue;
        }
        if (errno == EAGAIN)
            break;
        if (errno == ECONNABORTED || errno == EINTR)
            continue;
        /* Out of descriptors or memory: the listener stays readable, so it is left alone for a
         * while, or the loop would spin. Peers wait in the backlog. */
        server_complain(s, NULL, "wait at the door: %s", strerror(errno));
        poller_later(s->poller, &s->listener);
        break;
    }
    (void) server_unref(s);
}

/* Rounds bound what a flood can ask for; each reads and handles what conn_run() does in a turn. */
void server_settle(struct server *server) {
    struct server *s = server_ref(server);
    struct conn *c;

    if (s->fd >= 0)
        server_on_connect(&s->listener, 0);
    for (int round = 0; round < SERVER_SETTLE_ROUNDS; round++)
        list_for_each (c, &s->conns, struct conn, in_server)
            conn_run(c, EPOLLIN);
    (void) server_unref(s);
}

/* Both ways, so that a method can neither be forgotten nor be served without a type. */
static int check_methods(const struct server_config *config, struct err *e) {
    for (const struct method *m = config->methods; m->name; m++)
        if (!idl_method(config->idl, m->name))
            return err_set(e, -EINVAL, "'%s' has no method '%s'", idl_name(config->idl), m->name);
    for (const struct idl_method *m = NULL; (m = idl_method_next(config->idl, m));) {
        const struct method *have = config->methods;
        while (have->name && strcmp(have->name, idl_method_name(m)) != 0)
            have++;
        if (!have->name)
            return err_set(e, -EINVAL, "nothing serves '%s.%s'", idl_name(config->idl),
                           idl_method_name(m));
    }
    return wire_service() ? 0 : err_set(e, -ENOMEM, "no memory for " WIRE_SERVICE);
}

static int copy_text(const char *text, char **ret) {
    if (!text)
        return 0;
    char *copy = strdup(text);
    if (!copy)
        return -ENOMEM;
    *ret = copy;
    return 0;
}

int server_new(struct poller *poller, const struct server_config *config, struct server **ret,
               struct err *e) {
    struct server *s;
    int r = check_methods(config, e);

    if (r < 0)
        return r;
    s = calloc(1, sizeof *s);
    if (!s)
        return err_set(e, -ENOMEM, "no memory for a server");
    *s = (struct server){ .poller = poller, .fd = -1, .config = *config, .refs = 1 };
    list_init(&s->conns);
    poll_node_init(&s->listener, server_on_connect);
    r = copy_text(config->path, &s->path);
    if (r >= 0)
        r = copy_text(config->log_name, &s->log_name);
    s->config.path = s->path;
    s->config.log_name = s->log_name;
    if (r < 0) {
        r = err_set(e, r, "no memory for a server");
        goto undo_new;
    }
    if (config->fd >= 0) {
        r = server_adopt(config->fd, e);
        s->fd = r < 0 ? -1 : config->fd;
    } else {
        r = server_bind(config, &s->fd, &s->dev, &s->ino, e);
    }
    if (r < 0)
        goto undo_new;
    r = poller_watch(poller, &s->listener, s->fd, EPOLLIN);
    if (r < 0) {
        r = err_set(e, r, "cannot wait for peers: %s", strerror(-r));
        goto undo_new;
    }
    *ret = s;
    return 0;

undo_new:
    if (config->fd >= 0) /* still the caller's */
        s->fd = -1;
    (void) server_free(s, false);
    return r;
}

struct server *server_free(struct server *s, bool keep_name) {
    struct conn *c;

    if (!s)
        return NULL;
    poller_remove(s->poller, &s->listener);
    close_p(&s->fd);
    s->fd = -1;
    if (!keep_name && s->path)
        server_unbind(s->path, s->dev, s->ino);
    /* All are shut before the first is told, so that what gone() does to others finds them so. */
    list_for_each (c, &s->conns, struct conn, in_server)
        conn_shut(c);
    while ((c = list_first(&s->conns, struct conn, in_server)))
        conn_release(c);
    return server_unref(s);
}

unsigned server_connections(const struct server *s) {
    return s->n_conns;
}

void server_set_max_connections(struct server *s, unsigned max) {
    s->config.max_connections = max;
}
