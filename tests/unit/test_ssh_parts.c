/* SPDX-License-Identifier: MIT
 * The pure parts of SSH: what a server says first, what a private key file tells of itself, and what the ssh program's
 * words mean. */
#include "tests/kit/kit.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/io/ssh_hello.h"
#include "lib/io/ssh_key.h"
#include "lib/io/ssh_openssh.h"

static const char *const ours[SSH_LIST_KINDS] = {"kex-a,kex-b", "ssh-ed25519", "aes256-ctr",
    "aes256-ctr", "hmac-sha2-512,hmac-sha2-256", "hmac-sha2-512,hmac-sha2-256"};

static void add_list(struct buf *b, const char *list)
{
    size_t n = strlen(list);
    char head[] = {0, 0, (char)(n >> 8), (char)n};
    assert_int_equal(buf_add(b, head, 4), 0);
    assert_int_equal(buf_add_text(b, list), 0);
}

/* A server's first bytes with these lists. */
static void make_hello(struct buf *out, const char *before, const char *const lists[SSH_LIST_KINDS])
{
    struct buf body;
    buf_init(&body, 65536);
    assert_int_equal(buf_add(&body, "\x04\x14" "0123456789abcdef", 18), 0); /* padding, KEXINIT, cookie */
    for (int i = 0; i < SSH_LIST_KINDS; i++)
        add_list(&body, lists[i]);
    for (int i = 0; i < 4; i++)
        add_list(&body, i < 2 ? "none" : "");
    assert_int_equal(buf_add(&body, "\0\0\0\0\0pppp", 9), 0);
    buf_init(out, 65536);
    assert_int_equal(buf_printf(out, "%sSSH-2.0-Test_1\r\n", before), 0);
    char head[] = {0, 0, (char)(body.bytes >> 8), (char)body.bytes};
    assert_int_equal(buf_add(out, head, 4), 0);
    assert_int_equal(buf_add(out, body.data, body.bytes), 0);
    buf_done(&body);
}

static void mismatches_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *lists[SSH_LIST_KINDS];
        enum ssh_list_kind mismatch;
    } rows[] = {
        {{"kex-b", "ssh-ed25519", "aes256-ctr", "aes256-ctr", "hmac-sha2-256", "hmac-sha2-256"}, SSH_LIST_KINDS},
        {{"kex-c,kex-", "ssh-ed25519", "aes256-ctr", "aes256-ctr", "hmac-sha2-256", "x"}, SSH_LIST_KEX},
        {{"kex-a", "ssh-rsa", "aes256-ctr", "aes256-ctr", "hmac-sha2-256", "x"}, SSH_LIST_HOST_KEY},
        {{"kex-a", "ssh-ed25519", "aes256-gcm", "aes256-ctr", "x", "x"}, SSH_LIST_CIPHER_TO_SERVER},
        {{"kex-a", "ssh-ed25519", "aes256-ctr", "", "x", "x"}, SSH_LIST_CIPHER_TO_CLIENT},
        {{"kex-a", "ssh-ed25519", "aes256-ctr", "aes256-ctr", "hmac-sha2-256-etm", "x"}, SSH_LIST_MAC_TO_SERVER},
        {{"kex-a", "ssh-ed25519", "x,aes256-ctr", "aes256-ctr", "hmac-sha2-256", "x"}, SSH_LIST_MAC_TO_CLIENT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf b;
        struct ssh_hello h;
        make_hello(&b, i % 2 ? "welcome\r\n" : "", rows[i].lists);
        ssh_hello_parse(b.data, b.bytes, &h);
        assert_true(h.has_banner);
        assert_true(h.has_lists);
        assert_string_equal(h.banner, "SSH-2.0-Test_1");
        assert_int_equal(ssh_hello_mismatch(&h, ours), rows[i].mismatch);
        buf_done(&b);
    }
}

static void cut_hellos_are_no_hellos(void **state)
{
    (void)state;
    static const char *const lists[SSH_LIST_KINDS] = {"kex-a", "ssh-rsa", "x", "x", "x", "x"};
    struct buf b;
    struct ssh_hello h;
    make_hello(&b, "", lists);
    for (size_t n = 0; n < b.bytes; n++) {
        char *copy = malloc(n + 1); /* exact, so that reading past it is seen */
        memcpy(copy, b.data, n);
        ssh_hello_parse(copy, n, &h);
        assert_false(h.has_lists);
        assert_int_equal(h.has_banner, n >= 16);
        assert_int_equal(ssh_hello_mismatch(&h, ours), SSH_LIST_KINDS);
        free(copy);
    }
    buf_done(&b);
    ssh_hello_parse("HTTP/1.1 400\x01\r\n", 15, &h);
    assert_false(h.has_banner);
    assert_string_equal(h.banner, "HTTP/1.1 400?");
}

static void keys_tell_their_kind(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum ssh_key_kind kind;
        bool encrypted;
    } rows[] = {
        {"", SSH_KEY_UNKNOWN, false},
        {"-----BEGIN RSA PRIVATE KEY-----\nx", SSH_KEY_RSA, false},
        {"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n", SSH_KEY_RSA, true},
        {"-----BEGIN EC PRIVATE KEY-----\nx", SSH_KEY_ECDSA, false},
        {"-----BEGIN PRIVATE KEY-----\nx", SSH_KEY_UNKNOWN, false},
        {"-----BEGIN ENCRYPTED PRIVATE KEY-----\nx", SSH_KEY_UNKNOWN, true},
        {"-----BEGIN OPENSSH PRIVATE KEY-----\n"
         "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\n"
         "QyNTUxOQAAACA=\n", SSH_KEY_ED25519, false},
        {"-----BEGIN OPENSSH PRIVATE KEY-----\n"
         "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAABFwAAAAdzc2gtcn\n"
         "NhAAAAAwEAAQ==\n", SSH_KEY_RSA, false},
        {"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAG\n",
            SSH_KEY_UNKNOWN, true},
        {"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA", SSH_KEY_UNKNOWN, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        enum ssh_key_kind kind;
        bool encrypted;
        ssh_key_look(rows[i].text, strlen(rows[i].text), &kind, &encrypted);
        if (kind != rows[i].kind || encrypted != rows[i].encrypted)
            fail_msg("row %zu: kind %d, %s", i, (int)kind, encrypted ? "locked" : "open");
    }
}

#define KEY_MAGIC 15    /* "openssh-key-v1" with its NUL */
#define KEY_PUBLIC 43   /* where the public key's string begins */
#define KEY_CHECK 98    /* two numbers, which are equal in an open key */
#define KEY_PRIVATE 97  /* the last byte of the private part's length */
#define KEY_COPY 193    /* the public key behind the seed, once more */

/* An ed25519 key as ssh-keygen writes it, decoded. */
static size_t make_key(unsigned char out[256], EVP_PKEY *key)
{
    static const unsigned char head[] = "openssh-key-v1\0\0\0\0\4none\0\0\0\4none\0\0\0\0\0\0\0\1\0\0\0\x33"
                                        "\0\0\0\x0bssh-ed25519\0\0\0\x20";
    static const unsigned char middle[] = "\0\0\0\x88same" "same" "\0\0\0\x0bssh-ed25519\0\0\0\x20";
    unsigned char public[32], seed[32];
    size_t n = 32, at = 0;
    assert_int_equal(EVP_PKEY_get_raw_public_key(key, public, &n), 1);
    assert_int_equal(EVP_PKEY_get_raw_private_key(key, seed, &n), 1);
    const struct {
        const void *data;
        size_t bytes;
    } parts[] = {{head, sizeof head - 1}, {public, 32}, {middle, sizeof middle - 1}, {public, 32}, {"\0\0\0\x40", 4}, {seed, 32},
        {public, 32}, {"\0\0\0\0\1\2\3\4\5", 9}};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        memcpy(out + at, parts[i].data, parts[i].bytes);
        at += parts[i].bytes;
    }
    return at;
}

/* Reads it back, as the file it would be. */
static bool opens(const unsigned char *data, size_t bytes, struct ssh_key *k)
{
    char path[] = "/tmp/firstline-key-XXXXXX";
    unsigned char text[512];
    int fd = mkstemp(path);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    assert_non_null(f);
    (void)EVP_EncodeBlock(text, data, (int)bytes);
    fprintf(f, "-----BEGIN OPENSSH PRIVATE KEY-----\n%.70s\n%s\n-----END OPENSSH PRIVATE KEY-----\n", (char *)text, (char *)text + 70);
    assert_int_equal(fclose(f), 0);
    struct error err = {0};
    ssh_key_init(k);
    int rc = ssh_key_read(k, path, "", &err);
    (void)unlink(path);
    assert_int_equal(rc, 0);
    return k->open;
}

static void an_open_key_signs(void **state)
{
    (void)state;
    static const size_t broken[] = {KEY_MAGIC + 4, KEY_PUBLIC + 40, KEY_CHECK + 4, KEY_COPY};
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    unsigned char data[256] = {0}, sig[SSH_KEY_SIGNATURE_BYTES];
    size_t bytes = make_key(data, key);
    struct ssh_key k;
    for (size_t more = 16; more > 0; more -= 8) { /* with each padding that base64 has; the file does not check ours */
        data[KEY_PRIVATE] = (unsigned char)(data[KEY_PRIVATE] + more);
        assert_true(opens(data, bytes + more, &k));
        data[KEY_PRIVATE] = (unsigned char)(data[KEY_PRIVATE] - more);
        ssh_key_done(&k);
    }
    assert_true(opens(data, bytes, &k));
    assert_memory_equal(k.public, data + KEY_PUBLIC, sizeof k.public);
    assert_int_equal(ssh_key_sign(&k, data, bytes, sig), 0);
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestVerifyInit(c, NULL, NULL, NULL, key), 1);
    assert_int_equal(EVP_DigestVerify(c, sig, sizeof sig, data, bytes), 1);
    EVP_MD_CTX_free(c);
    ssh_key_done(&k);
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        data[broken[i]] ^= 1;
        if (opens(data, bytes, &k))
            fail_msg("opened with byte %zu changed", broken[i]);
        data[broken[i]] ^= 1;
        ssh_key_done(&k);
    }
    for (size_t n = 0; n < bytes - 9; n++) { /* without its comment and padding it would do */
        assert_false(opens(data, n, &k));
        ssh_key_done(&k);
    }
    EVP_PKEY_free(key);
}

static void words_of_ssh_have_meanings(void **state)
{
    (void)state;
    static const struct {
        const char *log, *passphrase_file;
        enum error_kind kind;
        bool retry;
        const char *text;
    } rows[] = {
        {"debug1: Connection refused in a debug line\nssh: connect to host x port 22: Connection refused\n",
            "", ERROR_UNREACHED, false, "Connection refused"},
        {"kex_exchange_identification: Connection closed by remote host\n", "", ERROR_UNREACHED, true,
            "before it said anything"},
        {"Unable to negotiate with 1.2.3.4 port 22: no matching MAC found. Their offer: x\n", "",
            ERROR_REFUSED, false, "Their offer: x"},
        {"root@x: Permission denied (publickey).\n", "", ERROR_REFUSED, false, "Permission denied"},
        {"debug1: Server accepts key: /k\nroot@x: Permission denied (publickey).\n", "", ERROR_CONFIG,
            false, "needs a passphrase"},
        {"debug1: Server accepts key: /k\nroot@x: Permission denied (publickey).\n", "/p", ERROR_CONFIG,
            false, "cannot be opened with the passphrase"},
        {"@@@@\n@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nOffending ED25519 key in /k:7\n"
         "Host key verification failed.\n", "", ERROR_REFUSED, false, "Offending ED25519 key in /k:7"},
        {"@ WARNING: REVOKED HOST KEY DETECTED! @\nHost key verification failed.\n", "", ERROR_REFUSED,
            false, "revoked"},
        {"/c: line 1: Bad configuration option: x\n", "", ERROR_CONFIG, false, "Bad configuration option"},
        {"welcome \xff to token=abcdef of ours\n", "", ERROR_UNREACHED, false, "welcome ? to token=[redacted] of ours"},
        {"something new\n", "", ERROR_UNREACHED, false, "ssh ended with status 255: 'something new'"},
        {"", "", ERROR_UNREACHED, false, "ssh ended with status 255: ''"},
    };
    struct ssh ssh = {.redactor = redactor_new(NULL, 0, NULL)};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char passphrase[8], key[] = "/k";
        memcpy(passphrase, rows[i].passphrase_file, strlen(rows[i].passphrase_file) + 1);
        struct ssh_group g = {.passphrase_file = passphrase, .key_file = key};
        struct os_session *s = calloc(1, sizeof *s);
        assert_non_null(s);
        s->base.group = &g;
        s->base.ssh = &ssh;
        buf_init(&s->log, 65536);
        assert_int_equal(buf_add_text(&s->log, rows[i].log), 0);
        struct error err = {0};
        bool retry = true;
        os_why(s, 255, &err, &retry);
        if (err.kind != rows[i].kind || retry != rows[i].retry || !strstr(err.text, rows[i].text))
            fail_msg("row %zu: %s: %s", i, error_kind_name(err.kind), err.text);
        buf_done(&s->log);
        free(s);
    }
    redactor_free(ssh.redactor);
    assert_int_equal(os_state_after(OS_CONNECT, "debug1: Connection established.", 31), OS_HANDSHAKE);
    assert_int_equal(os_state_after(OS_LOGIN, "debug1: Connection established.", 31), OS_LOGIN);
    assert_int_equal(os_state_after(OS_CONNECT, "x", 1), OS_CONNECT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mismatches_are_found),
        cmocka_unit_test(cut_hellos_are_no_hellos),
        cmocka_unit_test(keys_tell_their_kind),
        cmocka_unit_test(an_open_key_signs),
        cmocka_unit_test(words_of_ssh_have_meanings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
