/* SPDX-License-Identifier: MIT
 * An answer of the wrapper from any bytes. A verdict is read only behind the first line, and only
 * where the end is there: what says "cut off" as a whole says nothing else when it is shorter. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "executor/wrapper.h"

#define NONCE "fl-0"

static struct wrapper_report parse(const char *text, size_t bytes, struct arena *a)
{
    struct wrapper_report r;
    struct error err = {0};
    MUST(wrapper_parse(text, bytes, NONCE, a, &r, &err) == 0);
    MUST(r.verdict < WRAPPER_VERDICTS && wrapper_verdict_name(r.verdict)[0]);
    MUST(r.out && r.text && r.memory_id && r.boot_id && r.machine_id && r.folder && r.login &&
         r.tools && r.holder);
    MUST(r.token.incarnation && memchr(r.signal, '\0', sizeof r.signal));
    MUST(r.out_bytes <= bytes + 80 && r.out[r.out_bytes] == '\0');
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct arena *a = arena_new(FUZZ_ARENA_BYTES_MAX);
    MUST(a);
    const char *text = (const char *)data;
    struct wrapper_report whole = parse(text, bytes, a);
    if (whole.verdict != WRAPPER_BROKEN)
        MUST(bytes > 0 && memmem(text, bytes, "firstline-wrapper 1 " NONCE "\n", 25));
    if (whole.verdict != WRAPPER_BROKEN && whole.verdict != WRAPPER_CUT)
        MUST(wrapper_complete(text, bytes, NONCE));
    if (bytes > 1) {
        struct wrapper_report part = parse(text, bytes - 1 - data[0] % (bytes - 1), a);
        if (whole.verdict == WRAPPER_CUT)
            MUST(part.verdict == WRAPPER_CUT || part.verdict == WRAPPER_BROKEN);
    }
    arena_free(a);
    return 0;
}
