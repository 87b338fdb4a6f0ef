/* SPDX-License-Identifier: MIT
 * Redaction: each shape, each form of a configured secret, and that cutting the stream anywhere changes nothing. */
#include "tests/kit/kit.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/limits.h"
#include "lib/base/redact.h"

#define R "[redacted]"
#define LINE64 "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtz"

/* Secrets of all cases: configured. */
static const struct redact_secret secrets[] = {
    {"hunter2secret", 13},
    {"p@ss w/rd+\"1\"", 13},
    {"abcd", 4},
    {"abcdefgh", 8},
    {"fghijk", 6},
    {"x\0y\xffz", 5},
    {"abc", 3}, /* too short: skipped */
    {"two\nlines", 9},
};

struct row {
    const char *in;
    const char *out;
    size_t in_bytes, out_bytes; /* 0: strlen */
};

static const struct row rows[] = {
    /* nothing to hide */
    {"", "", 0, 0},
    {"disk 97 /var", "disk 97 /var", 0, 0},
    {"a\0b\xff\xfe\n", "a\0b\xff\xfe\n", 6, 6},
    {"PWD=/root OLDPWD=/tmp", "PWD=/root OLDPWD=/tmp", 0, 0},
    {"the password is long", "the password is long", 0, 0},
    {"secret: it", "secret: it", 0, 0},
    {"tokens used 5", "tokens used 5", 0, 0},
    {"password:\nnext", "password:\nnext", 0, 0},
    {"http://host:8080/x@y", "http://host:8080/x@y", 0, 0},
    {"-----BEGIN CERTIFICATE-----\nabc\n", "-----BEGIN CERTIFICATE-----\nabc\n", 0, 0},
    {"-----BEGIN PUBLIC KEY-----\nabc\n", "-----BEGIN PUBLIC KEY-----\nabc\n", 0, 0},
    {"bearer of news", "bearer of news", 0, 0},
    {"ghp_short", "ghp_short", 0, 0},
    /* configured secrets */
    {"xhunter2secretx", "x" R "x", 0, 0},
    {"hunter2secret", R, 0, 0},
    {"hunter2secre", "hunter2secre", 0, 0},
    {"hunter2hunter2secret", "hunter2" R, 0, 0},
    {"abcdefg abcdefgh", R "efg " R, 0, 0}, /* the longest wins, where it is whole */
    {"abcdefghijk.", R ".", 0, 0},          /* overlapping secrets: all of both */
    {"abcdabcd", R, 0, 0},                  /* neighbours become one mark */
    {"-x\0y\xffz-", "-" R "-", 7, 0},
    {"two\nlines", R, 0, 0},
    {"two\\nlines", R, 0, 0},
    {"p@ss w/rd+\"1\"!", R "!", 0, 0},
    {"p%40ss%20w%2Frd%2B%221%22", R, 0, 0},
    {"p%40ss%20w%2frd%2b%221%22", R, 0, 0},
    {"p%40ss+w%2Frd%2B%221%22", R, 0, 0},
    {"{\"a\":\"p@ss w/rd+\\\"1\\\"\"}", "{\"a\":\"" R "\"}", 0, 0},
    {"aHVudGVyMnNlY3JldA==", R "A==", 0, 0},           /* base64 of it alone */
    {"eGh1bnRlcjJzZWNyZXQ=", "eG" R "Q=", 0, 0},        /* behind one byte  */
    {"eHhodW50ZXIyc2VjcmV0", "eHh" R, 0, 0},            /* behind two bytes */
    /* private keys */
    {"a\n-----BEGIN OPENSSH PRIVATE KEY-----\n" LINE64 "\nAAAA\n-----END OPENSSH PRIVATE KEY-----\nb\n",
        "a\n" R "\nb\n", 0, 0},
    {"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n" LINE64
     "\nAA==\n-----END RSA PRIVATE KEY-----", R, 0, 0},
    {"-----BEGIN PRIVATE KEY-----\r\n" LINE64 "\r\n-----END PRIVATE KEY-----\r\nb", R "\r\nb", 0, 0},
    {"{\"k\":\"-----BEGIN PRIVATE KEY-----\\n" LINE64 "\\n-----END PRIVATE KEY-----\\n\",\"b\":1}",
        "{\"k\":\"" R "\\n\",\"b\":1}", 0, 0},
    {"-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: x\n\n" LINE64
     "\n=abcd\n-----END PGP PRIVATE KEY BLOCK-----\nb", R "\nb", 0, 0},
    {"  -----BEGIN EC PRIVATE KEY-----\n  " LINE64 "\n  -----END EC PRIVATE KEY-----\n", "  " R "\n", 0, 0},
    {"f:-----BEGIN EC PRIVATE KEY-----\nf:" LINE64 "\nf:-----END EC PRIVATE KEY-----\nf: b",
        "f:" R "\nf: b", 0, 0},
    /* cut off in the middle: a frame line behind it stays whole */
    {"-----BEGIN EC PRIVATE KEY-----\n" LINE64 "\nb3Blb\nfirstline end 0\n", R "\nfirstline end 0\n", 0, 0},
    {"-----BEGIN EC PRIVATE KEY-----\n" LINE64, R, 0, 0},
    {"-----BEGIN EC PRIVATE KEY-----", R, 0, 0},
    /* tokens that tell themselves */
    {"id AKIAIOSFODNN7EXAMPLE.", "id " R ".", 0, 0},
    {"XAKIAIOSFODNN7EXAMPLE", "XAKIAIOSFODNN7EXAMPLE", 0, 0},
    {"ghp_0123456789abcdefghij0123456789ABCDEF ", R " ", 0, 0},
    {"github_pat_0123456789abcdefghij_x\n", R "\n", 0, 0},
    {"glpat-0123456789abcdefghij,", R ",", 0, 0},
    {"xoxb-12345678901-abcdef'", R "'", 0, 0},
    {"https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXX x",
        "https://hooks.slack.com/services/" R " x", 0, 0},
    {"=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-_x;", "=" R ";", 0, 0},
    /* headers */
    {"Authorization: Bearer abc.def\r\nHost: x", "Authorization: Bearer " R "\r\nHost: x", 0, 0},
    {"authorization: Basic dXNlcjpwYXNz\n", "authorization: Basic " R "\n", 0, 0},
    {"Authorization: Token token=y_NbAkKc66ryYTWUXYEu\n", "Authorization: Token " R "\n", 0, 0},
    {"curl -H 'Authorization: Bearer abc' x", "curl -H 'Authorization: Bearer " R "' x", 0, 0},
    {"{\"Authorization\": \"Bearer abc\", \"b\": 1}", "{\"Authorization\": \"Bearer " R "\", \"b\": 1}", 0, 0},
    {"X-Auth-Token: abcdef\n", "X-Auth-Token: " R "\n", 0, 0},
    {"Bearer 0123456789abcdef0 x", "Bearer " R " x", 0, 0},
    {"Token token=y_NbAkKc66ryYTWUXYEu;", "Token token=" R ";", 0, 0},
    {"u+0123456789abcdefgh ", R " ", 0, 0},
    /* assignments */
    {"password=x", "password=" R, 0, 0},
    {"DB_PASSWORD=hunter2 next", "DB_PASSWORD=" R " next", 0, 0},
    {"Password : hunter2", "Password : " R, 0, 0},
    {"passwd = 'a b' c", "passwd = '" R "' c", 0, 0},
    {"\"client_secret\": \"a\\\"b\", \"n\": 1", "\"client_secret\": \"" R "\", \"n\": 1", 0, 0},
    {"{\\\"api_key\\\": \\\"abc\\\"}", "{\\\"api_key\\\": \\\"" R "\\\"}", 0, 0},
    {"aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n",
        "aws_secret_access_key = " R "\n", 0, 0},
    {"?token=abc&x=1", "?token=" R "&x=1", 0, 0},
    {"MYSQL_PWD=abc", "MYSQL_PWD=" R, 0, 0},
    {"--password hunter2 -v", "--password " R " -v", 0, 0},
    {"--password -v", "--password -v", 0, 0},
    {"-x --db-password hunter2", "-x --db-password " R, 0, 0},
    {"my-secret santa", "my-secret santa", 0, 0},
    {"secret := abc", "secret := " R, 0, 0},
    {"postgres://app:s3cr3t@db/x", "postgres://app:" R "@db/x", 0, 0},
    /* a configured secret that is longer than the shape's value */
    {"password=p@ss w/rd+\"1\" x", "password=" R " x", 0, 0},
};

static struct redactor *make(void)
{
    struct error err = {0};
    struct redactor *r = redactor_new(secrets, sizeof secrets / sizeof secrets[0], &err);
    assert_non_null(r);
    assert_int_equal(redactor_skipped(r), 1);
    return r;
}

static size_t in_bytes(const struct row *row)
{
    return row->in_bytes ? row->in_bytes : strlen(row->in);
}

static void expect(const struct row *row, const struct buf *out, const char *how)
{
    size_t bytes = row->out_bytes ? row->out_bytes : strlen(row->out);
    if (out->bytes != bytes || memcmp(buf_text(out), row->out, bytes) != 0)
        fail_msg("%s: \"%s\" became \"%s\", not \"%s\"", how, row->in, buf_text(out), row->out);
}

static void each_shape(void **state)
{
    (void)state;
    struct redactor *r = make();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf out;
        buf_init(&out, 1 << 20);
        assert_int_equal(redact_text(r, rows[i].in, in_bytes(&rows[i]), &out), 0);
        expect(&rows[i], &out, "whole");
        buf_done(&out);
    }
    redactor_free(r);
}

static void cut_in_two_anywhere(void **state)
{
    (void)state;
    struct redactor *r = make();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t bytes = in_bytes(&rows[i]);
        for (size_t cut = 0; cut <= bytes; cut++) {
            struct buf out;
            buf_init(&out, 1 << 20);
            struct redact_stream s;
            redact_stream_init(&s, r);
            assert_int_equal(redact_stream_add(&s, rows[i].in, cut, &out), 0);
            assert_int_equal(redact_stream_add(&s, rows[i].in + cut, bytes - cut, &out), 0);
            assert_int_equal(redact_stream_end(&s, &out), 0);
            redact_stream_done(&s);
            expect(&rows[i], &out, "cut in two");
            buf_done(&out);
        }
    }
    redactor_free(r);
}

static void one_byte_at_a_time(void **state)
{
    (void)state;
    struct redactor *r = make();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf out;
        buf_init(&out, 1 << 20);
        struct redact_stream s;
        redact_stream_init(&s, r);
        for (size_t b = 0; b < in_bytes(&rows[i]); b++)
            assert_int_equal(redact_stream_add(&s, rows[i].in + b, 1, &out), 0);
        assert_int_equal(redact_stream_end(&s, &out), 0);
        redact_stream_done(&s);
        expect(&rows[i], &out, "byte by byte");
        buf_done(&out);
    }
    redactor_free(r);
}

/* All rows in one stream, in chunks of every size up to 80, against the same stream in one go. */
static void chunks_of_every_size(void **state)
{
    (void)state;
    struct redactor *r = make();
    struct buf all, whole;
    buf_init(&all, 1 << 20);
    buf_init(&whole, 1 << 20);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(buf_add(&all, rows[i].in, in_bytes(&rows[i])), 0);
        assert_int_equal(buf_add_text(&all, " ; \n"), 0);
    }
    assert_int_equal(redact_text(r, all.data, all.bytes, &whole), 0);
    for (size_t size = 1; size <= 80; size++) {
        struct buf out;
        buf_init(&out, 1 << 20);
        struct redact_stream s;
        redact_stream_init(&s, r);
        for (size_t at = 0; at < all.bytes; at += size) {
            size_t n = all.bytes - at < size ? all.bytes - at : size;
            assert_int_equal(redact_stream_add(&s, all.data + at, n, &out), 0);
        }
        assert_int_equal(redact_stream_end(&s, &out), 0);
        redact_stream_done(&s);
        assert_int_equal(out.bytes, whole.bytes);
        assert_memory_equal(out.data, whole.data, whole.bytes);
        buf_done(&out);
    }
    buf_done(&all);
    buf_done(&whole);
    redactor_free(r);
}

/* A secret across the boundary of the held bytes, and a huge value, and a key block without an end. */
static void long_streams_hold_little(void **state)
{
    (void)state;
    struct redactor *r = make();
    struct redact_stream s;
    redact_stream_init(&s, r);
    struct buf in, out;
    buf_init(&in, 1 << 20);
    buf_init(&out, 1 << 20);
    for (int i = 0; i < 70000; i++)
        assert_int_equal(buf_add_char(&in, '.'), 0);
    memcpy(in.data + REDACT_HELD_BYTES_MAX - 5, "hunter2secret", 13);
    assert_int_equal(redact_stream_add(&s, in.data, in.bytes, &out), 0);
    assert_int_equal(out.bytes, in.bytes - 13 + 10);
    assert_null(memmem(out.data, out.bytes, "hunter2", 7));
    assert_int_equal(s.held.bytes, 0);

    buf_clear(&out);
    memset(in.data, 'A', in.bytes);
    assert_int_equal(redact_stream_add(&s, " token=", 7, &out), 0);
    assert_int_equal(redact_stream_add(&s, in.data, in.bytes, &out), 0);
    assert_string_equal(buf_text(&out), " token=" R);

    buf_clear(&out);
    for (size_t i = 64; i < in.bytes; i += 65)
        in.data[i] = '\n';
    assert_int_equal(redact_stream_add(&s, "\n-----BEGIN PRIVATE KEY-----\n", 29, &out), 0);
    assert_int_equal(redact_stream_add(&s, in.data, in.bytes, &out), 0);
    assert_int_equal(redact_stream_end(&s, &out), 0);
    assert_in_range(out.bytes, in.bytes - REDACT_BLOCK_BYTES_MAX - 100,
        in.bytes - REDACT_BLOCK_BYTES_MAX + 100);
    redact_stream_done(&s);
    buf_done(&in);
    buf_done(&out);
    redactor_free(r);
}

static void limits_are_errors(void **state)
{
    (void)state;
    struct error err = {0};
    char *big = calloc(1, REDACT_SECRET_BYTES_MAX + 1);
    assert_non_null(big);
    memset(big, 'q', REDACT_SECRET_BYTES_MAX + 1);
    struct redact_secret one = {big, REDACT_SECRET_BYTES_MAX + 1};
    assert_null(redactor_new(&one, 1, &err));
    assert_int_equal(err.kind, ERROR_CONFIG);
    one.bytes--;
    struct redactor *r = redactor_new(&one, 1, &err);
    assert_non_null(r);
    struct buf out;
    buf_init(&out, 64);
    assert_int_equal(redact_text(r, big, REDACT_SECRET_BYTES_MAX, &out), 0);
    assert_string_equal(buf_text(&out), R);
    /* out's limit: said, not overrun */
    char noise[100];
    memset(noise, '.', sizeof noise);
    assert_int_equal(redact_text(r, noise, sizeof noise, &out), -1);
    assert_true(out.over);
    buf_done(&out);
    redactor_free(r);
    free(big);
}

static void streams_hold_their_redactor(void **state)
{
    (void)state;
    struct redactor *r = make();
    struct redact_stream s;
    redact_stream_init(&s, r);
    redactor_free(r); /* a reload swapped it */
    struct buf out;
    buf_init(&out, 100);
    assert_int_equal(redact_stream_add(&s, "hunter2secret", 13, &out), 0);
    assert_int_equal(redact_stream_end(&s, &out), 0);
    assert_string_equal(buf_text(&out), R);
    redact_stream_done(&s);
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_shape),
        cmocka_unit_test(cut_in_two_anywhere),
        cmocka_unit_test(one_byte_at_a_time),
        cmocka_unit_test(chunks_of_every_size),
        cmocka_unit_test(long_streams_hold_little),
        cmocka_unit_test(limits_are_errors),
        cmocka_unit_test(streams_hold_their_redactor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
