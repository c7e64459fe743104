/* SPDX-License-Identifier: MIT */
#include "tests/stress/csv.h"

#include "supervisor/base/str.h"
#include "tests/stress/record.h"

static void put_head(const struct record *r, struct str *out) {
    (void) str_puts(out, "at_us,psi_some_avg10,psi_full_avg10,psi_some_total_us,psi_full_total_us,"
                         "mem_total,mem_available,zram_used,budget,apps_current,level,warm,front");
    for (size_t i = 0; i < r->n_apps; i++) /* an id has neither comma nor quote */
        (void) str_printf(out, ",%s_state,%s_bytes", record_short(r, (int) i),
                          record_short(r, (int) i));
    (void) str_putc(out, '\n');
}

static void put_sample(const struct record *r, const struct record_sample *s, struct str *out) {
    typedef unsigned long long ull;

    (void) str_printf(out, "%llu,", (ull) s->at);
    if (s->some_us == RECORD_NONE)
        (void) str_puts(out, ",,,,");
    else
        (void) str_printf(out, "%u.%02u,%u.%02u,%llu,%llu,", s->some_avg10 / 100,
                          s->some_avg10 % 100, s->full_avg10 / 100, s->full_avg10 % 100,
                          (ull) s->some_us, (ull) s->full_us);
    (void) str_printf(out, "%llu,%llu,%llu,", (ull) s->total, (ull) s->available, (ull) s->zram);
    if (s->budget)
        (void) str_printf(out, "%llu", (ull) s->budget);
    (void) str_printf(out, ",%llu,%d,%u,%s", (ull) s->current, s->level, s->warm,
                      s->front >= 0 ? record_short(r, s->front) : "");
    for (unsigned i = 0; i < r->n_apps; i++)
        if (i < s->n)
            (void) str_printf(out, ",%s,%llu", record_state_name(s->state[i]), (ull) s->bytes[i]);
        else
            (void) str_puts(out, ",,");
    (void) str_putc(out, '\n');
}

void csv_write(const struct record *r, struct str *out) {
    put_head(r, out);
    for (size_t i = 0; i < r->n_samples; i++)
        if (r->sample[i].bytes && r->sample[i].state)
            put_sample(r, &r->sample[i], out);
}
