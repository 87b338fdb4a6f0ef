/* SPDX-License-Identifier: MIT
 * Randomness and digests. */
#include "lib/base/id.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>

static void fill_random(unsigned char *out, int bytes)
{
    if (RAND_bytes(out, bytes) != 1)
        abort();
}

static void to_hex(const unsigned char *in, size_t bytes, char *out)
{
    for (size_t i = 0; i < bytes; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", in[i]);
}

void id_uuid(char out[ID_UUID_BYTES])
{
    unsigned char r[16];
    fill_random(r, sizeof r);
    r[6] = (unsigned char)((r[6] & 0x0f) | 0x40);
    r[8] = (unsigned char)((r[8] & 0x3f) | 0x80);
    (void)snprintf(out, ID_UUID_BYTES,
        "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", r[0], r[1], r[2],
        r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10], r[11], r[12], r[13], r[14], r[15]);
}

void id_marker(char out[ID_MARKER_BYTES])
{
    unsigned char r[12];
    fill_random(r, sizeof r);
    to_hex(r, sizeof r, out);
}

uint64_t id_random(void)
{
    uint64_t value;
    fill_random((unsigned char *)&value, sizeof value);
    return value;
}

void id_sha256(const void *data, size_t bytes, char out[ID_SHA256_BYTES])
{
    unsigned char digest[32];
    int ok = EVP_Digest(data, bytes, digest, NULL, EVP_sha256(), NULL);
    assert(ok == 1);
    to_hex(digest, sizeof digest, out);
}

void id_hmac_sha256(const void *key, size_t key_bytes, const void *data, size_t bytes,
    unsigned char out[32])
{
    assert(key_bytes <= 4096);
    unsigned int n = 32;
    unsigned char *got = HMAC(EVP_sha256(), key, (int)key_bytes, data, bytes, out, &n);
    assert(got && n == 32);
}

bool id_equal(const void *a, const void *b, size_t bytes)
{
    return CRYPTO_memcmp(a, b, bytes) == 0;
}
