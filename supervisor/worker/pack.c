/* SPDX-License-Identifier: MIT */
#include "supervisor/worker/pack.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <zip.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/fs.h"
#include "supervisor/worker/archive.h"
#include "supervisor/worker/names.h"
#include "supervisor/worker/verdict.h"
#include "units/beneath.h"
#include "units/filelist.h"
#include "units/manifest.h"

/* 1980-01-01 00:00, the first that a ZIP file can say. */
#define DOS_DATE ((zip_uint16_t) (1 << 5 | 1))
#define DOS_TIME ((zip_uint16_t) 0)
#define LEVEL    9 /* of deflate */

struct packing {
    int folder_fd;
    struct names *names; /* an entry is its mode: S_IXUSR or 0 */
    struct verdict v;
    zip_t *zip;
    char path[PACKAGE_PATH_MAX + PACKAGE_NAME_MAX + 3];
};

/* --- what is in the folder ----------------------------------------------------------------- */

static void closedir_p(DIR **dir) {
    if (*dir)
        (void) closedir(*dir);
}

static int unreadable(struct packing *p, int r) {
    return err_set(p->v.e, r, "cannot read '%.120s': %s", p->path[0] ? p->path : "the folder",
                   strerror(-r));
}

static int collect_folder(struct packing *p, int fd, size_t len);

static int collect_entry(struct packing *p, int dir_fd, const char *name, size_t len) {
    CLEANUP(close_p) int fd = -1;
    struct stat st;
    int r;

    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return unreadable(p, -errno);
    if (S_ISREG(st.st_mode))
        return names_add(p->names, p->path, len, st.st_mode & S_IXUSR, &p->v);
    if (!S_ISDIR(st.st_mode))
        return refuse(&p->v, PACKAGE_TYPE, "'%.120s' is %s", p->path,
                      S_ISLNK(st.st_mode) ? "a symbolic link" : "neither a file nor a folder");
    p->path[len] = '/';
    p->path[len + 1] = '\0';
    r = names_add(p->names, p->path, len + 1, 0, &p->v);
    p->path[len] = '\0';
    if (r < 0)
        return r;
    fd = beneath_open(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    return fd < 0 ? unreadable(p, fd) : collect_folder(p, fd, len);
}

/* len: bytes of p->path, which is the folder's. */
static int collect_folder(struct packing *p, int fd, size_t len) {
    CLEANUP(close_p) int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(closedir_p) DIR *dir = own < 0 ? NULL : fdopendir(own);
    int r = 0;

    if (!dir)
        return unreadable(p, -errno);
    own = -1; /* the stream's */
    while (r == 0) {
        errno = 0;
        struct dirent *d = readdir(dir);
        if (!d)
            return errno ? unreadable(p, -errno) : 0;
        if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
            continue;
        int n =
            snprintf(p->path + len, sizeof p->path - len - 2, "%s%s", len ? "/" : "", d->d_name);
        r = collect_entry(p, fd, d->d_name, len + (size_t) n);
        p->path[len] = '\0';
    }
    return r;
}

/* --- the manifest -------------------------------------------------------------------------- */

static int check_manifest(struct packing *p, struct packed *ret) {
    CLEANUP(free_p) char *text = NULL;
    CLEANUP(manifest_free_p) struct manifest *m = NULL;
    size_t len = 0;
    int r;

    /* Whatever host it wants: that is for the devices to decide. */
    if ((r = fs_read(p->folder_fd, "manifest.json", MANIFEST_SIZE_MAX, &text, &len, p->v.e)) < 0 ||
        (r = manifest_parse(text, len, UINT64_MAX, &m, NULL, p->v.e)) < 0 ||
        (r = manifest_check_tree(m, p->folder_fd, &p->v.fault, p->v.e)) < 0)
        return r;
    (void) snprintf(ret->app_id, sizeof ret->app_id, "%s", m->app_id);
    ret->code = m->version_code;
    return 0;
}

/* --- writing ------------------------------------------------------------------------------- */

/* A file that libzip reads when its turn comes: all of them open at once would be too many. */
struct source {
    int folder_fd, fd;
    struct stat st;
    zip_error_t error;
    char path[];
};

static zip_int64_t source_failed(struct source *s, int code, int error) {
    zip_error_set(&s->error, code, error);
    return -1;
}

static zip_int64_t source_open(struct source *s) {
    s->fd = beneath_open(s->folder_fd, s->path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW, 0);
    if (s->fd < 0)
        return source_failed(s, ZIP_ER_OPEN, -s->fd);
    return fstat(s->fd, &s->st) == 0 && S_ISREG(s->st.st_mode)
               ? 0
               : source_failed(s, ZIP_ER_OPEN, EINVAL);
}

static zip_int64_t source_stat(struct source *s, void *data) {
    zip_stat_t *st = data;
    struct stat now;

    if (beneath_stat(s->folder_fd, s->path, &now) < 0)
        return source_failed(s, ZIP_ER_READ, ENOENT);
    zip_stat_init(st);
    st->valid = ZIP_STAT_SIZE;
    st->size = (zip_uint64_t) now.st_size;
    return sizeof *st;
}

static zip_int64_t source_call(void *userdata, void *data, zip_uint64_t n, zip_source_cmd_t cmd) {
    struct source *s = userdata;
    ssize_t got;

    switch ((int) cmd) {
    case ZIP_SOURCE_SUPPORTS:
        return zip_source_make_command_bitmap(ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE,
                                              ZIP_SOURCE_STAT, ZIP_SOURCE_ERROR, ZIP_SOURCE_FREE,
                                              -1);
    case ZIP_SOURCE_OPEN:
        return source_open(s);
    case ZIP_SOURCE_READ:
        got = read(s->fd, data, n);
        return got < 0 ? source_failed(s, ZIP_ER_READ, errno) : got;
    case ZIP_SOURCE_CLOSE:
        close_p(&s->fd);
        s->fd = -1;
        return 0;
    case ZIP_SOURCE_STAT:
        return source_stat(s, data);
    case ZIP_SOURCE_ERROR:
        return zip_error_to_data(&s->error, data, n);
    case ZIP_SOURCE_FREE:
        zip_error_fini(&s->error);
        free(s);
        return 0;
    default:
        return source_failed(s, ZIP_ER_OPNOTSUPP, 0);
    }
}

static int zip_failed(struct packing *p, const char *what) {
    return err_set(p->v.e, -EIO, "cannot pack '%.120s': %s", what, zip_strerror(p->zip));
}

static zip_int64_t add_file(struct packing *p, const char *path) {
    struct source *s = calloc(1, sizeof *s + strlen(path) + 1);
    zip_source_t *source = NULL;
    zip_int64_t at;

    if (!s)
        return -1;
    s->folder_fd = p->folder_fd;
    s->fd = -1;
    zip_error_init(&s->error);
    memcpy(s->path, path, strlen(path) + 1);
    source = zip_source_function(p->zip, source_call, s);
    if (!source) {
        free(s);
        return -1;
    }
    at = zip_file_add(p->zip, path, source, ZIP_FL_ENC_UTF_8);
    if (at < 0)
        zip_source_free(source); /* and s by it */
    return at;
}

/* Times, owners and the umask leave no trace. */
static int add(struct packing *p, const struct name *name) {
    zip_uint32_t mode = name->folder            ? S_IFDIR | 0755
                        : name->entry & S_IXUSR ? S_IFREG | 0755
                                                : S_IFREG | 0644;
    zip_int64_t at =
        name->folder ? zip_dir_add(p->zip, name->path, ZIP_FL_ENC_UTF_8) : add_file(p, name->path);

    if (at < 0 ||
        zip_file_set_external_attributes(p->zip, (zip_uint64_t) at, 0, ZIP_OPSYS_UNIX,
                                         mode << 16 | (name->folder ? 0x10 : 0)) < 0 ||
        zip_file_set_dostime(p->zip, (zip_uint64_t) at, DOS_TIME, DOS_DATE, 0) < 0 ||
        (!name->folder &&
         zip_set_file_compression(p->zip, (zip_uint64_t) at, ZIP_CM_DEFLATE, LEVEL) < 0))
        return zip_failed(p, name->path);
    return 0;
}

/* libzip writes beside the output and renames when all is done. */
static int write_zip(struct packing *p, const char *output) {
    int code = 0, r = 0;

    p->zip = zip_open(output, ZIP_CREATE | ZIP_TRUNCATE, &code);
    if (!p->zip)
        return err_set(p->v.e, -EIO, "cannot write '%.120s'", output);
    for (size_t i = 0; r == 0 && i < names_count(p->names); i++)
        r = add(p, names_get(p->names, i));
    if (r == 0 && zip_close(p->zip) == 0)
        return 0;
    if (r == 0)
        r = zip_failed(p, output);
    zip_discard(p->zip);
    return r;
}

/* --- all of it ----------------------------------------------------------------------------- */

/* What we make is what we would take: limits, and whatever libzip had in mind. */
static int check_output(struct packing *p, struct packed *ret) {
    CLEANUP(close_p) int fd = open(ret->output, O_RDONLY | O_CLOEXEC);
    CLEANUP(archive_free_p) struct archive *a = NULL;
    struct stat st;
    int r;

    if (fd < 0 || fstat(fd, &st) < 0)
        return err_set(p->v.e, -errno, "cannot read what was packed: %s", strerror(errno));
    r = archive_open(fd, &a, &p->v);
    if (r < 0) {
        (void) unlink(ret->output);
        return err_wrap(p->v.e, r, "it was packed, but no device would take it");
    }
    ret->files = archive_files(a);
    ret->size = (uint64_t) st.st_size;
    return 0;
}

static int choose_output(const char *output, struct packed *ret, struct err *e) {
    if (output)
        ret->output = strdup(output);
    else if (asprintf(&ret->output, "%s-%" PRIu64 ".ma", ret->app_id, ret->code) < 0)
        ret->output = NULL;
    return ret->output ? 0 : err_set(e, -ENOMEM, "out of memory");
}

static int check_outside(const char *folder, const char *output, struct err *e) {
    char inner[PATH_MAX], outer[PATH_MAX], above[PATH_MAX] = ".";
    const char *slash = strrchr(output, '/');
    size_t n;

    if (slash && (size_t) (slash - output) < sizeof above - 1)
        (void) snprintf(above, sizeof above, "%.*s", (int) (slash - output) + 1, output);
    if (!realpath(above, inner) || !realpath(folder, outer))
        return err_set(e, -errno, "cannot write '%.120s': %s", output, strerror(errno));
    n = strlen(outer);
    if (strncmp(inner, outer, n) == 0 && (inner[n] == '/' || inner[n] == '\0'))
        return err_set(e, -EINVAL, "'%.120s' would lie in the folder that is packed", output);
    return 0;
}

static int pack(struct packing *p, const char *folder, const char *output, struct packed *ret) {
    int r;

    if ((r = collect_folder(p, p->folder_fd, 0)) < 0 || (r = names_finish(p->names, &p->v)) < 0 ||
        (r = check_manifest(p, ret)) < 0 || (r = choose_output(output, ret, p->v.e)) < 0 ||
        (r = check_outside(folder, ret->output, p->v.e)) < 0 || (r = write_zip(p, ret->output)) < 0)
        return r;
    return check_output(p, ret);
}

int pack_folder(const char *folder, const char *output, struct packed *ret, struct err *e) {
    struct packed packed = { .output = NULL };
    struct packing p = { .v = { .e = e }, .names = names_new() };
    int r = -ENOMEM;

    p.folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (p.folder_fd < 0) {
        r = -errno;
        r = err_set(e, r, "cannot read '%.120s': %s", folder, strerror(-r));
    } else if (!p.names) {
        r = err_set(e, r, "out of memory");
    } else {
        r = pack(&p, folder, output, &packed);
    }
    names_free(p.names);
    close_p(&p.folder_fd);
    if (r < 0)
        free(packed.output);
    else
        *ret = packed;
    return r;
}
