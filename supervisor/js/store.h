/* SPDX-License-Identifier: MIT
 * store.h - keys and values in the app's own folder, on SQLite.
 * Layer: 4, js. Uses: base, SQLite (here alone).
 *
 * A change is on the disk when the call returns: it outlives kill -9 and a power cut. Sizes are
 * bytes of key and value. Keys are any bytes. */
#ifndef JS_STORE_H
#define JS_STORE_H

#include <stddef.h>
#include <stdint.h>

struct err;
struct str;
struct store;

#define STORE_FILE      "storage.db"
#define STORE_VALUE_MAX ((size_t) 1024 * 1024) /* of one value. Source: WeChat, wx.setStorage */
#define STORE_TOTAL_MAX ((size_t) 10 * 1024 * 1024)

struct store_key {
    const char *text;
    size_t n;
};

/* Makes the file where there is none. Errors: -EUCLEAN it is damaged; -ENOSPC; -EIO …, with e. */
int store_open(const char *folder, struct store **ret, struct err *e);
struct store *store_close(struct store *s);

/* kind: what the value is, of the caller's. Errors: -EMSGSIZE the value is too large; -EDQUOT all
 * together would be; -ENOSPC; -EIO; -EUCLEAN; -ENOMEM. */
int store_set(struct store *s, struct store_key key, int kind, const char *value, size_t n,
              struct err *e);
/* -ENOENT: there is none; ret is appended to. */
int store_get(struct store *s, struct store_key key, int *ret_kind, struct str *ret, struct err *e);
int store_remove(struct store *s, struct store_key key, struct err *e); /* none: 0 */
int store_clear(struct store *s, struct err *e);

/* f for each key, in the order in which they came to be. */
typedef void (*store_key_fn)(struct store_key key, void *data);
int store_keys(struct store *s, store_key_fn f, void *data, struct err *e);
uint64_t store_size(const struct store *s);

/* Gives memory back: what was read is read again. */
void store_trim(struct store *s);

#endif
