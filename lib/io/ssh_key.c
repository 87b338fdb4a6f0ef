/* SPDX-License-Identifier: MIT
 * Private key files. */
#include "lib/io/ssh_key.h"

#include <ctype.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "lib/base/limits.h"

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
}

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
    return 0;
}

/* Decodes the first bytes of the base64 between the first and last line. */
static size_t decode_head(const char *at, const char *end, unsigned char out[HEAD_BYTES + 4])
{
    unsigned char four[4];
    size_t have = 0, n = 0;
    for (; at < end && n + 3 <= HEAD_BYTES; at++) {
        unsigned char c = (unsigned char)*at;
        if (c == '=' || c == '-')
            break;
        if (!isalnum(c) && c != '+' && c != '/')
            continue;
        four[have++] = c;
        if (have < 4)
            continue;
        if (EVP_DecodeBlock(out + n, four, 4) != 3)
            break;
        n += 3;
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
    static const char magic[] = "openssh-key-v1";
    unsigned char head[HEAD_BYTES + 4];
    size_t bytes = decode_head(at, end, head), from = sizeof magic, n;
    if (bytes < sizeof magic || memcmp(head, magic, sizeof magic) != 0)
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
    static const char openssh[] = "-----BEGIN OPENSSH PRIVATE KEY-----";
    *out_kind = SSH_KEY_UNKNOWN;
    *out_encrypted = memmem(text, bytes, "ENCRYPTED", 9) != NULL;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        if (memmem(text, bytes, forms[i].begin, strlen(forms[i].begin)))
            *out_kind = forms[i].kind;
    const char *begin = memmem(text, bytes, openssh, sizeof openssh - 1);
    if (begin)
        look_openssh(begin + sizeof openssh - 1, text + bytes, out_kind, out_encrypted);
}
