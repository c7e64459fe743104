/* SPDX-License-Identifier: MIT
 * archive.h - a package file: checked as a whole, then read file by file.
 * Layer: 3, worker. Uses: base, units, libzip.
 *
 * archive_open() decides by our own look at every record (zip_scan.h, names.h) and by the limits;
 * then libzip, which must see the same entries, unpacks what it is asked for. All is read from the
 * one descriptor. */
#ifndef WORKER_ARCHIVE_H
#define WORKER_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct archive;
struct err;
struct verdict;

/* The files may have so many times the package file's bytes, or 8 MiB: text packs 10:1, a bomb
 * 1000:1. Ours. */
#define ARCHIVE_RATIO_MAX 200
#define ARCHIVE_RATIO_ANY ((uint64_t) 8 << 20)

struct archive_item {
    const char *path;
    bool folder, executable;
    uint64_t size; /* as announced; 0 of a folder */
};

/* fd: borrowed. ret: to be archive_free()d. Errors: -EINVAL with the verdict; -ENOMEM and others
 * when it is we who failed. */
int archive_open(int fd, struct archive **ret, struct verdict *v);
struct archive *archive_free(struct archive *a);
void archive_free_p(struct archive **a); /* for CLEANUP() */

size_t archive_count(const struct archive *a); /* files and folders */
/* Sorted by path: a folder comes before what is in it. */
struct archive_item archive_item(const struct archive *a, size_t i);
uint64_t archive_files(const struct archive *a); /* how many */
uint64_t archive_bytes(const struct archive *a); /* of all files, as announced */

/* Unpacks item i, a file: its bytes go to take() in order, as many as were announced and with the
 * checksum that was, or it fails. take() may fail with a negative errno, which is returned. */
typedef int (*archive_take_t)(void *userdata, const void *bytes, size_t n, struct err *e);
int archive_read(struct archive *a, size_t i, archive_take_t take, void *userdata,
                 struct verdict *v);

#endif
