/* SPDX-License-Identifier: MIT
 * What was said lately, and how often it would have been. */
#include "lib/base/rare.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/text.h"

static bool is_fresh(const struct rare_kind *k, int64_t now_mono_ms)
{
    return k->said_mono_ms && now_mono_ms - k->said_mono_ms < RARE_EVERY_MS;
}

static int64_t say_now(struct rare_kind *k, int64_t now_mono_ms)
{
    int64_t times = k->left_out;
    k->left_out = 0;
    k->said_mono_ms = now_mono_ms;
    return times;
}

int64_t rare_times(struct rare *r, const char *what, const char *why, int64_t now_mono_ms)
{
    uint64_t hash = text_hash(what, strlen(what)) ^ (text_hash(why, strlen(why)) * 31);
    struct rare_kind *oldest = &r->kinds[0];
    for (struct rare_kind *k = r->kinds; k < r->kinds + RARE_KINDS_MAX; k++) {
        if (k->said_mono_ms && k->hash == hash) {
            k->left_out++;
            return is_fresh(k, now_mono_ms) ? 0 : say_now(k, now_mono_ms);
        }
        if (k->said_mono_ms < oldest->said_mono_ms)
            oldest = k;
    }
    *oldest = (struct rare_kind){.hash = hash, .said_mono_ms = now_mono_ms};
    (void)snprintf(oldest->what, sizeof oldest->what, "%s", what); /* cut is fine */
    (void)snprintf(oldest->why, sizeof oldest->why, "%s", why);
    return 1;
}

void rare_flush(struct rare *r, int64_t now_mono_ms, rare_say *say, void *owner)
{
    for (struct rare_kind *k = r->kinds; k < r->kinds + RARE_KINDS_MAX; k++) {
        if (k->left_out == 0 || is_fresh(k, now_mono_ms))
            continue;
        say(owner, k->what, k->why, say_now(k, now_mono_ms));
    }
}
