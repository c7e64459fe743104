/* SPDX-License-Identifier: MIT
 * app_rude.c - a mini-program that misbehaves, without the library.
 *
 * Its argument is what it does. hangup: watches and closes the channel. flood: calls and never
 * reads a reply. busy: calls and reads, as fast as it can. long: a message beyond the limit.
 * rubbish: no message. deaf: watches and never reads. notify: floods its notify socket. spew: 50 MB
 * of lines. oneline: 50 MB without a newline. bomb: forks for ever. orphan: leaves a
 * grandchild in a session of its own whose parent is gone. It prints "cut off" when the
 * supervisor hangs up, "full" when it is not read any more, "end of it" after the output. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define INFO  "{\"method\":\"org.miniprog.App.GetInfo\"}"
#define WATCH "{\"method\":\"org.miniprog.App.Watch\",\"more\":true}"
#define SPEW  ((size_t) 50 * 1000 * 1000)

static void say(const char *what) {
    (void) printf("%s\n", what);
    (void) fflush(stdout);
}

static void rest(void) {
    for (;;)
        (void) pause();
}

static struct sockaddr_un address(const char *variable) {
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    const char *path = getenv(variable);
    if (path && strncmp(path, "unix:", 5) == 0)
        path += 5;
    (void) snprintf(sa.sun_path, sizeof sa.sun_path, "%s", path ? path : "");
    return sa;
}

static int dial(void) {
    struct sockaddr_un sa = address("MINIPROG_ADDRESS");
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *) (void *) &sa, sizeof sa) < 0) {
        say("cannot connect");
        exit(1);
    }
    return fd;
}

static void wait_cut(int fd) {
    struct pollfd p = { .fd = fd, .events = POLLRDHUP };
    while (poll(&p, 1, -1) < 0 && errno == EINTR)
        ;
    say("cut off");
    rest();
}

static void hang_up(void) {
    char byte;
    int fd = dial();
    (void) !write(fd, WATCH, sizeof WATCH);
    (void) !read(fd, &byte, 1);
    (void) close(fd);
    say("hung up");
    rest();
}

static void flood(void) {
    int fd = dial(), told = 0;
    for (;;) {
        ssize_t n = send(fd, INFO, sizeof INFO, MSG_NOSIGNAL | (told ? 0 : MSG_DONTWAIT));
        if (n < 0 && errno != EAGAIN)
            wait_cut(fd);
        if (n < 0 && !told++)
            say("full");
    }
}

static void busy(void) {
    char bytes[65536];
    int fd = dial();
    say("busy");
    for (;;) {
        if (send(fd, INFO INFO, sizeof INFO, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN)
            wait_cut(fd);
        (void) recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    }
}

static void send_bytes(const char *bytes, size_t n) {
    int fd = dial();
    while (n > 0) {
        ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);
        if (sent < 0)
            break;
        bytes += sent;
        n -= (size_t) sent;
    }
    wait_cut(fd);
}

static void be_deaf(void) {
    int fd = dial();
    (void) !write(fd, WATCH, sizeof WATCH);
    say("deaf");
    wait_cut(fd);
}

static void flood_notify(void) {
    struct sockaddr_un sa = address("NOTIFY_SOCKET");
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    static const char text[] = "READY=1\nSTATUS=I never stop talking\n";
    say("talking");
    for (;;)
        (void) sendto(fd, text, sizeof text - 1, 0, (struct sockaddr *) (void *) &sa, sizeof sa);
}

static void spew(char end) {
    char line[1000];
    memset(line, 'x', sizeof line);
    line[sizeof line - 1] = end;
    for (size_t done = 0; done < SPEW; done += sizeof line)
        for (size_t at = 0; at < sizeof line;) {
            ssize_t n = write(1, line + at, sizeof line - at);
            if (n > 0)
                at += (size_t) n;
        }
    say("");
    say("end of it");
    rest();
}

/* One in four children ends at once, so that pids change hands and forks are always in flight, also
 * when there is no room for more. */
static void bomb(void) {
    unsigned dice = 1;
    (void) signal(SIGTERM, SIG_IGN);
    (void) signal(SIGCHLD, SIG_IGN);
    say("lit");
    for (;;) {
        const struct timespec moment = { .tv_nsec = 1000000 };
        pid_t pid = fork();
        dice = dice * 1103515245u + 12345u + (unsigned) getpid();
        if (pid == 0 && dice >> 16 & 1)
            (void) setsid();
        if (pid == 0 && (dice >> 17 & 3) == 0)
            _exit(0);
        if (pid < 0)
            (void) nanosleep(&moment, NULL);
    }
}

static void leave_an_orphan(void) {
    pid_t pid = fork();
    if (pid == 0) {
        (void) setsid();
        if (fork() != 0)
            _exit(0);
        (void) setsid();
        (void) signal(SIGTERM, SIG_IGN);
        say("orphaned");
        rest();
    }
    (void) waitpid(pid, NULL, 0);
    rest();
}

int main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "";
    static char large[100 * 1024];

    memset(large, ' ', sizeof large);
    if (strcmp(what, "hangup") == 0)
        hang_up();
    if (strcmp(what, "flood") == 0)
        flood();
    if (strcmp(what, "busy") == 0)
        busy();
    if (strcmp(what, "long") == 0)
        send_bytes(large, sizeof large);
    if (strcmp(what, "rubbish") == 0)
        send_bytes("\xff\xfe}{", 5);
    if (strcmp(what, "deaf") == 0)
        be_deaf();
    if (strcmp(what, "notify") == 0)
        flood_notify();
    if (strcmp(what, "spew") == 0)
        spew('\n');
    if (strcmp(what, "oneline") == 0)
        spew('x');
    if (strcmp(what, "bomb") == 0)
        bomb();
    if (strcmp(what, "orphan") == 0)
        leave_an_orphan();
    return 1;
}
