/* SPDX-License-Identifier: MIT
 * text.h - what may stand in text that people, terminals and file names see.
 * Layer: 1, base. Uses: libc only. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Strict UTF-8 (no overlong forms, no surrogates, at most U+10FFFF). Source: RFC 3629. */
bool text_is_utf8(const char *text, size_t n);

/* Bytes of the well-formed UTF-8 character that text begins with: 1 to 4; 0 if there is none. */
size_t text_utf8_char(const char *text, size_t n);

/* Has C0 controls, DEL, or (as UTF-8) C1 controls. */
bool text_has_control(const char *text, size_t n);

/* CRC-32 (IEEE 802.3, reflected, as zlib's crc32()); crc is 0 at first. */
uint32_t text_crc32(uint32_t crc, const void *bytes, size_t n);

/* 64-bit FNV-1a, for short names that must be the same on every run (group suffixes). */
uint64_t text_hash64(const void *bytes, size_t n);

/* W3C's app id: name *("." name), name = letter [*(letter / digit / "-") (letter / digit)],
 * 1 to 64 bytes in all. Source: W3C MiniApp Manifest, app_id. */
bool text_is_app_id(const char *id);

#endif
