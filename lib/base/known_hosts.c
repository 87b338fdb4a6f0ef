/* SPDX-License-Identifier: MIT
 * Reads known_hosts into lines, an index of plain names, and a list of lines that must be compared one by one. Does not
 * judge keys. */
#include "lib/base/known_hosts.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/known_hosts_internal.h"
#include "lib/base/limits.h"

static const char *const type_names[] = {
    [KNOWN_HOSTS_ED25519] = "ssh-ed25519",
    [KNOWN_HOSTS_ECDSA_256] = "ecdsa-sha2-nistp256",
    [KNOWN_HOSTS_ECDSA_384] = "ecdsa-sha2-nistp384",
    [KNOWN_HOSTS_ECDSA_521] = "ecdsa-sha2-nistp521",
    [KNOWN_HOSTS_RSA] = "ssh-rsa",
    [KNOWN_HOSTS_OTHER] = "other",
};
_Static_assert(sizeof type_names / sizeof type_names[0] == KNOWN_HOSTS_TYPES, "one name a type");

const char *known_hosts_type_name(enum known_hosts_type type)
{
    assert(type < KNOWN_HOSTS_TYPES);
    return type_names[type];
}

enum known_hosts_type known_hosts_type_of(const char *name, size_t bytes)
{
    for (int t = 0; t < KNOWN_HOSTS_OTHER; t++)
        if (strlen(type_names[t]) == bytes && memcmp(type_names[t], name, bytes) == 0)
            return (enum known_hosts_type)t;
    return KNOWN_HOSTS_OTHER;
}

/* Makes room for one more element; the arrays only grow, so indexes stay. */
static int grow(void **array, size_t *room, size_t count, size_t element)
{
    if (count < *room)
        return 0;
    size_t want = *room ? *room * 2 : 64;
    void *grown = reallocarray(*array, want, element);
    if (!grown)
        return -1;
    *array = grown;
    *room = want;
    return 0;
}

struct word {
    const char *text; /* borrowed from the line */
    size_t bytes;
};

static struct word next_word(const char **at, const char *end)
{
    while (*at < end && (**at == ' ' || **at == '\t'))
        (*at)++;
    const char *from = *at;
    while (*at < end && **at != ' ' && **at != '\t')
        (*at)++;
    return (struct word){from, (size_t)(*at - from)};
}

static bool word_is(struct word w, const char *text)
{
    return w.bytes == strlen(text) && memcmp(w.text, text, w.bytes) == 0;
}

/* Strict base64 with padding. Returns the bytes, or -1. out has room for bytes / 4 * 3. */
static int decode_base64(const char *text, size_t bytes, unsigned char *out)
{
    if (bytes == 0 || bytes % 4 != 0 || bytes > KNOWN_HOSTS_LINE_BYTES_MAX)
        return -1;
    size_t padding = 0;
    while (padding < 2 && text[bytes - 1 - padding] == '=')
        padding++;
    for (size_t i = 0; i < bytes - padding; i++)
        if (!isalnum((unsigned char)text[i]) && text[i] != '+' && text[i] != '/')
            return -1;
    int n = EVP_DecodeBlock(out, (const unsigned char *)text, (int)bytes);
    return n < 0 ? -1 : n - (int)padding;
}

/* |1|salt|hash */
static int parse_hashed(struct known_hosts *k, struct word names, struct line *l)
{
    const char *salt = names.text + 3;
    size_t left = names.bytes - 3;
    const char *bar = memchr(salt, '|', left);
    if (!bar)
        return -1;
    size_t salt_bytes = (size_t)(bar - salt);
    size_t hash_bytes = left - salt_bytes - 1;
    unsigned char room[48];
    if (salt_bytes > 32 || hash_bytes > 32)
        return -1;
    l->names = arena_alloc(k->arena, 2 * (size_t)SHA1_BYTES);
    if (!l->names || decode_base64(salt, salt_bytes, room) != SHA1_BYTES)
        return -1;
    memcpy(l->names, room, SHA1_BYTES);
    if (decode_base64(bar + 1, hash_bytes, room) != SHA1_BYTES)
        return -1;
    memcpy(l->names + SHA1_BYTES, room, SHA1_BYTES);
    l->form = FORM_HASHED;
    return 0;
}

static int parse_names(struct known_hosts *k, struct word names, struct line *l)
{
    if (names.bytes > 3 && memcmp(names.text, "|1|", 3) == 0)
        return parse_hashed(k, names, l);
    if (names.bytes == 0 || names.text[0] == '|')
        return -1;
    l->names = arena_strndup(k->arena, names.text, names.bytes);
    if (!l->names)
        return -1;
    for (char *c = l->names; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    l->form = strpbrk(l->names, "*?!") ? FORM_PATTERN : FORM_PLAIN;
    return 0;
}

static int parse_key(struct known_hosts *k, struct word type, struct word key, struct line *l)
{
    l->key = arena_alloc(k->arena, key.bytes / 4 * 3 + 1);
    if (!l->key)
        return -1;
    int n = decode_base64(key.text, key.bytes, l->key);
    if (n < 4)
        return -1;
    l->key_bytes = (size_t)n;
    uint32_t name_bytes = (uint32_t)l->key[0] << 24 | (uint32_t)l->key[1] << 16 |
                          (uint32_t)l->key[2] << 8 | l->key[3];
    if (name_bytes != type.bytes || l->key_bytes < 4 + (size_t)name_bytes ||
        memcmp(l->key + 4, type.text, type.bytes) != 0)
        return -1;
    l->type = known_hosts_type_of(type.text, type.bytes);
    return 0;
}

/* Enters the line's names into the index, or the line into the list of what must be compared. */
static int index_line(struct known_hosts *k, uint32_t index)
{
    struct line *l = &k->lines[index];
    if (l->form != FORM_PLAIN) {
        if (grow((void **)&k->others, &k->other_room, k->other_count, sizeof *k->others) < 0)
            return -1;
        k->others[k->other_count++] = index;
        return 0;
    }
    char *rest = l->names;
    for (char *name; (name = strsep(&rest, ",")) != NULL;) {
        if (name[0] == '\0')
            continue;
        if (grow((void **)&k->names, &k->name_room, k->name_count, sizeof *k->names) < 0)
            return -1;
        k->names[k->name_count++] = (struct name){.text = name, .line = index};
    }
    return 0;
}

/* What is wrong with a line, for its warning; NULL when nothing. */
static const char *parse_line(struct known_hosts *k, const char *at, const char *end,
    struct line *l)
{
    if (memchr(at, '\0', (size_t)(end - at)))
        return "a NUL byte in the line; skipped";
    struct word names = next_word(&at, end);
    if (names.text[0] == '@') {
        if (word_is(names, "@revoked"))
            l->marker = MARKER_REVOKED;
        else if (word_is(names, "@cert-authority"))
            l->marker = MARKER_CERT;
        else
            return "unknown marker; skipped";
        names = next_word(&at, end);
    }
    struct word type = next_word(&at, end);
    struct word key = next_word(&at, end);
    if (names.bytes == 0 || type.bytes == 0 || key.bytes == 0)
        return "not '[marker] names type key'; skipped";
    if (parse_names(k, names, l) < 0)
        return "names that cannot be read; skipped";
    if (parse_key(k, type, key, l) < 0)
        return "a key that cannot be read, or is not of the type before it; skipped";
    return NULL;
}

static void warn(struct known_hosts *k, struct diag *diag, int number, const char *text)
{
    if (diag)
        diag_add(diag, DIAG_WARNING, k->file, number, 0, "", "%s", text);
}

static int no_memory(const struct known_hosts *k, struct error *err)
{
    return error_set(err, ERROR_LIMIT, "no memory for known_hosts '%s'", k->file);
}

static int add_line(struct known_hosts *k, const char *from, const char *end, int number,
    struct diag *diag, struct error *err)
{
    if (end > from && end[-1] == '\r')
        end--;
    while (from < end && (*from == ' ' || *from == '\t'))
        from++;
    if (from == end || *from == '#')
        return 0;
    if (end - from > KNOWN_HOSTS_LINE_BYTES_MAX) {
        warn(k, diag, number, "line too long; skipped");
        return 0;
    }
    struct line l = {.number = number};
    const char *wrong = parse_line(k, from, end, &l);
    if (wrong) {
        warn(k, diag, number, wrong);
        return 0;
    }
    if (l.marker == MARKER_CERT)
        warn(k, diag, number,
            "@cert-authority is not judged by libssh2; give these hosts `transport: openssh`");
    if (grow((void **)&k->lines, &k->line_room, k->line_count, sizeof *k->lines) < 0)
        return no_memory(k, err);
    k->lines[k->line_count++] = l;
    if (index_line(k, (uint32_t)(k->line_count - 1)) < 0)
        return no_memory(k, err);
    return 0;
}

static int by_text(const void *a, const void *b)
{
    const struct name *left = a, *right = b;
    int order = strcmp(left->text, right->text);
    return order ? order : (left->line > right->line) - (left->line < right->line);
}

static int parse_all(struct known_hosts *k, const char *text, size_t bytes, struct diag *diag,
    struct error *err)
{
    const char *end = text + bytes;
    int number = 0;
    for (const char *at = text; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline ? newline : end;
        if (++number > KNOWN_HOSTS_LINES_MAX)
            return error_set(err, ERROR_LIMIT, "known_hosts '%s' has more than %d lines", k->file,
                KNOWN_HOSTS_LINES_MAX);
        if (add_line(k, at, stop, number, diag, err) < 0)
            return -1;
        at = newline ? newline + 1 : end;
    }
    if (k->name_count > 0)
        qsort(k->names, k->name_count, sizeof *k->names, by_text);
    return 0;
}

struct known_hosts *known_hosts_parse(const char *file, const void *text, size_t bytes,
    struct diag *diag, struct error *err)
{
    assert(file);
    if (bytes > KNOWN_HOSTS_BYTES_MAX) {
        error_set(err, ERROR_LIMIT, "known_hosts '%s' has more than %d bytes", file,
            KNOWN_HOSTS_BYTES_MAX);
        return NULL;
    }
    struct known_hosts *k = calloc(1, sizeof *k);
    struct arena *arena = k ? arena_new(8 * (size_t)KNOWN_HOSTS_BYTES_MAX) : NULL;
    char *copy = arena ? arena_strdup(arena, file) : NULL;
    if (!copy) {
        error_set(err, ERROR_LIMIT, "no memory for known_hosts '%s'", file);
        arena_free(arena);
        free(k);
        return NULL;
    }
    k->arena = arena;
    k->file = copy;
    if (bytes > 0 && parse_all(k, text, bytes, diag, err) < 0) {
        known_hosts_free(k);
        return NULL;
    }
    return k;
}

static int read_file(const char *file, struct buf *out, struct error *err)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return error_from_errno(err, ERROR_CONFIG, errno, "known_hosts '%s'", file);
    struct stat st;
    int result = 0;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        result = error_set(err, ERROR_CONFIG, "known_hosts '%s': not a regular file", file);
    char chunk[16384];
    while (result == 0) {
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n == 0)
            break;
        if (n < 0)
            result = error_from_errno(err, ERROR_CONFIG, errno, "known_hosts '%s'", file);
        else if (buf_add(out, chunk, (size_t)n) < 0)
            result = error_set(err, ERROR_LIMIT, "known_hosts '%s' has more than %d bytes", file,
                KNOWN_HOSTS_BYTES_MAX);
    }
    (void)close(fd); /* only read */
    return result;
}

struct known_hosts *known_hosts_load(const char *file, struct diag *diag, struct error *err)
{
    struct buf text;
    buf_init(&text, KNOWN_HOSTS_BYTES_MAX);
    struct known_hosts *k = NULL;
    if (read_file(file, &text, err) == 0)
        k = known_hosts_parse(file, buf_text(&text), text.bytes, diag, err);
    buf_done(&text);
    return k;
}

void known_hosts_free(struct known_hosts *k)
{
    if (!k)
        return;
    free(k->lines);
    free(k->names);
    free(k->others);
    arena_free(k->arena);
    free(k);
}

const char *known_hosts_file(const struct known_hosts *k)
{
    return k->file;
}

size_t known_hosts_lines(const struct known_hosts *k)
{
    return k->line_count;
}
