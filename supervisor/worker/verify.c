/* SPDX-License-Identifier: MIT */
#include "supervisor/worker/verify.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "supervisor/base/cleanup.h"
#include "supervisor/base/err.h"
#include "supervisor/worker/sum.h"
#include "supervisor/worker/verdict.h"
#include "units/request.h"

#define PIECE ((size_t) 128 * 1024)

_Static_assert(crypto_sign_PUBLICKEYBYTES == MINISIGN_POINT, "a key is an Ed25519 point");
_Static_assert(crypto_sign_BYTES == MINISIGN_SIGNATURE, "a signature is Ed25519's");

/* --- reading ------------------------------------------------------------------------------- */

static int size_of(int fd, uint64_t max, uint64_t *ret, struct verdict *v) {
    struct stat st;

    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return err_set(v->e, -EBADF, "what is to be verified is not in a regular file");
    if ((uint64_t) st.st_size > max)
        return refuse(v, PACKAGE_LIMITS, "it has more than %" PRIu64 " bytes", max);
    *ret = (uint64_t) st.st_size;
    return 0;
}

static int read_piece(int fd, void *buffer, size_t n, uint64_t at, size_t *ret, struct verdict *v) {
    ssize_t got = pread(fd, buffer, n, (off_t) at);
    int r = -errno;

    if (got < 0)
        return err_set(v->e, r, "cannot read what is to be verified: %s", strerror(-r));
    *ret = (size_t) got;
    return 0;
}

/* A small file whole; ret is malloc'd. */
static int read_text(int fd, size_t max, char **ret, size_t *ret_len, struct verdict *v) {
    CLEANUP(free_p) char *text = NULL;
    uint64_t size = 0;
    size_t have = 0;
    int r = size_of(fd, max, &size, v);

    if (r < 0)
        return r;
    text = malloc((size_t) size + 1);
    if (!text)
        return err_set(v->e, -ENOMEM, "no memory to verify with");
    for (size_t got = 1; got > 0 && have < size; have += got)
        if ((r = read_piece(fd, text + have, (size_t) size - have, have, &got, v)) < 0)
            return r;
    text[have] = '\0';
    *ret = TAKE_PTR(text);
    *ret_len = have;
    return 0;
}

/* Both sums of one pass, so that they are of the same bytes. */
struct sums {
    uint64_t size;
    char sha256[FILELIST_HASH_HEX + 1];
    unsigned char blake[crypto_generichash_BYTES_MAX]; /* BLAKE2b-512, what "ED" signs */
};

static int sum_file(int fd, struct sums *ret, struct verdict *v) {
    CLEANUP(free_p) unsigned char *buffer = malloc(PIECE);
    struct sum sha;
    crypto_generichash_state blake;
    uint64_t size = 0;
    size_t n = 0;
    int r;

    if (!buffer)
        return err_set(v->e, -ENOMEM, "no memory to verify with");
    r = size_of(fd, PACKAGE_FILE_MAX, &size, v);
    if (r < 0)
        return r;
    sum_begin(&sha);
    (void) crypto_generichash_init(&blake, NULL, 0, sizeof ret->blake);
    for (ret->size = 0;; ret->size += n) {
        if ((r = read_piece(fd, buffer, PIECE, ret->size, &n, v)) < 0)
            return r;
        if (n == 0)
            break;
        sum_add(&sha, buffer, n);
        (void) crypto_generichash_update(&blake, buffer, n);
    }
    sum_hex(&sha, ret->sha256);
    (void) crypto_generichash_final(&blake, ret->blake, sizeof ret->blake);
    return 0;
}

int verify_sum(int fd, uint64_t *ret_size, char ret_sha256[FILELIST_HASH_HEX + 1],
               struct verdict *v) {
    struct sums sums;
    int r = sum_file(fd, &sums, v);

    if (r < 0)
        return r;
    *ret_size = sums.size;
    memcpy(ret_sha256, sums.sha256, sizeof sums.sha256);
    return 0;
}

/* --- signatures ---------------------------------------------------------------------------- */

/* The first key of that id; two with one id are nobody's fault but the one who trusts both. */
static int find_key(const struct worker_request *q, const unsigned char *id,
                    struct minisign_key *ret, struct verdict *v) {
    char text[17];
    int found = 0;

    for (size_t i = 0; q->keys[i]; i++) {
        struct minisign_key key;
        int r = minisign_key_parse(q->keys[i], strlen(q->keys[i]), &key, v->e);
        if (r < 0)
            return err_wrap(v->e, r, "trusted key %zu", i + 1);
        if (!found && memcmp(key.id, id, MINISIGN_ID) == 0) {
            *ret = key;
            found = 1;
        }
    }
    if (!found)
        return refuse(v, PACKAGE_SIGNATURE, "it is signed by key %s, which is not trusted here",
                      minisign_id_text(id, text));
    return 0;
}

static bool is_signed(const unsigned char *signature, const void *message, size_t n,
                      const struct minisign_key *key) {
    return crypto_sign_verify_detached(signature, message, n, key->point) == 0;
}

/* The second signature binds the trusted comment to the first. Source: minisign(1). */
static bool is_bound(const struct minisign_signature *s, const struct minisign_key *key) {
    unsigned char message[MINISIGN_SIGNATURE + MINISIGN_TEXT_MAX];

    memcpy(message, s->file, MINISIGN_SIGNATURE);
    memcpy(message + MINISIGN_SIGNATURE, s->comment, s->comment_len);
    return is_signed(s->global, message, MINISIGN_SIGNATURE + s->comment_len, key);
}

static int check_signature(const struct minisign_signature *s, const unsigned char *blake,
                           const struct worker_request *q, char ret_key[MINISIGN_KEY_TEXT + 1],
                           struct verdict *v) {
    struct minisign_key key;
    int r = find_key(q, s->id, &key, v);

    if (r < 0)
        return r;
    if (!is_signed(s->file, blake, crypto_generichash_BYTES_MAX, &key))
        return refuse(v, PACKAGE_SIGNATURE, "the signature is of something else");
    if (!is_bound(s, &key))
        return refuse(v, PACKAGE_SIGNATURE, "the signature's comment was changed");
    (void) minisign_key_text(&key, ret_key);
    return 0;
}

static int parse_signature(const char *text, size_t len, struct minisign_signature *ret,
                           struct verdict *v) {
    struct err why = { 0 };

    if (minisign_signature_parse(text, len, ret, &why) < 0)
        return refuse(v, PACKAGE_SIGNATURE, "%s", why.text);
    return 0;
}

/* --- a package ----------------------------------------------------------------------------- */

static int check_sums(const struct sums *sums, const struct worker_request *q, struct verdict *v) {
    if (q->size != WORKER_REQUEST_UNSET && sums->size != q->size)
        return refuse(v, PACKAGE_HASH, "it has %" PRIu64 " bytes, not %" PRIu64, sums->size,
                      q->size);
    if (q->sha256[0] && strcmp(sums->sha256, q->sha256) != 0)
        return refuse(v, PACKAGE_HASH,
                      "it is not the file that the index names: its SHA-256 "
                      "begins %.16s, not %.16s",
                      sums->sha256, q->sha256);
    return 0;
}

static int verify_file(int file_fd, int signature_fd, const struct worker_request *q,
                       struct worker_file *file, struct verdict *v) {
    CLEANUP(free_p) char *text = NULL;
    struct minisign_signature signature = { .text_len = 0 };
    struct sums sums;
    size_t len = 0;
    int r;

    if (!q->keys && !q->sha256[0])
        return err_set(v->e, -EINVAL, "neither keys nor a hash to verify with");
    if (q->keys && ((r = read_text(signature_fd, MINISIGN_TEXT_MAX, &text, &len, v)) < 0 ||
                    (r = parse_signature(text, len, &signature, v)) < 0))
        return r;
    if (q->keys && signature.text_len != len)
        return refuse(v, PACKAGE_SIGNATURE, "there is more than a signature in its file");
    if ((r = sum_file(file_fd, &sums, v)) < 0 || (r = check_sums(&sums, q, v)) < 0)
        return r;
    if (q->keys && (r = check_signature(&signature, sums.blake, q, file->key, v)) < 0)
        return r;
    file->size = sums.size;
    memcpy(file->sha256, sums.sha256, sizeof file->sha256);
    return 0;
}

int verify_package(int file_fd, int signature_fd, const struct worker_request *request,
                   struct worker_file *ret, struct err *e) {
    struct err why = { 0 };
    struct verdict v = { .e = &why };
    struct worker_file file = { .ok = true };
    int r = verify_file(file_fd, signature_fd, request, &file, &v);

    if (r < 0 && v.fault == PACKAGE_OK)
        return err_set(e, r, "%s", why.text);
    if (r < 0) {
        file = (struct worker_file){ .fault = v.fault };
        (void) snprintf(file.detail, sizeof file.detail, "%s", why.text);
    }
    *ret = file;
    return 0;
}

/* --- an index ------------------------------------------------------------------------------ */

/* Nothing of the JSON is looked at before it is known whose it is. */
static int read_index(int fd, const struct worker_request *q, struct worker_index *index,
                      struct verdict *v) {
    CLEANUP(free_p) char *text = NULL;
    unsigned char blake[crypto_generichash_BYTES_MAX];
    struct minisign_signature s;
    struct err why = { 0 };
    size_t len = 0;
    int r;

    if (!q->keys)
        return err_set(v->e, -EINVAL, "no keys to verify with");
    if ((r = read_text(fd, INDEX_SIZE_MAX, &text, &len, v)) < 0 ||
        (r = parse_signature(text, len, &s, v)) < 0)
        return r;
    (void) crypto_generichash(blake, sizeof blake, (const unsigned char *) text + s.text_len,
                              len - s.text_len, NULL, 0);
    r = check_signature(&s, blake, q, index->key, v);
    if (r < 0)
        return r;
    r = index_parse(text + s.text_len, len - s.text_len, &index->index, &why);
    if (r == -ENOMEM)
        return err_set(v->e, r, "%s", why.text);
    return r < 0 ? refuse(v, PACKAGE_FORMAT, "%s", why.text) : 0;
}

int verify_index(int index_fd, const struct worker_request *request, struct worker_index *ret,
                 struct err *e) {
    struct err why = { 0 };
    struct verdict v = { .e = &why };
    struct worker_index index = { .ok = true };
    int r = read_index(index_fd, request, &index, &v);

    if (r < 0 && v.fault == PACKAGE_OK)
        return err_set(e, r, "%s", why.text);
    if (r < 0) {
        index = (struct worker_index){ .fault = v.fault };
        (void) snprintf(index.detail, sizeof index.detail, "%s", why.text);
    }
    *ret = index;
    return 0;
}
