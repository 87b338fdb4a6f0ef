/* SPDX-License-Identifier: MIT
 * known_hosts: forms of lines, verdicts, what is skipped, limits. */
#include "tests/kit/kit.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/known_hosts.h"
#include "lib/base/limits.h"

#define FILE_NAME "known_hosts"

/* A key blob of a type, told apart by one byte. */
static size_t blob(const char *type, unsigned char fill, unsigned char out[64])
{
    size_t n = strlen(type);
    memset(out, fill, 64);
    out[0] = out[1] = out[2] = 0;
    out[3] = (unsigned char)n;
    memcpy(out + 4, type, n);
    return 4 + n + 16;
}

static const char *key_text(const char *type, unsigned char fill)
{
    static char texts[8][160];
    static int next;
    char *text = texts[next++ % 8];
    unsigned char raw[64], base64[128];
    size_t n = blob(type, fill, raw);
    EVP_EncodeBlock(base64, raw, (int)n);
    snprintf(text, 160, "%s %s", type, (const char *)base64);
    return text;
}

#define ED(fill) key_text("ssh-ed25519", fill)
#define EC(fill) key_text("ecdsa-sha2-nistp256", fill)
#define RSA(fill) key_text("ssh-rsa", fill)

static const char *hashed(const char *name)
{
    static char text[128];
    unsigned char salt[20], hash[20], salt_text[40], hash_text[40];
    unsigned int n = 20;
    memset(salt, 7, sizeof salt);
    HMAC(EVP_sha1(), salt, 20, (const unsigned char *)name, strlen(name), hash, &n);
    EVP_EncodeBlock(salt_text, salt, 20);
    EVP_EncodeBlock(hash_text, hash, 20);
    snprintf(text, sizeof text, "|1|%s|%s", (const char *)salt_text, (const char *)hash_text);
    return text;
}

static struct known_hosts *parse(const char *text, struct diag *d)
{
    struct error err = {0};
    struct known_hosts *k = known_hosts_parse(FILE_NAME, text, strlen(text), d, &err);
    if (!k)
        fail_msg("%s", err.text);
    return k;
}

struct row {
    const char *names; /* of the one line; a leading "@revoked " is a marker */
    const char *host;
    uint16_t port;
    bool found;
};

static const struct row rows[] = {
    {"db-3.eu", "db-3.eu", 22, true},
    {"db-3.eu", "DB-3.EU", 22, true},
    {"DB-3.eu", "db-3.eu", 22, true},
    {"db-3.eu", "db-3.eu.x", 22, false},
    {"db-3.eu", "b-3.eu", 22, false},
    {"a,b,c", "b", 22, true},
    {"a,,c", "c", 22, true},
    {"a,b,c", "a,b", 22, false},
    {"10.0.0.5", "10.0.0.5", 22, true},
    {"2001:db8::1", "2001:db8::1", 22, true},
    {"[h]:2222", "h", 2222, true},
    {"[h]:2222", "h", 22, false},
    {"[h]:2222", "h", 2223, false},
    {"h", "h", 2222, true}, /* as ssh does: the plain name where none has the port */
    {"*.eu", "db.eu", 22, true},
    {"*.eu", "eu", 22, false},
    {"db-?.eu", "db-3.eu", 22, true},
    {"db-?.eu", "db-33.eu", 22, false},
    {"*", "x", 22, true},
    {"*.eu,!db.eu", "db.eu", 22, false},
    {"!db.eu,*.eu", "db.eu", 22, false},
    {"!db.eu,*.eu", "web.eu", 22, true},
    {"!db.eu", "web.eu", 22, false},
    {"[127.0.0.*]:2222", "127.0.0.9", 2222, true},
    {"*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 22, false},
};

static void names_match_as_ssh_does(void **state)
{
    (void)state;
    unsigned char key[64];
    size_t bytes = blob("ssh-ed25519", 1, key);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[512];
        snprintf(text, sizeof text, "%s %s comment here\n", rows[i].names, ED(1));
        struct known_hosts *k = parse(text, NULL);
        struct known_hosts_answer a =
            known_hosts_check(k, rows[i].host, rows[i].port, key, bytes);
        if ((a.verdict == KNOWN_HOSTS_MATCH) != rows[i].found)
            fail_msg("'%s' for %s:%d: verdict %d", rows[i].names, rows[i].host, rows[i].port,
                (int)a.verdict);
        struct known_hosts_types types = known_hosts_types(k, rows[i].host, rows[i].port);
        assert_int_equal(types.usable, rows[i].found ? 1u << KNOWN_HOSTS_ED25519 : 0);
        known_hosts_free(k);
    }
}

static void hashed_names_match(void **state)
{
    (void)state;
    unsigned char key[64];
    size_t bytes = blob("ssh-ed25519", 1, key);
    static const struct {
        const char *hashed, *host;
        uint16_t port;
        enum known_hosts_verdict verdict;
    } cases[] = {
        {"db-3.eu", "DB-3.eu", 22, KNOWN_HOSTS_MATCH},
        {"db-3.eu", "db-4.eu", 22, KNOWN_HOSTS_UNKNOWN},
        {"[h]:2222", "h", 2222, KNOWN_HOSTS_MATCH},
        {"h", "h", 2222, KNOWN_HOSTS_MATCH},
        {"[h]:2222", "h", 22, KNOWN_HOSTS_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[512];
        snprintf(text, sizeof text, "%s %s\n", hashed(cases[i].hashed), ED(1));
        struct known_hosts *k = parse(text, NULL);
        assert_int_equal(known_hosts_lines(k), 1);
        assert_int_equal(
            known_hosts_check(k, cases[i].host, cases[i].port, key, bytes).verdict,
            cases[i].verdict);
        known_hosts_free(k);
    }
}

static void verdicts_name_their_line(void **state)
{
    (void)state;
    char text[4096];
    snprintf(text, sizeof text,
        "# comment\n"       /* 1 */
        "\n"                /* 2 */
        "h %s\n"            /* 3: ed25519 1 */
        "h %s\n"            /* 4: ecdsa 2 */
        "r %s\n"            /* 5: ed25519 3 */
        "@revoked r %s\n"   /* 6: the same */
        "@revoked * %s\n"   /* 7: ed25519 4, everywhere */
        "[p]:2222 %s\n"     /* 8: ed25519 5 */
        "@revoked p %s\n"   /* 9: the same, without the port */
        "c %s\r\n"          /* 10: rsa, Windows line end */
        "c %s",             /* 11: ed25519 1, no line end */
        ED(1), EC(2), ED(3), ED(3), ED(4), ED(5), ED(5), RSA(6), ED(1));
    struct known_hosts *k = parse(text, NULL);
    assert_int_equal(known_hosts_lines(k), 9);
    static const struct {
        const char *host;
        uint16_t port;
        const char *type;
        unsigned char fill;
        enum known_hosts_verdict verdict;
        int line;
    } cases[] = {
        {"h", 22, "ssh-ed25519", 1, KNOWN_HOSTS_MATCH, 3},
        {"h", 22, "ecdsa-sha2-nistp256", 2, KNOWN_HOSTS_MATCH, 4},
        {"h", 22, "ecdsa-sha2-nistp256", 9, KNOWN_HOSTS_CHANGED, 4},
        {"h", 22, "ssh-rsa", 9, KNOWN_HOSTS_CHANGED, 3},
        {"h", 22, "ssh-ed25519", 4, KNOWN_HOSTS_REVOKED, 7},
        {"r", 22, "ssh-ed25519", 3, KNOWN_HOSTS_REVOKED, 6},
        {"x", 22, "ssh-ed25519", 4, KNOWN_HOSTS_REVOKED, 7},
        {"x", 22, "ssh-ed25519", 1, KNOWN_HOSTS_UNKNOWN, 0},
        {"p", 2222, "ssh-ed25519", 5, KNOWN_HOSTS_REVOKED, 9},
        {"c", 22, "ssh-rsa", 6, KNOWN_HOSTS_MATCH, 10},
        {"c", 22, "ssh-ed25519", 1, KNOWN_HOSTS_MATCH, 11},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsigned char key[64];
        size_t bytes = blob(cases[i].type, cases[i].fill, key);
        struct known_hosts_answer a =
            known_hosts_check(k, cases[i].host, cases[i].port, key, bytes);
        if (a.verdict != cases[i].verdict || a.line != cases[i].line)
            fail_msg("case %zu: verdict %d line %d", i, (int)a.verdict, a.line);
    }
    struct known_hosts_types types = known_hosts_types(k, "r", 22);
    assert_int_equal(types.usable, 0);
    assert_int_equal(types.revoked_line, 6);
    types = known_hosts_types(k, "h", 22);
    assert_int_equal(types.usable, 1u << KNOWN_HOSTS_ED25519 | 1u << KNOWN_HOSTS_ECDSA_256);
    assert_int_equal(types.revoked_line, 0);
    known_hosts_free(k);
}

static void the_name_on_file_is_found(void **state)
{
    (void)state;
    char text[2048], room[KNOWN_HOSTS_NAME_BYTES];
    snprintf(text, sizeof text, "[a]:2222 %s\nb %s\n@cert-authority *.eu %s\n@revoked * %s\n",
        ED(1), ED(2), ED(3), ED(4));
    struct known_hosts *k = parse(text, NULL);
    assert_string_equal(known_hosts_name(k, "A", 2222, room), "[a]:2222");
    assert_null(known_hosts_name(k, "a", 22, room));
    assert_string_equal(known_hosts_name(k, "b", 2222, room), "b");
    assert_string_equal(known_hosts_name(k, "x.eu", 22, room), "x.eu");
    assert_null(known_hosts_name(k, "x", 22, room));
    struct known_hosts_types types = known_hosts_types(k, "x.eu", 22);
    assert_int_equal(types.usable, 0);
    assert_int_equal(types.cert_line, 3);
    known_hosts_free(k);
}

static void garbage_is_a_warning_with_its_place(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "garbage",
        "host ssh-ed25519",
        "host ssh-ed25519 !!!!",
        "host ssh-ed25519 AAAA",
        "host ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAA",
        "host ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAA",
        "host 1024 35 123456789",
        "@unknown host ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA",
        "|1|bad|hash ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA",
        "|1|nobar ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA",
        "|2|x|y ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA",
        "@revoked",
        "\x01\x02\xff\xfe",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[1024];
        snprintf(text, sizeof text, "ok %s\n%s\nalso %s\n", ED(1), bad[i], ED(2));
        struct diag *d = diag_new();
        struct known_hosts *k = parse(text, d);
        if (known_hosts_lines(k) != 2 || diag_warnings(d) != 1)
            fail_msg("'%s': %zu lines, %d warnings", bad[i], known_hosts_lines(k),
                diag_warnings(d));
        struct buf printed;
        buf_init(&printed, 65536);
        diag_print(d, DIAG_TEXT, false, &printed);
        assert_non_null(strstr(buf_text(&printed), FILE_NAME ":2"));
        buf_done(&printed);
        known_hosts_free(k);
        diag_free(d);
    }
}

static void a_certificate_authority_is_a_warning(void **state)
{
    (void)state;
    char text[512];
    snprintf(text, sizeof text, "@cert-authority *.eu %s\n", ED(1));
    struct diag *d = diag_new();
    struct known_hosts *k = parse(text, d);
    struct buf printed;
    buf_init(&printed, 65536);
    diag_print(d, DIAG_TEXT, false, &printed);
    assert_non_null(strstr(buf_text(&printed), "transport: openssh"));
    assert_non_null(strstr(buf_text(&printed), FILE_NAME ":1"));
    unsigned char key[64];
    size_t bytes = blob("ssh-ed25519", 1, key);
    assert_int_equal(known_hosts_check(k, "x.eu", 22, key, bytes).verdict, KNOWN_HOSTS_UNKNOWN);
    buf_done(&printed);
    known_hosts_free(k);
    diag_free(d);
}

static void limits_hold(void **state)
{
    (void)state;
    struct error err = {0};
    char *big = malloc(KNOWN_HOSTS_BYTES_MAX + 1);
    assert_non_null(big);
    memset(big, '#', KNOWN_HOSTS_BYTES_MAX + 1);
    assert_null(known_hosts_parse(FILE_NAME, big, KNOWN_HOSTS_BYTES_MAX + 1, NULL, &err));
    assert_int_equal(err.kind, ERROR_LIMIT);
    memset(big, '\n', KNOWN_HOSTS_BYTES_MAX);
    assert_null(known_hosts_parse(FILE_NAME, big, KNOWN_HOSTS_LINES_MAX + 1, NULL, &err));
    struct known_hosts *k = known_hosts_parse(FILE_NAME, big, KNOWN_HOSTS_LINES_MAX, NULL, &err);
    assert_non_null(k);
    known_hosts_free(k);
    /* one long line is skipped, the file is read */
    memset(big, 'x', KNOWN_HOSTS_LINE_BYTES_MAX + 1);
    struct diag *d = diag_new();
    k = known_hosts_parse(FILE_NAME, big, KNOWN_HOSTS_LINE_BYTES_MAX + 2, d, &err);
    assert_non_null(k);
    assert_int_equal(diag_warnings(d), 1);
    diag_free(d);
    known_hosts_free(k);
    free(big);
    assert_null(known_hosts_load("/nonexistent/known_hosts", NULL, &err));
    assert_int_equal(err.kind, ERROR_CONFIG);
    assert_null(known_hosts_load("/", NULL, &err));
    assert_int_equal(err.kind, ERROR_CONFIG);
}

/* As ssh-keygen prints it for this blob. */
static void fingerprints(void **state)
{
    (void)state;
    char out[KNOWN_HOSTS_FINGERPRINT_BYTES];
    known_hosts_fingerprint("", 0, out);
    assert_string_equal(out, "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_match_as_ssh_does),
        cmocka_unit_test(hashed_names_match),
        cmocka_unit_test(verdicts_name_their_line),
        cmocka_unit_test(the_name_on_file_is_found),
        cmocka_unit_test(garbage_is_a_warning_with_its_place),
        cmocka_unit_test(a_certificate_authority_is_a_warning),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(fingerprints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
