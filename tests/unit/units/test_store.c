/* SPDX-License-Identifier: MIT
 * The store: its lock, its file system, and the state file as the only commit point. */
#include "store_kit.h"

#include <linux/magic.h>
#include <sys/vfs.h>
#include <sys/wait.h>

/* wrap: fsync renameat fstatfs */
static int fsync_fails_with, renameat_fails_with;
static unsigned long pretended_type;

int __real_fsync(int);
int __wrap_fsync(int fd) {
    if (fsync_fails_with) {
        errno = fsync_fails_with;
        return -1;
    }
    return __real_fsync(fd);
}

int __real_renameat(int, const char *, int, const char *);
int __wrap_renameat(int od, const char *o, int nd, const char *n) {
    if (renameat_fails_with) {
        errno = renameat_fails_with;
        return -1;
    }
    return __real_renameat(od, o, nd, n);
}

int __real_fstatfs(int, struct statfs *);
int __wrap_fstatfs(int fd, struct statfs *st) {
    int r = __real_fstatfs(fd, st);
    if (pretended_type)
        st->f_type = (__typeof__(st->f_type)) pretended_type;
    return r;
}

static void test_a_new_store_has_its_folders(void **state) {
    struct kit *k = *state;
    int fd = store_fd(k->store);
    assert_int_equal(look(fd, ".").st_mode & 07777, 0711);
    assert_int_equal(look(fd, "apps").st_mode & 07777, 0711);
    assert_int_equal(look(fd, "staging").st_mode & 07777, 0700);
    assert_int_equal(look(fd, "trash").st_mode & 07777, 0700);
    assert_true(store_has(k, "lock"));
}

static void test_one_supervisor_at_a_time(void **state) {
    struct kit *k = *state;
    struct store *untouched = (struct store *) 0x1;
    struct err e = { 0 };
    assert_int_equal(store_open(k->state_dir, &untouched, &e), -EBUSY);
    assert_non_null(strstr(e.text, "another supervisor"));
    assert_ptr_equal(untouched, (struct store *) 0x1);
    k->store = store_close(k->store);
    kit_open(k);
}

/* A program that is started must not keep the lock beyond the supervisor's life. */
static void test_the_lock_is_not_inherited(void **state) {
    struct kit *k = *state;
    int hold[2], told[2], status = 0;
    char byte;

    assert_int_equal(pipe2(hold, O_CLOEXEC), 0);
    assert_int_equal(pipe2(told, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) { /* tells once it has execed, then lives until `hold` is closed */
        dup2(hold[0], 0);
        dup2(told[1], 1);
        execl("/bin/sh", "sh", "-c", "echo; read line", NULL);
        _exit(127);
    }
    close(told[1]);
    assert_int_equal(read(told[0], &byte, 1), 1);
    k->store = store_close(k->store);
    kit_open(k);
    close(hold[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    close(hold[0]);
    close(told[0]);
}

static void test_what_an_earlier_run_left_is_cleared(void **state) {
    struct kit *k = *state;
    char name[17];
    int fd = -1;
    stage_good(k, name, &fd);
    close(fd);
    put_folder(store_fd(k->store), "trash/old");
    put_file(store_fd(k->store), "trash/old/file", "x", 0400);
    k->store = store_close(k->store);
    kit_open(k);
    assert_int_equal(count_in(k, "staging"), 0);
    assert_int_equal(count_in(k, "trash"), 0);
}

static void test_a_file_system_that_cannot_keep_it_is_refused_by_name(void **state) {
    struct kit *k = *state;
    static const struct {
        unsigned long type;
        const char *name;
    } rows[] = {
        { NFS_SUPER_MAGIC, "NFS" },
        { MSDOS_SUPER_MAGIC, "FAT" },
        { 0x2011BAB0, "exFAT" },
        { CIFS_SUPER_MAGIC, "SMB" },
        { (unsigned long) (long) (int) SMB2_SUPER_MAGIC, "SMB" }, /* sign-extended */
    };
    k->store = store_close(k->store);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct store *untouched = (struct store *) 0x1;
        struct err e = { 0 };
        pretended_type = rows[i].type;
        assert_int_equal(store_open(k->state_dir, &untouched, &e), -EOPNOTSUPP);
        assert_non_null(strstr(e.text, rows[i].name));
        assert_ptr_equal(untouched, (struct store *) 0x1);
    }
    pretended_type = TMPFS_MAGIC;
    kit_open(k);
    assert_true(store_is_volatile(k->store));
    k->store = store_close(k->store);
    pretended_type = EXT4_SUPER_MAGIC;
    kit_open(k);
    assert_false(store_is_volatile(k->store));
    pretended_type = 0;
}

static void test_what_is_saved_is_loaded(void **state) {
    struct kit *k = *state;
    struct store_state s = { 0 }, back = { .seq = 4711 };

    assert_int_equal(store_load(k->store, APP, &back, NULL), -ENOENT);
    assert_int_equal(back.seq, 4711);
    install(k, APP, 3, HASH_A);
    assert_int_equal(store_load(k->store, APP, &back, NULL), -ENOENT); /* not committed yet */
    s.current = version_of(3, HASH_A);
    s.rest = "{\"later\":true}";
    assert_int_equal(store_save(k->store, APP, &s, NULL), 0);
    assert_int_equal(s.seq, 1);
    assert_int_equal(store_save(k->store, APP, &s, NULL), 0);
    assert_int_equal(s.seq, 2);
    assert_int_equal(look(store_fd(k->store), "apps/" APP "/state").st_mode & 07777, 0600);

    k->store = store_close(k->store);
    kit_open(k);
    assert_int_equal(store_load(k->store, APP, &back, NULL), 0);
    assert_int_equal(back.seq, 2);
    assert_string_equal(back.current.name, NAME_A);
    assert_string_equal(back.rest, "{\"later\":true}");
    store_state_clear(&back);
}

static void test_nothing_is_named_that_is_not_there(void **state) {
    struct kit *k = *state;
    struct store_state s = { 0 }, back;
    struct err e = { 0 };
    install(k, APP, 3, HASH_A);
    s.current = version_of(3, HASH_A);
    s.pending = version_of(4, HASH_B);
    assert_int_equal(store_save(k->store, APP, &s, &e), -ENOENT);
    assert_non_null(strstr(e.text, NAME_B));
    strcpy(s.pending.name, "../../x");
    assert_int_equal(store_save(k->store, APP, &s, &e), -EINVAL);
    assert_int_equal(s.seq, 0);
    assert_int_equal(store_load(k->store, APP, &back, NULL), -ENOENT);
}

static void test_a_failed_save_changes_nothing(void **state) {
    struct kit *k = *state;
    struct store_state s = { 0 }, back;
    install(k, APP, 3, HASH_A);
    install(k, APP, 4, HASH_B);
    s.current = version_of(3, HASH_A);
    assert_int_equal(store_save(k->store, APP, &s, NULL), 0);

    s.current = version_of(4, HASH_B);
    renameat_fails_with = EIO;
    assert_int_equal(store_save(k->store, APP, &s, NULL), -EIO);
    renameat_fails_with = 0;
    fsync_fails_with = EIO;
    assert_int_equal(store_save(k->store, APP, &s, NULL), -EIO);
    fsync_fails_with = 0;
    assert_int_equal(s.seq, 1);
    assert_int_equal(store_load(k->store, APP, &back, NULL), 0);
    assert_string_equal(back.current.name, NAME_A);
    store_state_clear(&back);
    assert_false(store_has(k, "apps/" APP "/state.tmp"));
}

/* A state with current NAME_A (seq 1), and beside it a whole state.tmp with NAME_B and `seq`. */
static int leave_two(struct kit *k, uint64_t seq) {
    struct store_state s = { 0 };
    int app_fd = -1;
    install(k, APP, 3, HASH_A);
    install(k, APP, 4, HASH_B);
    assert_int_equal(store_app_fd(k->store, APP, &app_fd, NULL), 0);
    s.seq = seq - 1;
    s.current = version_of(4, HASH_B);
    assert_int_equal(store_save(k->store, APP, &s, NULL), 0);
    assert_int_equal(__real_renameat(app_fd, "state", app_fd, "kept"), 0);
    s.seq = 0;
    s.current = version_of(3, HASH_A);
    assert_int_equal(store_save(k->store, APP, &s, NULL), 0);
    assert_int_equal(__real_renameat(app_fd, "kept", app_fd, "state.tmp"), 0);
    return app_fd;
}

static void break_state(int app_fd, off_t at) {
    int fd = openat(app_fd, "state", O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "?", 1, at), 1);
    close(fd);
}

static void test_a_good_state_is_never_overruled(void **state) {
    struct kit *k = *state;
    struct store_state back;
    close(leave_two(k, 2));
    assert_int_equal(store_load(k->store, APP, &back, NULL), 0);
    assert_string_equal(back.current.name, NAME_A);
}

static void test_a_damaged_state_gives_way_to_a_newer_whole_one(void **state) {
    struct kit *k = *state;
    struct store_state back;
    int app_fd = leave_two(k, 2);
    struct stat st = look(app_fd, "state");

    break_state(app_fd, st.st_size - 2); /* in the checksum: its seq is still to be read */
    assert_int_equal(store_load(k->store, APP, &back, NULL), 0);
    assert_string_equal(back.current.name, NAME_B);
    assert_int_equal(back.seq, 2);
    assert_false(store_has(k, "apps/" APP "/state.tmp")); /* it is the state now */
    assert_int_equal(store_load(k->store, APP, &back, NULL), 0);
    assert_string_equal(back.current.name, NAME_B);
    close(app_fd);
}

static void test_a_damaged_state_without_a_newer_one_is_told(void **state) {
    struct kit *k = *state;
    struct store_state back = { .seq = 4711 };
    struct err e = { 0 };
    int app_fd = leave_two(k, 1); /* not above the damaged one's */
    struct stat st = look(app_fd, "state");

    assert_int_equal(unlinkat(store_fd(k->store), "copies/" APP ":state", 0), 0);
    break_state(app_fd, st.st_size - 2);
    assert_int_equal(store_load(k->store, APP, &back, &e), -EBADMSG);
    assert_non_null(strstr(e.text, "the state file of '" APP "' is damaged"));
    assert_int_equal(unlinkat(app_fd, "state.tmp", 0), 0);
    assert_int_equal(store_load(k->store, APP, &back, &e), -EBADMSG);
    put_file(app_fd, "state.tmp", "rubbish", 0600);
    assert_int_equal(store_load(k->store, APP, &back, &e), -EBADMSG);
    assert_int_equal(ftruncate(openat(app_fd, "state", O_WRONLY | O_CLOEXEC), 1 << 20), 0);
    assert_int_equal(store_load(k->store, APP, &back, &e), -EBADMSG); /* too long */
    assert_int_equal(back.seq, 4711);
    close(app_fd);
}

static void note(const char *id, void *userdata) {
    strcat(strcat(userdata, id), " ");
}

static void test_installed_apps_are_listed(void **state) {
    struct kit *k = *state;
    struct store_state s = { .current = version_of(3, HASH_A) };
    char seen[256] = "";

    install(k, "good", 3, HASH_A);
    assert_int_equal(store_save(k->store, "good", &s, NULL), 0);
    install(k, "uncommitted", 3, HASH_A);
    install(k, "damaged", 3, HASH_A);
    put_file(store_fd(k->store), "apps/damaged/state", "rubbish", 0600);
    put_folder(store_fd(k->store), "apps/not an id");
    put_file(store_fd(k->store), "apps/file", "", 0600);
    assert_int_equal(store_list(k->store, note, seen, NULL), 0);
    assert_non_null(strstr(seen, "good "));
    assert_non_null(strstr(seen, "damaged ")); /* its trouble is not kept quiet */
    assert_null(strstr(seen, "uncommitted"));
    assert_int_equal(strlen(seen), strlen("good damaged "));
}

static void test_ids_are_not_paths(void **state) {
    struct kit *k = *state;
    static const char *const ids[] = { "", ".", "..", "../apps", "a/b", "a\nb", "a..b" };
    struct store_state s = { 0 };
    int fd = -1;
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        assert_int_equal(store_load(k->store, ids[i], &s, NULL), -EINVAL);
        assert_int_equal(store_save(k->store, ids[i], &s, NULL), -EINVAL);
        assert_int_equal(store_app_fd(k->store, ids[i], &fd, NULL), -EINVAL);
        assert_int_equal(store_gc(k->store, ids[i], NULL, NULL), -EINVAL);
        assert_int_equal(store_remove(k->store, ids[i], false, NULL), -EINVAL);
        assert_int_equal(store_data_prepare(k->store, ids[i], 1, 1, NULL), -EINVAL);
    }
    assert_int_equal(count_in(k, "apps"), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, kit_set_up, kit_tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_a_new_store_has_its_folders),
        TEST(test_one_supervisor_at_a_time),
        TEST(test_the_lock_is_not_inherited),
        TEST(test_what_an_earlier_run_left_is_cleared),
        TEST(test_a_file_system_that_cannot_keep_it_is_refused_by_name),
        TEST(test_what_is_saved_is_loaded),
        TEST(test_nothing_is_named_that_is_not_there),
        TEST(test_a_failed_save_changes_nothing),
        TEST(test_a_good_state_is_never_overruled),
        TEST(test_a_damaged_state_gives_way_to_a_newer_whole_one),
        TEST(test_a_damaged_state_without_a_newer_one_is_told),
        TEST(test_installed_apps_are_listed),
        TEST(test_ids_are_not_paths),
    };
    return cmocka_run_group_tests_name("units/store", tests, NULL, NULL);
}
