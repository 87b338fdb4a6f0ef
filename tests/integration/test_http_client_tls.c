/* SPDX-License-Identifier: MIT
 * The HTTP client and certificates, against a real TLS server (openssl s_server). */
#include "tests/kit/kit.h"
#include "tests/kit/kit_raw.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/io/http_client.h"
#include "lib/io/loop.h"

#define PATIENCE_MS 60000

struct desk {
    struct loop *loop;
    struct http_client *client;
    int done;
    int status; /* 0: an error came */
    struct error err;
};

static void on_done(void *owner, uint64_t id, const struct http_reply *reply, const struct error *err)
{
    (void)id;
    struct desk *d = owner;
    d->done++;
    d->status = reply ? http_reply_status(reply) : 0;
    d->err = err ? *err : (struct error){0};
}

static void ask(struct desk *d, const char *ca_file, const char *url)
{
    *d = (struct desk){0};
    struct error err = {0};
    d->loop = loop_new(&err);
    d->client = http_client_new(d->loop, &(struct http_client_settings){.ca_file = ca_file}, &err);
    if (!d->client)
        fail_msg("%s", err.text);
    (void)http_send(d->client,
        &(struct http_call){.method = "GET", .url = url, .timeout_ms = PATIENCE_MS}, on_done, d);
    int64_t end_ms = clock_mono_ms() + 2 * PATIENCE_MS;
    while (d->done == 0 && clock_mono_ms() < end_ms)
        loop_turn(d->loop, 10);
    http_client_free(d->client);
    loop_free(d->loop);
    assert_int_equal(d->done, 1);
}

struct tls {
    char folder[256], certificate[300], key[300];
    pid_t pid;
    uint16_t port;
};

static pid_t run_openssl(char *const *arguments, int output)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* also when the test dies */
        int nowhere = open("/dev/null", O_WRONLY);
        if (dup2(output >= 0 ? output : nowhere, STDOUT_FILENO) < 0 || dup2(nowhere, STDERR_FILENO) < 0)
            _exit(127);
        execvp("openssl", arguments);
        _exit(127);
    }
    return pid;
}

static void tls_start(struct tls *t, char *name)
{
    const char *place = getenv("TMPDIR");
    snprintf(t->folder, sizeof t->folder, "%s/firstline-tls-XXXXXX", place ? place : "/tmp");
    assert_non_null(mkdtemp(t->folder));
    snprintf(t->certificate, sizeof t->certificate, "%s/c.pem", t->folder);
    snprintf(t->key, sizeof t->key, "%s/k.pem", t->folder);
    char *make[] = {"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
        "-days", "2", "-subj", "/CN=test", "-addext", name, "-keyout", t->key, "-out", t->certificate, NULL};
    int status = 0;
    assert_int_equal(waitpid(run_openssl(make, -1), &status, 0) > 0 ? status : -1, 0);
    int out[2];
    assert_int_equal(pipe(out), 0);
    char *run[] = {"openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", t->certificate, "-key", t->key,
        "-www", NULL};
    t->pid = run_openssl(run, out[1]);
    close(out[1]);
    char text[512];
    size_t bytes = 0;
    const char *at = NULL;
    while (!at || !strchr(at, '\n')) {
        ssize_t n = read(out[0], text + bytes, sizeof text - 1 - bytes);
        if (n <= 0)
            fail_msg("openssl s_server does not start");
        bytes += (size_t)n;
        text[bytes] = '\0';
        at = strstr(text, "ACCEPT 127.0.0.1:");
    }
    t->port = (uint16_t)strtoul(at + strlen("ACCEPT 127.0.0.1:"), NULL, 10);
    close(out[0]);
}

static void tls_stop(struct tls *t)
{
    (void)kill(t->pid, SIGKILL);
    (void)waitpid(t->pid, NULL, 0);
    (void)unlink(t->certificate);
    (void)unlink(t->key);
    (void)rmdir(t->folder);
}

static void certificates_are_verified(void **state)
{
    (void)state;
    static const struct {
        char *name;
        bool trusted, good;
        const char *comment;
    } rows[] = {
        {"subjectAltName=IP:127.0.0.1", true, true, "known and for this address"},
        {"subjectAltName=IP:127.0.0.1", false, false, "self-signed"},
        {"subjectAltName=IP:127.0.0.2", true, false, "for another address"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct tls t;
        struct desk d;
        char url[64];
        tls_start(&t, rows[i].name);
        snprintf(url, sizeof url, "https://127.0.0.1:%u/", t.port);
        ask(&d, rows[i].trusted ? t.certificate : NULL, url);
        tls_stop(&t);
        if ((d.status == 200) != rows[i].good || (!rows[i].good && d.err.kind != ERROR_UNREACHED))
            fail_msg("%s: status %d, %s", rows[i].comment, d.status, d.err.text);
    }
    struct error err = {0};
    struct loop *loop = loop_new(&err);
    assert_null(http_client_new(loop, &(struct http_client_settings){.ca_file = "/nowhere.pem"}, &err));
    assert_int_equal(err.kind, ERROR_CONFIG);
    loop_free(loop);
}

static void plain_text_on_a_tls_port_is_unreached(void **state)
{
    (void)state;
    static const struct kit_part part = {.deaf = true};
    struct desk d;
    struct kit_raw r;
    char url[64];
    kit_raw_start(&r, &part, 1);
    snprintf(url, sizeof url, "https://127.0.0.1:%u/", r.port);
    ask(&d, NULL, url);
    assert_int_equal(d.err.kind, ERROR_UNREACHED);
    kit_raw_stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificates_are_verified),
        cmocka_unit_test(plain_text_on_a_tls_port_is_unreached),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
