/* SPDX-License-Identifier: MIT
 * info.h - GetInfo's answer as a struct.
 * Layer: 3, sdk. Uses: base. */
#ifndef SDK_INFO_H
#define SDK_INFO_H

struct err;
struct json;
struct miniprog_info;

/* ret: to be miniprog_info_free()d; stands by itself. -EBADMSG, -ENOMEM. */
int info_read(const struct json *parameters, struct miniprog_info **ret, struct err *e);

#endif
