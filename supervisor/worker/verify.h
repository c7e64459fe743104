/* SPDX-License-Identifier: MIT
 * verify.h - is this file what somebody trusted signed, or what the signed index says?
 * Layer: 3, worker. Uses: base, units, libsodium. */
#ifndef WORKER_VERIFY_H
#define WORKER_VERIFY_H

#include "units/answer.h"

struct err;
struct verdict;
struct worker_request;

/* file_fd is read from its start. The request asks for one or both: keys (then signature_fd holds
 * the minisign signature), sha256 with or without size. Returns 0 with ret: ok, or what is wrong
 * with the file; else it is we who failed: -EINVAL for a request that asks for nothing or has a
 * broken key. */
int verify_package(int file_fd, int signature_fd, const struct worker_request *request,
                   struct worker_file *ret, struct err *e);

/* index_fd: an index behind its own signature. ret: to be worker_index_clear()ed. */
int verify_index(int index_fd, const struct worker_request *request, struct worker_index *ret,
                 struct err *e);

/* Size and SHA-256 of a file alone. */
int verify_sum(int fd, uint64_t *ret_size, char ret_sha256[FILELIST_HASH_HEX + 1],
               struct verdict *v);

#endif
