/* SPDX-License-Identifier: MIT
 * A webhook's body and signature header from any bytes: never fails, gives texts without NUL, and no header that was
 * not made with the secret is right. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "coordinator/webhook.h"

static void check(const struct webhook_event *e)
{
    const char *const texts[] = {e->id, e->type, e->occurred_at, e->agent_name, e->incident};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        MUST(texts[i]);
    MUST(e->rule && e->key[0] && memchr(e->key, '\0', sizeof e->key));
    MUST((unsigned)e->agent < AGENT_KINDS);
    MUST(webhook_agent_name(e->agent) && webhook_hand_name(e->hand));
    if (e->whole)
        MUST(e->incident[0] && e->title && e->status && e->service_id && e->created_at);
    if (e->rule->effects & EFFECT_OPEN)
        MUST(e->odd || e->incident[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static const char *const bots[] = {"PBOT001", NULL};
    const struct webhook_secret secret = {.data = "not in any seed", .bytes = 15};
    struct arena *a = arena_new(FUZZ_ARENA_BYTES_MAX);
    MUST(a);
    struct webhook_event event = {0};
    webhook_parse(a, (const char *)data, bytes, bots, &event);
    check(&event);
    char *header = arena_strndup(a, (const char *)data, bytes);
    MUST(header);
    MUST(webhook_verify(header, &secret, 1, "body", 4) != SIGNATURE_RIGHT);
    MUST(webhook_verify(NULL, &secret, 1, (const char *)data, bytes) == SIGNATURE_MISSING);
    arena_free(a);
    return 0;
}
