/* SPDX-License-Identifier: MIT
 * Random identities (incarnation, marker) and digests (content hash, HMAC), all by OpenSSL. */
#ifndef LIB_BASE_ID_H
#define LIB_BASE_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ID_UUID_BYTES 37   /* "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx" and a NUL */
#define ID_MARKER_BYTES 25 /* 96 random bits as 24 hex digits and a NUL */
#define ID_SHA256_BYTES 65 /* 64 hex digits and a NUL */

/* Aborts when the system has no randomness: nothing safe can be done then. */
void id_uuid(char out[ID_UUID_BYTES]);
void id_marker(char out[ID_MARKER_BYTES]);
uint64_t id_random(void);

void id_sha256(const void *data, size_t bytes, char out[ID_SHA256_BYTES]);
void id_hmac_sha256(const void *key, size_t key_bytes, const void *data, size_t bytes,
    unsigned char out[32]);
/* Constant time in the bytes' values. */
bool id_equal(const void *a, const void *b, size_t bytes);

#endif
