/* SPDX-License-Identifier: MIT
 * Reads a private key and its passphrase from their files, and tells what kind of key it is without opening it, for
 * errors that name the reason. Blocks: for the thread pool.
 *
 * An ed25519 key in OpenSSH's format that no passphrase closes is opened here: libssh2 opens a key anew wherever it needs
 * it, and tries each PEM form first. That was two thirds of what a connection cost us (docs/performance.md). */
#ifndef LIB_IO_SSH_KEY_H
#define LIB_IO_SSH_KEY_H

#include <stdbool.h>

#include <stddef.h>

#include "lib/base/buf.h"
#include "lib/base/error.h"

#define SSH_KEY_SEED_BYTES 32
#define SSH_KEY_PUBLIC_BYTES 51   /* "ssh-ed25519" and the public key, each behind its length */
#define SSH_KEY_SIGNATURE_BYTES 64

enum ssh_key_kind { SSH_KEY_UNKNOWN, SSH_KEY_ED25519, SSH_KEY_ECDSA, SSH_KEY_RSA, SSH_KEY_OTHER };

struct ssh_key {
    struct buf text;       /* wiped */
    struct buf passphrase; /* wiped; empty: none */
    enum ssh_key_kind kind;
    bool encrypted;
    bool open; /* the two below are set, and ssh_key_sign works */
    unsigned char public[SSH_KEY_PUBLIC_BYTES];
    unsigned char seed[SSH_KEY_SEED_BYTES]; /* wiped */
};

void ssh_key_init(struct ssh_key *k);
/* passphrase_file may be "". Errors: CONFIG (cannot be read, readable by others), LIMIT. */
int ssh_key_read(struct ssh_key *k, const char *key_file, const char *passphrase_file,
    struct error *err) MUST_USE;
void ssh_key_done(struct ssh_key *k);

/* Only where `open`. -1: the library has no memory. */
int ssh_key_sign(const struct ssh_key *k, const unsigned char *data, size_t bytes,
    unsigned char out[SSH_KEY_SIGNATURE_BYTES]) MUST_USE;

/* From the key's text alone: pure. */
void ssh_key_look(const char *text, size_t bytes, enum ssh_key_kind *out_kind, bool *out_encrypted);

#endif
