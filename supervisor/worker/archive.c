/* SPDX-License-Identifier: MIT */
#include "supervisor/worker/archive.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <zip.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/worker/names.h"
#include "supervisor/worker/verdict.h"
#include "supervisor/worker/zip_scan.h"
#include "units/filelist.h"

#define PIECE ((size_t) 128 * 1024)

struct archive {
    struct zip_list list;
    struct names *names;
    uint64_t files, bytes;
    zip_t *zip;
    char *buffer; /* PIECE bytes */
};

struct archive *archive_free(struct archive *a) {
    if (!a)
        return NULL;
    if (a->zip)
        zip_discard(a->zip);
    names_free(a->names);
    zip_list_clear(&a->list);
    free(a->buffer);
    free(a);
    return NULL;
}

void archive_free_p(struct archive **a) {
    *a = archive_free(*a);
}

static const struct zip_entry *entry_of(const struct archive *a, size_t i) {
    size_t entry = names_get(a->names, i)->entry;
    return entry == NAMES_IMPLIED ? NULL : &a->list.entries[entry];
}

/* --- open ---------------------------------------------------------------------------------- */

static int collect(struct archive *a, struct verdict *v) {
    for (size_t i = 0; i < a->list.n_entries; i++) {
        const struct zip_header *h = &a->list.entries[i].header;
        int r = names_add(a->names, h->name, h->name_len, i, v);
        if (r < 0)
            return r;
        a->files += !zip_is_folder(h);
        a->bytes += h->size;
    }
    return names_finish(a->names, v);
}

static int check_limits(const struct archive *a, struct verdict *v) {
    if (a->bytes > PACKAGE_BYTES_MAX)
        return refuse(v, PACKAGE_LIMITS, "the files have more than %" PRIu64 " bytes",
                      PACKAGE_BYTES_MAX);
    if (a->bytes > ARCHIVE_RATIO_ANY && a->bytes / ARCHIVE_RATIO_MAX > a->list.file_size)
        return refuse(v, PACKAGE_LIMITS,
                      "the files have more than %d times the package's bytes: it is a bomb",
                      ARCHIVE_RATIO_MAX);
    return 0;
}

static int from_libzip(const zip_error_t *error, const char *path, struct verdict *v) {
    enum package_fault fault = PACKAGE_FORMAT;

    switch (zip_error_code_zip(error)) {
    case ZIP_ER_MEMORY:
        return err_set(v->e, -ENOMEM, "no memory to read the package");
    case ZIP_ER_OPEN:
    case ZIP_ER_READ:
    case ZIP_ER_SEEK:
    case ZIP_ER_TELL:
        return err_set(v->e, -EIO, "cannot read the package: %s",
                       strerror(zip_error_code_system(error)));
    case ZIP_ER_CRC:
        fault = PACKAGE_CRC;
        break;
    default:
        break;
    }
    if (fault == PACKAGE_CRC)
        return refuse(v, fault, "'%.120s' has another checksum than it should", path);
    if (path)
        return refuse(v, fault, "'%.120s' cannot be unpacked", path);
    return refuse(v, fault, "the package is not in order");
}

/* libzip looks for the central directory by its own lights: it must have found this one. */
static int compare(const struct archive *a, struct verdict *v) {
    bool same = zip_get_num_entries(a->zip, 0) == (zip_int64_t) a->list.n_entries;

    for (size_t i = 0; same && i < a->list.n_entries; i++) {
        const struct zip_header *h = &a->list.entries[i].header;
        const zip_uint64_t all =
            ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_CRC | ZIP_STAT_COMP_METHOD;
        const char *name = zip_get_name(a->zip, i, ZIP_FL_ENC_RAW);
        zip_stat_t st;

        same = name && strlen(name) == h->name_len && memcmp(name, h->name, h->name_len) == 0 &&
               zip_stat_index(a->zip, i, 0, &st) == 0 && (st.valid & all) == all &&
               st.size == h->size && st.comp_size == h->packed && st.crc == h->crc &&
               st.comp_method == h->method;
    }
    return same ? 0 : refuse(v, PACKAGE_FORMAT, "the package can be read in two ways");
}

static int open_libzip(struct archive *a, int fd, struct verdict *v) {
    CLEANUP(close_p) int own = fcntl(fd, F_DUPFD_CLOEXEC, 0); /* libzip closes what it is given */
    int code = 0;

    if (own < 0)
        return err_set(v->e, -errno, "cannot read the package: %s", strerror(errno));
    /* Not ZIP_CHECKCONS: it refuses a local header that knows the sizes but not yet the checksum,
     * as bsdtar writes it. All else that it looks for, zip_scan() does. */
    a->zip = zip_fdopen(own, 0, &code);
    if (!a->zip) {
        zip_error_t error;
        zip_error_init_with_code(&error, code);
        int r = from_libzip(&error, NULL, v);
        zip_error_fini(&error);
        return r;
    }
    own = -1;
    return compare(a, v);
}

int archive_open(int fd, struct archive **ret, struct verdict *v) {
    CLEANUP(archive_free_p) struct archive *a = calloc(1, sizeof *a);
    int r;

    if (!a || !(a->names = names_new()) || !(a->buffer = malloc(PIECE)))
        return err_set(v->e, -ENOMEM, "no memory to read the package");
    if ((r = zip_scan(fd, &a->list, v)) < 0 || (r = collect(a, v)) < 0 ||
        (r = check_limits(a, v)) < 0 || (r = open_libzip(a, fd, v)) < 0)
        return r;
    *ret = TAKE_PTR(a);
    return 0;
}

/* --- read ---------------------------------------------------------------------------------- */

size_t archive_count(const struct archive *a) {
    return names_count(a->names);
}

struct archive_item archive_item(const struct archive *a, size_t i) {
    const struct name *name = names_get(a->names, i);
    const struct zip_entry *entry = entry_of(a, i);

    return (struct archive_item){
        .path = name->path,
        .folder = name->folder,
        .executable = entry && !name->folder && zip_mode(entry) & S_IXUSR,
        .size = entry ? entry->header.size : 0,
    };
}

uint64_t archive_files(const struct archive *a) {
    return a->files;
}

uint64_t archive_bytes(const struct archive *a) {
    return a->bytes;
}

static void fclose_p(zip_file_t **file) {
    if (*file)
        (void) zip_fclose(*file);
}

int archive_read(struct archive *a, size_t i, archive_take_t take, void *userdata,
                 struct verdict *v) {
    const struct name *name = names_get(a->names, i);
    uint64_t left = a->list.entries[name->entry].header.size;
    CLEANUP(fclose_p) zip_file_t *file = zip_fopen_index(a->zip, name->entry, 0);

    if (!file)
        return from_libzip(zip_get_error(a->zip), name->path, v);
    for (;;) {
        zip_int64_t n = zip_fread(file, a->buffer, PIECE);
        if (n < 0)
            return from_libzip(zip_file_get_error(file), name->path, v);
        if (n == 0 && left > 0)
            return refuse(v, PACKAGE_FORMAT, "'%.120s' is shorter than announced", name->path);
        if (n == 0)
            return 0;
        if ((uint64_t) n > left)
            return refuse(v, PACKAGE_FORMAT, "'%.120s' is longer than announced", name->path);
        left -= (uint64_t) n;
        int r = take(userdata, a->buffer, (size_t) n, v->e);
        if (r < 0)
            return r;
    }
}
