/* SPDX-License-Identifier: MIT
 * Private key files. */
#include "lib/io/ssh_key.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/limits.h"

#define OPENSSH_BEGIN "-----BEGIN OPENSSH PRIVATE KEY-----"
#define OPENSSH_MAGIC "openssh-key-v1" /* with its NUL */
#define HEAD_BYTES 384 /* of an OpenSSH key, decoded: cipher, kdf and the public key's type stand there */

void ssh_key_init(struct ssh_key *k)
{
    *k = (struct ssh_key){.kind = SSH_KEY_UNKNOWN};
    buf_init(&k->text, SSH_KEY_BYTES_MAX);
    buf_init(&k->passphrase, SSH_KEY_BYTES_MAX);
}

void ssh_key_done(struct ssh_key *k)
{
    buf_done_secret(&k->text);
    buf_done_secret(&k->passphrase);
    OPENSSL_cleanse(k->seed, sizeof k->seed);
    k->open = false;
}

static void open_ed25519(struct ssh_key *k);

static int check_mode(const char *path, struct error *err)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return error_from_errno(err, ERROR_CONFIG, errno, "key file '%s'", path);
    mode_t bad = st.st_uid == geteuid() ? 077 : 07; /* as ssh: a group may read what is not ours */
    if (st.st_mode & bad) {
        error_set(err, ERROR_CONFIG, "key file '%s' can be read by others (mode %04o)", path,
            (unsigned)st.st_mode & 07777u);
        error_hint(err, "chmod 600 %.150s", path);
        return -1;
    }
    return 0;
}

int ssh_key_read(struct ssh_key *k, const char *key_file, const char *passphrase_file,
    struct error *err)
{
    if (check_mode(key_file, err) < 0)
        return -1;
    if (file_read(key_file, &k->text, NULL, err) < 0)
        return error_wrap(err, "key file");
    if (passphrase_file[0] != '\0') {
        if (file_read(passphrase_file, &k->passphrase, NULL, err) < 0)
            return error_wrap(err, "passphrase file");
        k->passphrase.bytes = strcspn(buf_text(&k->passphrase), "\r\n");
        if (k->passphrase.data)
            k->passphrase.data[k->passphrase.bytes] = '\0';
    }
    ssh_key_look(buf_text(&k->text), k->text.bytes, &k->kind, &k->encrypted);
    if (k->kind == SSH_KEY_ED25519 && !k->encrypted)
        open_ed25519(k);
    return 0;
}

/* Decodes the first bytes of the base64 between the first and last line. */
static size_t decode_head(const char *at, const char *end, unsigned char out[HEAD_BYTES + 4])
{
    unsigned char four[4];
    size_t have = 0, n = 0;
    for (; at < end && n + 3 <= HEAD_BYTES; at++) {
        unsigned char c = (unsigned char)*at;
        if (c == '-')
            break;
        if (!isalnum(c) && c != '+' && c != '/' && c != '=')
            continue;
        four[have++] = c;
        if (have < 4)
            continue;
        if (EVP_DecodeBlock(out + n, four, 4) != 3)
            break;
        n += 3u - (four[2] == '=') - (four[3] == '=');
        have = 0;
    }
    return n;
}

/* The string (RFC 4251) at *at, and past it. NULL when it does not fit. */
static const unsigned char *next_string(const unsigned char *data, size_t bytes, size_t *at,
    size_t *out_bytes)
{
    if (bytes < *at + 4)
        return NULL;
    const unsigned char *p = data + *at;
    size_t n = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
    if (n > bytes - *at - 4)
        return NULL;
    *at += 4 + n;
    *out_bytes = n;
    return p + 4;
}

static enum ssh_key_kind kind_of(const unsigned char *type, size_t bytes)
{
    if (bytes == 11 && memcmp(type, "ssh-ed25519", 11) == 0)
        return SSH_KEY_ED25519;
    if (bytes > 11 && memcmp(type, "ecdsa-sha2-", 11) == 0)
        return SSH_KEY_ECDSA;
    if (bytes == 7 && memcmp(type, "ssh-rsa", 7) == 0)
        return SSH_KEY_RSA;
    return SSH_KEY_OTHER;
}

static void look_openssh(const char *at, const char *end, enum ssh_key_kind *out_kind,
    bool *out_encrypted)
{
    unsigned char head[HEAD_BYTES + 4];
    size_t bytes = decode_head(at, end, head), from = sizeof OPENSSH_MAGIC, n;
    if (bytes < sizeof OPENSSH_MAGIC || memcmp(head, OPENSSH_MAGIC, sizeof OPENSSH_MAGIC) != 0)
        return;
    const unsigned char *cipher = next_string(head, bytes, &from, &n);
    if (!cipher)
        return;
    *out_encrypted = n != 4 || memcmp(cipher, "none", 4) != 0;
    if (!next_string(head, bytes, &from, &n) || !next_string(head, bytes, &from, &n))
        return;
    from += 4 + 4; /* how many keys; length of the public key */
    const unsigned char *type = next_string(head, bytes, &from, &n);
    if (type)
        *out_kind = kind_of(type, n);
}

/* Whether the string at *at is this text; past it then. */
static bool next_is(const unsigned char *data, size_t bytes, size_t *at, const char *text)
{
    size_t n, have = strlen(text);
    const unsigned char *s = next_string(data, bytes, at, &n);
    return s && n == have && memcmp(s, text, n) == 0;
}

/* PROTOCOL.key of OpenSSH, behind the magic: cipher, kdf, its options, how many keys, the public key, and in the private part two
 * numbers that are equal, the type, the public key, and the seed before the public key once more. */
static bool find_ed25519(const unsigned char *data, size_t bytes, struct ssh_key *k)
{
    static const unsigned char one_key[] = {0, 0, 0, 1};
    size_t at = sizeof OPENSSH_MAGIC, n, inside = 0;
    if (!next_is(data, bytes, &at, "none") || !next_is(data, bytes, &at, "none") || !next_is(data, bytes, &at, ""))
        return false;
    if (bytes - at < sizeof one_key || memcmp(data + at, one_key, sizeof one_key) != 0)
        return false;
    at += sizeof one_key;
    const unsigned char *public = next_string(data, bytes, &at, &n);
    if (!public || n != SSH_KEY_PUBLIC_BYTES)
        return false;
    const unsigned char *private = next_string(data, bytes, &at, &n);
    if (!private || n < 8 || memcmp(private, private + 4, 4) != 0)
        return false;
    private += 8;
    size_t private_bytes = n - 8;
    if (!next_is(private, private_bytes, &inside, "ssh-ed25519") || !next_string(private, private_bytes, &inside, &n))
        return false;
    const unsigned char *secret = next_string(private, private_bytes, &inside, &n);
    if (!secret || n != SSH_KEY_SEED_BYTES + 32 || memcmp(secret + SSH_KEY_SEED_BYTES, public + SSH_KEY_PUBLIC_BYTES - 32, 32) != 0)
        return false;
    memcpy(k->public, public, sizeof k->public);
    memcpy(k->seed, secret, sizeof k->seed);
    return true;
}

/* What we cannot open, for a comment that is too long or whatever, libssh2 may. */
static void open_ed25519(struct ssh_key *k)
{
    unsigned char head[HEAD_BYTES + 4];
    const char *begin = memmem(buf_text(&k->text), k->text.bytes, OPENSSH_BEGIN, sizeof OPENSSH_BEGIN - 1);
    if (!begin)
        return;
    size_t bytes = decode_head(begin + sizeof OPENSSH_BEGIN - 1, buf_text(&k->text) + k->text.bytes, head);
    k->open = bytes > sizeof OPENSSH_MAGIC && find_ed25519(head, bytes, k);
    OPENSSL_cleanse(head, sizeof head);
}

int ssh_key_sign(const struct ssh_key *k, const unsigned char *data, size_t bytes,
    unsigned char out[SSH_KEY_SIGNATURE_BYTES])
{
    assert(k->open);
    size_t n = SSH_KEY_SIGNATURE_BYTES;
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, k->seed, sizeof k->seed);
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    bool good = key && c && EVP_DigestSignInit(c, NULL, NULL, NULL, key) == 1 && EVP_DigestSign(c, out, &n, data, bytes) == 1 &&
                n == SSH_KEY_SIGNATURE_BYTES;
    EVP_MD_CTX_free(c);
    EVP_PKEY_free(key);
    return good ? 0 : -1;
}

void ssh_key_look(const char *text, size_t bytes, enum ssh_key_kind *out_kind, bool *out_encrypted)
{
    static const struct {
        const char *begin;
        enum ssh_key_kind kind;
    } forms[] = {
        {"-----BEGIN RSA PRIVATE KEY-----", SSH_KEY_RSA},
        {"-----BEGIN EC PRIVATE KEY-----", SSH_KEY_ECDSA},
        {"-----BEGIN DSA PRIVATE KEY-----", SSH_KEY_OTHER},
    };
    *out_kind = SSH_KEY_UNKNOWN;
    *out_encrypted = memmem(text, bytes, "ENCRYPTED", 9) != NULL;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        if (memmem(text, bytes, forms[i].begin, strlen(forms[i].begin)))
            *out_kind = forms[i].kind;
    const char *begin = memmem(text, bytes, OPENSSH_BEGIN, sizeof OPENSSH_BEGIN - 1);
    if (begin)
        look_openssh(begin + sizeof OPENSSH_BEGIN - 1, text + bytes, out_kind, out_encrypted);
}
