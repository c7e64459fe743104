/* SPDX-License-Identifier: MIT */
#include "supervisor/js/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/base/str.h"

struct store {
    sqlite3 *db;
    uint64_t size;
};

/* One connection alone, so the write-ahead log needs no shared memory; FULL syncs it at each
 * commit. A cache of 256 KiB. Source: sqlite.org, pragma.html, wal.html */
static const char setup[] = "PRAGMA locking_mode=EXCLUSIVE;"
                            "PRAGMA journal_mode=WAL;"
                            "PRAGMA synchronous=FULL;"
                            "PRAGMA cache_size=-256;"
                            "CREATE TABLE IF NOT EXISTS kv ("
                            " id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE,"
                            " kind INTEGER NOT NULL, value BLOB NOT NULL)";

static int code_of(int sqlite) {
    switch (sqlite & 0xff) {
    case SQLITE_OK:
    case SQLITE_DONE:
    case SQLITE_ROW:
        return 0;
    case SQLITE_NOMEM:
        return -ENOMEM;
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return -EUCLEAN;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EBUSY;
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
        return -EACCES;
    default:
        return -EIO;
    }
}

static int fail(const struct store *s, int sqlite, struct err *e) {
    return err_set(e, code_of(sqlite), "the storage: %.150s",
                   s->db ? sqlite3_errmsg(s->db) : sqlite3_errstr(sqlite));
}

static void statement_p(sqlite3_stmt **st) {
    (void) sqlite3_finalize(*st);
}

#define STATEMENT(name) CLEANUP(statement_p) sqlite3_stmt *name = NULL

/* Prepares, and binds the key as ?1 where there is one. */
static int prepare(const struct store *s, const char *sql, const struct store_key *key,
                   sqlite3_stmt **ret) {
    int r = sqlite3_prepare_v2(s->db, sql, -1, ret, NULL);

    if (r == SQLITE_OK && key)
        r = sqlite3_bind_blob64(*ret, 1, key->text, key->n, SQLITE_STATIC);
    return r;
}

static int read_size(struct store *s, struct err *e) {
    STATEMENT(st);
    int r = prepare(s, "SELECT coalesce(sum(length(key) + length(value)), 0) FROM kv", NULL, &st);

    if (r == SQLITE_OK)
        r = sqlite3_step(st);
    if (r != SQLITE_ROW)
        return fail(s, r, e);
    s->size = (uint64_t) sqlite3_column_int64(st, 0);
    return 0;
}

int store_open(const char *folder, struct store **ret, struct err *e) {
    CLEANUP(free_p) char *path = NULL;
    struct store *s = calloc(1, sizeof *s);

    if (!s || asprintf(&path, "%s/" STORE_FILE, folder) < 0) {
        free(s);
        return err_set(e, -ENOMEM, "out of memory");
    }
    int r = sqlite3_open_v2(path, &s->db,
                            SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    if (r == SQLITE_OK)
        r = sqlite3_exec(s->db, setup, NULL, NULL, NULL);
    r = r == SQLITE_OK ? read_size(s, e) : fail(s, r, e);
    if (r < 0) {
        (void) store_close(s);
        return r;
    }
    *ret = s;
    return 0;
}

struct store *store_close(struct store *s) {
    if (s)
        (void) sqlite3_close_v2(s->db);
    free(s);
    return NULL;
}

/* Bytes that the entry takes now; 0: there is none. */
static int entry_size(const struct store *s, struct store_key key, uint64_t *ret) {
    STATEMENT(st);
    int r = prepare(s, "SELECT length(key) + length(value) FROM kv WHERE key = ?1", &key, &st);

    if (r == SQLITE_OK)
        r = sqlite3_step(st);
    *ret = r == SQLITE_ROW ? (uint64_t) sqlite3_column_int64(st, 0) : 0;
    return r;
}

int store_set(struct store *s, struct store_key key, int kind, const char *value, size_t n,
              struct err *e) {
    STATEMENT(st);
    uint64_t old = 0;

    if (n > STORE_VALUE_MAX || key.n > STORE_VALUE_MAX)
        return err_set(e, -EMSGSIZE, "a value is larger than 1 MB");
    int r = entry_size(s, key, &old);
    if (code_of(r) < 0)
        return fail(s, r, e);
    if (s->size - old + key.n + n > STORE_TOTAL_MAX)
        return err_set(e, -EDQUOT, "all values together would be larger than 10 MB");
    r = prepare(s,
                "INSERT INTO kv (key, kind, value) VALUES (?1, ?2, ?3)"
                " ON CONFLICT (key) DO UPDATE SET kind = ?2, value = ?3",
                &key, &st);
    if (r == SQLITE_OK)
        r = sqlite3_bind_int(st, 2, kind);
    if (r == SQLITE_OK)
        r = sqlite3_bind_blob64(st, 3, value, n, SQLITE_STATIC);
    if (r == SQLITE_OK)
        r = sqlite3_step(st);
    if (r != SQLITE_DONE)
        return fail(s, r, e);
    s->size = s->size - old + key.n + n;
    return 0;
}

int store_get(struct store *s, struct store_key key, int *ret_kind, struct str *ret,
              struct err *e) {
    STATEMENT(st);
    int r = prepare(s, "SELECT kind, value FROM kv WHERE key = ?1", &key, &st);

    if (r == SQLITE_OK)
        r = sqlite3_step(st);
    if (r == SQLITE_DONE)
        return -ENOENT;
    if (r != SQLITE_ROW)
        return fail(s, r, e);
    *ret_kind = sqlite3_column_int(st, 0);
    const void *value = sqlite3_column_blob(st, 1); /* NULL where it is empty */
    r = str_append(ret, value ? value : "", (size_t) sqlite3_column_bytes(st, 1));
    return r < 0 ? err_set(e, r, "out of memory") : 0;
}

int store_remove(struct store *s, struct store_key key, struct err *e) {
    STATEMENT(st);
    uint64_t old = 0;
    int r = entry_size(s, key, &old);

    if (code_of(r) < 0)
        return fail(s, r, e);
    r = prepare(s, "DELETE FROM kv WHERE key = ?1", &key, &st);
    if (r == SQLITE_OK)
        r = sqlite3_step(st);
    if (r != SQLITE_DONE)
        return fail(s, r, e);
    s->size -= old;
    return 0;
}

int store_clear(struct store *s, struct err *e) {
    int r = sqlite3_exec(s->db, "DELETE FROM kv", NULL, NULL, NULL);

    if (r != SQLITE_OK)
        return fail(s, r, e);
    s->size = 0;
    return 0;
}

int store_keys(struct store *s, store_key_fn f, void *data, struct err *e) {
    STATEMENT(st);
    int r = prepare(s, "SELECT key FROM kv ORDER BY id", NULL, &st);

    if (r != SQLITE_OK)
        return fail(s, r, e);
    while ((r = sqlite3_step(st)) == SQLITE_ROW) {
        const char *text = sqlite3_column_blob(st, 0);
        f((struct store_key){ .text = text ? text : "", .n = (size_t) sqlite3_column_bytes(st, 0) },
          data);
    }
    return r == SQLITE_DONE ? 0 : fail(s, r, e);
}

uint64_t store_size(const struct store *s) {
    return s->size;
}

void store_trim(struct store *s) {
    if (s)
        (void) sqlite3_db_release_memory(s->db);
}
