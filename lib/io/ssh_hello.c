/* SPDX-License-Identifier: MIT
 * The server's first bytes. */
#include "lib/io/ssh_hello.h"

#include <stdint.h>
#include <string.h>

#define KEXINIT 20
#define COOKIE_BYTES 16

static const char *const list_names[] = {
    [SSH_LIST_KEX] = "key exchanges",
    [SSH_LIST_HOST_KEY] = "host key types",
    [SSH_LIST_CIPHER_TO_SERVER] = "ciphers",
    [SSH_LIST_CIPHER_TO_CLIENT] = "ciphers",
    [SSH_LIST_MAC_TO_SERVER] = "MACs",
    [SSH_LIST_MAC_TO_CLIENT] = "MACs",
};
_Static_assert(sizeof list_names / sizeof list_names[0] == SSH_LIST_KINDS, "one name a list");

const char *ssh_list_name(enum ssh_list_kind kind)
{
    return kind < SSH_LIST_KINDS ? list_names[kind] : "";
}

static size_t number(const unsigned char *p)
{
    return (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
}

static void copy_line(const char *from, size_t bytes, char out[128])
{
    size_t n = 0;
    for (; n < bytes && n < 127 && from[n] != '\r'; n++)
        out[n] = from[n] >= ' ' && from[n] < 127 ? from[n] : '?';
    out[n] = '\0';
}

static void parse_lists(const unsigned char *p, size_t bytes, struct ssh_hello *out)
{
    if (bytes < 6 || p[5] != KEXINIT)
        return;
    size_t packet = number(p), padding = p[4];
    if (packet > bytes - 4 || packet < padding + 2 + COOKIE_BYTES)
        return;
    size_t at = 6 + COOKIE_BYTES, end = 4 + packet - padding;
    for (int kind = 0; kind < SSH_LIST_KINDS; kind++) {
        if (end < at + 4 || number(p + at) > end - at - 4)
            return;
        out->lists[kind].bytes = number(p + at);
        out->lists[kind].text = (const char *)p + at + 4;
        at += 4 + out->lists[kind].bytes;
    }
    out->has_lists = true;
}

void ssh_hello_parse(const void *data, size_t bytes, struct ssh_hello *out)
{
    *out = (struct ssh_hello){0};
    const char *at = data, *end = at + bytes;
    for (bool first = true; at < end; first = false) { /* a server may send lines before its banner */
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t n = (size_t)((newline ? newline : end) - at);
        bool is_banner = n >= 4 && memcmp(at, "SSH-", 4) == 0;
        if (first || is_banner)
            copy_line(at, n, out->banner);
        if (!newline)
            return;
        at = newline + 1;
        if (is_banner) {
            out->has_banner = true;
            parse_lists((const unsigned char *)at, (size_t)(end - at), out);
            return;
        }
    }
}

static bool in_list(const char *word, size_t word_bytes, const char *list, size_t bytes)
{
    for (size_t at = 0; at < bytes;) {
        const char *comma = memchr(list + at, ',', bytes - at);
        size_t n = comma ? (size_t)(comma - list) - at : bytes - at;
        if (n == word_bytes && memcmp(list + at, word, n) == 0)
            return true;
        at += n + 1;
    }
    return false;
}

enum ssh_list_kind ssh_hello_mismatch(const struct ssh_hello *h,
    const char *const ours[SSH_LIST_KINDS])
{
    if (!h->has_lists)
        return SSH_LIST_KINDS;
    for (int kind = 0; kind < SSH_LIST_KINDS; kind++) {
        bool common = false;
        for (const char *at = ours[kind]; *at && !common;) {
            size_t n = strcspn(at, ",");
            common = in_list(at, n, h->lists[kind].text, h->lists[kind].bytes);
            at += n + (at[n] == ',');
        }
        if (!common)
            return (enum ssh_list_kind)kind;
    }
    return SSH_LIST_KINDS;
}
