/* SPDX-License-Identifier: MIT */
#include "supervisor/worker/zip_record.h"

#include <string.h>
#include <sys/stat.h>

#include "supervisor/base/text.h"
#include "supervisor/worker/verdict.h"

#define ENTRY_SIZE ((size_t) 46)

/* Flags. Source: APPNOTE 4.4.4. */
#define FLAG_ENCRYPTED (1u << 0)
#define FLAG_LEVEL     (3u << 1) /* of deflate */
#define FLAG_LATER     (1u << 3) /* sizes follow the data */
#define FLAG_UTF8      (1u << 11)

static uint16_t u16(const uint8_t *p) {
    return (uint16_t) (p[0] | p[1] << 8);
}

static uint32_t u32(const uint8_t *p) {
    return (uint32_t) u16(p) | (uint32_t) u16(p + 2) << 16;
}

int zip_end_read(const uint8_t p[ZIP_END_SIZE], struct zip_end *ret, struct verdict *v) {
    if (memcmp(p, "PK\5\6", 4) != 0)
        return refuse(v, PACKAGE_FORMAT,
                      "it is no ZIP file, is cut off, or has bytes behind its end");
    if (u16(p + 4) != 0 || u16(p + 6) != 0 || u16(p + 8) != u16(p + 10))
        return refuse(v, PACKAGE_FORMAT, "it is one disk of several");
    if (u16(p + 10) == 0xFFFF || u32(p + 12) == 0xFFFFFFFF || u32(p + 16) == 0xFFFFFFFF)
        return refuse(v, PACKAGE_FORMAT, "it is a ZIP64 file");
    if (u16(p + 20) != 0)
        return refuse(v, PACKAGE_FORMAT, "it has a comment");
    ret->entries = u16(p + 10);
    ret->directory_size = u32(p + 12);
    ret->directory_offset = u32(p + 16);
    return 0;
}

/* From "version needed to extract" on, both headers have the same fields in the same order. */
static void read_common(const uint8_t *p, struct zip_header *h) {
    h->needed = u16(p);
    h->flags = u16(p + 2);
    h->method = u16(p + 4);
    h->crc = u32(p + 10);
    h->packed = u32(p + 14);
    h->size = u32(p + 18);
    h->name_len = u16(p + 22);
    h->extra_len = u16(p + 24);
}

int zip_entry_read(const uint8_t *p, size_t n, size_t at, struct zip_entry *ret, size_t *ret_size,
                   struct verdict *v) {
    struct zip_entry entry = { .made_by = 0 };
    struct zip_header *h = &entry.header;

    if (n < ENTRY_SIZE || memcmp(p, "PK\1\2", 4) != 0)
        return refuse(v, PACKAGE_FORMAT, "entry %zu of the central directory is none", at);
    read_common(p + 6, h);
    entry.made_by = u16(p + 4);
    entry.attributes = u32(p + 38);
    entry.offset = u32(p + 42);
    if (u16(p + 32) != 0)
        return refuse(v, PACKAGE_FORMAT, "entry %zu has a comment", at);
    if (u16(p + 34) != 0)
        return refuse(v, PACKAGE_FORMAT, "entry %zu is on another disk", at);
    if (h->name_len + h->extra_len > n - ENTRY_SIZE)
        return refuse(v, PACKAGE_FORMAT, "entry %zu ends behind the central directory", at);
    h->name = (const char *) p + ENTRY_SIZE;
    h->extra = p + ENTRY_SIZE + h->name_len;
    *ret = entry;
    *ret_size = ENTRY_SIZE + h->name_len + h->extra_len;
    return 0;
}

int zip_local_read(const uint8_t *p, size_t n, size_t at, struct zip_header *ret, size_t *ret_size,
                   struct verdict *v) {
    struct zip_header h = { .needed = 0 };

    if (n < ZIP_LOCAL_SIZE || memcmp(p, "PK\3\4", 4) != 0)
        return refuse(v, PACKAGE_FORMAT, "entry %zu has no local header where it should", at);
    read_common(p + 4, &h);
    if (h.name_len + h.extra_len > n - ZIP_LOCAL_SIZE)
        return refuse(v, PACKAGE_FORMAT, "the local header of entry %zu is cut off", at);
    h.name = (const char *) p + ZIP_LOCAL_SIZE;
    h.extra = p + ZIP_LOCAL_SIZE + h.name_len;
    *ret = h;
    *ret_size = ZIP_LOCAL_SIZE + h.name_len + h.extra_len;
    return 0;
}

/* "Unicode path": the name once more, which some readers believe and others do not. It may say the
 * same only. Source: APPNOTE 4.6.9. */
static bool repeats_name(const uint8_t *p, size_t n, const struct zip_header *h) {
    return n == 5 + h->name_len && p[0] == 1 && u32(p + 1) == text_crc32(0, h->name, h->name_len) &&
           memcmp(p + 5, h->name, h->name_len) == 0;
}

/* Fields that change nothing of what is unpacked; what holds links, rights or sizes is not among
 * them. Source: APPNOTE 4.5, 4.6; Info-ZIP's extrafld.txt. */
static bool is_harmless(unsigned id) {
    static const uint16_t ids[] = {
        0x5455,         /* times of Unix */
        0x5855,         /* the same and the owner, of old */
        0x7875,         /* owner */
        0x000a,         /* times of NTFS */
        0xcafe, 0xd935, /* marks of jar and zipalign */
    };
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
        if (ids[i] == id)
            return true;
    return false;
}

static int check_extra(const struct zip_header *h, size_t at, struct verdict *v) {
    const uint8_t *p = h->extra;

    for (size_t n = h->extra_len, len; n > 0; n -= len, p += len) {
        unsigned id = n >= 4 ? u16(p) : 0;
        len = n >= 4 ? 4 + (size_t) u16(p + 2) : n + 1;
        if (len > n)
            return refuse(v, PACKAGE_FORMAT, "entry %zu has a broken extra field", at);
        if (id == 0x0001)
            return refuse(v, PACKAGE_FORMAT, "entry %zu is of a ZIP64 file", at);
        if (id == 0x7075 && !repeats_name(p + 4, len - 4, h))
            return refuse(v, PACKAGE_PATH, "entry %zu has two names", at);
        if (id != 0x7075 && !is_harmless(id))
            return refuse(v, PACKAGE_TYPE, "entry %zu has an extra field (0x%04x) of no use here",
                          at, id);
    }
    return 0;
}

/* Who writes on Unix or macOS means the bytes that the system has, which are UTF-8: Info-ZIP says
 * so by nothing. Elsewhere they would be of some code page. */
static bool name_is_utf8(const struct zip_entry *entry) {
    unsigned host = entry->made_by >> 8;

    for (size_t i = 0; i < entry->header.name_len; i++)
        if ((unsigned char) entry->header.name[i] >= 0x80)
            return entry->header.flags & FLAG_UTF8 || host == 3 || host == 19;
    return true;
}

static int check_kind(const struct zip_entry *entry, size_t at, struct verdict *v) {
    const struct zip_header *h = &entry->header;
    unsigned mode = zip_mode(entry), type = mode & S_IFMT;
    bool folder = zip_is_folder(h);

    /* 0x400 is how Windows marks a link. Source: FILE_ATTRIBUTE_REPARSE_POINT. */
    if (type == S_IFLNK || entry->attributes & 0x400)
        return refuse(v, PACKAGE_TYPE, "entry %zu is a symbolic link", at);
    if (type != 0 && type != S_IFREG && type != S_IFDIR)
        return refuse(v, PACKAGE_TYPE, "entry %zu is neither a file nor a folder", at);
    if ((type != 0 && (type == S_IFDIR) != folder) || (entry->attributes & 0x10 && !folder))
        return refuse(v, PACKAGE_TYPE, "entry %zu is both a file and a folder", at);
    if (mode & (S_ISUID | S_ISGID | S_ISVTX))
        return refuse(v, PACKAGE_TYPE, "entry %zu is setuid, setgid or sticky", at);
    if (folder && (h->size != 0 || h->packed != 0 || zip_has_descriptor(h)))
        return refuse(v, PACKAGE_FORMAT, "entry %zu is a folder with bytes in it", at);
    return 0;
}

int zip_entry_check(const struct zip_entry *entry, size_t at, struct verdict *v) {
    const struct zip_header *h = &entry->header;
    int r;

    if (h->flags & FLAG_ENCRYPTED)
        return refuse(v, PACKAGE_FORMAT, "entry %zu is encrypted", at);
    if (h->flags & ~(FLAG_LEVEL | FLAG_LATER | FLAG_UTF8))
        return refuse(v, PACKAGE_FORMAT, "entry %zu has flags 0x%04x of no use here", at, h->flags);
    if (h->method != 0 && h->method != 8)
        return refuse(v, PACKAGE_FORMAT, "entry %zu is packed by method %u: only deflate is read",
                      at, h->method);
    if ((h->needed & 0xFF) > 20)
        return refuse(v, PACKAGE_FORMAT, "entry %zu needs ZIP %u.%u: only 2.0 is read", at,
                      (h->needed & 0xFF) / 10, (h->needed & 0xFF) % 10);
    if (h->method == 0 && h->packed != h->size)
        return refuse(v, PACKAGE_FORMAT, "entry %zu is stored but has two sizes", at);
    if (h->size == 0 && h->crc != 0)
        return refuse(v, PACKAGE_CRC, "entry %zu is empty and has the checksum of something", at);
    if (!name_is_utf8(entry))
        return refuse(v, PACKAGE_PATH, "the name of entry %zu is not said to be UTF-8", at);
    r = check_kind(entry, at, v);
    return r < 0 ? r : check_extra(h, at, v);
}

/* Who writes into a pipe knows sizes and checksum only behind the data, and leaves zeros for what
 * it does not know before. */
static bool is_same_or_later(uint32_t local, uint32_t central, const struct zip_header *h) {
    return local == central || (local == 0 && zip_has_descriptor(h));
}

int zip_local_check(const struct zip_header *local, const struct zip_entry *entry, size_t at,
                    struct verdict *v) {
    const struct zip_header *h = &entry->header;
    if (local->name_len != h->name_len || memcmp(local->name, h->name, h->name_len) != 0)
        return refuse(v, PACKAGE_FORMAT, "entry %zu has another name in its local header", at);
    if (local->flags != h->flags || local->method != h->method)
        return refuse(v, PACKAGE_FORMAT, "entry %zu is packed otherwise by its local header", at);
    if (!is_same_or_later(local->crc, h->crc, h) ||
        !is_same_or_later(local->packed, h->packed, h) ||
        !is_same_or_later(local->size, h->size, h))
        return refuse(v, PACKAGE_FORMAT,
                      "entry %zu has other sizes or another checksum in its "
                      "local header",
                      at);
    return check_extra(local, at, v);
}

/* With or without the signature that came into use later. Source: APPNOTE 4.3.9.3. */
int zip_descriptor_check(const uint8_t *p, size_t n, const struct zip_entry *entry, size_t at,
                         struct verdict *v) {
    const struct zip_header *h = &entry->header;

    if (n == 16 && memcmp(p, "PK\7\10", 4) == 0) {
        p += 4;
        n -= 4;
    }
    if (n != 12 || u32(p) != h->crc || u32(p + 4) != h->packed || u32(p + 8) != h->size)
        return refuse(v, PACKAGE_FORMAT,
                      "entry %zu says other sizes or another checksum behind "
                      "its data",
                      at);
    return 0;
}
