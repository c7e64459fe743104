/* SPDX-License-Identifier: MIT
 * config.c - the files of the configuration, read by inih, each error with its file and line.
 * Layer: 3, daemon. Uses: base, inih.
 *
 * inih is used as its callers' guide describes it without any of its options, which differ from
 * one distribution's build to the next: it is fed line by line by a reader that counts, strips
 * leading blanks (else a line that begins with one would go on with the value before), and
 * refuses what inih would silently cut. */
#include "supervisor/daemon/config.h"

#include <dirent.h>
#include <fcntl.h>
#include <ini.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/str.h"
#include "supervisor/daemon/config_keys.h"

#define STANDARD_PATH "/etc/miniprogd.conf"
#define FILE_MAX      ((size_t) 1024 * 1024)
#define BLANKS        " \t\r\n\v\f"

/* Where a key was last set; when: 0 for a default. */
struct origin {
    size_t when;
    unsigned line;
    char *file;
};

struct loader {
    struct config *config;
    struct origin origins[CONFIG_KEYS_MAX];
    size_t clock;

    /* of the file at hand */
    const char *path;
    const char *rest; /* what was not read yet */
    unsigned line;
    bool seen[CONFIG_KEYS_MAX];
    int error; /* the first; nothing after it is looked at */
    struct err *e;
};

static void loader_clear_p(struct loader *l) {
    for (size_t i = 0; i < CONFIG_KEYS_MAX; i++)
        free(l->origins[i].file);
}

static void config_free_p(struct config **c) {
    config_free(*c);
}

/* Keeps the first error of a file, with the place. */
static void refuse(struct loader *l, int error, const char *what) {
    if (l->error == 0)
        l->error = err_set(l->e, error, "%s:%u: %s", l->path, l->line, what);
}

/* inih looks for a ']' and passes over what follows it. */
static bool is_bad_section(const char *line, size_t n) {
    const char *end = memchr(line, ']', n);
    size_t blank;

    if (line[0] != '[' || !end)
        return false;
    n -= (size_t) (end + 1 - line);
    blank = strspn(end + 1, BLANKS);
    return blank < n && end[1 + blank] != ';' && end[1 + blank] != '#';
}

/* As fgets(3). */
static char *next_line(char *buf, int size, void *userdata) {
    struct loader *l = userdata;
    const char *line = l->rest;
    size_t n;

    if (l->error != 0 || *line == '\0')
        return NULL;
    n = strcspn(line, "\n");
    l->rest = line + n + (line[n] == '\n');
    l->line++;
    while (n > 0 && strchr(BLANKS, *line)) {
        line++;
        n--;
    }
    if (n + 2 > (size_t) size)
        refuse(l, -EINVAL, "the line is too long");
    else if (is_bad_section(line, n))
        refuse(l, -EINVAL, "something follows the section's name");
    if (l->error != 0)
        return NULL;
    memcpy(buf, line, n);
    memcpy(buf + n, "\n", 2);
    return buf;
}

static int set_key(struct loader *l, size_t key, const char *value, struct err *why) {
    struct origin *o = &l->origins[key];
    int r;

    if (l->seen[key])
        return err_set(why, -EINVAL, "is given twice in this file");
    r = config_key_set(l->config, key, value, why);
    if (r < 0)
        return r;
    config_key_given(l->config, key);
    l->seen[key] = true;
    free(o->file);
    *o = (struct origin){ .when = ++l->clock, .line = l->line, .file = strdup(l->path) };
    return o->file ? 0 : err_set(why, -ENOMEM, "no memory");
}

/* Non-zero is success for inih. */
static int on_pair(void *userdata, const char *section, const char *name, const char *value) {
    struct loader *l = userdata;
    struct err why = { 0 };
    char text[sizeof why.text + 128];
    int key = config_key_find(section, name), r;

    if (l->error != 0)
        return 0;
    if (section[0] == '\0')
        r = err_set(&why, -EINVAL, "stands before any section");
    else if (key == -ENOTDIR)
        r = err_set(&why, -EINVAL, "there is no such section");
    else if (key < 0)
        r = err_set(&why, -EINVAL, "there is no such key");
    else
        r = set_key(l, (size_t) key, value, &why);
    if (r == 0)
        return 1;
    (void) snprintf(text, sizeof text, "[%s] %s: %s", section, name, why.text);
    refuse(l, r, text);
    return 0;
}

/* Non-blocking, so that a FIFO in the place of a file does not hold us. */
static int read_text(const char *path, struct str *text, struct err *e) {
    CLEANUP(close_p) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    char buf[4096];
    ssize_t n;
    int r;

    if (fd < 0 || fstat(fd, &st) < 0) {
        r = -errno;
        return err_set(e, r, "cannot open '%s': %s", path, strerror(-r));
    }
    if (!S_ISREG(st.st_mode))
        return err_set(e, -EINVAL, "'%s' is not a regular file", path);
    while ((n = read(fd, buf, sizeof buf)) > 0)
        (void) str_append(text, buf, (size_t) n);
    if (n < 0) {
        r = -errno;
        return err_set(e, r, "cannot read '%s': %s", path, strerror(-r));
    }
    if (str_error(text) == -EMSGSIZE)
        return err_set(e, -EINVAL, "'%s' is larger than 1 MiB", path);
    if (str_error(text) < 0)
        return err_set(e, -ENOMEM, "no memory for '%s'", path);
    if (strlen(str_text(text)) != text->len)
        return err_set(e, -EINVAL, "'%s' has bytes that are not text", path);
    return 0;
}

static int load_file(struct loader *l, const char *path) {
    CLEANUP(str_clear_p) struct str text = STR_INIT(FILE_MAX);
    int r = read_text(path, &text, l->e);

    if (r < 0)
        return r;
    l->path = path;
    l->rest = str_text(&text);
    l->line = 0;
    l->error = 0;
    memset(l->seen, 0, sizeof l->seen);
    r = ini_parse_stream(next_line, l, on_pair, l);
    /* inih goes on after a line that it does not understand, and tells its number at the end. */
    if (r == -2) {
        refuse(l, -ENOMEM, "no memory");
    } else if (r > 0 && (l->error == 0 || (unsigned) r < l->line)) {
        l->line = (unsigned) r;
        l->error = 0;
        refuse(l, -EINVAL, "is neither '[section]' nor 'key=value'");
    }
    return l->error;
}

static int is_drop_in(const struct dirent *d) {
    size_t n = strlen(d->d_name);
    return d->d_name[0] != '.' && n > 5 && strcmp(d->d_name + n - 5, ".conf") == 0;
}

/* By bytes: the order must not hang on the locale. */
static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int load_drop_ins(struct loader *l, const char *path) {
    char name[PATH_MAX];
    struct dirent **found;
    int n, r = 0;

    if (snprintf(name, sizeof name, "%s.d", path) >= (int) sizeof name)
        return err_set(l->e, -ENAMETOOLONG, "'%.80s' is too long a name", path);
    n = scandir(name, &found, is_drop_in, by_name);
    if (n < 0 && errno == ENOENT)
        return 0;
    if (n < 0) {
        r = -errno;
        return err_set(l->e, r, "cannot read '%s': %s", name, strerror(-r));
    }
    for (int i = 0; i < n; i++) {
        if (r == 0) {
            r = snprintf(name, sizeof name, "%s.d/%s", path, found[i]->d_name);
            r = r < (int) sizeof name
                    ? load_file(l, name)
                    : err_set(l->e, -ENAMETOOLONG, "'%.80s' is too long a name", path);
        }
        free(found[i]);
    }
    free(found);
    return r;
}

/* Told where the later of the two was set: that is the line somebody has just written. */
static int check_pairs(struct loader *l) {
    struct config_pair pair;
    int lower, higher;

    if (config_keys_check(l->config, &pair) == 0)
        return 0;
    lower = config_key_find(pair.section, pair.lower);
    higher = config_key_find(pair.section, pair.higher);
    const struct origin *o =
        l->origins[lower].when > l->origins[higher].when ? &l->origins[lower] : &l->origins[higher];
    return err_set(l->e, -EINVAL, "%s:%u: [%s] %s: must not be below %s", o->file, o->line,
                   pair.section, pair.higher, pair.lower);
}

int config_load(const char *path, struct config **ret, struct err *e) {
    CLEANUP(config_free_p) struct config *c = calloc(1, sizeof *c);
    CLEANUP(loader_clear_p) struct loader l = { .config = c, .e = e };
    int r = 0;

    if (!c || config_keys_default(c) < 0)
        return err_set(e, -ENOMEM, "no memory for the configuration");
    if (path || access(STANDARD_PATH, F_OK) == 0 || errno != ENOENT)
        r = load_file(&l, path ? path : STANDARD_PATH);
    if (r == 0)
        r = load_drop_ins(&l, path ? path : STANDARD_PATH);
    if (r == 0)
        r = check_pairs(&l);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(c);
    return 0;
}

struct config *config_free(struct config *c) {
    if (c)
        free(c->apps.groups);
    free(c);
    return NULL;
}
