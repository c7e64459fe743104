/* SPDX-License-Identifier: MIT
 * package_name.h - what a path in a package file may look like.
 * Layer: 2, units. Uses: base. */
#ifndef UNITS_PACKAGE_NAME_H
#define UNITS_PACKAGE_NAME_H

/* Why `path` may not be one ("has a name that holds a character which is not allowed"), or NULL. It
 * is relative, its names are joined by single slashes and are UTF-8; none is "." or "..", ends in a
 * full stop, is too long or holds a character that W3C forbids or that turns the direction of text
 * round. Depth and length are the caller's to limit (filelist.h).
 * Source: W3C MiniApp Packaging, "file and directory names"; of "U+002E FULL STOP" in its list
 * only the last character is meant, as in EPUB's, where the list is from. */
const char *package_path_fault(const char *path);

#endif
