/* SPDX-License-Identifier: MIT
 * zip_record.h - the records of a ZIP file, read from bytes, and what a package allows in them.
 * Layer: 3, worker. Uses: base, units. Never: files, libzip.
 *
 * A package is the plainest ZIP there is, so that no two readers can see two things in it: stored
 * or deflated, one disk, no encryption, no comments, no ZIP64 (it has 1 GiB at most), and extra
 * fields that tell of times and owners only. Source: PKWARE APPNOTE 6.3; W3C MiniApp Packaging. */
#ifndef WORKER_ZIP_RECORD_H
#define WORKER_ZIP_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct verdict;

#define ZIP_END_SIZE       22 /* of the end record, without its comment */
#define ZIP_LOCAL_SIZE     30 /* of a local header, without name and extra fields */
#define ZIP_DESCRIPTOR_MAX 16

/* What both headers of an entry say. Texts are borrowed from the bytes. */
struct zip_header {
    uint16_t needed, flags, method;
    uint32_t crc, packed, size;
    const char *name; /* not NUL-terminated, not checked */
    size_t name_len;
    const uint8_t *extra;
    size_t extra_len;
};

struct zip_entry {
    struct zip_header header; /* of the central directory */
    uint16_t made_by;
    uint32_t attributes;
    uint32_t offset; /* of its local header */
};

struct zip_end {
    uint16_t entries;
    uint32_t directory_size, directory_offset;
};

/* All return 0 or -EINVAL with the verdict. `at` tells the entry in sentences, since its name may
 * not be fit to be shown. */

int zip_end_read(const uint8_t bytes[ZIP_END_SIZE], struct zip_end *ret, struct verdict *v);

/* One entry of the central directory; ret_size: its bytes. */
int zip_entry_read(const uint8_t *bytes, size_t n, size_t at, struct zip_entry *ret,
                   size_t *ret_size, struct verdict *v);
/* A local header with name and extra fields; n: as many bytes as there are, up to the longest. */
int zip_local_read(const uint8_t *bytes, size_t n, size_t at, struct zip_header *ret,
                   size_t *ret_size, struct verdict *v);

/* What an entry may be: method, flags, kind, name's encoding, extra fields. */
int zip_entry_check(const struct zip_entry *entry, size_t at, struct verdict *v);
/* Does the local header say the same? */
int zip_local_check(const struct zip_header *local, const struct zip_entry *entry, size_t at,
                    struct verdict *v);
/* A data descriptor behind the data: n bytes, all there are up to the next entry. */
int zip_descriptor_check(const uint8_t *bytes, size_t n, const struct zip_entry *entry, size_t at,
                         struct verdict *v);

static inline bool zip_has_descriptor(const struct zip_header *h) {
    return (h->flags & 1u << 3) != 0;
}
static inline bool zip_is_folder(const struct zip_header *h) {
    return h->name_len > 0 && h->name[h->name_len - 1] == '/';
}
static inline unsigned zip_mode(const struct zip_entry *entry) { /* 0: none was given */
    return entry->attributes >> 16;
}

#endif
