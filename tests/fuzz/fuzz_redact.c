/* SPDX-License-Identifier: MIT
 * Redaction of any bytes: however the stream is cut, the same comes out, and a configured secret never does. The first
 * byte chooses the cut. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "lib/base/redact.h"

#define SECRET "Tr0ub4dor&3"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (bytes < 1)
        return 0;
    size_t step = 1u + data[0] % 16u;
    data++;
    bytes--;
    struct error err = {0};
    struct redactor *r =
        redactor_new(&(struct redact_secret){.data = SECRET, .bytes = strlen(SECRET)}, 1, &err);
    MUST(r);
    struct buf whole, cut;
    buf_init(&whole, 8 * 1024 * 1024);
    buf_init(&cut, 8 * 1024 * 1024);
    MUST(redact_text(r, data, bytes, &whole) == 0);
    struct redact_stream s;
    redact_stream_init(&s, r);
    for (size_t at = 0; at < bytes; at += step)
        MUST(redact_stream_add(&s, data + at, bytes - at < step ? bytes - at : step, &cut) == 0);
    MUST(redact_stream_end(&s, &cut) == 0);
    redact_stream_done(&s);
    MUST(whole.bytes == cut.bytes && (whole.bytes == 0 || memcmp(whole.data, cut.data, cut.bytes) == 0));
    MUST(whole.bytes == 0 || !memmem(whole.data, whole.bytes, SECRET, strlen(SECRET)));
    buf_done(&whole);
    buf_done(&cut);
    redactor_free(r);
    return 0;
}
