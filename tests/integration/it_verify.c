/* SPDX-License-Identifier: MIT
 * Signatures made by minisign itself, hashes and indexes, through the real worker and the real
 * miniprogctl. */
#include "worker_kit.h"

static struct scratch scratch;

static const char manifest[] =
    "{\"app_id\":\"org.example.clock\",\"name\":\"Clock\",\"version\":{\"code\":%d},"
    "\"miniprog\":{\"exec\":[\"/bin/true\"]}}";

/* Two keys, and a package signed by the first. */
static int set_up(void **state) {
    (void) state;
    scratch = scratch_make();
    assert_int_equal(fchmod(scratch.fd, 0755), 0);
    shell(&scratch,
          "for k in a b; do minisign -G -W -p $k.pub -s $k.key >/dev/null; done && "
          "mkdir app && printf '%s' >app/manifest.json && head -c 300000 /dev/urandom "
          ">app/noise",
          "{\"app_id\":\"org.example.clock\",\"name\":\"C\",\"version\":{\"code\":3},"
          "\"miniprog\":{\"exec\":[\"/bin/true\"]}}");
    shell(&scratch, "%s/miniprogctl pack app -o x.ma && minisign -S -s a.key -m x.ma -t words",
          getenv("MINIPROG_BUILD"));
    return 0;
}

static int tear_down(void **state) {
    (void) state;
    scratch_remove(&scratch);
    return 0;
}

static char *text_of(const char *name, size_t *ret_len) {
    char *text = NULL;
    assert_int_equal(fs_read(scratch.fd, name, 1 << 20, &text, ret_len, NULL), 0);
    return text;
}

/* --- packages ------------------------------------------------------------------------------ */

/* keys: names of public key files, NULL-terminated. */
static struct worker_file verify(const char *file, const char *signature, const char *const *keys,
                                 const char *sha256, uint64_t size) {
    char *texts[4] = { NULL };
    struct worker_request q = WORKER_REQUEST_INIT;
    int fd = open_in(&scratch, file), signature_fd = signature ? open_in(&scratch, signature) : -1;
    for (size_t i = 0; keys && keys[i]; i++)
        texts[i] = text_of(keys[i], NULL);
    q.keys = keys ? texts : NULL;
    q.size = size;
    (void) snprintf(q.sha256, sizeof q.sha256, "%s", sha256);
    struct worker w = { .job = "verify", .fd3 = fd, .fd6 = signature_fd, .request = &q };
    worker_run_once(&w);
    struct worker_file result = worker_file_of(&w);
    assert_int_equal(w.status != 0, result.fault == PACKAGE_STORAGE);
    worker_clear(&w);
    close(fd);
    if (signature_fd >= 0)
        close(signature_fd);
    for (size_t i = 0; i < 4; i++)
        free(texts[i]);
    return result;
}

static const char *const key_a[] = { "a.pub", NULL };
static const char *const key_b[] = { "b.pub", NULL };
static const char *const both_keys[] = { "b.pub", "a.pub", NULL };
static const char *const no_keys[] = { NULL };

static void assert_signed(const char *file, const char *signature, const char *const *keys,
                          enum package_fault fault, const char *says) {
    struct worker_file result = verify(file, signature, keys, "", WORKER_REQUEST_UNSET);
    if (result.fault != fault || !strstr(result.detail, says))
        fail_msg("%s: %s, %s", signature, package_fault_name(result.fault), result.detail);
}

static void test_a_signature_by_a_trusted_key(void **state) {
    (void) state;
    size_t len = 0;
    struct worker_file result = verify("x.ma", "x.ma.minisig", both_keys, "", WORKER_REQUEST_UNSET);
    assert_true(result.ok);
    char *key = text_of("a.pub", NULL), *bytes = text_of("x.ma", &len);
    assert_non_null(strstr(key, result.key));
    assert_int_equal(strlen(result.key), MINISIGN_KEY_TEXT);
    assert_int_equal(result.size, len);
    shell(&scratch, "test $(sha256sum <x.ma | cut -c1-64) = %s", result.sha256);
    free(key);
    free(bytes);
    /* The key alone, without its comment, will do. */
    shell(&scratch, "tail -n1 a.pub >bare.pub");
    static const char *const bare[] = { "bare.pub", NULL };
    assert_signed("x.ma", "x.ma.minisig", bare, PACKAGE_OK, "");
}

static void test_signatures_that_do_not_count(void **state) {
    (void) state;
    static const struct {
        const char *make, *says; /* make: s, from x.ma, a.key and b.key */
        const char *const *keys;
    } rows[] = {
        { "cp x.ma.minisig s", "not trusted here", key_b },
        { "cp x.ma.minisig s", "not trusted here", no_keys },
        { "minisign -S -l -s a.key -m x.ma -x s", "old kind", key_a },
        { "minisign -S -s a.key -m app/noise -x s", "something else", key_a },
        { "sed 's/^trusted comment: words/trusted comment: swords/' x.ma.minisig >s",
          "comment was changed", key_a },
        { "minisign -S -s a.key -m x.ma -x t -t other && { head -n2 x.ma.minisig; tail -n2 t; } >s",
          "", key_a }, /* the same first signature: see below */
        { "minisign -S -s a.key -m app/noise -x t && { head -n2 x.ma.minisig; tail -n2 t; } >s",
          "comment was changed", key_a },
        { "minisign -S -s a.key -m app/noise -x t && { head -n2 t; tail -n2 x.ma.minisig; } >s",
          "something else", key_a },
        { "head -n3 x.ma.minisig >s", "fourth line", key_a },
        { ": >s", "does not begin", key_a },
        { "cp a.pub s", "second line", key_a },
        { "cat x.ma.minisig x.ma.minisig >s", "more than a signature", key_a },
        { "{ cat x.ma.minisig; echo; } >s", "more than a signature", key_a },
        /* Somebody else's signature under a trusted key's id. */
        { "minisign -S -s b.key -m x.ma -x t -t words && python3 -c 'import base64\n"
          "a = open(\"x.ma.minisig\").read().split(\"\\n\")\n"
          "b = open(\"t\").read().split(\"\\n\")\n"
          "x, y = base64.b64decode(a[1]), base64.b64decode(b[1])\n"
          "b[1] = base64.b64encode(x[:10] + y[10:]).decode()\n"
          "open(\"s\", \"w\").write(\"\\n\".join(b))'",
          "something else", key_a },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        shell(&scratch, "rm -f s t && %s", rows[i].make);
        /* Ed25519 signs the same the same way: another comment over it is the signer's word. */
        assert_signed("x.ma", "s", rows[i].keys, *rows[i].says ? PACKAGE_SIGNATURE : PACKAGE_OK,
                      rows[i].says);
    }
    shell(&scratch, "head -c 20000 /dev/zero >s");
    assert_signed("x.ma", "s", key_a, PACKAGE_LIMITS, "more than");
}

/* Each sixteenth, the last byte missing, and flipped bits all over it. */
static void test_no_other_bytes_are_signed(void **state) {
    (void) state;
    size_t len = 0;
    char *bytes = text_of("x.ma", &len);
    for (size_t i = 0; i <= 16; i++) {
        size_t n = i == 16 ? len - 1 : len * i / 16;
        put_bytes(scratch.fd, "y.ma", bytes, n, 0644);
        assert_signed("y.ma", "x.ma.minisig", key_a, PACKAGE_SIGNATURE, "something else");
    }
    for (size_t i = 0; i < 16; i++) {
        bytes[len * i / 16] ^= (char) (1 << i % 8);
        put_bytes(scratch.fd, "y.ma", bytes, len, 0644);
        bytes[len * i / 16] ^= (char) (1 << i % 8);
        assert_signed("y.ma", "x.ma.minisig", key_a, PACKAGE_SIGNATURE, "something else");
    }
    free(bytes);
}

static void test_hashes(void **state) {
    (void) state;
    size_t len = 0;
    char *bytes = text_of("x.ma", &len);
    struct worker_file good = verify("x.ma", "x.ma.minisig", key_a, "", WORKER_REQUEST_UNSET);
    char other[FILELIST_HASH_HEX + 1];
    memcpy(other, good.sha256, sizeof other);
    other[63] = other[63] == '0' ? '1' : '0';
    free(bytes);

    struct worker_file result = verify("x.ma", NULL, NULL, good.sha256, len);
    assert_true(result.ok);
    assert_string_equal(result.key, "");
    assert_int_equal(verify("x.ma", NULL, NULL, good.sha256, len + 1).fault, PACKAGE_HASH);
    assert_int_equal(verify("x.ma", NULL, NULL, other, len).fault, PACKAGE_HASH);
    assert_int_equal(verify("x.ma", "x.ma.minisig", key_a, other, len).fault, PACKAGE_HASH);
    assert_true(verify("x.ma", "x.ma.minisig", key_a, good.sha256, len).ok);
    /* Whoever asks for nothing made a mistake: that is no success. */
    assert_int_equal(verify("x.ma", NULL, NULL, "", len).fault, PACKAGE_STORAGE);
    /* Nor is a key that is none passed over. */
    static const char *const broken[] = { "a.pub", "x.ma.minisig", NULL };
    assert_int_equal(verify("x.ma", "x.ma.minisig", broken, "", len).fault, PACKAGE_STORAGE);
    assert_int_equal(verify("x.ma", NULL, key_a, "", len).fault, PACKAGE_STORAGE);
}

/* --- indexes ------------------------------------------------------------------------------- */

static struct worker_index read_index(const char *name, const char *const *keys) {
    char *texts[4] = { NULL };
    struct worker_request q = WORKER_REQUEST_INIT;
    struct worker_index result = { 0 };
    struct err e = { 0 };
    int fd = open_in(&scratch, name);
    size_t len = 0;
    for (size_t i = 0; keys[i]; i++)
        texts[i] = text_of(keys[i], NULL);
    q.keys = texts;
    struct worker w = { .job = "index", .fd3 = fd, .fd6 = -1, .request = &q };
    worker_run_once(&w);
    const char *line = worker_last_line(&w, &len);
    if (worker_index_parse(line, len, &result, &e) != 0)
        fail_msg("%s: %s", e.text, line);
    assert_int_equal(w.status, 0);
    worker_clear(&w);
    close(fd);
    for (size_t i = 0; i < 4; i++)
        free(texts[i]);
    return result;
}

/* "index" from "index.json", as a publisher makes it. */
static void publish(const char *key) {
    shell(&scratch, "minisign -S -s %s -m index.json -x sig && cat sig index.json >index", key);
}

static void test_an_index_from_pack_to_choice(void **state) {
    (void) state;
    char text[256];
    for (int code = 4; code <= 5; code++) {
        (void) snprintf(text, sizeof text, manifest, code);
        put_file(scratch.fd, "app/manifest.json", text, 0644);
        shell(&scratch, "%s/miniprogctl pack app -o v%d.ma", getenv("MINIPROG_BUILD"), code);
    }
    shell(&scratch,
          "%s/miniprogctl index v5.ma x.ma v4.ma --base-url https://apps.example/clock/ "
          "--sequence 7 --expires 2030-01-31T00:00:00Z --rollout 20 --minimum-usable 2 "
          "--next-key b.pub -o index.json",
          getenv("MINIPROG_BUILD"));
    publish("a.key");
    struct worker_index read = read_index("index", key_a);
    if (!read.ok)
        fail_msg("%s", read.detail);
    const struct index *ix = read.index;
    assert_string_equal(ix->app_id, "org.example.clock");
    assert_int_equal(ix->sequence, 7);
    assert_int_equal(ix->minimum_usable, 2);
    assert_int_equal(ix->n_packages, 3);
    assert_int_equal(ix->packages[0].code, 5);
    assert_int_equal(ix->packages[0].rollout, 20);
    assert_int_equal(ix->packages[2].code, 3);
    assert_int_equal(ix->packages[2].rollout, 100);
    assert_string_equal(ix->packages[2].url, "https://apps.example/clock/x.ma");
    char *next = text_of("b.pub", NULL), *key = text_of("a.pub", NULL);
    assert_non_null(strstr(next, ix->next_key));
    assert_non_null(strstr(key, read.key));
    free(next);
    free(key);

    /* What it says of a package is what the other jobs find. */
    const struct index_package *p = &ix->packages[2];
    struct worker_request q = WORKER_REQUEST_INIT;
    q.unpacked_size = p->unpacked_size;
    q.files = p->files;
    assert_true(verify("x.ma", NULL, NULL, p->sha256, p->size).ok);
    assert_false(verify("v4.ma", NULL, NULL, p->sha256, p->size).ok);
    int fd = open_in(&scratch, "x.ma");
    assert_true(unpack(&scratch, fd, &q, NULL).ok);
    close(fd);

    struct index_choice choice;
    struct index_device device = { .current = 3, .place = 50, .now = 1800000000 };
    index_choose(ix, &device, &choice);
    assert_int_equal(choice.verdict, INDEX_NEWER);
    assert_int_equal(choice.code, 4);
    worker_index_clear(&read);
}

static void refuse_index(const char *make, const char *const *keys, enum package_fault fault,
                         const char *says) {
    shell(&scratch, "%s", make);
    struct worker_index read = read_index("index", keys);
    if (read.ok || read.fault != fault || !strstr(read.detail, says))
        fail_msg("%s: %s, %s", make, package_fault_name(read.fault), read.detail);
}

static void test_indexes_that_do_not_count(void **state) {
    (void) state;
    shell(&scratch,
          "%s/miniprogctl index x.ma --base-url https://a.example --sequence 1 --expires "
          "30d >index.json",
          getenv("MINIPROG_BUILD"));
    publish("a.key");
    struct worker_index read = read_index("index", both_keys);
    assert_true(read.ok);
    worker_index_clear(&read);
    shell(&scratch, "cp index good");

    refuse_index("cp good index", key_b, PACKAGE_SIGNATURE, "not trusted here");
    refuse_index("sed 's/\"sequence\":1/\"sequence\":2/' good >index", key_a, PACKAGE_SIGNATURE,
                 "something else");
    refuse_index("{ cat good; echo; } >index", key_a, PACKAGE_SIGNATURE, "something else");
    refuse_index("{ cat sig; cat good; } >index", key_a, PACKAGE_SIGNATURE, "something else");
    refuse_index("cat index.json >index", key_a, PACKAGE_SIGNATURE, "does not begin");
    refuse_index("cp sig index", key_a, PACKAGE_SIGNATURE, "something else");
    refuse_index(": >index", key_a, PACKAGE_SIGNATURE, "does not begin");
    refuse_index("minisign -S -l -s a.key -m index.json -x old && cat old index.json >index", key_a,
                 PACKAGE_SIGNATURE, "old kind");
    refuse_index("{ cat good; head -c 70000 /dev/zero; } >index", key_a, PACKAGE_LIMITS, "more");
    /* Signed, and yet none. */
    shell(&scratch, "echo '{\"app_id\":\"a\"}' >index.json");
    publish("a.key");
    refuse_index("true", key_a, PACKAGE_FORMAT, "'expires'");
    shell(&scratch, ": >index.json");
    publish("a.key");
    refuse_index("true", key_a, PACKAGE_FORMAT, "the update index");
}

static void test_what_cannot_be_published(void **state) {
    (void) state;
    static const struct {
        const char *words, *says;
        int status;
    } rows[] = {
        { "x.ma", "--base-url, --sequence and --expires", 2 },
        { "--base-url https://a --sequence 1 --expires 1d", "needs more", 2 },
        { "x.ma --base-url https://a --sequence one --expires 1d", "--sequence must be", 2 },
        { "x.ma --base-url https://a --sequence 1 --expires never", "--expires must be", 2 },
        { "x.ma --base-url https://a --sequence 0 --expires 1d", "'sequence'", 1 },
        { "x.ma --base-url ftp://a --sequence 1 --expires 1d", "'url'", 1 },
        { "x.ma --base-url https://a --sequence 1 --expires 1d --rollout 101", "'rollout'", 1 },
        { "x.ma --base-url https://a --sequence 1 --expires 1d --downgrade-to 2", "'downgrade_to'",
          1 },
        { "x.ma --base-url https://a --sequence 1 --expires 1d --next-key x.ma", "--next-key", 1 },
        { "x.ma x.ma --base-url https://a --sequence 1 --expires 1d",
          "two packages have the code 3", 1 },
        { "x.ma.minisig --base-url https://a --sequence 1 --expires 1d", "no ZIP file", 1 },
        { "nothing --base-url https://a --sequence 1 --expires 1d", "No such file", 1 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        shell(&scratch, "%s/miniprogctl index %s >out 2>says; test $? = %d || { cat says; false; }",
              getenv("MINIPROG_BUILD"), rows[i].words, rows[i].status);
        char *says = text_of("says", NULL);
        if (!strstr(says, rows[i].says) || strncmp(says, "miniprogctl: ", 13) != 0)
            fail_msg("%s: %s", rows[i].words, says);
        free(says);
        assert_int_equal(look(scratch.fd, "out").st_size, 0);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_a_signature_by_a_trusted_key), TEST(test_signatures_that_do_not_count),
        TEST(test_no_other_bytes_are_signed),    TEST(test_hashes),
        TEST(test_an_index_from_pack_to_choice), TEST(test_indexes_that_do_not_count),
        TEST(test_what_cannot_be_published),
    };
    return cmocka_run_group_tests_name("verifying", tests, NULL, NULL);
}
