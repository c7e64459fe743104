/* SPDX-License-Identifier: MIT
 * page.h - the report: one HTML page that needs nothing else, no script, nothing from anywhere.
 * Layer: tests. Uses: base. Pure. */
#ifndef STRESS_PAGE_H
#define STRESS_PAGE_H

struct outcome;
struct plan;
struct record;
struct str;

/* base: the baseline's outcome, or NULL. */
void page_write(const struct plan *p, const struct outcome *it, const struct outcome *base,
                struct str *out);

/* Its parts, in files of their own. */
void page_memory(const struct record *r, struct str *out);   /* bands by app, marks below */
void page_pressure(const struct record *r, struct str *out); /* PSI, and the front's stall */
void page_starts(const struct record *r, struct str *out);
void page_kills(const struct record *r, struct str *out); /* the table */

#endif
