/* SPDX-License-Identifier: MIT
 * zip_scan.h - is every byte of a package file accounted for, and what are its entries?
 * Layer: 3, worker. Uses: base, units.
 *
 * From the first byte to the last: local headers with their data, each told of by the central
 * directory once, without gaps or overlaps; perhaps W3C's signing block; the central directory; the
 * end record. So a reader that walks from the front sees what one that begins at the end sees. */
#ifndef WORKER_ZIP_SCAN_H
#define WORKER_ZIP_SCAN_H

#include <stddef.h>
#include <stdint.h>

#include "supervisor/worker/zip_record.h"

struct verdict;

struct zip_list {
    uint64_t file_size;
    struct zip_entry *entries; /* in the central directory's order; names point into directory */
    size_t n_entries;
    uint8_t *directory;
};

/* fd: of a regular file, read from its start whatever its offset is. ret: to be zip_list_clear()ed;
 * untouched on failure. Errors: -EINVAL with the verdict; those of pread(2), -ENOMEM. */
int zip_scan(int fd, struct zip_list *ret, struct verdict *v);
void zip_list_clear(struct zip_list *list);

#endif
