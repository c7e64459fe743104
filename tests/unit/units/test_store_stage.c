/* SPDX-License-Identifier: MIT
 * From a stage to a version: what a worker may leave, what it may not, and disks that fail. */
#include "store_kit.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

/* wrap: fsync syncfs renameat2 fchmod */
/* Fails once, at the call `at`: a second try "succeeds", as after a real write error. */
struct fault {
    int with, at;
};
static struct fault fsync_fault, syncfs_fault, renameat2_fault, fchmod_fault;

static int failing(struct fault *f) {
    if (!f->with || --f->at > 0)
        return 0;
    errno = f->with;
    f->with = 0;
    return -1;
}

int __real_fsync(int);
int __wrap_fsync(int fd) {
    return failing(&fsync_fault) < 0 ? -1 : __real_fsync(fd);
}
int __real_syncfs(int);
int __wrap_syncfs(int fd) {
    return failing(&syncfs_fault) < 0 ? -1 : __real_syncfs(fd);
}
int __real_renameat2(int, const char *, int, const char *, unsigned);
int __wrap_renameat2(int od, const char *o, int nd, const char *n, unsigned flags) {
    return failing(&renameat2_fault) < 0 ? -1 : __real_renameat2(od, o, nd, n, flags);
}
int __real_fchmod(int, mode_t);
int __wrap_fchmod(int fd, mode_t mode) {
    return failing(&fchmod_fault) < 0 ? -1 : __real_fchmod(fd, mode);
}

static void test_a_stage_is_the_workers(void **state) {
    struct kit *k = *state;
    char name[17] = "", other[17] = "";
    int fd = -1, other_fd = -1;
    assert_int_equal(store_stage_begin(k->store, worker_uid(), worker_gid(), name, &fd, NULL), 0);
    assert_int_equal(
        store_stage_begin(k->store, worker_uid(), worker_gid(), other, &other_fd, NULL), 0);
    assert_int_equal(strlen(name), 16);
    assert_string_not_equal(name, other);
    assert_int_equal(look(fd, ".").st_uid, worker_uid());
    assert_int_equal(look(fd, ".").st_mode & 07777, 0700);
    store_stage_discard(k->store, name);
    store_stage_discard(k->store, other);
    store_stage_discard(k->store, other);
    store_stage_discard(k->store, "../apps"); /* is no stage */
    assert_int_equal(count_in(k, "staging"), 0);
    assert_true(store_has(k, "apps"));
    close(fd);
    close(other_fd);
}

static void test_a_good_stage_becomes_an_immutable_version(void **state) {
    struct kit *k = *state;
    static const struct {
        const char *path;
        mode_t mode;
    } rows[] = {
        { "", 0711 },
        { "/files", 0444 },
        { "/package", 0755 },
        { "/package/bin", 0755 },
        { "/package/bin/clock", 0555 },
        { "/package/empty", 0444 },
        { "/package/hollow", 0755 },
        { "/package/manifest.json", 0444 },
    };
    install(k, APP, 3, HASH_A);
    assert_int_equal(count_in(k, "staging"), 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char path[128];
        (void) snprintf(path, sizeof path, "apps/" APP "/versions/" NAME_A "%s", rows[i].path);
        struct stat st = look(store_fd(k->store), path);
        if ((st.st_mode & 07777) != rows[i].mode || st.st_uid != geteuid() ||
            st.st_gid != getegid())
            fail_msg("%s: %o %d:%d", path, st.st_mode, st.st_uid, st.st_gid);
    }
    assert_int_equal(look(store_fd(k->store), "apps/" APP).st_mode & 07777, 0711);
    assert_int_equal(look(store_fd(k->store), "apps/" APP "/versions").st_mode & 07777, 0711);
}

static void test_the_same_version_twice_is_success(void **state) {
    struct kit *k = *state;
    install(k, APP, 3, HASH_A);
    struct stat first = look(store_fd(k->store), "apps/" APP "/versions/" NAME_A);
    install(k, APP, 3, HASH_A);
    struct stat second = look(store_fd(k->store), "apps/" APP "/versions/" NAME_A);
    assert_int_equal(first.st_ino, second.st_ino);
    assert_int_equal(count_in(k, "staging"), 0);
}

/* Each makes a good stage a bad one; `fd` is the stage's. */
static int held = -1;
static void *mapped;

static void links(int fd) {
    assert_int_equal(unlinkat(fd, "package/empty", 0), 0);
    assert_int_equal(symlinkat("/dev/null", fd, "package/empty"), 0);
}
static void link_for_package(int fd) {
    assert_int_equal(renameat(fd, "package", fd, "../elsewhere"), 0);
    assert_int_equal(symlinkat("../elsewhere", fd, "package"), 0);
}
static void link_for_list(int fd) {
    assert_int_equal(renameat(fd, "files", fd, "../list"), 0);
    assert_int_equal(symlinkat("../list", fd, "files"), 0);
}
static void fifo(int fd) {
    assert_int_equal(unlinkat(fd, "package/empty", 0), 0);
    assert_int_equal(mkfifoat(fd, "package/empty", 0600), 0);
}
static void fifo_for_list(int fd) {
    assert_int_equal(unlinkat(fd, "files", 0), 0);
    assert_int_equal(mkfifoat(fd, "files", 0600), 0);
}
static void a_socket(int fd) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(unlinkat(fd, "package/empty", 0), 0);
    (void) snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/package/empty",
                    fd);
    assert_int_equal(bind(s, (struct sockaddr *) &address, sizeof address), 0);
    close(s);
}
static void second_name(int fd) {
    assert_int_equal(linkat(fd, "package/empty", fd, "../outside", 0), 0);
}
static void second_name_of_list(int fd) {
    assert_int_equal(linkat(fd, "files", fd, "../outside", 0), 0);
}
static void one_more(int fd) {
    put_file(fd, "package/more", "", 0600);
}
static void one_more_on_top(int fd) {
    put_file(fd, "more", "", 0600);
}
static void one_fewer(int fd) {
    assert_int_equal(unlinkat(fd, "package/empty", 0), 0);
}
static void longer(int fd) {
    put_file(fd, "package/empty", "x", 0600);
}
static void other_mode(int fd) {
    assert_int_equal(fchmodat(fd, "package/bin/clock", 0600, 0), 0);
}
static void more_mode(int fd) {
    assert_int_equal(fchmodat(fd, "package/empty", 0700, 0), 0);
}
static void folder_for_file(int fd) {
    assert_int_equal(unlinkat(fd, "package/empty", 0), 0);
    put_folder(fd, "package/empty");
}
static void file_for_package(int fd) {
    assert_int_equal(renameat(fd, "package", fd, "../elsewhere"), 0);
    put_file(fd, "package", "", 0600);
}
static void no_package(int fd) {
    assert_int_equal(renameat(fd, "package", fd, "../elsewhere"), 0);
}
static void no_list(int fd) {
    assert_int_equal(unlinkat(fd, "files", 0), 0);
}
static void cut_list(int fd) {
    struct stat st = look(fd, "files");
    int list = openat(fd, "files", O_WRONLY | O_CLOEXEC);
    assert_int_equal(ftruncate(list, st.st_size - 1), 0);
    close(list);
}
static void shorter_list(int fd) {
    put_list(fd, good_files, N_GOOD - 1);
}
static void list_of_more(int fd) {
    const struct staged more[] = {
        good_files[0], good_files[1], good_files[2], { "more", "", false }
    };
    put_list(fd, more, N_GOOD + 1);
}
static void bad_name(int fd) {
    put_folder(fd, "package/a\nb");
}
static void still_written(int fd) {
    held = openat(fd, "package/empty", O_WRONLY | O_CLOEXEC);
    assert_true(held >= 0);
}
static void list_still_written(int fd) {
    held = openat(fd, "files", O_RDWR | O_CLOEXEC);
    assert_true(held >= 0);
}
static void still_mapped(int fd) {
    int file = openat(fd, "package/bin/clock", O_RDWR | O_CLOEXEC);
    mapped = mmap(NULL, 4, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    assert_true(mapped != MAP_FAILED);
    close(file);
}
static void too_deep(int fd) {
    char path[8 + 2 * (PACKAGE_DEPTH_MAX + 1)] = "package";
    for (int i = 0; i < PACKAGE_DEPTH_MAX; i++)
        put_folder(fd, strcat(path, "/d"));
}
static void too_many(int fd) {
    char path[64];
    for (int i = 0; i < PACKAGE_ENTRIES_MAX; i++) {
        (void) snprintf(path, sizeof path, "package/hollow/%d", i);
        assert_int_equal(mkdirat(fd, path, 0755), 0);
    }
}

static const struct bad_stage {
    const char *name;
    void (*make)(int fd);
    int r;
    const char *says;
} bad_stages[] = {
    { "a link in the package", links, -EBADMSG, "neither a file nor a folder" },
    { "a link for the package", link_for_package, -EBADMSG, "no package" },
    { "a link for the list", link_for_list, -EBADMSG, "no list" },
    { "a fifo", fifo, -EBADMSG, "neither a file nor a folder" },
    { "a fifo for the list", fifo_for_list, -EBADMSG, "no list" },
    { "a socket", a_socket, -EBADMSG, "neither a file nor a folder" },
    { "a file with a second name", second_name, -EBADMSG, "another name" },
    { "a list with a second name", second_name_of_list, -EBADMSG, "no list" },
    { "a file more", one_more, -EBADMSG, "'more' is not in the list" },
    { "a file more beside the package", one_more_on_top, -EBADMSG, "more than a package" },
    { "a file fewer", one_fewer, -EBADMSG, "missing" },
    { "a longer file", longer, -EBADMSG, "'empty' has 1 bytes, not 0" },
    { "a lost x bit", other_mode, -EBADMSG, "'bin/clock' is not executable" },
    { "an x bit more", more_mode, -EBADMSG, "'empty' is executable" },
    { "a folder for a file", folder_for_file, -EBADMSG, "missing" },
    { "a file for the package", file_for_package, -EBADMSG, "no package" },
    { "no package", no_package, -EBADMSG, "no package" },
    { "no list", no_list, -EBADMSG, "no list" },
    { "a cut list", cut_list, -EBADMSG, "cut" },
    { "a list of fewer", shorter_list, -EBADMSG, "'manifest.json' is not in the list" },
    { "a list of more", list_of_more, -EBADMSG, "missing" },
    { "a name with a newline", bad_name, -EBADMSG, "control character" },
    { "a file somebody can still write", still_written, -EBADMSG, "still being written" },
    { "a list somebody can still write", list_still_written, -EBADMSG, "still being written" },
    { "a file somebody has mapped", still_mapped, -EBADMSG, "still being written" },
    { "folders too deep", too_deep, -E2BIG, "deep" },
    { "too many entries", too_many, -E2BIG, "more than" },
};

static void test_bad_stages_are_refused_and_gone(void **state) {
    struct kit *k = *state;
    struct store_version v = version_of(3, HASH_A);

    for (size_t i = 0; i < sizeof bad_stages / sizeof bad_stages[0]; i++) {
        const struct bad_stage *bad = &bad_stages[i];
        struct err e = { 0 };
        char name[17];
        int fd = -1;
        stage_good(k, name, &fd);
        bad->make(fd);
        int r = store_stage_commit(k->store, name, APP, &v, &e);
        if (r != bad->r || !strstr(e.text, bad->says) || strchr(e.text, '\n'))
            fail_msg("%s: %d '%s', not %d '%s'", bad->name, r, e.text, bad->r, bad->says);
        close(fd);
        if (held >= 0)
            close(held);
        held = -1;
        if (mapped)
            assert_int_equal(munmap(mapped, 4), 0);
        mapped = NULL;
        k->store = store_close(k->store); /* also clears what a case put beside its stage */
        kit_open(k);
        if (store_has(k, "apps/" APP "/versions/" NAME_A) || count_in(k, "staging") > 0)
            fail_msg("%s: something is left", bad->name);
    }
    install(k, APP, 3, HASH_A);
}

/* Any error of the disk, at whichever call: the tree is thrown away, since a second sync would not
 * tell. */
static void test_a_failing_disk_leaves_nothing(void **state) {
    struct kit *k = *state;
    struct fault *const faults[] = { &syncfs_fault, &fsync_fault, &renameat2_fault, &fchmod_fault };
    static const int least[] = { 1, 3, 1, 9 }; /* calls of each in a commit */
    static const int errors[] = { EIO, ENOSPC, EDQUOT };
    struct store_version v = version_of(3, HASH_A);

    for (size_t f = 0; f < sizeof faults / sizeof faults[0]; f++) {
        bool met = true;
        int at = 0;
        while (met) {
            struct err e = { 0 };
            char name[17];
            int fd = -1, error = errors[++at % 3];
            stage_good(k, name, &fd);
            close(fd);
            *faults[f] = (struct fault){ .with = error, .at = at };
            int r = store_stage_commit(k->store, name, APP, &v, &e);
            met = faults[f]->with == 0;
            faults[f]->with = 0;
            assert_int_equal(r, met ? -error : 0);
            assert_int_equal(store_has(k, "apps/" APP "/versions/" NAME_A), !met);
            assert_true(!met || e.text[0]);
            assert_int_equal(count_in(k, "staging"), 0);
            assert_int_equal(count_in(k, "trash"), 0);
        }
        if (at <= least[f])
            fail_msg("only %d calls met, not %d", at - 1, least[f]);
        assert_int_equal(store_remove(k->store, APP, false, NULL), 0);
    }
}

static void test_an_unsound_version_is_refused(void **state) {
    struct kit *k = *state;
    struct store_version v = version_of(3, HASH_A);
    char name[17];
    int fd = -1;
    stage_good(k, name, &fd);
    close(fd);
    strcpy(v.name, "../../../x");
    assert_int_equal(store_stage_commit(k->store, name, APP, &v, NULL), -EINVAL);
    assert_int_equal(count_in(k, "staging"), 0);
    v = version_of(3, HASH_A);
    assert_int_equal(store_stage_commit(k->store, name, APP, &v, NULL), -ENOENT);
    assert_int_equal(store_stage_commit(k->store, "../apps", APP, &v, NULL), -EINVAL);
    stage_good(k, name, &fd);
    close(fd);
    assert_int_equal(store_stage_commit(k->store, name, "../x", &v, NULL), -EINVAL);
    assert_int_equal(count_in(k, "staging"), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, kit_set_up, kit_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_a_stage_is_the_workers),
        TEST(test_a_good_stage_becomes_an_immutable_version),
        TEST(test_the_same_version_twice_is_success),
        TEST(test_bad_stages_are_refused_and_gone),
        TEST(test_a_failing_disk_leaves_nothing),
        TEST(test_an_unsound_version_is_refused),
    };
    return cmocka_run_group_tests_name("units/store_stage", tests, NULL, NULL);
}
