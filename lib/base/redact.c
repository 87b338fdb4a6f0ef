/* SPDX-License-Identifier: MIT
 * The redactor's stream: at each byte it asks for configured secrets and for shapes, and holds back what is undecided.
 * A decision depends only on the bytes from here on, never on how they were cut. Shapes are in redact_shape.c. */
#include "lib/base/redact.h"

#include <assert.h>
#include <ctype.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/arena.h"
#include "lib/base/fault.h"
#include "lib/base/limits.h"
#include "lib/base/redact_internal.h"

#define REDACTOR_MAGIC 0x52444354u
#define SECRET_BYTES_MIN 4
#define FORMS_MAX 12 /* of one secret: plain, JSON, 3 URL, 6 base64 */

struct pattern {
    const unsigned char *data; /* arena */
    size_t bytes;
};

struct redactor {
    uint32_t magic;
    unsigned holders;
    struct arena *arena;      /* owned; wiped */
    struct pattern *patterns; /* owned; sorted by their bytes */
    size_t count;
    size_t skipped;
    uint8_t firsts[256];      /* whether a pattern begins with this byte */
    uint8_t pairs[65536 / 8]; /* whether a pattern begins with these two */
};

static int add_pattern(struct redactor *r, const void *data, size_t bytes)
{
    if (bytes < SECRET_BYTES_MIN)
        return 0;
    unsigned char *copy = arena_alloc(r->arena, bytes);
    if (!copy)
        return -1;
    memcpy(copy, data, bytes);
    r->patterns[r->count++] = (struct pattern){copy, bytes};
    return 0;
}

/* What stands in a base64 text that has the secret anywhere inside: one form for each of 3 alignments, without the
 * characters that also depend on neighbours. */
static int add_base64(struct redactor *r, const unsigned char *data, size_t bytes)
{
    unsigned char plain[REDACT_SECRET_BYTES_MAX + 2], text[(sizeof plain + 2) / 3 * 4 + 1];
    int result = 0;
    for (size_t shift = 0; shift < 3 && result == 0; shift++) {
        memset(plain, 0, shift);
        memcpy(plain + shift, data, bytes);
        (void)EVP_EncodeBlock(text, plain, (int)(shift + bytes)); /* length is known */
        size_t from = (shift * 8 + 5) / 6, to = (shift + bytes) * 8 / 6;
        result = add_pattern(r, text + from, to - from);
        bool differs = false;
        for (size_t i = from; i < to; i++) {
            differs |= text[i] == '+' || text[i] == '/';
            text[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
        }
        if (result == 0 && differs)
            result = add_pattern(r, text + from, to - from);
    }
    explicit_bzero(plain, sizeof plain);
    explicit_bzero(text, sizeof text);
    return result;
}

enum url_form { URL_UPPER, URL_LOWER, URL_PLUS, URL_FORMS };

static int add_url(struct redactor *r, const unsigned char *data, size_t bytes)
{
    unsigned char text[3 * REDACT_SECRET_BYTES_MAX];
    int result = 0;
    for (int form = 0; form < URL_FORMS && result == 0; form++) {
        const char *digits = form == URL_LOWER ? "0123456789abcdef" : "0123456789ABCDEF";
        size_t n = 0;
        for (size_t i = 0; i < bytes; i++) {
            if (isalnum(data[i]) || (data[i] && strchr("-._~", data[i]))) {
                text[n++] = data[i];
            } else if (form == URL_PLUS && data[i] == ' ') {
                text[n++] = '+';
            } else {
                text[n++] = '%';
                text[n++] = (unsigned char)digits[data[i] >> 4];
                text[n++] = (unsigned char)digits[data[i] & 15];
            }
        }
        if (n != bytes || memcmp(text, data, n) != 0)
            result = add_pattern(r, text, n);
    }
    explicit_bzero(text, sizeof text);
    return result;
}

static int add_json(struct redactor *r, const unsigned char *data, size_t bytes)
{
    unsigned char text[2 * REDACT_SECRET_BYTES_MAX];
    size_t n = 0;
    for (size_t i = 0; i < bytes; i++) {
        bool newline = data[i] == '\n';
        if (newline || data[i] == '"' || data[i] == '\\')
            text[n++] = '\\';
        text[n++] = newline ? 'n' : data[i];
    }
    int result = n == bytes ? 0 : add_pattern(r, text, n);
    explicit_bzero(text, sizeof text);
    return result;
}

static int compare(const void *a, const void *b)
{
    const struct pattern *left = a, *right = b;
    size_t n = left->bytes < right->bytes ? left->bytes : right->bytes;
    int order = memcmp(left->data, right->data, n);
    return order ? order : (left->bytes > right->bytes) - (left->bytes < right->bytes);
}

static unsigned pair_of(const unsigned char *data)
{
    return (unsigned)data[0] << 8 | data[1];
}

static int add_secrets(struct redactor *r, const struct redact_secret *secrets, size_t n,
    struct error *err)
{
    for (size_t i = 0; i < n; i++) {
        const unsigned char *data = secrets[i].data;
        size_t bytes = secrets[i].bytes;
        if (bytes > REDACT_SECRET_BYTES_MAX)
            return error_set(err, ERROR_CONFIG, "a secret has more than %d bytes",
                REDACT_SECRET_BYTES_MAX);
        if (bytes < SECRET_BYTES_MIN) {
            r->skipped++;
            continue;
        }
        if (add_pattern(r, data, bytes) < 0 || add_json(r, data, bytes) < 0 ||
            add_url(r, data, bytes) < 0 || add_base64(r, data, bytes) < 0)
            return error_set(err, ERROR_LIMIT, "no memory for the secrets to redact");
    }
    qsort(r->patterns, r->count, sizeof *r->patterns, compare);
    for (size_t i = 0; i < r->count; i++) {
        unsigned pair = pair_of(r->patterns[i].data);
        r->firsts[r->patterns[i].data[0]] = 1;
        r->pairs[pair / 8] |= (uint8_t)(1u << pair % 8);
    }
    return 0;
}

struct redactor *redactor_new(const struct redact_secret *secrets, size_t n, struct error *err)
{
    assert(secrets || n == 0);
    if (n > REDACT_SECRETS_MAX) {
        error_set(err, ERROR_CONFIG, "more than %d secrets", REDACT_SECRETS_MAX);
        return NULL;
    }
    struct redactor *r = calloc(1, sizeof *r);
    if (!r) {
        error_set(err, ERROR_LIMIT, "no memory for the secrets to redact");
        return NULL;
    }
    r->magic = REDACTOR_MAGIC;
    r->holders = 1;
    r->arena = arena_new_secret(64 * 1024 * 1024);
    r->patterns = calloc(n * FORMS_MAX + 1, sizeof *r->patterns);
    if (!r->arena || !r->patterns) {
        error_set(err, ERROR_LIMIT, "no memory for the secrets to redact");
        redactor_free(r);
        return NULL;
    }
    if (add_secrets(r, secrets, n, err) < 0) {
        redactor_free(r);
        return NULL;
    }
    return r;
}

struct redactor *redactor_hold(struct redactor *r)
{
    assert(r->magic == REDACTOR_MAGIC && r->holders > 0);
    r->holders++;
    return r;
}

void redactor_free(struct redactor *r)
{
    if (!r)
        return;
    assert(r->magic == REDACTOR_MAGIC && r->holders > 0);
    if (--r->holders > 0)
        return;
    arena_free(r->arena);
    free(r->patterns);
    r->magic = 0;
    free(r);
}

size_t redactor_skipped(const struct redactor *r)
{
    return r->skipped;
}

/* The longest configured secret that begins here, 0 when none. PENDING: one may begin here, or a longer one. */
static enum verdict find_secret(const struct redactor *r, struct bytes b, size_t *out_bytes)
{
    *out_bytes = 0;
    if (r->count == 0 || !r->firsts[b.at[0]])
        return VERDICT_NO;
    if (b.left == 1)
        return b.final ? VERDICT_NO : VERDICT_PENDING;
    unsigned pair = pair_of(b.at);
    if (!(r->pairs[pair / 8] & 1u << pair % 8))
        return VERDICT_NO;
    size_t low = 0, high = r->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (pair_of(r->patterns[middle].data) < pair)
            low = middle + 1;
        else
            high = middle;
    }
    bool pending = false;
    for (; low < r->count && pair_of(r->patterns[low].data) == pair; low++) {
        const struct pattern *p = &r->patterns[low];
        size_t n = p->bytes < b.left ? p->bytes : b.left;
        if (memcmp(p->data, b.at, n) != 0)
            continue;
        if (p->bytes > b.left)
            pending = !b.final;
        else if (p->bytes > *out_bytes)
            *out_bytes = p->bytes;
    }
    if (pending)
        return VERDICT_PENDING;
    return *out_bytes ? VERDICT_FOUND : VERDICT_NO;
}

void redact_stream_init(struct redact_stream *s, struct redactor *r)
{
    *s = (struct redact_stream){.redactor = redactor_hold(r), .prev = -1};
    buf_init(&s->held, REDACT_HELD_BYTES_MAX);
}

void redact_stream_done(struct redact_stream *s)
{
    if (!s->redactor)
        return;
    buf_done_secret(&s->held);
    redactor_free(s->redactor);
    s->redactor = NULL;
}

/* Decides about the byte at b.at: whether it is part of a secret. PENDING: cannot be told yet; nothing changed. */
static enum verdict decide(struct redact_stream *s, struct bytes b)
{
    size_t secret = 0, cover = 0;
    struct shape_found shape = {.swallow = SWALLOW_NONE};
    if (fault_twin("no-redaction"))
        return VERDICT_NO;
    if (find_secret(s->redactor, b, &secret) == VERDICT_PENDING)
        return VERDICT_PENDING;
    bool swallowed = false;
    if (s->swallow != SWALLOW_NONE && s->keep == 0) {
        enum verdict v = redact_swallow(s, b, &cover);
        if (v == VERDICT_PENDING)
            return v;
        swallowed = v == VERDICT_FOUND;
        if (!swallowed && s->cover == 0 && secret == 0)
            s->swallow = SWALLOW_NONE;
    }
    if (s->swallow == SWALLOW_NONE && cover == 0) {
        if (redact_shape(b, s->prev, s->option, &shape) == VERDICT_PENDING)
            return VERDICT_PENDING;
        s->swallow = (int)shape.swallow;
        s->keep = shape.keep;
        cover = shape.cover;
        s->block = 0;
        s->escaped = false;
        swallowed = shape.swallow != SWALLOW_NONE && shape.keep == 0;
    }
    if (secret > s->cover)
        s->cover = secret;
    if (cover > s->cover)
        s->cover = cover;
    return swallowed || s->cover > 0 ? VERDICT_FOUND : VERDICT_NO;
}

static void advance(struct redact_stream *s, unsigned char byte)
{
    if (byte <= ' ')
        s->option = false;
    else if (byte == '-' && s->prev <= ' ') /* -1 too: at the start */
        s->option = true;
    s->prev = byte;
    if (s->cover > 0)
        s->cover--;
    if (s->keep > 0)
        s->keep--;
}

/* Decides as many held bytes as it can. Returns how many. */
static size_t scan(struct redact_stream *s, bool final, struct buf *out)
{
    const unsigned char *data = (const unsigned char *)s->held.data;
    size_t at = 0, run = 0, bytes = s->held.bytes;
    for (; at < bytes; at++) {
        enum verdict v = decide(s, (struct bytes){data + at, bytes - at, final});
        if (v == VERDICT_PENDING)
            break;
        if (v == VERDICT_FOUND) {
            (void)buf_add(out, data + run, at - run); /* out->over is what the caller reports */
            if (!s->marked)
                (void)buf_add_text(out, REDACT_TEXT);
            s->marked = true;
            run = at + 1;
        } else {
            s->marked = false;
        }
        advance(s, data[at]);
    }
    (void)buf_add(out, data + run, at - run);
    return at;
}

int redact_stream_add(struct redact_stream *s, const void *data, size_t bytes, struct buf *out)
{
    assert(s->redactor);
    const char *at = data;
    bool was_over = out->over;
    out->over = false;
    while (bytes > 0) {
        size_t room = REDACT_HELD_BYTES_MAX - s->held.bytes;
        size_t n = bytes < room ? bytes : room;
        if (n > 0 && buf_add(&s->held, at, n) < 0) {
            out->over = true;
            return -1;
        }
        at += n;
        bytes -= n;
        size_t decided = scan(s, false, out);
        /* No shape or secret needs this much to be decided, but what is not decided must not block the rest. */
        if (decided == 0 && s->held.bytes == REDACT_HELD_BYTES_MAX)
            decided = scan(s, true, out);
        buf_drop(&s->held, decided);
    }
    int result = out->over ? -1 : 0;
    out->over |= was_over;
    return result;
}

int redact_stream_end(struct redact_stream *s, struct buf *out)
{
    assert(s->redactor);
    bool was_over = out->over;
    out->over = false;
    if (s->held.bytes > 0)
        buf_drop(&s->held, scan(s, true, out));
    assert(s->held.bytes == 0);
    int result = out->over ? -1 : 0;
    out->over |= was_over;
    return result;
}

int redact_text(struct redactor *r, const void *data, size_t bytes, struct buf *out)
{
    struct redact_stream s;
    redact_stream_init(&s, r);
    int added = redact_stream_add(&s, data, bytes, out);
    int ended = redact_stream_end(&s, out);
    redact_stream_done(&s);
    return added < 0 || ended < 0 ? -1 : 0;
}
