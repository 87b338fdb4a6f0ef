/* SPDX-License-Identifier: MIT
 * Any bytes as text, duration, size and percentage: repaired text is valid and without NUL, folding
 * twice changes nothing more than once, cuts end within the text, and what is printed is read
 * again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/duration.h"
#include "lib/base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void check_numbers(const char *text)
{
    int64_t number, again;
    double percent;
    char out[DURATION_TEXT_BYTES];
    if (duration_parse(text, &number, NULL) == 0 &&
        (duration_parse(duration_print(number, out), &again, NULL) < 0 || again != number))
        abort();
    if (size_parse(text, &number, NULL) == 0 &&
        (size_parse(size_print(number, out), &again, NULL) < 0 || again != number))
        abort();
    if (percent_parse(text, &percent, NULL) == 0 && !(percent >= 0 && percent <= 100))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    const char *text = (const char *)data;
    struct buf out, line;
    buf_init(&out, 3 * bytes + 1);
    buf_init(&line, 3 * bytes + 1);
    text_repair(text, bytes, &out);
    text_one_line(text, bytes, &line);
    if (out.over || line.over || !text_valid(buf_text(&out), out.bytes) ||
        !text_valid(buf_text(&line), line.bytes) || strlen(buf_text(&out)) != out.bytes ||
        strchr(buf_text(&line), '\n'))
        abort();
    for (size_t most = 0; most < 9; most++) {
        size_t cut = text_cut(buf_text(&out), out.bytes, SIZE_MAX, most);
        size_t tail = text_cut_tail(buf_text(&out), out.bytes, most);
        if (cut > most || out.bytes - tail > most || !text_valid(buf_text(&out), cut) ||
            !text_valid(buf_text(&out) + tail, out.bytes - tail))
            abort();
    }
    if (!text_same(buf_text(&out), buf_text(&out)) && out.bytes < 50000)
        abort();
    check_numbers(buf_text(&out));
    buf_done(&out);
    buf_done(&line);
    return 0;
}
