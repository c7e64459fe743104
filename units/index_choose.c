/* SPDX-License-Identifier: MIT
 * index_choose.c - which version of an index is for this device, and why no other. */
#include "units/index.h"

#include <string.h>

#include "supervisor/base/text.h"

#define X(id, sentence) [INDEX_##id] = sentence,
static const char *const sentences[INDEX_VERDICT_COUNT] = { INDEX_VERDICTS(X) };
#undef X

const char *index_verdict_sentence(enum index_verdict verdict) {
    return (unsigned) verdict < INDEX_VERDICT_COUNT ? sentences[verdict] : "?";
}

/* The machine's id is not an app's business: what comes out says next to nothing of it. */
unsigned index_place(const char *machine_id, const char *app_id) {
    uint64_t machine = text_hash64(machine_id, strlen(machine_id));
    uint64_t app = text_hash64(app_id, strlen(app_id));
    uint64_t both[2] = { machine, app };

    return (unsigned) (text_hash64(both, sizeof both) % 100);
}

static bool has_failed(const struct index_device *d, const struct index_package *p) {
    for (size_t i = 0; d->failed && d->failed[i]; i++)
        if (strcmp(d->failed[i], p->sha256) == 0)
            return true;
    return false;
}

/* A clock that was never set, or was set back, must not lock updates out. */
bool index_has_expired(const struct index *ix, const struct index_device *d) {
    return d->now >= d->clock_low && d->now > ix->expires;
}

/* Of a package that would be an upgrade. */
static enum index_verdict judge(const struct index *ix, const struct index_device *d,
                                const struct index_package *p) {
    if (index_has_expired(ix, d))
        return INDEX_EXPIRED;
    if (has_failed(d, p))
        return INDEX_FAILED;
    if (p->code <= d->held)
        return INDEX_HELD;
    return d->place < p->rollout ? INDEX_NEWER : INDEX_ROLLOUT;
}

/* The server's order is for all devices, whatever their owners held and wherever they stand. */
static enum index_verdict judge_back(const struct index *ix, const struct index_device *d,
                                     const struct index_package *p) {
    if (index_has_expired(ix, d))
        return INDEX_EXPIRED;
    if (d->current <= p->code)
        return INDEX_WITHDRAWN;
    return has_failed(d, p) ? INDEX_FAILED : INDEX_BACK;
}

void index_choose(const struct index *ix, const struct index_device *d, struct index_choice *ret) {
    uint64_t newest = d->pending > d->current ? d->pending : d->current;

    *ret = (struct index_choice){ .verdict = INDEX_UP_TO_DATE };
    for (size_t i = 0; i < ix->n_packages; i++) {
        const struct index_package *p = &ix->packages[i];
        bool back = p->code == ix->downgrade_to && p->code < newest;
        enum index_verdict verdict;

        if (!back && (p->code <= newest || (ix->downgrade_to && p->code > ix->downgrade_to)))
            continue;
        verdict = back ? judge_back(ix, d, p) : judge(ix, d, p);
        if (ret->code == 0)
            *ret = (struct index_choice){ .verdict = verdict, .code = p->code };
        if (verdict == INDEX_NEWER || verdict == INDEX_BACK) {
            *ret = (struct index_choice){ .verdict = verdict, .package = p, .code = p->code };
            return;
        }
    }
}
