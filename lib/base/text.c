/* SPDX-License-Identifier: MIT
 * Text made safe: code points, repair, cutting, folding. */
#include "lib/base/text.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "lib/base/limits.h"

/* ---- code points ---- */

static bool continues(unsigned char c)
{
    return (c & 0xC0) == 0x80;
}

/* How many bytes from the start could begin a character: what a repair replaces by one U+FFFD. */
static size_t broken_bytes(const unsigned char *s, size_t bytes)
{
    unsigned char low = 0x80, high = 0xBF;
    size_t want = 0;
    if (s[0] >= 0xC2 && s[0] <= 0xDF)
        want = 1;
    else if (s[0] >= 0xE0 && s[0] <= 0xEF)
        want = 2;
    else if (s[0] >= 0xF0 && s[0] <= 0xF4)
        want = 3;
    if (s[0] == 0xE0)
        low = 0xA0; /* shorter forms exist */
    else if (s[0] == 0xED)
        high = 0x9F; /* surrogates */
    else if (s[0] == 0xF0)
        low = 0x90;
    else if (s[0] == 0xF4)
        high = 0x8F; /* beyond U+10FFFF */
    size_t n = 1;
    while (n <= want && n < bytes && s[n] >= low && s[n] <= high) {
        n++;
        low = 0x80;
        high = 0xBF;
    }
    return n;
}

size_t text_next(const char *text, size_t bytes, int32_t *out_point)
{
    if (bytes == 0)
        return 0;
    const unsigned char *s = (const unsigned char *)text;
    if (s[0] < 0x80) {
        *out_point = s[0];
        return 1;
    }
    utf8proc_ssize_t n = utf8proc_iterate(s, (utf8proc_ssize_t)(bytes < 4 ? bytes : 4), out_point);
    if (n > 0)
        return (size_t)n;
    *out_point = -1;
    return 1;
}

bool text_valid(const char *text, size_t bytes)
{
    int32_t point;
    for (size_t at = 0; at < bytes;) {
        at += text_next(text + at, bytes - at, &point);
        if (point < 0)
            return false;
    }
    return true;
}

void text_repair(const char *text, size_t bytes, struct buf *out)
{
    int32_t point;
    for (size_t at = 0; at < bytes && !out->over;) {
        size_t n = text_next(text + at, bytes - at, &point);
        if (point < 0) {
            n = broken_bytes((const unsigned char *)text + at, bytes - at);
            (void)buf_add(out, "\xEF\xBF\xBD", 3); /* out->over ends the loop */
        } else if (point == 0) {
            (void)buf_add(out, "\xE2\x90\x80", 3);
        } else {
            (void)buf_add(out, text + at, n);
        }
        at += n;
    }
}

static bool changes_direction(int32_t point)
{
    return (point >= 0x202A && point <= 0x202E) || (point >= 0x2066 && point <= 0x2069) || point == 0x200E ||
           point == 0x200F || point == 0x061C;
}

static bool is_space(int32_t point)
{
    return (point >= 0 && point <= 0x20) || (point >= 0x7F && point <= 0xA0) || point == 0x2028 ||
           point == 0x2029 || point == 0x3000;
}

void text_one_line(const char *text, size_t bytes, struct buf *out)
{
    int32_t point;
    bool space = false, begun = false;
    for (size_t at = 0; at < bytes && !out->over;) {
        size_t n = text_next(text + at, bytes - at, &point);
        if (point < 0)
            n = broken_bytes((const unsigned char *)text + at, bytes - at);
        if (is_space(point)) {
            space = begun;
        } else if (!changes_direction(point)) {
            char piece[8] = " ";
            size_t lead = space ? 1 : 0; /* together, so that no space is left at the end */
            const char *from = point < 0 ? "\xEF\xBF\xBD" : text + at;
            size_t length = point < 0 ? 3 : n;
            memcpy(piece + lead, from, length);
            (void)buf_add(out, piece, lead + length); /* out->over ends the loop */
            space = false;
            begun = true;
        }
        at += n;
    }
}

/* ---- cutting and measuring ---- */

static bool joins_to_last(int32_t point)
{
    if (point < 0x300)
        return false;
    if (point == 0x200D || (point >= 0xFE00 && point <= 0xFE0F))
        return true;
    utf8proc_category_t c = utf8proc_category(point);
    return c == UTF8PROC_CATEGORY_MN || c == UTF8PROC_CATEGORY_ME || c == UTF8PROC_CATEGORY_MC;
}

size_t text_cut(const char *text, size_t bytes, size_t chars_max, size_t bytes_max)
{
    if (bytes <= chars_max && bytes <= bytes_max)
        return bytes; /* nothing to cut, however it is counted */
    size_t at = 0, whole = 0, chars = 0;
    int32_t point, last = -1;
    while (at < bytes) {
        size_t n = text_next(text + at, bytes - at, &point);
        if (!joins_to_last(point) && last != 0x200D)
            whole = at; /* a good place to cut */
        if (chars == chars_max || n > bytes_max - at)
            return whole > 0 ? whole : at;
        at += n;
        chars++;
        last = point;
    }
    return bytes;
}

size_t text_cut_tail(const char *text, size_t bytes, size_t bytes_max)
{
    if (bytes <= bytes_max)
        return 0;
    const unsigned char *s = (const unsigned char *)text;
    size_t at = bytes - bytes_max;
    for (int i = 0; i < 3 && at < bytes && continues(s[at]); i++)
        at++;
    size_t begin = at;
    int32_t point;
    while (at < bytes) {
        size_t n = text_next(text + at, bytes - at, &point);
        if (!joins_to_last(point))
            return at;
        at += n;
    }
    return begin;
}

size_t text_chars(const char *text, size_t bytes)
{
    size_t chars = 0;
    int32_t point;
    for (size_t at = 0; at < bytes; chars++)
        at += text_next(text + at, bytes - at, &point);
    return chars;
}

int text_point_width(int32_t point)
{
    if (point < 0)
        return 1;
    if (point >= 0x20 && point < 0x7F)
        return 1;
    return utf8proc_charwidth(point);
}

size_t text_width(const char *text, size_t bytes)
{
    size_t width = 0;
    int32_t point;
    for (size_t at = 0; at < bytes;) {
        at += text_next(text + at, bytes - at, &point);
        width += (size_t)text_point_width(point);
    }
    return width;
}

/* ---- comparing ---- */

static int fold_ascii(const char *text, size_t bytes, struct buf *out, struct error *err)
{
    size_t from = out->bytes;
    if (buf_add(out, text, bytes) < 0)
        return error_set(
            err, ERROR_LIMIT, "text to compare is longer than %zu bytes", out->bytes_max);
    for (size_t i = from; i < out->bytes; i++) {
        char c = out->data[i];
        out->data[i] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    return 0;
}

static bool is_ascii(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if ((unsigned char)text[i] >= 0x80 || text[i] == '\0')
            return false;
    return true;
}

static int map(
    const char *text, size_t bytes, utf8proc_option_t options, struct buf *out, struct error *err)
{
    if (bytes > TEXT_FOLD_BYTES_MAX)
        return error_set(
            err, ERROR_LIMIT, "text to compare is longer than %d bytes", TEXT_FOLD_BYTES_MAX);
    struct buf good;
    buf_init(&good, 3 * bytes + 1);
    text_repair(text, bytes, &good);
    utf8proc_uint8_t *folded = NULL;
    utf8proc_ssize_t n = -1;
    if (!good.over)
        n = utf8proc_map((const utf8proc_uint8_t *)buf_text(&good), (utf8proc_ssize_t)good.bytes,
            &folded, options);
    buf_done(&good);
    int rc = n < 0 ? -1 : buf_add(out, folded, (size_t)n);
    free(folded);
    if (rc < 0)
        return error_set(
            err, ERROR_LIMIT, "text to compare does not fit in %zu bytes", out->bytes_max);
    return 0;
}

int text_fold(const char *text, size_t bytes, struct buf *out, struct error *err)
{
    if (is_ascii(text, bytes))
        return fold_ascii(text, bytes, out, err);
    return map(text, bytes,
        UTF8PROC_COMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE, out, err);
}

int text_compat(const char *text, size_t bytes, struct buf *out, struct error *err)
{
    if (is_ascii(text, bytes))
        return buf_add(out, text, bytes) == 0
                   ? 0
                   : error_set(err, ERROR_LIMIT, "text to compare does not fit in %zu bytes", out->bytes_max);
    return map(text, bytes, UTF8PROC_COMPOSE | UTF8PROC_COMPAT | UTF8PROC_IGNORE, out, err);
}

/* How many code points NFKC makes of one, before it joins any. */
static size_t compat_points(int32_t point)
{
    if (point < 0x80)
        return 1;
    utf8proc_int32_t made[32]; /* 18 are the most */
    int boundary = 0;
    utf8proc_ssize_t n = utf8proc_decompose_char(point, made, 32, UTF8PROC_COMPOSE | UTF8PROC_COMPAT, &boundary);
    return n > 0 ? (size_t)n : 1;
}

static bool is_mark(int32_t point)
{
    return point >= 0x300 && utf8proc_get_property(point)->combining_class != 0;
}

int text_bound(const char *text, size_t bytes, size_t points_max, struct buf *out)
{
    if (is_ascii(text, bytes))
        return buf_add(out, text, bytes < points_max ? bytes : points_max);
    size_t from = 0, at = 0, points = 0, marks = 0;
    int32_t point;
    while (at < bytes) {
        size_t n = text_next(text + at, bytes - at, &point);
        marks = is_mark(point) ? marks + 1 : 0;
        if (marks > TEXT_MARKS_MAX) { /* what stands before it is kept, this is not */
            if (buf_add(out, text + from, at - from) != 0)
                return -1;
            from = at + n;
        } else if ((points += compat_points(point)) > points_max) {
            break;
        }
        at += n;
    }
    return buf_add(out, text + from, at - from);
}

bool text_same(const char *a, const char *b)
{
    struct buf x, y;
    buf_init(&x, TEXT_FOLD_BYTES_MAX);
    buf_init(&y, TEXT_FOLD_BYTES_MAX);
    bool same = text_fold(a, strlen(a), &x, NULL) == 0 && text_fold(b, strlen(b), &y, NULL) == 0 &&
                x.bytes == y.bytes && memcmp(buf_text(&x), buf_text(&y), x.bytes) == 0;
    buf_done(&x);
    buf_done(&y);
    return same;
}

uint64_t text_hash(const void *data, size_t bytes)
{
    const unsigned char *s = data; /* FNV-1a, and a final mix since tables use the low bits */
    uint64_t h = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < bytes; i++)
        h = (h ^ s[i]) * UINT64_C(1099511628211);
    h ^= h >> 32;
    h *= UINT64_C(0x9E3779B97F4A7C15);
    return h ^ (h >> 29);
}

void text_json(const char *text, size_t bytes, struct buf *out)
{
    int32_t point;
    for (size_t at = 0; at < bytes && !out->over;) {
        size_t n = text_next(text + at, bytes - at, &point);
        if (point < 0) {
            n = broken_bytes((const unsigned char *)text + at, bytes - at);
            (void)buf_add(out, "\xEF\xBF\xBD", 3); /* out->over ends the loop */
        } else if (point == '"' || point == '\\') {
            char two[2] = {'\\', (char)point};
            (void)buf_add(out, two, 2);
        } else if (point == '\n') {
            (void)buf_add(out, "\\n", 2);
        } else if (point < 0x20 || point == 0x7F) {
            (void)buf_printf(out, "\\u%04x", (unsigned)point);
        } else {
            (void)buf_add(out, text + at, n);
        }
        at += n;
    }
}
