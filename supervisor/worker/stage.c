/* SPDX-License-Identifier: MIT */
#include "supervisor/worker/stage.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"
#include "supervisor/base/killpoint.h"
#include "supervisor/base/str.h"
#include "supervisor/worker/sum.h"
#include "units/beneath.h"

struct stage {
    int stage_fd; /* borrowed */
    int package_fd;
    enum package_fault fault;
    size_t entries; /* files and folders */
    uint64_t bytes; /* announced */

    struct filelist_entry *files; /* their paths are malloc'd */
    size_t n_files, room;

    int file_fd;      /* of the file being written: the last of files */
    uint64_t missing; /* its bytes that are still to come */
    struct sum sum;
};

int stage_new(int stage_fd, struct stage **ret, struct err *e) {
    struct stage *s = calloc(1, sizeof *s);
    int r;

    if (!s)
        return err_set(e, -ENOMEM, "no memory for a stage");
    s->stage_fd = stage_fd;
    s->package_fd = s->file_fd = -1;
    /* Not fs_mkdir(): one that is there already is not ours. */
    if (mkdirat(stage_fd, "package", 0700) < 0) {
        r = -errno;
        r = err_set(e, r, "cannot begin a package: %s", strerror(-r));
    } else {
        r = fs_open_dir(stage_fd, "package", &s->package_fd, e);
    }
    if (r < 0) {
        stage_free(s);
        return r;
    }
    *ret = s;
    return 0;
}

struct stage *stage_free(struct stage *s) {
    if (!s)
        return NULL;
    close_p(&s->file_fd);
    close_p(&s->package_fd);
    for (size_t i = 0; i < s->n_files; i++)
        free((char *) (uintptr_t) s->files[i].path);
    free(s->files);
    free(s);
    return NULL;
}

void stage_free_p(struct stage **s) {
    *s = stage_free(*s);
}

int stage_refuse(struct stage *s, enum package_fault fault, struct err *e, const char *fmt, ...) {
    char text[sizeof e->text];
    va_list ap;

    va_start(ap, fmt);
    (void) vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    s->fault = fault;
    return err_set(e, -EINVAL, "%s", text);
}

enum package_fault stage_fault(const struct stage *s) {
    return s->fault;
}

static int failed(struct err *e, const char *path) {
    int r = -errno;
    return err_set(e, r, "cannot write '%s': %s", path, strerror(-r));
}

/* What may not be shown is not in the sentence. */
static int check_path(struct stage *s, const char *path, struct err *e) {
    size_t depth = 1;

    for (const char *part = path;; part++) {
        char name[PACKAGE_NAME_MAX + 2];
        size_t n = strcspn(part, "/");

        /* One byte too many is kept, so that it is found too long. */
        (void) snprintf(name, sizeof name, "%.*s", (int) (n < sizeof name ? n : sizeof name - 1),
                        part);
        const char *fault = package_name_fault(name);
        if (fault)
            return stage_refuse(s, PACKAGE_PATH, e, "a name in '%.*s' %s", (int) (part - path),
                                path, fault);
        part += n;
        if (*part == '\0')
            break;
        depth++;
    }
    if (depth > PACKAGE_DEPTH_MAX || strlen(path) > PACKAGE_PATH_MAX)
        return stage_refuse(s, PACKAGE_LIMITS, e, "folders are nested more than %d deep",
                            PACKAGE_DEPTH_MAX);
    if (++s->entries > PACKAGE_ENTRIES_MAX)
        return stage_refuse(s, PACKAGE_LIMITS, e, "there are more than %d files and folders",
                            PACKAGE_ENTRIES_MAX);
    return 0;
}

int stage_add_folder(struct stage *s, const char *path, struct err *e) {
    CLEANUP(close_p) int parent = -1;
    char above[PACKAGE_PATH_MAX + 1] = ".";
    const char *name = strrchr(path, '/');
    int r = check_path(s, path, e);

    if (r < 0)
        return r;
    if (name)
        (void) snprintf(above, sizeof above, "%.*s", (int) (name - path), path);
    parent = beneath_open(s->package_fd, above, O_PATH | O_DIRECTORY, 0);
    if (parent < 0)
        return err_set(e, parent, "cannot make '%s': %s", path, strerror(-parent));
    if (mkdirat(parent, name ? name + 1 : path, 0700) < 0)
        return failed(e, path);
    return 0;
}

static int add_entry(struct stage *s, const char *path, bool executable, struct err *e) {
    struct filelist_entry entry = { .executable = executable };

    if (s->n_files == s->room) {
        size_t room = s->room ? 2 * s->room : 64;
        struct filelist_entry *files = reallocarray(s->files, room, sizeof *files);
        if (!files)
            return err_set(e, -ENOMEM, "no memory for the list of files");
        s->files = files;
        s->room = room;
    }
    entry.path = strdup(path);
    if (!entry.path)
        return err_set(e, -ENOMEM, "no memory for the list of files");
    s->files[s->n_files++] = entry;
    return 0;
}

int stage_file_begin(struct stage *s, const char *path, uint64_t size, bool executable,
                     struct err *e) {
    int r = check_path(s, path, e);

    if (r < 0)
        return r;
    if (size > PACKAGE_BYTES_MAX - s->bytes)
        return stage_refuse(s, PACKAGE_LIMITS, e, "the files have more than %" PRIu64 " bytes",
                            PACKAGE_BYTES_MAX);
    r = add_entry(s, path, executable, e);
    if (r < 0)
        return r;
    s->bytes += size;
    s->missing = size;
    s->file_fd = beneath_open(s->package_fd, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW,
                              executable ? 0700 : 0600);
    if (s->file_fd < 0)
        return err_set(e, s->file_fd, "cannot write '%s': %s", path, strerror(-s->file_fd));
    sum_begin(&s->sum);
    return 0;
}

static int other_size(struct stage *s, const char *than, struct err *e) {
    return stage_refuse(s, PACKAGE_TREE, e, "'%.120s' is %s than it was said to be",
                        s->files[s->n_files - 1].path, than);
}

int stage_file_write(struct stage *s, const void *bytes, size_t n, struct err *e) {
    struct filelist_entry *entry = &s->files[s->n_files - 1];

    if (n > s->missing)
        return other_size(s, "longer", e);
    s->missing -= n;
    entry->size += n;
    sum_add(&s->sum, bytes, n);
    for (const char *p = bytes; n > 0;) {
        ssize_t written = write(s->file_fd, p, n);
        if (written < 0)
            return failed(e, entry->path);
        p += written;
        n -= (size_t) written;
    }
    return 0;
}

int stage_file_end(struct stage *s, struct err *e) {
    struct filelist_entry *entry = &s->files[s->n_files - 1];

    if (s->missing > 0)
        return other_size(s, "shorter", e);
    sum_hex(&s->sum, entry->sha256);
    if (close(TAKE_FD(s->file_fd)) < 0)
        return failed(e, entry->path);
    KILLPOINT(UNPACK_FILE);
    return 0;
}

static int read_manifest(struct stage *s, struct manifest **ret, struct err *e) {
    CLEANUP(free_p) char *text = NULL;
    size_t len = 0;
    int r = fs_read(s->package_fd, "manifest.json", MANIFEST_SIZE_MAX, &text, &len, e);

    if (r == -ENOENT)
        return stage_refuse(s, PACKAGE_MISSING, e, "manifest.json is not in the package");
    if (r == -EISDIR)
        return stage_refuse(s, PACKAGE_TYPE, e, "manifest.json is a folder");
    if (r == -EFBIG)
        return stage_refuse(s, PACKAGE_MANIFEST, e, "manifest.json has more than %zu bytes",
                            MANIFEST_SIZE_MAX);
    return r < 0 ? r : manifest_parse(text, len, MANIFEST_HOST_CODE, ret, &s->fault, e);
}

/* What `exec` names is executable, also where the archive or the file system it came from has no
 * such bit. Source: design.md §7, store. */
static int mark_program(struct stage *s, const struct manifest *m, struct err *e) {
    CLEANUP(free_p) char *program = NULL;
    CLEANUP(close_p) int fd = -1;
    const char *path = NULL;
    int r;

    if (!m->exec)
        return 0;
    r = manifest_program(m, s->package_fd, &program, e);
    if (r < 0 || program[0] == '/' || !strchr(program, '/'))
        return r;
    path = strncmp(program, "./", 2) == 0 ? program + 2 : program;
    for (size_t i = 0; i < s->n_files; i++) {
        if (strcmp(s->files[i].path, path) != 0)
            continue;
        s->files[i].executable = true;
        fd = beneath_open(s->package_fd, path, O_RDONLY, 0);
        if (fd < 0)
            return err_set(e, fd, "cannot open '%s': %s", path, strerror(-fd));
        return fchmod(fd, 0700) < 0 ? failed(e, path) : 0;
    }
    return 0; /* not there: manifest_check_tree() says so */
}

static int by_path(const void *a, const void *b) {
    return strcmp(((const struct filelist_entry *) a)->path,
                  ((const struct filelist_entry *) b)->path);
}

static int write_list(struct stage *s, struct worker_result *result, struct err *e) {
    CLEANUP(str_clear_p) struct str text = STR_INIT(FILELIST_SIZE_MAX);
    struct sum sum;

    if (s->n_files > 0)
        qsort(s->files, s->n_files, sizeof *s->files, by_path);
    for (size_t i = 0; i < s->n_files; i++)
        (void) filelist_append(&text, &s->files[i]);
    if (str_error(&text) == -EMSGSIZE)
        return stage_refuse(s, PACKAGE_LIMITS, e, "the list of files is too long");
    if (str_error(&text) < 0)
        return err_set(e, -ENOMEM, "no memory for the list of files");
    sum_begin(&sum);
    sum_add(&sum, str_text(&text), text.len);
    sum_hex(&sum, result->files_hash);
    return fs_replace(s->stage_fd, "files", str_text(&text), text.len, 0600, FS_VOLATILE, e);
}

int stage_finish(struct stage *s, struct worker_result *ret, struct err *e) {
    CLEANUP(manifest_free_p) struct manifest *m = NULL;
    struct worker_result result = { .ok = true, .files = s->n_files, .bytes = s->bytes };
    int r;

    if ((r = read_manifest(s, &m, e)) < 0 || (r = mark_program(s, m, e)) < 0 ||
        (r = manifest_check_tree(m, s->package_fd, &s->fault, e)) < 0 ||
        (r = write_list(s, &result, e)) < 0)
        return r;
    KILLPOINT(UNPACK_LISTED);
    result.code = m->version_code;
    (void) snprintf(result.app_id, sizeof result.app_id, "%s", m->app_id);
    *ret = result;
    return 0;
}
