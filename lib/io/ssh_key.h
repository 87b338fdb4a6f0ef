/* SPDX-License-Identifier: MIT
 * Reads a private key and its passphrase from their files, and tells what kind of key it is without opening it, for
 * errors that name the reason. Blocks: for the thread pool. */
#ifndef LIB_IO_SSH_KEY_H
#define LIB_IO_SSH_KEY_H

#include <stdbool.h>

#include "lib/base/buf.h"
#include "lib/base/error.h"

enum ssh_key_kind { SSH_KEY_UNKNOWN, SSH_KEY_ED25519, SSH_KEY_ECDSA, SSH_KEY_RSA, SSH_KEY_OTHER };

struct ssh_key {
    struct buf text;       /* wiped */
    struct buf passphrase; /* wiped; empty: none */
    enum ssh_key_kind kind;
    bool encrypted;
};

void ssh_key_init(struct ssh_key *k);
/* passphrase_file may be "". Errors: CONFIG (cannot be read, readable by others), LIMIT. */
int ssh_key_read(struct ssh_key *k, const char *key_file, const char *passphrase_file,
    struct error *err) MUST_USE;
void ssh_key_done(struct ssh_key *k);

/* From the key's text alone: pure. */
void ssh_key_look(const char *text, size_t bytes, enum ssh_key_kind *out_kind, bool *out_encrypted);

#endif
