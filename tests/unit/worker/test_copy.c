/* SPDX-License-Identifier: MIT
 * A folder on its way into the store: what arrives, what is refused, and folders that change
 * meanwhile. */
#include "tests/unit/units/store_kit.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "supervisor/worker/copy.h"
#include "units/beneath.h"

/* wrap: beneath_open read */

/* Called before the copy opens `swap_at` (or reads from a file): the folder's owner at work. */
static const char *swap_at;
static void (*swap)(int source_fd);
static int source_fd = -1;
static void (*on_read)(int source_fd);

int __real_beneath_open(int dir_fd, const char *path, int flags, mode_t mode);
int __wrap_beneath_open(int dir_fd, const char *path, int flags, mode_t mode);
int __wrap_beneath_open(int dir_fd, const char *path, int flags, mode_t mode) {
    if (swap_at && strcmp(path, swap_at) == 0 && !(flags & O_CREAT)) {
        swap_at = NULL;
        swap(source_fd);
    }
    return __real_beneath_open(dir_fd, path, flags, mode);
}

ssize_t __real_read(int fd, void *buffer, size_t n);
ssize_t __wrap_read(int fd, void *buffer, size_t n);
ssize_t __wrap_read(int fd, void *buffer, size_t n) {
    void (*act)(int) = on_read;
    on_read = NULL;
    if (act)
        act(source_fd);
    return __real_read(fd, buffer, n);
}

static const char manifest[] =
    "{\"app_id\":\"" APP "\",\"name\":\"Clock\",\"version\":{\"code\":3},"
    "\"miniprog\":{\"exec\":[\"bin/clock\"]}}";

/* A source in the scratch folder; nobody else's business than this user's. */
static int set_up(void **state) {
    assert_int_equal(kit_set_up(state), 0);
    struct kit *k = *state;
    put_folder(k->scratch.fd, "source");
    source_fd = openat(k->scratch.fd, "source", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    put_folder(source_fd, "bin");
    put_folder(source_fd, "hollow");
    put_file(source_fd, "bin/clock", "#!/bin/sh\nexit 0\n", 0755);
    put_file(source_fd, "empty", "", 0644);
    put_file(source_fd, "data.txt", "abc", 0640);
    put_file(source_fd, "manifest.json", manifest, 0644);
    swap_at = NULL;
    on_read = NULL;
    return 0;
}

static int tear_down(void **state) {
    close(source_fd);
    return kit_tear_down(state);
}

/* Copies the source into a new stage, which stays for the caller. */
static int copy(struct kit *k, char stage[17], int *ret_fd, struct worker_result *ret) {
    char source[128];
    struct err e = { 0 };
    (void) snprintf(source, sizeof source, "%s/source", k->scratch.path);
    assert_int_equal(store_stage_begin(k->store, geteuid(), getegid(), stage, ret_fd, NULL), 0);
    return copy_package(source, *ret_fd, ret, &e);
}

/* SHA-256 of "" and of "abc". Source: FIPS 180-4 examples. */
#define SHA_EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define SHA_ABC   "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void test_a_folder_becomes_a_version(void **state) {
    struct kit *k = *state;
    struct worker_result result = { 0 };
    struct store_version v;
    struct err e = { 0 };
    char stage[17], path[160], *list = NULL;
    int fd = -1;

    assert_int_equal(fchmodat(source_fd, "data.txt", 04640, 0), 0); /* more than x is not taken */
    assert_int_equal(copy(k, stage, &fd, &result), 0);
    assert_true(result.ok);
    assert_string_equal(result.app_id, APP);
    assert_int_equal(result.code, 3);
    assert_int_equal(result.files, 4);
    assert_int_equal(result.bytes, 17 + 0 + 3 + sizeof manifest - 1);
    assert_int_equal(fs_read(fd, "files", 4096, &list, NULL, NULL), 0);
    assert_non_null(
        strstr(list, " 17 x bin/clock\n" SHA_ABC " 3 - data.txt\n" SHA_EMPTY " 0 - empty\n"));
    free(list);
    close(fd);

    assert_int_equal(store_version_set(&v, result.code, result.files_hash, true), 0);
    if (store_stage_commit(k->store, stage, result.app_id, &v, &e) != 0)
        fail_msg("%s", e.text);
    (void) snprintf(path, sizeof path, "apps/" APP "/versions/%s/package", v.name);
    int package = openat(store_fd(k->store), path, O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(look(package, "bin/clock").st_mode & 07777, 0555);
    assert_int_equal(look(package, "data.txt").st_mode & 07777, 0444);
    assert_true(S_ISDIR(look(package, "hollow").st_mode));
    close(package);
}

static void test_the_same_folder_has_the_same_hash(void **state) {
    struct kit *k = *state;
    struct worker_result one = { 0 }, two = { 0 }, three = { 0 };
    char stage[17];
    int fd = -1;
    assert_int_equal(copy(k, stage, &fd, &one), 0);
    close(fd);
    assert_int_equal(copy(k, stage, &fd, &two), 0);
    close(fd);
    assert_string_equal(one.files_hash, two.files_hash);
    assert_int_equal(fchmodat(source_fd, "empty", 0755, 0), 0);
    assert_int_equal(copy(k, stage, &fd, &three), 0);
    close(fd);
    assert_string_not_equal(one.files_hash, three.files_hash);
}

/* Source: design.md §7: 0555 with the archive's x bit or named by exec. */
static void test_the_program_becomes_executable(void **state) {
    struct kit *k = *state;
    static const char text[] = "{\"app_id\":\"a\",\"name\":\"A\",\"version\":{\"code\":1},"
                               "\"miniprog\":{\"exec\":[\"%s\"]}}";
    static const char *const programs[] = { "bin/clock", "run.sh", "./run.sh" };
    put_file(source_fd, "run.sh", "#!/bin/sh\n", 0644);
    assert_int_equal(fchmodat(source_fd, "bin/clock", 0644, 0), 0);
    for (size_t i = 0; i < 3; i++) {
        struct worker_result result = { 0 };
        char m[256], stage[17], in_stage[64];
        int fd = -1;
        char *at = strstr(text, "%s");
        (void) snprintf(m, sizeof m, "%.*s%s%s", (int) (at - text), text, programs[i], at + 2);
        put_file(source_fd, "manifest.json", m, 0644);
        assert_int_equal(copy(k, stage, &fd, &result), 0);
        assert_true(result.ok);
        (void) snprintf(in_stage, sizeof in_stage, "package/%s", programs[i]);
        assert_true(look(fd, in_stage).st_mode & S_IXUSR);
        close(fd);
        struct store_version v;
        assert_int_equal(store_version_set(&v, result.code, result.files_hash, true), 0);
        assert_int_equal(store_stage_commit(k->store, stage, "a", &v, NULL), 0);
    }
}

static void assert_refused(struct kit *k, const char *name, enum package_fault fault,
                           const char *says) {
    struct worker_result result = { .ok = true };
    char stage[17];
    int fd = -1;
    int r = copy(k, stage, &fd, &result);
    close(fd);
    if (r != 0 || result.ok || result.fault != fault || !strstr(result.detail, says))
        fail_msg("%s: %d, %s '%s', not %s '%s'", name, r, package_fault_name(result.fault),
                 result.detail, package_fault_name(fault), says);
    store_stage_discard(k->store, stage);
}

static void a_link(int fd) {
    assert_int_equal(symlinkat("data.txt", fd, "link"), 0);
}
static void a_link_to_a_folder(int fd) {
    assert_int_equal(symlinkat("/etc", fd, "bin/etc"), 0);
}
static void a_fifo(int fd) {
    assert_int_equal(mkfifoat(fd, "fifo", 0644), 0);
}
static void a_socket(int fd) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void) snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/socket", fd);
    assert_int_equal(bind(s, (struct sockaddr *) &address, sizeof address), 0);
    close(s);
}
static void a_newline(int fd) {
    put_file(fd, "bin/a\nb", "", 0644);
}
static void not_utf8(int fd) {
    put_file(fd, "bin/\xff", "", 0644);
}
static void no_manifest(int fd) {
    assert_int_equal(unlinkat(fd, "manifest.json", 0), 0);
}
static void manifest_folder(int fd) {
    no_manifest(fd);
    put_folder(fd, "manifest.json");
}
static void bad_manifest(int fd) {
    put_file(fd, "manifest.json", "{\"app_id\":\"../x\",\"name\":\"A\"}", 0644);
}
static void huge_manifest(int fd) {
    int file = openat(fd, "manifest.json", O_WRONLY | O_CLOEXEC);
    assert_int_equal(ftruncate(file, MANIFEST_SIZE_MAX + 1), 0);
    close(file);
}
static void new_platform(int fd) {
    put_file(fd, "manifest.json",
             "{\"app_id\":\"a\",\"name\":\"A\",\"version\":{\"code\":1},"
             "\"platform_version\":{\"min_code\":999},\"miniprog\":{\"exec\":[\"bin/clock\"]}}",
             0644);
}
static void no_program(int fd) {
    assert_int_equal(unlinkat(fd, "bin/clock", 0), 0);
}
static void too_large(int fd) {
    int file = openat(fd, "huge", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_int_equal(ftruncate(file, (off_t) PACKAGE_BYTES_MAX + 1), 0);
    close(file);
}
static void too_deep(int fd) {
    char path[2 * PACKAGE_DEPTH_MAX + 4] = "d";
    put_folder(fd, path);
    for (int i = 0; i < PACKAGE_DEPTH_MAX; i++)
        put_folder(fd, strcat(path, "/d"));
}
static void too_many(int fd) {
    char name[32];
    for (int i = 0; i < PACKAGE_ENTRIES_MAX; i++) {
        (void) snprintf(name, sizeof name, "hollow/%d", i);
        assert_int_equal(mknodat(fd, name, S_IFREG | 0644, 0), 0);
    }
}

static const struct bad_source {
    const char *name;
    void (*make)(int fd);
    enum package_fault fault;
    const char *says;
} bad_sources[] = {
    { "a link", a_link, PACKAGE_TYPE, "'link' is a symbolic link" },
    { "a link to a folder", a_link_to_a_folder, PACKAGE_TYPE, "'bin/etc' is a symbolic link" },
    { "a fifo", a_fifo, PACKAGE_TYPE, "'fifo' is neither a file nor a folder" },
    { "a socket", a_socket, PACKAGE_TYPE, "'socket' is neither a file nor a folder" },
    { "a newline in a name", a_newline, PACKAGE_PATH, "a name in 'bin' holds a control" },
    { "a name that is not UTF-8", not_utf8, PACKAGE_PATH, "a name in 'bin' is not UTF-8" },
    { "no manifest", no_manifest, PACKAGE_MISSING, "manifest.json" },
    { "a folder for the manifest", manifest_folder, PACKAGE_TYPE, "manifest.json" },
    { "a wrong manifest", bad_manifest, PACKAGE_MANIFEST, "'app_id'" },
    { "a huge manifest", huge_manifest, PACKAGE_MANIFEST, "manifest.json has more than" },
    { "a newer platform", new_platform, PACKAGE_PLATFORM, "999" },
    { "no program", no_program, PACKAGE_MISSING, "'bin/clock' is not in the package" },
    { "a huge file", too_large, PACKAGE_LIMITS, "more than 1073741824 bytes" },
    { "folders too deep", too_deep, PACKAGE_LIMITS, "nested more than 32 deep" },
    { "too many files", too_many, PACKAGE_LIMITS, "more than 20000" },
};

static void test_bad_sources_are_refused_in_words(void **state) {
    for (size_t i = 0; i < sizeof bad_sources / sizeof bad_sources[0]; i++) {
        const struct bad_source *bad = &bad_sources[i];
        bad->make(source_fd);
        assert_refused(*state, bad->name, bad->fault, bad->says);
        if (i + 1 < sizeof bad_sources / sizeof bad_sources[0]) { /* a fresh one */
            assert_int_equal(tear_down(state), 0);
            assert_int_equal(set_up(state), 0);
        }
    }
}

static void swap_for_link(int fd) {
    assert_int_equal(unlinkat(fd, "data.txt", 0), 0);
    assert_int_equal(symlinkat("/etc/passwd", fd, "data.txt"), 0);
}
static void swap_for_fifo(int fd) {
    assert_int_equal(unlinkat(fd, "data.txt", 0), 0);
    assert_int_equal(mkfifoat(fd, "data.txt", 0644), 0);
}
static void swap_for_nothing(int fd) {
    assert_int_equal(unlinkat(fd, "data.txt", 0), 0);
}
static void swap_folder_for_link(int fd) {
    assert_int_equal(renameat(fd, "bin", fd, "hollow/bin"), 0);
    assert_int_equal(symlinkat("/etc", fd, "bin"), 0);
}
static void grow(int fd) {
    int file = openat(fd, "data.txt", O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_int_equal(write(file, "more", 4), 4);
    close(file);
}
static void shrink(int fd) {
    int file = openat(fd, "data.txt", O_WRONLY | O_TRUNC | O_CLOEXEC);
    close(file);
}

/* Only data.txt is left to be copied, so that the first read is of it. */
static void only_data(void) {
    assert_int_equal(unlinkat(source_fd, "bin/clock", 0), 0);
    assert_int_equal(unlinkat(source_fd, "empty", 0), 0);
    assert_int_equal(unlinkat(source_fd, "manifest.json", 0), 0);
}

static void test_a_source_that_is_swapped_meanwhile_leads_nowhere(void **state) {
    static const struct {
        const char *name, *at;
        void (*swap)(int fd);
        enum package_fault fault;
        const char *says;
    } rows[] = {
        { "a link", "data.txt", swap_for_link, PACKAGE_TREE, "'data.txt' changed" },
        { "a fifo", "data.txt", swap_for_fifo, PACKAGE_TYPE, "neither a file nor" },
        { "nothing", "data.txt", swap_for_nothing, PACKAGE_TREE, "'data.txt' changed" },
        { "a link for a folder", "bin", swap_folder_for_link, PACKAGE_TREE, "'bin' changed" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        swap_at = rows[i].at;
        swap = rows[i].swap;
        assert_refused(*state, rows[i].name, rows[i].fault, rows[i].says);
        assert_null(swap_at); /* it was done */
        assert_int_equal(tear_down(state), 0);
        assert_int_equal(set_up(state), 0);
    }
    only_data();
    on_read = grow;
    assert_refused(*state, "growing", PACKAGE_TREE, "'data.txt' is longer");
    assert_null(on_read);
    on_read = shrink;
    assert_refused(*state, "shrinking", PACKAGE_TREE, "'data.txt' is shorter");
    assert_null(on_read);
}

static void test_what_the_source_may_be(void **state) {
    struct kit *k = *state;
    static const struct {
        const char *source;
        enum package_fault fault;
    } rows[] = {
        { "source", PACKAGE_PATH },     { "", PACKAGE_PATH },
        { "%s/none", PACKAGE_MISSING }, { "%s/source/data.txt", PACKAGE_TYPE },
        { "%s/link", PACKAGE_TYPE },    { "%s/link/", PACKAGE_TYPE },
        { "%s/link//", PACKAGE_TYPE },  { "%s/source//", PACKAGE_OK },
        { "%s/up/source", PACKAGE_OK }, /* the way there may be a link */
    };
    assert_int_equal(symlinkat("source", k->scratch.fd, "link"), 0);
    assert_int_equal(symlinkat(".", k->scratch.fd, "up"), 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct worker_result result = { 0 };
        bool in_scratch = strncmp(rows[i].source, "%s", 2) == 0;
        char path[128], stage[17];
        int fd = -1;
        (void) snprintf(path, sizeof path, "%s%s", in_scratch ? k->scratch.path : "",
                        rows[i].source + (in_scratch ? 2 : 0));
        assert_int_equal(store_stage_begin(k->store, geteuid(), getegid(), stage, &fd, NULL), 0);
        assert_int_equal(copy_package(path, fd, &result, NULL), 0);
        if (result.fault != rows[i].fault || result.ok != (rows[i].fault == PACKAGE_OK))
            fail_msg("%s: %s, %s", path, package_fault_name(result.fault), result.detail);
        close(fd);
    }
}

static void test_a_stage_that_is_not_empty_is_our_failure(void **state) {
    struct kit *k = *state;
    struct worker_result untouched = { .code = 4711 };
    struct err e = { 0 };
    char stage[17], source[128];
    int fd = -1;
    (void) snprintf(source, sizeof source, "%s/source", k->scratch.path);
    assert_int_equal(store_stage_begin(k->store, geteuid(), getegid(), stage, &fd, NULL), 0);
    put_folder(fd, "package");
    assert_int_equal(copy_package(source, fd, &untouched, &e), -EEXIST);
    assert_true(e.text[0]);
    assert_int_equal(untouched.code, 4711);
    close(fd);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_a_folder_becomes_a_version),
        TEST(test_the_same_folder_has_the_same_hash),
        TEST(test_the_program_becomes_executable),
        TEST(test_bad_sources_are_refused_in_words),
        TEST(test_a_source_that_is_swapped_meanwhile_leads_nowhere),
        TEST(test_what_the_source_may_be),
        TEST(test_a_stage_that_is_not_empty_is_our_failure),
    };
    return cmocka_run_group_tests_name("worker/copy", tests, NULL, NULL);
}
