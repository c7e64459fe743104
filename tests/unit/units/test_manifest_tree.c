/* SPDX-License-Identifier: MIT
 * The manifest against real folders: links, ways out, wrong kinds. */
#include "scratch.h"

#include "supervisor/base/err.h"
#include "units/beneath.h"
#include "units/manifest.h"

static struct manifest *native(const char *program) {
    struct manifest *m = NULL;
    char text[512];
    (void) snprintf(text, sizeof text,
                    "{\"app_id\":\"a\",\"name\":\"A\",\"version\":{\"code\":1},"
                    "\"pages\":[\"not/there\"],\"miniprog\":{\"exec\":[\"%s\"]}}",
                    program);
    assert_int_equal(manifest_parse(text, strlen(text), 1, &m, NULL, NULL), 0);
    return m;
}

static const char js_text[] =
    "{\"app_id\":\"a\",\"name\":\"A\",\"icons\":[{\"src\":\"i.png\"}],"
    "\"pages\":[\"pages/one\",\"pages/two.html\",\"pages/three\"],"
    "\"version\":{\"code\":1,\"name\":\"1\"},\"platform_version\":{\"min_code\":1}}";

static int set_up(void **state) {
    static struct scratch s;
    s = scratch_make();
    put_folder(s.fd, "package");
    put_folder(s.fd, "package/bin");
    put_file(s.fd, "package/bin/clock", "#!/bin/sh\n", 0755);
    put_file(s.fd, "package/run.sh", "#!/bin/sh\n", 0755);
    put_file(s.fd, "package/data.txt", "x", 0644);
    put_file(s.fd, "outside", "x", 0755);
    assert_int_equal(symlinkat("clock", s.fd, "package/bin/link"), 0);
    assert_int_equal(symlinkat("../bin", s.fd, "package/bin/back"), 0);
    assert_int_equal(symlinkat("/", s.fd, "package/root"), 0);
    assert_int_equal(mkfifoat(s.fd, "package/fifo", 0755), 0);
    *state = &s;
    return 0;
}

static int tear_down(void **state) {
    scratch_remove(*state);
    return 0;
}

static int package_of(void **state) {
    struct scratch *s = *state;
    int fd = openat(s->fd, "package", O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void test_where_the_program_is(void **state) {
    static const struct {
        const char *exec, *is;
    } rows[] = {
        { "bin/clock", "bin/clock" },
        { "run.sh", "./run.sh" },
        { "./run.sh", "./run.sh" },
        { "data.txt", "./data.txt" },
        { "redis-server", "redis-server" },
        { "bin", "bin" }, /* a folder is no program */
        { "/usr/bin/python3", "/usr/bin/python3" },
    };
    int fd = package_of(state);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct manifest *m = native(rows[i].exec);
        char *program = NULL;
        assert_int_equal(manifest_program(m, fd, &program, NULL), 0);
        assert_string_equal(program, rows[i].is);
        free(program);
        manifest_free(m);
    }
    close(fd);
}

static void test_a_javascript_app_has_no_program(void **state) {
    int fd = package_of(state);
    struct manifest *m = NULL;
    char *untouched = (char *) 0x1;
    struct err e = { 0 };
    assert_int_equal(manifest_parse(js_text, sizeof js_text - 1, 1, &m, NULL, NULL), 0);
    assert_int_equal(manifest_program(m, fd, &untouched, &e), -EINVAL);
    assert_ptr_equal(untouched, (char *) 0x1);
    manifest_free(m);
    close(fd);
}

static void test_the_program_must_be_an_executable_file(void **state) {
    static const struct {
        const char *exec;
        int r;
        enum package_fault fault;
    } rows[] = {
        { "bin/clock", 0, PACKAGE_OK },
        { "run.sh", 0, PACKAGE_OK },
        { "no-such-command", 0, PACKAGE_OK }, /* PATH's business, at the start */
        { "/no/such/program", 0, PACKAGE_OK },
        { "bin/none", -ENOENT, PACKAGE_MISSING },
        { "none/clock", -ENOENT, PACKAGE_MISSING },
        { "run.sh/clock", -ENOENT, PACKAGE_MISSING },
        { "./bin", -EINVAL, PACKAGE_TYPE },
        { "./fifo", -EINVAL, PACKAGE_TYPE },
        { "data.txt", -EINVAL, PACKAGE_TYPE },
        { "bin/link", -EINVAL, PACKAGE_PATH },
        { "bin/back/clock", -EINVAL, PACKAGE_PATH },
        { "root/bin/sh", -EINVAL, PACKAGE_PATH },
    };
    int fd = package_of(state);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct manifest *m = native(rows[i].exec);
        enum package_fault fault = PACKAGE_OK;
        struct err e = { 0 };
        int r = manifest_check_tree(m, fd, &fault, &e);
        if (r != rows[i].r || fault != rows[i].fault || (r < 0 && !strstr(e.text, rows[i].exec)))
            fail_msg("%s: %d, %s, '%s'", rows[i].exec, r, package_fault_name(fault), e.text);
        manifest_free(m);
    }
    close(fd);
}

static void assert_js(const struct manifest *m, int fd, enum package_fault want, const char *says) {
    enum package_fault fault = PACKAGE_OK;
    struct err e = { 0 };
    int r = manifest_check_tree(m, fd, &fault, &e);
    if (fault != want || (r < 0) != (want != PACKAGE_OK) || !strstr(e.text, says))
        fail_msg("%d, %s, '%s'; not %s, '%s'", r, package_fault_name(fault), e.text,
                 package_fault_name(want), says);
}

static void test_a_javascript_app_has_what_w3c_asks_for(void **state) {
    int fd = package_of(state);
    struct manifest *m = NULL;
    assert_int_equal(manifest_parse(js_text, sizeof js_text - 1, 1, &m, NULL, NULL), 0);

    assert_js(m, fd, PACKAGE_MISSING, "app.js");
    put_file(fd, "app.js", "", 0644);
    assert_js(m, fd, PACKAGE_MISSING, "app.css");
    put_folder(fd, "app.css");
    assert_js(m, fd, PACKAGE_TYPE, "app.css");
    assert_int_equal(unlinkat(fd, "app.css", AT_REMOVEDIR), 0);
    put_file(fd, "app.css", "", 0644);
    assert_js(m, fd, PACKAGE_MISSING, "pages");
    put_folder(fd, "pages");
    assert_js(m, fd, PACKAGE_MISSING, "pages/one");
    put_file(fd, "pages/one.js", "", 0644);
    assert_js(m, fd, PACKAGE_MISSING, "pages/two.html");
    put_file(fd, "pages/two.html", "", 0644);
    assert_js(m, fd, PACKAGE_MISSING, "pages/three");
    put_folder(fd, "pages/three"); /* a folder is no page */
    assert_js(m, fd, PACKAGE_MISSING, "pages/three");
    put_file(fd, "pages/three.html", "", 0644);
    assert_js(m, fd, PACKAGE_OK, "");
    manifest_free(m);
    close(fd);
}

static void test_nothing_leads_out(void **state) {
    int fd = package_of(state);
    struct stat st = { .st_size = 4711 };
    assert_int_equal(beneath_open(fd, "../outside", O_RDONLY, 0), -EXDEV);
    assert_int_equal(beneath_open(fd, "/etc/passwd", O_RDONLY, 0), -EXDEV);
    assert_int_equal(beneath_open(fd, "bin/link", O_RDONLY, 0), -ELOOP);
    assert_int_equal(beneath_stat(fd, "bin/link", &st), -ELOOP);
    assert_int_equal(beneath_stat(fd, "none", &st), -ENOENT);
    assert_int_equal(st.st_size, 4711);
    assert_int_equal(beneath_stat(fd, "data.txt", &st), 0);
    assert_int_equal(st.st_size, 1);
    int file = beneath_open(fd, "new", O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(file >= 0);
    assert_true(fcntl(file, F_GETFD) & FD_CLOEXEC);
    close(file);
    close(fd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_where_the_program_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_javascript_app_has_no_program, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_program_must_be_an_executable_file, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_javascript_app_has_what_w3c_asks_for, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_nothing_leads_out, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("units/manifest_tree", tests, NULL, NULL);
}
