/* SPDX-License-Identifier: MIT
 * Looks hosts up in known_hosts and judges their keys. Plain names are found by the index; patterns and hashed names are
 * compared one by one (a hashed line costs one HMAC-SHA1, about a microsecond). */
#include <ctype.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/known_hosts_internal.h"

/* Wildcards * and ?. Linear but for the last star, so no pattern can make it slow. */
static bool pattern_matches(const char *pattern, size_t bytes, const char *text)
{
    size_t p = 0;
    const char *star_text = NULL;
    size_t star = 0;
    while (*text) {
        if (p < bytes && pattern[p] == '*') {
            star = p++;
            star_text = text;
        } else if (p < bytes && (pattern[p] == '?' || pattern[p] == *text)) {
            p++;
            text++;
        } else if (star_text) {
            p = star + 1;
            text = ++star_text;
        } else {
            return false;
        }
    }
    while (p < bytes && pattern[p] == '*')
        p++;
    return p == bytes;
}

/* A matching "!pattern" anywhere in the list vetoes the line. */
static bool list_matches(const char *names, const char *name)
{
    bool found = false;
    for (const char *at = names;; at++) {
        size_t bytes = strcspn(at, ",");
        bool negated = bytes > 0 && at[0] == '!';
        if (bytes > 0 && pattern_matches(at + negated, bytes - negated, name)) {
            if (negated)
                return false;
            found = true;
        }
        at += bytes;
        if (*at == '\0')
            return found;
    }
}

static bool hash_matches(const struct line *l, const char *name)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned int bytes = 0;
    if (!HMAC(EVP_sha1(), l->names, SHA1_BYTES, (const unsigned char *)name, strlen(name), hash,
            &bytes))
        return false;
    return bytes == SHA1_BYTES && memcmp(hash, l->names + SHA1_BYTES, SHA1_BYTES) == 0;
}

/* Calls visit for each line whose names match. */
typedef void visit_fn(void *owner, const struct line *l);

static void visit_lines(const struct known_hosts *k, const char *name, visit_fn *visit,
    void *owner)
{
    size_t low = 0, high = k->name_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(k->names[middle].text, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < k->name_count && strcmp(k->names[low].text, name) == 0; low++)
        visit(owner, &k->lines[k->names[low].line]);
    for (size_t i = 0; i < k->other_count; i++) {
        const struct line *l = &k->lines[k->others[i]];
        if (l->form == FORM_HASHED ? hash_matches(l, name) : list_matches(l->names, name))
            visit(owner, l);
    }
}

/* The two spellings of a host: with its port, and without. */
struct spelling {
    char with_port[KNOWN_HOSTS_NAME_BYTES];
    char plain[KNOWN_HOSTS_NAME_BYTES];
};

static void spell(const char *host, uint16_t port, struct spelling *out)
{
    (void)snprintf(out->plain, sizeof out->plain, "%.255s", host);
    for (char *c = out->plain; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    if (port == 22 || port == 0)
        memcpy(out->with_port, out->plain, sizeof out->plain);
    else
        (void)snprintf(out->with_port, sizeof out->with_port, "[%.255s]:%u", out->plain, port);
}

struct seen {
    bool plain;
    int cert_line;
};

static void see(void *owner, const struct line *l)
{
    struct seen *seen = owner;
    if (l->marker == MARKER_NONE)
        seen->plain = true;
    else if (l->marker == MARKER_CERT && (seen->cert_line == 0 || l->number < seen->cert_line))
        seen->cert_line = l->number;
}

static const char *choose(const struct known_hosts *k, const struct spelling *s, int *out_cert)
{
    struct seen with_port = {0}, plain = {0};
    visit_lines(k, s->with_port, see, &with_port);
    visit_lines(k, s->plain, see, &plain);
    if (out_cert)
        *out_cert = with_port.cert_line ? with_port.cert_line : plain.cert_line;
    if (with_port.plain)
        return s->with_port;
    if (plain.plain)
        return s->plain;
    if (with_port.cert_line)
        return s->with_port;
    return plain.cert_line ? s->plain : NULL;
}

const char *known_hosts_name(const struct known_hosts *k, const char *host, uint16_t port,
    char room[KNOWN_HOSTS_NAME_BYTES])
{
    struct spelling s;
    spell(host, port, &s);
    const char *name = choose(k, &s, NULL);
    if (!name)
        return NULL;
    memcpy(room, name, KNOWN_HOSTS_NAME_BYTES);
    return room;
}

struct judging {
    const unsigned char *key; /* borrowed */
    size_t key_bytes;
    enum known_hosts_type type;
    int match, same_type, any, revoked; /* least line numbers, 0: none */
};

static void least(int *line, int number)
{
    if (*line == 0 || number < *line)
        *line = number;
}

static bool same_key(const struct line *l, const unsigned char *key, size_t key_bytes)
{
    return l->key_bytes == key_bytes && memcmp(l->key, key, key_bytes) == 0;
}

static void judge_plain(void *owner, const struct line *l)
{
    struct judging *j = owner;
    if (l->marker != MARKER_NONE)
        return;
    least(&j->any, l->number);
    if (l->type == j->type)
        least(&j->same_type, l->number);
    if (same_key(l, j->key, j->key_bytes))
        least(&j->match, l->number);
}

static void judge_revoked(void *owner, const struct line *l)
{
    struct judging *j = owner;
    if (l->marker == MARKER_REVOKED && same_key(l, j->key, j->key_bytes))
        least(&j->revoked, l->number);
}

static enum known_hosts_type type_of_blob(const unsigned char *key, size_t bytes)
{
    if (bytes < 4)
        return KNOWN_HOSTS_OTHER;
    size_t n = (size_t)key[0] << 24 | (size_t)key[1] << 16 | (size_t)key[2] << 8 | key[3];
    return n > bytes - 4 ? KNOWN_HOSTS_OTHER
                         : known_hosts_type_of((const char *)key + 4, n);
}

struct known_hosts_answer known_hosts_check(const struct known_hosts *k, const char *host,
    uint16_t port, const void *key, size_t key_bytes)
{
    struct spelling s;
    spell(host, port, &s);
    const char *name = choose(k, &s, NULL);
    struct judging j = {
        .key = key, .key_bytes = key_bytes, .type = type_of_blob(key, key_bytes)};
    /* A revocation counts under either spelling, whatever the name that is used. */
    visit_lines(k, s.with_port, judge_revoked, &j);
    visit_lines(k, s.plain, judge_revoked, &j);
    if (j.revoked)
        return (struct known_hosts_answer){KNOWN_HOSTS_REVOKED, j.revoked};
    if (name)
        visit_lines(k, name, judge_plain, &j);
    if (j.match)
        return (struct known_hosts_answer){KNOWN_HOSTS_MATCH, j.match};
    if (j.any)
        return (struct known_hosts_answer){
            KNOWN_HOSTS_CHANGED, j.same_type ? j.same_type : j.any};
    return (struct known_hosts_answer){KNOWN_HOSTS_UNKNOWN, 0};
}

struct typing {
    const struct known_hosts *hosts; /* borrowed */
    const struct spelling *spelling; /* borrowed */
    struct known_hosts_types types;
};

static void add_type(void *owner, const struct line *l)
{
    struct typing *t = owner;
    if (l->marker != MARKER_NONE)
        return;
    struct judging j = {.key = l->key, .key_bytes = l->key_bytes};
    visit_lines(t->hosts, t->spelling->with_port, judge_revoked, &j);
    visit_lines(t->hosts, t->spelling->plain, judge_revoked, &j);
    if (j.revoked) {
        least(&t->types.revoked_line, j.revoked);
        return;
    }
    least(&t->types.line, l->number);
    t->types.usable |= 1u << l->type;
}

struct known_hosts_types known_hosts_types(const struct known_hosts *k, const char *host,
    uint16_t port)
{
    struct spelling s;
    spell(host, port, &s);
    struct typing t = {.hosts = k, .spelling = &s};
    const char *name = choose(k, &s, &t.types.cert_line);
    if (name)
        visit_lines(k, name, add_type, &t);
    return t.types;
}

void known_hosts_fingerprint(const void *key, size_t key_bytes,
    char out[KNOWN_HOSTS_FINGERPRINT_BYTES])
{
    unsigned char hash[EVP_MAX_MD_SIZE], text[64];
    unsigned int bytes = 0;
    if (EVP_Digest(key, key_bytes, hash, &bytes, EVP_sha256(), NULL) != 1 || bytes != 32) {
        (void)snprintf(out, KNOWN_HOSTS_FINGERPRINT_BYTES, "SHA256:?");
        return;
    }
    int n = EVP_EncodeBlock(text, hash, 32);
    while (n > 0 && text[n - 1] == '=')
        n--;
    (void)snprintf(out, KNOWN_HOSTS_FINGERPRINT_BYTES, "SHA256:%.*s", n, (const char *)text);
}
