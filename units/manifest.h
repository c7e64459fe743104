/* SPDX-License-Identifier: MIT
 * manifest.h - what a package says of itself: manifest.json, read and checked.
 * Layer: 2, units. Uses: base.
 *
 * W3C's members and ours under "miniprog" (design.md §7). Unknown members are passed over.
 * Everything a manifest names is checked here in form, by manifest_check_tree() against the files.
 *
 * A native app (one with miniprog.exec) may leave out icons, pages, platform_version and
 * version.name; version.name is then the code in digits. A JavaScript app must have all that
 * W3C requires. */
#ifndef UNITS_MANIFEST_H
#define UNITS_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

/* Caps; ours, far above any real manifest. Texts in bytes without the NUL. */
#define MANIFEST_SIZE_MAX        ((size_t) 256 * 1024) /* the file */
#define MANIFEST_NAME_MAX        128                   /* name, version.name */
#define MANIFEST_PATH_MAX        1024                  /* one page, one icon, the program */
#define MANIFEST_TEXT_MAX        4096                  /* one argument, one "NAME=value", an URL */
#define MANIFEST_PAGES_MAX       1000
#define MANIFEST_ICONS_MAX       64
#define MANIFEST_EXEC_MAX        64
#define MANIFEST_ENVIRONMENT_MAX 64
#define MANIFEST_BACKGROUND_MAX  16
#define MANIFEST_PIDS_MAX        4194304 /* Source: the kernel's PID_MAX_LIMIT */
#define MANIFEST_TIMEOUT_MAX_US  (3600 * UINT64_C(1000000))

#define MANIFEST_HOST_CODE 1          /* what platform_version.min_code is held against */
#define MANIFEST_UNSET     UINT64_MAX /* a size or duration that was not given */

/* BadPackage.reason on the wire. NETWORK: it could not be fetched; STORAGE: it is this machine that
 * failed, and the wire has an error of its own for that. */
/* clang-format off: it joins the rows a few at a time */
#define PACKAGE_FAULTS(X)                                                                          \
    X(MISSING, "missing")                                                                          \
    X(FORMAT, "format")                                                                            \
    X(MANIFEST, "manifest")                                                                        \
    X(PATH, "path")                                                                                \
    X(TYPE, "type")                                                                                \
    X(LIMITS, "limits")                                                                            \
    X(CRC, "crc")                                                                                  \
    X(SIGNATURE, "signature")                                                                      \
    X(TRUST, "trust")                                                                              \
    X(HASH, "hash")                                                                                \
    X(TREE, "tree")                                                                                \
    X(PLATFORM, "platform")                                                                        \
    X(DOWNGRADE, "downgrade")                                                                      \
    X(SAME_VERSION, "same_version")                                                                \
    X(TARGET, "target")                                                                            \
    X(EXPIRED, "expired")                                                                          \
    X(NETWORK, "network")                                                                          \
    X(STORAGE, "storage")
/* clang-format on */
#define X(id, name) PACKAGE_##id,
enum package_fault { PACKAGE_OK, PACKAGE_FAULTS(X) PACKAGE_FAULT_COUNT };
#undef X
const char *package_fault_name(enum package_fault fault);
int package_fault_parse(const char *name, enum package_fault *ret); /* -EINVAL */

enum manifest_background { BACKGROUND_AUDIO = 1, BACKGROUND_LOCATION = 2, BACKGROUND_TASK = 4 };
/* 0 for an unknown kind. */
unsigned manifest_background_bit(const char *kind);

struct manifest {
    char *app_id, *name;
    uint64_t version_code; /* at least 1 */
    char *version_name;
    uint64_t platform_min_code;
    char **pages;       /* NULL-terminated, may be empty (native apps) */
    char **icons;       /* their src, NULL-terminated */
    char **exec;        /* NULL-terminated argv; NULL: a JavaScript app */
    char **environment; /* "NAME=value", NULL-terminated, may be empty */
    bool ready_notify;  /* ready by Ready/READY=1; else by exec */
    uint64_t memory_high, memory_max, memory_need; /* bytes or MANIFEST_UNSET */
    uint64_t pids_max;                             /* or MANIFEST_UNSET */
    uint64_t start_timeout_us, stop_timeout_us;    /* or MANIFEST_UNSET */
    unsigned background; /* bits of enum manifest_background: declared reasons to run on */
    char *update_url;    /* or NULL */
};

/* Reads a manifest.
 *   ret        the caller's to manifest_free()
 *   ret_fault  set on failure: MANIFEST, PLATFORM …; may be NULL
 * Errors: -EINVAL with a sentence that names the member; -ENOMEM. host_code: our version code;
 * a greater platform_version.min_code is PACKAGE_PLATFORM (-EOPNOTSUPP). */
int manifest_parse(const char *text, size_t len, uint64_t host_code, struct manifest **ret,
                   enum package_fault *ret_fault, struct err *e);
struct manifest *manifest_free(struct manifest *m);
void manifest_free_p(struct manifest **m); /* for CLEANUP() */

/* Why `path` cannot name a file inside a package ("leads out of the package"), or NULL. */
const char *manifest_path_fault(const char *path);

/* Holds the manifest against the package's files: the program (a path with '/', or found in the
 * package, else a bare command name left to PATH), app.js, app.css and pages of a JavaScript app.
 * Nothing relative leaves the package. Errors: -ENOENT (PACKAGE_MISSING), -EINVAL (PACKAGE_PATH,
 * PACKAGE_TYPE) … */
int manifest_check_tree(const struct manifest *m, int package_fd, enum package_fault *ret_fault,
                        struct err *e);

/* Where exec[0] is: ret is malloc'd: a path relative to the package, always with a '/'
 * ("bin/clock",
 * "./clock"), an absolute path, or a bare name for the search along PATH. -EINVAL: no native app.
 */
int manifest_program(const struct manifest *m, int package_fd, char **ret, struct err *e);

#endif
