/* SPDX-License-Identifier: MIT
 * launch.h - how the app was opened, as WeChat's launch options.
 * Layer: 4, js. Uses: base, sdk. */
#ifndef JS_LAUNCH_H
#define JS_LAUNCH_H

struct miniprog_launch;

/* { path, query, scene, referrerInfo, apiCategory, forwardMaterials } as JSON text, malloc'd; NULL
 * without memory. A query in the path goes to `query`. */
char *launch_text(const struct miniprog_launch *l);

#endif
