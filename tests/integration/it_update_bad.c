/* SPDX-License-Identifier: MIT
 * What a server may get wrong, or do on purpose, through the whole of the real daemon: packages
 * that are none, indexes that do not count, transfers that go astray. Each is told to whoever
 * asked, to watchers, to `why`, and (a version that was announced) to the app, by its reason; the
 * app runs on as it was, and the store is as it was.
 * Source: facts/updates.md §6; the numbers in brackets are its. */
#include "update_kit.h"

static pid_t running;
static char *store_before;

/* --- nothing has changed ------------------------------------------------------------------ */

/* Every file of the store but those that note what happened. */
static char *photo(void) {
    struct str out = STR_INIT(1 << 20);
    char command[512], bytes[4096];
    size_t n;

    (void) snprintf(command, sizeof command,
                    "cd %s && find apps staging trash ! -name decisions ! -name state -printf "
                    "'%%p %%y %%m %%U %%s\\n' | sort",
                    h.state);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    while ((n = fread(bytes, 1, sizeof bytes, f)) > 0)
        (void) str_append(&out, bytes, n);
    assert_int_equal(pclose(f), 0);
    return str_take(&out);
}

/* From here on nothing that is refused may change anything. */
static void runs_undisturbed(void) {
    running = harness_pid(&h, ONE);
    assert_true(running > 0);
    free(store_before);
    store_before = photo();
}

static void is_undisturbed(const char *what) {
    CLEANUP(free_p) char *now = photo();

    if (strcmp(now, store_before) != 0)
        fail_msg("%s: the store was\n%s\nand is\n%s", what, store_before, now);
    if (harness_pid(&h, ONE) != running)
        fail_msg("%s: the app was disturbed", what);
    versions(1, -1, -1);
}

static unsigned told; /* so many times was the app told update_failed */

/* It is announced as version `code`, and then it cannot be had. */
static void fails_with(const char *what, int64_t code, const char *reason) {
    struct varlink_reply reply;
    char in_words[80];

    print_message("%s: %s\n", what, reason);
    checks(true, code);
    for (bool found = false; !found;) {
        const struct json *u = json_get(harness_wait_event(&h, ONE, "update", &reply), "update");
        const char *phase = json_get_string(u, "phase", "");
        if (strcmp(phase, "ready") == 0)
            fail_msg("%s: was taken, not %s", what, reason);
        found = strcmp(phase, "failed") == 0;
        if (found && strcmp(json_get_string(u, "reason", ""), reason) != 0)
            fail_msg("%s: %s, not %s", what, json_get_string(u, "reason", ""), reason);
        varlink_reply_clear(&reply);
    }
    (void) snprintf(in_words, sizeof in_words, "version %d cannot be had (%s): ", (int) code,
                    reason);
    why_says("update_failed", in_words);
    is_undisturbed(what);
    told++;
}

/* The app heard of each failure. */
static void assert_told(void) {
    harness_ok(&h, "SimulateUpdate", "{\"id\":\"" ONE "\",\"outcome\":\"failed\"}");
    harness_wait_log(&h, ONE, "update_failed simulated"); /* after all that was sent before */
    CLEANUP(free_p) char *log = harness_log(&h, ONE);
    assert_int_equal(count_of(log, "update_failed "), told + 1);
}

static void version_one_runs(void) {
    told = 0;
    pack(1, NULL);
    publish(1, "1", "");
    install_over_http(1);
    opens_as(1);
    hears("check", -1, NULL);
    runs_undisturbed();
}

static int end_all(void **state) {
    free(store_before);
    store_before = NULL;
    return end(state);
}

/* --- packages [14 to 21] ------------------------------------------------------------------ */

/* The worker sees them all in it_package; of the large groups some will do here. */
static bool is_passed_over(const char *name, unsigned line) {
    static const struct {
        const char *group;
        unsigned of; /* one of so many */
    } some[] = { { "path-", 8 }, { "format-", 6 }, { "type-", 2 }, { "w3c-", 3 } };

    for (size_t i = 0; i < sizeof some / sizeof some[0]; i++)
        if (strncmp(name, some[i].group, strlen(some[i].group)) == 0)
            return line % some[i].of != 0;
    return false;
}

/* x.json, all at once, become x.index. */
static void sign_all(const char *files) {
    sh("minisign -S -s key.sec -m %s && for j in %s; do cat $j.minisig $j >${j%%json}index; done",
       files, files);
}

static void put_index(const char *name) {
    char from[256], to[256];
    (void) snprintf(from, sizeof from, "%s/%s.index", h.packages, name);
    (void) snprintf(to, sizeof to, "%s/www/index", h.packages);
    assert_int_equal(rename(from, to), 0);
}

/* Of those that packages.py makes, as versions of our app by indexes that tell the truth about
 * them. */
static void test_each_bad_package(void **state) {
    (void) state;
    char name[128], reason[32], path[256];
    unsigned count = 0, line = 0;

    version_one_runs();
    sh("mkdir bad && python3 %s bad http://127.0.0.1:%d/plain/bad >list && sed -i "
       "s/org.example.clock/" ONE "/ bad/*.json && ln -s ../bad www/bad",
       source("tests/integration/packages.py"), port);
    sign_all("bad/*.json");
    (void) snprintf(path, sizeof path, "%s/list", h.packages);
    FILE *list = fopen(path, "r");
    assert_non_null(list);
    while (fscanf(list, "%127s %31s", name, reason) == 2) {
        if (strcmp(reason, "ok") == 0 || is_passed_over(name, line++))
            continue;
        (void) snprintf(path, sizeof path, "bad/%s", name);
        put_index(path);
        fails_with(name, 3, reason);
        count++;
    }
    (void) fclose(list);
    print_message("%u packages\n", count);
    assert_true(count > 40);
    assert_told();
    finish();
}

/* The nine packages of w3c/miniapp-tests have all below src/, and name a page that is not there:
 * refused for either, and installed once both are put right. Source: facts/miniapp.md §2.4. */
static void test_the_packages_of_w3c(void **state) {
    (void) state;
    struct varlink_reply reply;
    char name[128], reason[32], path[256];
    unsigned count = 0, good = 0;

    sh("mkdir bad && python3 %s bad >list", source("tests/integration/packages.py"));
    (void) snprintf(path, sizeof path, "%s/list", h.packages);
    FILE *list = fopen(path, "r");
    assert_non_null(list);
    while (fscanf(list, "%127s %31s", name, reason) == 2) {
        if (strncmp(name, "w3c-", 4) != 0)
            continue;
        print_message("%s: %s\n", name, reason);
        harness_call(&h, &reply, "Install", "{\"source\":\"%s/bad/%s.ma\",\"unsigned\":true}",
                     h.packages, name);
        assert_string_equal(json_get_string(reply.parameters, "reason", "ok"), reason);
        if (!reply.error) {
            assert_string_equal(json_get_string(reply.parameters, "id", ""), "org.example.w3c");
            good++;
        }
        varlink_reply_clear(&reply);
        count++;
    }
    (void) fclose(list);
    assert_int_equal(count, 27);
    assert_int_equal(good, 9);
    finish();
}

/* --- what the index says of a package [1, 2, 8, 20, 21] ----------------------------------- */

struct row {
    const char *what, *edit, *reason;
};

/* Indexes of versions 1 and 2, each edited before it is signed, in Python: d is the index, p what
 * it says of version 2, truth(p, file) has it tell the truth of that file in www/. */
static void publish_edited(const struct row *rows, size_t n) {
    static const char before[] =
        "import copy, hashlib, json, zipfile\n"
        "def leads_to(p, path): p['url'] = p['url'].replace('plain/one-2.ma', path)\n"
        "def truth(p, file):\n"
        "    b, z = open('www/' + file, 'rb').read(), zipfile.ZipFile('www/' + file).infolist()\n"
        "    leads_to(p, 'plain/' + file)\n"
        "    p.update(size=len(b), sha256=hashlib.sha256(b).hexdigest(),\n"
        "        unpacked_size=sum(i.file_size for i in z),\n"
        "        files=sum(not i.filename.endswith('/') for i in z))\n"
        "good = json.load(open('index.json'))\n"
        "def edit(number, how):\n"
        "    d = copy.deepcopy(good)\n"
        "    p = [p for p in d['packages'] if p['code'] == 2][0]\n"
        "    d['sequence'] += number\n"
        "    exec(how, globals(), locals())\n"
        "    json.dump(d, open('row-%d.json' % number, 'w'))\n";
    static unsigned long long sequence = 1;
    char path[128];

    make_index(sequence += 1000, "1 2", "");
    (void) snprintf(path, sizeof path, "%s/edit.py", h.packages);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    (void) fputs(before, f);
    for (size_t i = 0; i < n; i++)
        (void) fprintf(f, "edit(%zu, \"%s\")\n", i, rows[i].edit);
    assert_int_equal(fclose(f), 0);
    sh("rm -f row-* && python3 edit.py");
    sign_all("row-*.json");
}

static void fail_each(const struct row *rows, size_t n) {
    char name[32];

    publish_edited(rows, n);
    for (size_t i = 0; i < n; i++) {
        (void) snprintf(name, sizeof name, "row-%zu", i);
        put_index(name);
        fails_with(rows[i].what, strstr(rows[i].edit, "['code'] = 3") ? 3 : 2, rows[i].reason);
    }
}

static const struct row lies[] = {
    { "one bit is another", "leads_to(p, 'plain/flipped.ma')", "hash" },
    { "the package of another release", "leads_to(p, 'plain/one-1.ma')", "hash" },
    { "another sum", "p['sha256'] = '0' * 64", "hash" },
    { "a byte more than told", "p['size'] -= 1", "hash" },
    { "a byte less than told", "p['size'] += 1", "hash" },
    { "fewer files than told", "p['files'] += 1", "tree" },
    { "more files than told", "p['files'] -= 1", "limits" },
    { "fewer bytes in it than told", "p['unpacked_size'] += 1", "tree" },
    { "more bytes in it than told", "p['unpacked_size'] -= 1", "limits" },
    { "another code than its manifest's", "p['code'] = 3", "manifest" },
    { "a package of another app", "truth(p, 'two.ma')", "target" },
    { "nothing there", "leads_to(p, 'plain/nothing.ma')", "missing" },
    { "a file of this machine", "p['url'] = 'file:///etc/passwd'", "network" },
};

static void test_what_the_index_says_of_a_package(void **state) {
    (void) state;
    char folder[128], edits[16][64];
    struct row cuts[16];

    version_one_runs();
    pack(2, NULL);
    sh("cp www/one-2.ma www/flipped.ma && printf x | dd of=www/flipped.ma bs=1 seek=100 "
       "conv=notrunc");
    harness_make(&h,
                 &(struct harness_app){ .id = "org.example.two", .code = 2, .program = "probe" },
                 folder);
    sh("%s pack --output www/two.ma %s", worker(), folder);
    fail_each(lies, sizeof lies / sizeof lies[0]);
    for (int n = 0; n < 16; n++) {
        (void) snprintf(edits[n], sizeof edits[n], "leads_to(p, 'cut/one-2.ma?n=%d')", n + 1);
        cuts[n] = (struct row){ n < 15 ? "cut" : "all but a byte", edits[n], "hash" };
    }
    fail_each(cuts, 16);
    assert_told();
    publish_edited(&(struct row){ .edit = "pass" }, 1);
    put_index("row-0"); /* and nothing of all that is held against it */
    checks(true, 2);
    hears("ready", 2, NULL);
    finish();
}

/* --- transfers [9 to 13] ------------------------------------------------------------------ */

static const struct row transfers[] = {
    { "endless", "leads_to(p, 'endless/one-2.ma')", "limits" },
    { "endless, and nothing told", "leads_to(p, 'endless-untold/one-2.ma')", "limits" },
    { "ten times as long", "leads_to(p, 'tenfold/one-2.ma')", "hash" },
    { "ten times as long, and nothing told", "leads_to(p, 'tenfold-untold/one-2.ma')", "limits" },
    { "packed by the server", "leads_to(p, 'gzip/one-2.ma')", "format" },
    { "packed for the line", "leads_to(p, 'gzip-transfer/one-2.ma')", "limits" },
    { "the line breaks each time", "leads_to(p, 'truncated/one-2.ma')", "network" },
    { "a part that was not asked for", "leads_to(p, 'always-wrong-range/one-2.ma')", "network" },
    { "no HTTP", "leads_to(p, 'garbage/')", "network" },
    { "headers without end", "leads_to(p, 'headers/')", "network" },
    { "an error", "leads_to(p, 'status/503')", "network" },
    { "gone", "leads_to(p, 'status/410')", "missing" },
    { "to a file of this machine", "leads_to(p, 'redirect/?to=file:///etc/passwd')", "network" },
    { "to another protocol", "leads_to(p, 'redirect/?to=ftp://127.0.0.1/x')", "network" },
    { "round and round", "leads_to(p, 'loop/0')", "network" },
    { "nobody there", "p['url'] = 'http://127.0.0.1:1/one-2.ma'", "network" },
};

static const struct row slow[] = {
    { "byte by byte", "leads_to(p, 'drip/one-2.ma')", "network" },
    { "no answer", "leads_to(p, 'hang/')", "network" },
    { "no end", "leads_to(p, 'hang-after-head/')", "hash" }, /* told another length */
};

static void test_transfers(void **state) {
    (void) state;

    version_one_runs();
    pack(2, NULL);
    fail_each(transfers, sizeof transfers / sizeof transfers[0]);
    harness_write_config(&h, CONFIG "install_timeout=700ms\n");
    harness_signal(&h, SIGHUP);
    fail_each(slow, sizeof slow / sizeof slow[0]);
    assert_told();
    finish();
}

/* --- indexes [3 to 7, 9 to 13] ------------------------------------------------------------ */

/* Nothing newer was known: whoever asked is told, and `why`; the app hears nothing. */
static void is_no_index(const char *what, const char *reason) {
    char in_words[80];
    unsigned packages = count_of(asked_for(), ".ma ");

    print_message("%s: %s\n", what, reason);
    check_is_refused(reason);
    (void) snprintf(in_words, sizeof in_words, "cannot check for an update (%s): ", reason);
    why_says("check_failed", in_words);
    is_undisturbed(what);
    assert_int_equal(count_of(asked_for(), ".ma "), packages); /* nothing was fetched by it */
}

static const struct {
    const char *what;
    const char *make; /* www/index, in the shell, from index.json, which has sequence 1000 */
    const char *reason;
} indexes[] = {
    { "changed after it was signed", "sed 's/\"code\":2/\"code\":7/' good >www/index",
      "signature" },
    { "a key that nobody trusts",
      "minisign -S -s other.sec -m index.json -x s && cat s index.json >www/index", "signature" },
    { "a key's other kind of signature",
      "minisign -S -l -s key.sec -m index.json -x s && cat s index.json >www/index", "signature" },
    { "another key under the id of a trusted one",
      "minisign -S -s other.sec -m index.json -x s && minisign -S -s key.sec -m index.json -x t && "
      "python3 -c 'import base64\n"
      "s, t = open(\"s\").read().split(\"\\n\"), open(\"t\").read().split(\"\\n\")\n"
      "x, y = base64.b64decode(s[1]), base64.b64decode(t[1])\n"
      "s[1] = base64.b64encode(y[:10] + x[10:]).decode()\n"
      "open(\"www/index\", \"w\").write(\"\\n\".join(s) + open(\"index.json\").read())'",
      "signature" },
    { "no signature", "cp index.json www/index", "signature" },
    { "a signature of nothing", "head -n4 good >www/index", "signature" },
    { "the same signature twice", "{ head -n4 good; cat good; } >www/index", "signature" },
    { "cut in the middle", "head -c 500 good >www/index", "signature" },
    { "empty", ": >www/index", "signature" },
    { "larger than one may be", "{ cat good; head -c 70000 /dev/zero; } >www/index", "limits" },
    { "not there", "rm -f www/index", "missing" },
    { "of another app", "SIGN s/" ONE "/org.example.two/", "target" },
    { "older than one that was seen", "SIGN s/\"sequence\":1000/\"sequence\":999/", "downgrade" },
    { "a leap to the last number there is",
      "SIGN s/\"sequence\":1000/\"sequence\":9007199254740991/", "format" },
    { "a number beyond all", "SIGN s/\"sequence\":1000/\"sequence\":18446744073709551615/",
      "format" },
    { "no number", "SIGN s/\"sequence\":1000/\"sequence\":\"1000\"/", "format" },
    { "a code beyond all", "SIGN s/\"code\":2/\"code\":9007199254740993/", "format" },
    { "a member twice", "SIGN s/\"sequence\":1000/&,&/", "format" },
    { "no JSON", "SIGN s/{/[/", "format" },
    { "a package's address that is none", "SIGN s,http://,gopher://,", "format" },
    { "a sum that is none", "SIGN s/\"sha256\":\"../\"sha256\":\"/", "format" },
};

static const struct {
    const char *what, *behaviour, *reason;
} servers[] = {
    { "an endless index", "endless", "limits" },
    { "an index packed by the server", "gzip", "format" },
    { "half an index", "truncated", "network" },
    { "no HTTP", "garbage", "network" },
    { "an error", "status 503", "network" },
    { "gone", "status 410", "missing" },
    { "elsewhere, to a file", "redirect file:///etc/passwd", "network" },
    { "round and round", "loop", "network" },
};

static void test_indexes(void **state) {
    (void) state;

    version_one_runs();
    pack(2, NULL);
    sh("minisign -G -W -p other.pub -s other.sec");
    publish(1000, "1", "");
    checks(false, -1);
    make_index(1000, "1 2", "");
    publish_json("key.sec");
    sh("cp www/index good && cp index.json good.json");
    for (size_t i = 0; i < sizeof indexes / sizeof indexes[0]; i++) {
        sh("cp good.json index.json");
        if (strncmp(indexes[i].make, "SIGN ", 5) == 0) {
            sh("sed -i '%s' index.json", indexes[i].make + 5);
            publish_json("key.sec");
        } else {
            sh("%s", indexes[i].make);
        }
        is_no_index(indexes[i].what, indexes[i].reason);
    }
    sh("cp good www/index");
    for (size_t i = 0; i < sizeof servers / sizeof servers[0]; i++) {
        sh("echo '%s' >www/behaviour", servers[i].behaviour);
        is_no_index(servers[i].what, servers[i].reason);
    }
    sh("rm www/behaviour");
    CLEANUP(free_p) char *log = harness_log(&h, ONE);
    assert_int_equal(count_of(log, "update_failed"), 0);
    checks(true, 2); /* the same sequence as before, and sound: heeded */
    hears("ready", 2, NULL);
    finish();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_each_bad_package, start, end_all),
        cmocka_unit_test_setup_teardown(test_the_packages_of_w3c, start, end_all),
        cmocka_unit_test_setup_teardown(test_what_the_index_says_of_a_package, start, end_all),
        cmocka_unit_test_setup_teardown(test_transfers, start, end_all),
        cmocka_unit_test_setup_teardown(test_indexes, start, end_all),
    };
    return cmocka_run_group_tests_name("bad updates", tests, NULL, NULL);
}
