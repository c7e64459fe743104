/* SPDX-License-Identifier: MIT
 * Package files through the real worker: what other tools make is read, what nobody should make is
 * refused for its reason, before a byte is written outside of the stage. */
#include "worker_kit.h"

static struct scratch scratch;

static int set_up(void **state) {
    (void) state;
    scratch = scratch_make();
    assert_int_equal(fchmod(scratch.fd, 0755), 0);
    return 0;
}

static int tear_down(void **state) {
    (void) state;
    scratch_remove(&scratch);
    return 0;
}

/* --- packages of all kinds: packages.py ---------------------------------------------------- */

/* Of a refused package there is nothing but the beginning of what could be unpacked. */
static void assert_no_list(int stage) {
    assert_false(is_there(stage, "files"));
}

static void judge(const char *name, const char *reason) {
    char path[192];
    int stage = -1;
    (void) snprintf(path, sizeof path, "cases/%s.ma", name);
    int package = open_in(&scratch, path);
    struct worker_result result = unpack(&scratch, package, NULL, &stage);
    const char *got = result.ok ? "ok" : package_fault_name(result.fault);
    if (strcmp(got, reason) != 0)
        fail_msg("%s is %s (%s), not %s", name, got, result.detail, reason);
    if (!result.ok)
        assert_no_list(stage);
    /* Nothing of it is written before the whole is found sound. */
    if (strncmp(name, "path-", 5) == 0 || strncmp(name, "type-", 5) == 0 ||
        strncmp(name, "limits-", 7) == 0)
        if (strcmp(name, "type-manifest-folder") != 0)
            assert_false(is_there(stage, "package/bin"));
    close(stage);
    close(package);
}

static void test_each_package_for_its_reason(void **state) {
    (void) state;
    unsigned count = 0;
    char name[128], reason[32];
    shell(&scratch, "mkdir cases && python3 %s cases >list",
          source_path("tests/integration/packages.py"));
    FILE *list = fdopen(open_in(&scratch, "list"), "r");
    assert_non_null(list);
    while (fscanf(list, "%127s %31s", name, reason) == 2) {
        judge(name, reason);
        count++;
    }
    (void) fclose(list);
    print_message("%u packages\n", count);
    assert_true(count > 200);
}

/* --- what other tools make ----------------------------------------------------------------- */

static const char manifest[] = "{\"app_id\":\"org.example.clock\",\"name\":\"Clock\",\"version\":{"
                               "\"code\":3,\"name\":\"1.2\"},"
                               "\"miniprog\":{\"exec\":[\"bin/clock\"]}}";

static void make_app(const char *folder) {
    char path[128];
    static const struct {
        const char *name, *text;
        mode_t mode;
    } files[] = {
        { "manifest.json", manifest, 0644 }, { "bin/clock", "#!/bin/sh\nexit 0\n", 0755 },
        { "pages/é中.js", "x", 0600 },       { "empty", "", 0644 },
        { "tool", "#!/bin/sh\n", 0755 },
    };
    static const char *const folders[] = { "", "/bin", "/pages", "/hollow" };
    for (size_t i = 0; i < 4; i++) {
        (void) snprintf(path, sizeof path, "%s%s", folder, folders[i]);
        put_folder(scratch.fd, path);
    }
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        (void) snprintf(path, sizeof path, "%s/%s", folder, files[i].name);
        put_file(scratch.fd, path, files[i].text, files[i].mode);
    }
    shell(&scratch, "head -c 300000 /dev/zero >%s/zero && head -c 200000 /dev/urandom >%s/noise",
          folder, folder);
}

/* One list of files, and so one hash, whoever packed it. */
static void test_other_tools(void **state) {
    (void) state;
    static const struct {
        const char *tool, *command;
    } tools[] = {
        { "Info-ZIP zip", "cd app && zip -q -r ../x.ma ." },
        { "zip, plain", "cd app && zip -q -X -D -r ../x.ma *" },
        { "zip, stored", "cd app && zip -q -0 -r ../x.ma ." },
        { "zip in the C locale", "cd app && LC_ALL=C zip -q -r ../x.ma ." },
        { "7-Zip", "cd app && 7z a -tzip ../x.zip . && mv ../x.zip ../x.ma" },
        { "7-Zip, hardest", "cd app && 7z a -tzip -mx=9 ../x.zip . && mv ../x.zip ../x.ma" },
        { "Python's zipfile", "cd app && python3 -m zipfile -c ../x.ma *" },
        { "Python into a pipe",
          "cd app && python3 -c 'import sys, zipfile, os\n"
          "z = zipfile.ZipFile(sys.stdout.buffer, \"w\", zipfile.ZIP_DEFLATED)\n"
          "for d, _, fs in os.walk(\".\"):\n"
          "    for f in fs: z.write(os.path.join(d, f))\n"
          "z.close()' | cat >../x.ma" },
        { "bsdtar", "cd app && LC_ALL=C.UTF-8 bsdtar --format zip -cf ../x.ma *" },
        { "bsdtar, stored",
          "cd app && LC_ALL=C.UTF-8 bsdtar --format zip --options zip:compression=store -cf "
          "../x.ma *" },
    };
    make_app("app");
    shell(&scratch, "%s pack app --output=ours.ma", worker_path());
    int package = open_in(&scratch, "ours.ma");
    struct worker_result ours = unpack(&scratch, package, NULL, NULL);
    close(package);
    if (!ours.ok)
        fail_msg("%s", ours.detail);
    assert_int_equal(ours.files, 7);
    for (size_t i = 0; i < sizeof tools / sizeof tools[0]; i++) {
        shell(&scratch, "rm -f x.ma && %s", tools[i].command);
        package = open_in(&scratch, "x.ma");
        struct worker_result theirs = unpack(&scratch, package, NULL, NULL);
        close(package);
        if (!theirs.ok)
            fail_msg("%s: %s, %s", tools[i].tool, package_fault_name(theirs.fault), theirs.detail);
        if (strcmp(theirs.files_hash, ours.files_hash) != 0)
            fail_msg("%s: other files", tools[i].tool);
    }
}

/* The same again by the job for folders: a folder installed and its package are one version. */
static void test_a_folder_and_its_package_are_the_same(void **state) {
    (void) state;
    char name[17], source[128];
    make_app("app");
    shell(&scratch, "%s pack app --output=app.ma && chmod -R go+rX app", worker_path());
    (void) snprintf(source, sizeof source, "%s/app", scratch.path);
    int stage = stage_make(&scratch, name), package = open_in(&scratch, "app.ma");
    struct worker w = { .job = "copy", .argument = source, .fd3 = stage, .fd6 = -1 };
    worker_run_once(&w);
    struct worker_result copied = worker_result_of(&w);
    struct worker_result unpacked = unpack(&scratch, package, NULL, NULL);
    if (!copied.ok)
        fail_msg("%s", copied.detail);
    assert_string_equal(copied.files_hash, unpacked.files_hash);
    assert_int_equal(copied.bytes, unpacked.bytes);
    worker_clear(&w);
    close(stage);
    close(package);
}

/* --- pieces, lies of the index, a full disk ------------------------------------------------ */

static char *read_package(const char *name, size_t *len) {
    char *bytes = NULL;
    assert_int_equal(fs_read(scratch.fd, name, 64 << 20, &bytes, len, NULL), 0);
    return bytes;
}

static void test_no_piece_of_a_package_is_one(void **state) {
    (void) state;
    size_t len = 0;
    make_app("app");
    shell(&scratch, "%s pack app --output=app.ma", worker_path());
    char *bytes = read_package("app.ma", &len);
    for (size_t i = 0; i <= 16; i++) {
        size_t n = i == 16 ? len - 1 : len * i / 16;
        int fd = memory_file(bytes, n);
        struct worker_result result = unpack(&scratch, fd, NULL, NULL);
        if (result.ok || result.fault != PACKAGE_FORMAT)
            fail_msg("%zu of %zu bytes: %s", n, len, package_fault_name(result.fault));
        close(fd);
    }
    free(bytes);
}

static void test_what_the_index_says_of_the_contents(void **state) {
    (void) state;
    make_app("app");
    shell(&scratch, "%s pack app --output=app.ma", worker_path());
    int package = open_in(&scratch, "app.ma");
    struct worker_result good = unpack(&scratch, package, NULL, NULL);
    const struct {
        uint64_t bytes, files;
        enum package_fault fault;
    } rows[] = {
        { good.bytes, good.files, PACKAGE_OK },
        { good.bytes - 1, good.files, PACKAGE_LIMITS },
        { good.bytes + 1, good.files, PACKAGE_TREE },
        { good.bytes, good.files - 1, PACKAGE_LIMITS },
        { good.bytes, good.files + 1, PACKAGE_TREE },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct worker_request request = WORKER_REQUEST_INIT;
        int stage = -1;
        request.unpacked_size = rows[i].bytes;
        request.files = rows[i].files;
        struct worker_result result = unpack(&scratch, package, &request, &stage);
        assert_int_equal(result.fault, rows[i].fault);
        assert_int_equal(is_there(stage, "package/bin"), rows[i].fault == PACKAGE_OK);
        close(stage);
    }
    close(package);
}

static void test_a_full_disk_is_not_the_packages_fault(void **state) {
    (void) state;
    if (geteuid() != 0) {
        print_message("skipped: to mount a small file system needs root\n");
        skip();
    }
    make_app("app");
    shell(&scratch,
          "%s pack app --output=app.ma && mkdir small && mount -t tmpfs -o size=100k,mode=777 "
          "small small && mkdir -m 777 small/stage",
          worker_path());
    int package = open_in(&scratch, "app.ma");
    int stage = openat(scratch.fd, "small/stage", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct worker_request none = WORKER_REQUEST_INIT;
    struct worker w = { .job = "unpack", .fd3 = stage, .fd6 = package, .request = &none };
    worker_run_once(&w);
    close(stage);
    shell(&scratch, "umount small");
    struct worker_result result = worker_result_of(&w);
    assert_int_equal(WEXITSTATUS(w.status), 1);
    assert_int_equal(result.fault, PACKAGE_STORAGE);
    assert_non_null(strstr(result.detail, "No space left on device"));
    assert_non_null(strstr(w.error, "No space left on device"));
    worker_clear(&w);
    close(package);
}

/* What is checked is what is unpacked, whatever happens to the name. Source: CVE-2020-25860. */
static void test_the_name_may_lead_elsewhere_meanwhile(void **state) {
    (void) state;
    make_app("app");
    shell(&scratch, "%s pack app --output=app.ma", worker_path());
    int package = open_in(&scratch, "app.ma");
    shell(&scratch, "rm app.ma && ln -s /etc/passwd app.ma");
    struct worker_result result = unpack(&scratch, package, NULL, NULL);
    assert_true(result.ok);
    close(package);
}

/* --- pack ---------------------------------------------------------------------------------- */

static void test_packing_is_reproducible(void **state) {
    (void) state;
    make_app("app");
    shell(&scratch, "%s pack app --output=one.ma", worker_path());
    /* Other times, owners, modes but x, and another order on the disk. */
    shell(&scratch,
          "mkdir other && for f in zero tool pages noise manifest.json hollow empty bin; do cp -r "
          "app/$f other/ ; done && find other -type f -exec touch -d 2001-01-01 {} + && chmod -R "
          "g+w,o-r other && umask 077 && %s pack other/ && ls -1",
          worker_path());
    shell(&scratch, "cmp one.ma org.example.clock-3.ma");
    shell(&scratch, "chmod -x app/tool && %s pack app --output=two.ma && ! cmp one.ma two.ma",
          worker_path());
}

static void test_what_cannot_be_packed(void **state) {
    (void) state;
    static const struct {
        const char *prepare, *words, *says;
        int status;
    } rows[] = {
        { "ln -s /etc/passwd app/link", "app", "'link' is a symbolic link", 1 },
        { "mkfifo app/pages/pipe", "app", "'pages/pipe' is neither", 1 },
        { "touch app/README app/readme", "app", "are the same name to some", 1 },
        { "touch 'app/a:b'", "app", "in 'a:b' there is a name that holds a character", 1 },
        { "touch \"$(printf 'app/\\377')\"", "app", "is not UTF-8", 1 },
        { "rm app/manifest.json", "app", "manifest.json", 1 },
        { "echo '{}' >app/manifest.json", "app", "'app_id' is missing", 1 },
        { "rm app/bin/clock", "app", "bin/clock", 1 },
        { "true", "app --output=app/x.ma", "would lie in the folder", 1 },
        { "true", "app --output=nowhere/x.ma", "cannot write 'nowhere/x.ma'", 1 },
        { "true", "nothing", "cannot read 'nothing'", 1 },
        { "true", "app app", "one folder", 2 },
        { "true", "", "one folder", 2 },
        { "true", "app --sequence=1", "an option", 2 },
        { "true", "app --output", "an option", 2 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        make_app("app");
        shell(&scratch, "%s ; %s pack %s 2>says; test $? = %d || { cat says; false; }",
              rows[i].prepare, worker_path(), rows[i].words, rows[i].status);
        char *says = NULL;
        assert_int_equal(fs_read(scratch.fd, "says", 4096, &says, NULL, NULL), 0);
        if (!strstr(says, rows[i].says) || strchr(says, '\n') != strrchr(says, '\n'))
            fail_msg("row %zu: %s", i, says);
        free(says);
        assert_false(is_there(scratch.fd, "org.example.clock-3.ma"));
        assert_int_equal(fs_remove_tree(scratch.fd, "app", NULL), 0);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_each_package_for_its_reason),
        TEST(test_other_tools),
        TEST(test_a_folder_and_its_package_are_the_same),
        TEST(test_no_piece_of_a_package_is_one),
        TEST(test_what_the_index_says_of_the_contents),
        TEST(test_a_full_disk_is_not_the_packages_fault),
        TEST(test_the_name_may_lead_elsewhere_meanwhile),
        TEST(test_packing_is_reproducible),
        TEST(test_what_cannot_be_packed),
    };
    return cmocka_run_group_tests_name("packages", tests, NULL, NULL);
}
