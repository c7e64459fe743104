/* SPDX-License-Identifier: MIT */
#include "supervisor/worker/zip_scan.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/worker/verdict.h"
#include "units/filelist.h"
#include "units/index.h"

#define DIRECTORY_MAX ((uint32_t) 16 << 20) /* 20,000 entries with 800 bytes each; ours */
#define COMMENT_MAX   ((size_t) 65535 + 20) /* how far from the end libzip looks for its record */
#define LOCAL_MAX     ((size_t) 24 * 1024)  /* of a local header; zipalign pads up to 16 KiB */

struct scan {
    int fd;
    struct verdict *v;
    struct zip_list list;
    struct zip_end end;
};

/* Exactly n bytes. */
static int read_at(struct scan *s, void *buffer, size_t n, uint64_t offset) {
    for (char *p = buffer; n > 0;) {
        ssize_t got = pread(s->fd, p, n, (off_t) offset);
        int r = -errno;
        if (got < 0)
            return err_set(s->v->e, r, "cannot read the package: %s", strerror(-r));
        if (got == 0)
            return refuse(s->v, PACKAGE_FORMAT, "it became shorter while it was read");
        p += got;
        n -= (size_t) got;
        offset += (uint64_t) got;
    }
    return 0;
}

/* --- the end ------------------------------------------------------------------------------ */

/* Could a reader that looks for the end record take these bytes for one? It has room for the
 * comment it tells of, and a central directory before it. */
static int is_end(struct scan *s, const uint8_t *bytes, size_t left, uint64_t at, bool *ret) {
    struct zip_end end;
    struct err ignored = { 0 };
    struct verdict any = { .e = &ignored };
    uint8_t copy[ZIP_END_SIZE], first[4] = "PK\1\2";
    int r = 0;

    *ret = false;
    memcpy(copy, bytes, sizeof copy);
    size_t comment = copy[20] | (size_t) copy[21] << 8;
    copy[20] = copy[21] = 0;
    if (comment > left - sizeof copy || zip_end_read(copy, &end, &any) < 0 ||
        (uint64_t) end.directory_offset + end.directory_size > at)
        return 0;
    if (end.entries > 0)
        r = read_at(s, first, sizeof first, end.directory_offset);
    *ret = memcmp(first, "PK\1\2", sizeof first) == 0;
    return r;
}

/* Such a reader, libzip among them, may find one inside of some file's bytes as well: then there
 * are two packages in one. A package that lies in a package is none such, since its directory is
 * not where it would be if it were by itself. */
static int check_only_end(struct scan *s) {
    uint64_t size = s->list.file_size;
    size_t n = size < COMMENT_MAX + ZIP_END_SIZE ? (size_t) size : COMMENT_MAX + ZIP_END_SIZE;
    CLEANUP(free_p) uint8_t *tail = malloc(n);
    bool second = false;
    int r;

    if (!tail)
        return err_set(s->v->e, -ENOMEM, "no memory to read the package");
    r = read_at(s, tail, n, size - n);
    for (size_t i = 0; r == 0 && !second && i < n - ZIP_END_SIZE; i++)
        if (memcmp(tail + i, "PK\5\6", 4) == 0)
            r = is_end(s, tail + i, n - i, size - n + i, &second);
    if (r < 0)
        return r;
    if (second)
        return refuse(s->v, PACKAGE_FORMAT, "it has two ends");
    if (n >= ZIP_END_SIZE + 20 && memcmp(tail + n - ZIP_END_SIZE - 20, "PK\6\7", 4) == 0)
        return refuse(s->v, PACKAGE_FORMAT, "it is a ZIP64 file");
    return 0;
}

static int read_end(struct scan *s) {
    uint8_t bytes[ZIP_END_SIZE];
    struct stat st;
    int r;

    if (fstat(s->fd, &st) < 0 || !S_ISREG(st.st_mode))
        return err_set(s->v->e, -EBADF, "the package is not in a regular file");
    s->list.file_size = (uint64_t) st.st_size;
    if (s->list.file_size > PACKAGE_FILE_MAX)
        return refuse(s->v, PACKAGE_LIMITS, "the package has more than %" PRIu64 " bytes",
                      PACKAGE_FILE_MAX);
    if (s->list.file_size < ZIP_END_SIZE)
        return refuse(s->v, PACKAGE_FORMAT, "it is no ZIP file: it has %" PRIu64 " bytes",
                      s->list.file_size);
    if ((r = read_at(s, bytes, sizeof bytes, s->list.file_size - ZIP_END_SIZE)) < 0 ||
        (r = zip_end_read(bytes, &s->end, s->v)) < 0)
        return r;
    if ((uint64_t) s->end.directory_offset + s->end.directory_size + ZIP_END_SIZE !=
        s->list.file_size)
        return refuse(s->v, PACKAGE_FORMAT,
                      "the central directory is not where it should be: bytes were put before it "
                      "or behind");
    if (s->end.directory_size > DIRECTORY_MAX)
        return refuse(s->v, PACKAGE_LIMITS, "the central directory has more than %" PRIu32 " bytes",
                      DIRECTORY_MAX);
    if (s->end.entries > PACKAGE_ENTRIES_MAX)
        return refuse(s->v, PACKAGE_LIMITS, "there are more than %d files and folders",
                      PACKAGE_ENTRIES_MAX);
    return check_only_end(s);
}

/* --- the central directory ----------------------------------------------------------------- */

static int read_directory(struct scan *s) {
    size_t n = s->end.directory_size, at = 0, size = 0;
    struct zip_list *list = &s->list;
    int r;

    list->directory = malloc(n + 1);
    list->entries = calloc((size_t) s->end.entries + 1, sizeof *list->entries);
    if (!list->directory || !list->entries)
        return err_set(s->v->e, -ENOMEM, "no memory to read the package");
    r = read_at(s, list->directory, n, s->end.directory_offset);
    if (r < 0)
        return r;
    for (size_t i = 0; i < s->end.entries; i++, at += size) {
        struct zip_entry *entry = &list->entries[i];
        if ((r = zip_entry_read(list->directory + at, n - at, i + 1, entry, &size, s->v)) < 0 ||
            (r = zip_entry_check(entry, i + 1, s->v)) < 0)
            return r;
        list->n_entries++;
    }
    if (at != n)
        return refuse(s->v, PACKAGE_FORMAT, "the central directory has more than its entries");
    return 0;
}

/* --- what it tells of ---------------------------------------------------------------------- */

static int by_offset(const void *a, const void *b) {
    const struct zip_entry *const *x = a, *const *y = b;
    return (*x)->offset < (*y)->offset ? -1 : (*x)->offset > (*y)->offset;
}

/* An entry fills the bytes from its offset to `end`, where the next one begins. ret_rest: how many
 * it leaves; none, but before what is no entry. */
static int check_local(struct scan *s, const struct zip_entry *entry, uint64_t end, bool last,
                       uint64_t *ret_rest) {
    size_t at = (size_t) (entry - s->list.entries) + 1, head = 0;
    uint8_t bytes[LOCAL_MAX], behind[ZIP_DESCRIPTOR_MAX];
    uint64_t room = end - entry->offset;
    struct zip_header local;
    int r;

    size_t n = room < sizeof bytes ? (size_t) room : sizeof bytes;
    if ((r = read_at(s, bytes, n, entry->offset)) < 0 ||
        (r = zip_local_read(bytes, n, at, &local, &head, s->v)) < 0 ||
        (r = zip_local_check(&local, entry, at, s->v)) < 0)
        return r;
    if (head + (uint64_t) entry->header.packed > room)
        return refuse(s->v, PACKAGE_FORMAT, "entry %zu reaches into the next", at);
    uint64_t data_end = entry->offset + head + entry->header.packed;
    if (zip_has_descriptor(&entry->header)) {
        n = end - data_end < sizeof behind ? (size_t) (end - data_end) : sizeof behind;
        if ((r = read_at(s, behind, n, data_end)) < 0)
            return r;
        /* Before a signing block its length is known by its signature alone. */
        if (last && n == 16 && end - data_end > 16 && memcmp(behind, "PK\7\10", 4) != 0)
            n = 12;
        if ((r = zip_descriptor_check(behind, n, entry, at, s->v)) < 0)
            return r;
        data_end += n;
    }
    if (data_end != end && !last)
        return refuse(s->v, PACKAGE_FORMAT, "there are bytes of no entry behind entry %zu", at);
    *ret_rest = end - data_end;
    return 0;
}

/* Between entries and central directory W3C allows a signing block: its size without this field,
 * pairs, its size again, 16 bytes of magic that end the same in both of W3C's schemes. Ours are
 * minisign's signatures, over this block too. Source: W3C MiniApp Packaging, "signing block". */
static int check_signing_block(struct scan *s, uint64_t n) {
    uint8_t foot[24], head[8];
    uint64_t sizes[2] = { 0 };
    int r;

    if (n == 0)
        return 0;
    if (n < sizeof head + sizeof foot)
        return refuse(s->v, PACKAGE_FORMAT, "there are bytes of no entry before the directory");
    if ((r = read_at(s, head, sizeof head, s->end.directory_offset - n)) < 0 ||
        (r = read_at(s, foot, sizeof foot, s->end.directory_offset - sizeof foot)) < 0)
        return r;
    for (size_t i = 0; i < 8; i++) {
        sizes[0] |= (uint64_t) head[i] << 8 * i;
        sizes[1] |= (uint64_t) foot[i] << 8 * i;
    }
    if (memcmp(foot + 11, " Sig Block 42", 13) != 0 || sizes[0] != n - 8 || sizes[1] != n - 8)
        return refuse(s->v, PACKAGE_FORMAT, "there are bytes of no entry before the directory");
    return 0;
}

static int check_layout(struct scan *s) {
    size_t n = s->list.n_entries;
    CLEANUP(free_p) const struct zip_entry **order = calloc(n + 1, sizeof(struct zip_entry *));
    uint64_t rest = s->end.directory_offset;
    int r;

    if (!order)
        return err_set(s->v->e, -ENOMEM, "no memory to read the package");
    for (size_t i = 0; i < n; i++)
        order[i] = &s->list.entries[i];
    qsort(order, n, sizeof *order, by_offset);
    if (n > 0 && order[0]->offset != 0)
        return refuse(s->v, PACKAGE_FORMAT, "there are bytes before the first entry");
    for (size_t i = 0; i < n; i++) {
        bool last = i + 1 == n;
        uint64_t end = last ? s->end.directory_offset : order[i + 1]->offset;
        if (end < order[i]->offset || end > s->end.directory_offset)
            return refuse(s->v, PACKAGE_FORMAT, "an entry begins in the central directory");
        r = check_local(s, order[i], end, last, &rest);
        if (r < 0)
            return r;
    }
    return check_signing_block(s, rest);
}

void zip_list_clear(struct zip_list *list) {
    free(list->entries);
    free(list->directory);
    *list = (struct zip_list){ .entries = NULL };
}

int zip_scan(int fd, struct zip_list *ret, struct verdict *v) {
    struct scan s = { .fd = fd, .v = v };
    int r;

    if ((r = read_end(&s)) < 0 || (r = read_directory(&s)) < 0 || (r = check_layout(&s)) < 0) {
        zip_list_clear(&s.list);
        return r;
    }
    *ret = s.list;
    return 0;
}
