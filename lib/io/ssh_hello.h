/* SPDX-License-Identifier: MIT
 * Reads what a server says first, in clear (RFC 4253, 4.2 and 7.1): its banner and the lists of methods it offers. Only
 * to explain why a handshake failed; libssh2 does the negotiating. Pure. */
#ifndef LIB_IO_SSH_HELLO_H
#define LIB_IO_SSH_HELLO_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/buf.h"

enum ssh_list_kind {
    SSH_LIST_KEX,
    SSH_LIST_HOST_KEY,
    SSH_LIST_CIPHER_TO_SERVER,
    SSH_LIST_CIPHER_TO_CLIENT,
    SSH_LIST_MAC_TO_SERVER,
    SSH_LIST_MAC_TO_CLIENT,
    SSH_LIST_KINDS,
};

struct ssh_hello {
    bool has_banner;   /* a line "SSH-..." came                        */
    char banner[128];  /* that line, or else the first; printable ASCII */
    bool has_lists;    /* the server's KEXINIT came whole              */
    struct {
        const char *text; /* borrowed from data: comma list, no NUL    */
        size_t bytes;
    } lists[SSH_LIST_KINDS];
};

/* data: borrowed, and by *out. */
void ssh_hello_parse(const void *data, size_t bytes, struct ssh_hello *out);

/* The first list that has nothing in common with ours (comma lists by kind), or SSH_LIST_KINDS. */
enum ssh_list_kind ssh_hello_mismatch(const struct ssh_hello *h,
    const char *const ours[SSH_LIST_KINDS]);

/* "host key types", "MACs", ...; static. */
const char *ssh_list_name(enum ssh_list_kind kind);

#endif
