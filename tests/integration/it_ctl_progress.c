/* SPDX-License-Identifier: MIT
 * The bar of miniprogctl install and check: on a terminal while something is fetched, gone when it
 * is there, and nothing of it anywhere else. The server is slow from the middle of the package on,
 * until the bar was seen. */
#include <poll.h>
#include <pty.h>
#include <time.h>

#include "update_kit.h"

/* One miniprogctl; on a terminal of that width, or with pipes (columns 0). */
struct run {
    pid_t pid;
    int out_fd, err_fd;
    struct str out, err;
};

static struct run run_begin(unsigned columns, const char *words) {
    struct run r = { .out = STR_INIT(1 << 20), .err = STR_INIT(1 << 20) };
    struct winsize size = { .ws_row = 25, .ws_col = (unsigned short) columns };
    const char *build = getenv("MINIPROG_BUILD");
    int out[2], err[2];
    char command[1024];

    (void) snprintf(command, sizeof command,
                    "TERM=xterm LC_ALL=C.UTF-8 exec %s/miniprogctl --socket %s %s",
                    build ? build : "build/debug", h.control, words);
    if (columns)
        assert_int_equal(openpty(&out[0], &out[1], NULL, NULL, &size), 0);
    else
        assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    assert_int_equal(pipe2(err, O_CLOEXEC), 0);
    r.pid = fork();
    assert_true(r.pid >= 0);
    if (r.pid == 0) {
        (void) dup2(out[1], 1);
        (void) dup2(err[1], 2);
        (void) close(out[0]);
        (void) unsetenv("NO_COLOR");
        (void) unsetenv("COLUMNS");
        (void) execl("/bin/sh", "sh", "-c", command, (char *) NULL);
        _exit(127);
    }
    (void) close(out[1]);
    (void) close(err[1]);
    r.out_fd = out[0];
    r.err_fd = err[0];
    return r;
}

static bool take(int *fd, struct str *to) {
    char bytes[4096];
    ssize_t n = read(*fd, bytes, sizeof bytes);
    if (n > 0)
        return str_append(to, bytes, (size_t) n) == 0;
    (void) close(*fd); /* a terminal whose program has ended says EIO */
    *fd = -1;
    return false;
}

/* Until it has said that on standard output; NULL: until its end. */
static void run_until(struct run *r, const char *text) {
    time_t end = time(NULL) + 60;
    while ((r->out_fd >= 0 || r->err_fd >= 0) && !(text && strstr(str_text(&r->out), text))) {
        struct pollfd fds[] = { { .fd = r->out_fd, .events = POLLIN },
                                { .fd = r->err_fd, .events = POLLIN } };
        if (time(NULL) >= end || poll(fds, 2, 1000) < 0) {
            (void) kill(r->pid, SIGKILL);
            fail_msg("it did not say '%s', but '%s%s'", text ? text : "(end)", str_text(&r->out),
                     str_text(&r->err));
        }
        if (fds[0].revents)
            (void) take(&r->out_fd, &r->out);
        if (fds[1].revents)
            (void) take(&r->err_fd, &r->err);
    }
    if (text && !strstr(str_text(&r->out), text))
        fail_msg("it ended without '%s': '%s%s'", text, str_text(&r->out), str_text(&r->err));
}

/* Its end, with that status, and what stands on standard output last. */
static void run_ends(struct run *r, int status, const char *out, const char *err) {
    int wait_status;

    run_until(r, NULL);
    assert_int_equal(waitpid(r->pid, &wait_status, 0), r->pid);
    if (!WIFEXITED(wait_status) || WEXITSTATUS(wait_status) != status)
        fail_msg("status %x: '%s%s'", wait_status, str_text(&r->out), str_text(&r->err));
    const char *text = str_text(&r->out);
    size_t n = strlen(out);
    if (r->out.len < n || strcmp(text + r->out.len - n, out) != 0)
        fail_msg("'%s' does not end in '%s'", text, out);
    assert_string_equal(str_text(&r->err), err);
    str_clear(&r->out);
    str_clear(&r->err);
}

/* Nothing but the lines of the result. */
static void assert_plain(const struct run *r) {
    assert_null(strchr(str_text(&r->out), '\r'));
    assert_null(strchr(str_text(&r->out), '\033'));
}

static void gate(bool open) {
    sh(open ? "touch www/gate" : "rm -f www/gate");
}

/* Publishes that version behind a gate in the middle of it. */
static void publish_halved(int code) {
    char codes[12];
    gate(false);
    pack(code, NULL);
    (void) snprintf(codes, sizeof codes, "%d", code);
    make_index((unsigned) code, codes, "");
    sh("sed -i s,/plain/one,/half/one, index.json");
    publish_json("key.sec");
}

#define INSTALL "install http://127.0.0.1:%d/as-told/index"

static void test_a_bar_while_it_is_installed(void **state) {
    (void) state;
    char words[128];

    publish_halved(1);
    (void) snprintf(words, sizeof words, INSTALL, port);
    struct run r = run_begin(100, words);
    run_until(&r, "fetching version 1 [");
    run_until(&r, "%");
    run_until(&r, " of ");
    gate(true);
    run_ends(&r, 0, "\r\033[K\033[1m" ONE "\033[0m version 1 is installed\r\n", "");
    finish();
}

static void test_no_bar_elsewhere(void **state) {
    (void) state;
    char words[128];

    publish_halved(1);
    gate(true);
    (void) snprintf(words, sizeof words, INSTALL, port);
    struct run r = run_begin(0, words);
    run_until(&r, "\n");
    assert_plain(&r);
    run_ends(&r, 0, ONE " version 1 is installed\n", "");
    publish_halved(2);
    gate(true);
    (void) snprintf(words, sizeof words, "--json " INSTALL, port);
    r = run_begin(100, words); /* for a program, whoever reads it */
    run_ends(&r, 0, "{\"id\":\"" ONE "\",\"version_code\":2,\"pending\":false}\r\n", "");
    finish();
}

static void test_check_stays_until_it_is_there(void **state) {
    (void) state;
    pack(1, NULL);
    publish(1, "1", "");
    install_over_http(1);
    publish_halved(2);
    struct run r = run_begin(100, "check " ONE);
    run_until(&r, "there is an update: version 2\r\n");
    run_until(&r, "fetching version 2 [");
    gate(true);
    run_ends(&r, 0, "\r\033[Kversion 2 is here; it runs from the next cold start on\r\n", "");
    r = run_begin(100, "check " ONE); /* and then it does not wait for what is there */
    run_ends(&r, 0,
             "there is an update: version 2\r\n"
             "version 2 is here; it runs from the next cold start on\r\n",
             "");
    r = run_begin(0, "check " ONE);
    run_ends(&r, 0, "there is an update: version 2\n", "");
    finish();
}

static void test_check_says_why_it_cannot_be_had(void **state) {
    (void) state;
    pack(1, NULL);
    publish(1, "1", "");
    install_over_http(1);
    pack(2, NULL);
    publish(2, "2", "");
    sh("printf x | dd of=www/one-2.ma bs=1 seek=100 conv=notrunc");
    struct run r = run_begin(100, "check " ONE);
    run_ends(&r, 1, "",
             "miniprogctl: version 2 cannot be had: the package is not the one that its index "
             "names\n");
    r = run_begin(0, "check " ONE); /* the answer alone */
    run_ends(&r, 0, "there is an update: version 2\n", "");
    hears("failed", 2, "hash");
    hears("failed", 2, "hash");
    finish();
}

/* The bar takes what room there is, and what is said of bytes stays on its line. */
static void test_a_narrow_terminal(void **state) {
    (void) state;
    char words[128];

    publish_halved(1);
    (void) snprintf(words, sizeof words, INSTALL, port);
    struct run r = run_begin(45, words);
    run_until(&r, "fetching version 1 ");
    run_until(&r, " of ");
    gate(true);
    run_until(&r, "installed");
    assert_null(strchr(str_text(&r.out), '#'));
    run_ends(&r, 0, " version 1 is installed\r\n", "");
    finish();
}

/* --- what is refused, in one sentence each ------------------------------------------------ */

static void is_refused(const char *source, const char *sentence) {
    char words[256];
    (void) snprintf(words, sizeof words, "install %s", source);
    struct run r = run_begin(0, words);
    run_ends(&r, 1, "", sentence);
}

static void in_www(const char *file, const char *options, const char *sentence) {
    char words[256];
    (void) snprintf(words, sizeof words, "%s/www/%s %s", h.packages, file, options);
    is_refused(words, sentence);
}

#define UNSIGNED  "miniprogctl: the package is not signed, or its signature is not good: "
#define UNTRUSTED "miniprogctl: the package is not signed by a key that is trusted for it: "

static void test_each_refusal_says_why(void **state) {
    (void) state;
    char folder[128];

    sh("minisign -G -W -p other.pub -s other.sec && cp other.pub %s/trust/", h.state);
    for (int code = 1; code <= 3; code++)
        pack(code, NULL);
    harness_make(&h, &(struct harness_app){ .id = ONE, .code = 4, .script = "true" }, folder);
    sh("sed -i 's/\"min_code\":1/\"min_code\":99/' " ONE "/manifest.json && %s pack --output "
       "www/one-4.ma " ONE,
       worker());
    sh("minisign -S -s key.sec -m www/one-1.ma www/one-2.ma www/one-4.ma && minisign -S -s "
       "other.sec -m www/one-3.ma");

    is_refused("nothing.ma",
               "miniprogctl: cannot install 'nothing.ma': No such file or directory\n");
    is_refused(folder, UNSIGNED "a folder has no signature: install it as unsigned if it is yours, "
                                "for development\n");
    in_www("one-4.ma", "",
           "miniprogctl: the package needs a newer version of this system: "
           "'platform_version.min_code' is 99, this host is 1\n");
    harness_ok(&h, "Install", "{\"source\":\"%s/www/one-2.ma\"}", h.packages);
    in_www("one-2.ma", "",
           "miniprogctl: there is nothing to install: version 2 is installed already\n");
    in_www("one-1.ma", "",
           "miniprogctl: it is older than what is here: its version 1 is lower than the installed "
           "2\n");
    in_www("one-3.ma", "", UNTRUSTED "it is not signed by the key that signed the app before\n");
    in_www("one-3.ma", "--unsigned",
           UNTRUSTED "the app is installed with a signature: without one it is not replaced\n");
    sh("rm www/one-3.ma.minisig");
    in_www("one-3.ma", "", UNSIGNED "there is no file of its name and '.minisig' beside it\n");
    sh("cp www/one-2.ma.minisig www/one-3.ma.minisig");
    in_www("one-3.ma", "", UNSIGNED "the signature is of something else\n");
    is_refused("ftp://127.0.0.1/one.ma",
               "miniprogctl: it could not be fetched: that is not an https, http or file URL\n");
    harness_write_config(&h, "");
    harness_signal(&h, SIGHUP);
    raw_barrier(&h);
    is_refused("http://127.0.0.1/one.ma",
               "miniprogctl: it could not be fetched: http is not allowed ([update] allow_http)\n");
    finish();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_bar_while_it_is_installed, start, end),
        cmocka_unit_test_setup_teardown(test_no_bar_elsewhere, start, end),
        cmocka_unit_test_setup_teardown(test_check_stays_until_it_is_there, start, end),
        cmocka_unit_test_setup_teardown(test_check_says_why_it_cannot_be_had, start, end),
        cmocka_unit_test_setup_teardown(test_a_narrow_terminal, start, end),
        cmocka_unit_test_setup_teardown(test_each_refusal_says_why, start, end),
    };
    return cmocka_run_group_tests_name("progress", tests, NULL, NULL);
}
