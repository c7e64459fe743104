/* SPDX-License-Identifier: MIT
 * storage.h - wx.setStorage and its kin, over store.h.
 * Layer: 4, js. Uses: base, JavaScriptCore. */
#ifndef JS_STORAGE_H
#define JS_STORAGE_H

struct js;

void storage_trim(struct js *js); /* gives memory back */
void storage_close(struct js *js);

#endif
