/* SPDX-License-Identifier: MIT
 * csv.h - the samples as comma-separated values: a line a sample, two columns an app.
 * Layer: tests. Uses: base. Pure. */
#ifndef STRESS_CSV_H
#define STRESS_CSV_H

struct record;
struct str;

/* Cells of what is not known are empty. */
void csv_write(const struct record *r, struct str *out);

#endif
