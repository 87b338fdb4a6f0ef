/* SPDX-License-Identifier: MIT
 * The test bed of SSH. */
#include "tests/kit/kit_ssh.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "tests/kit/kit.h"

#define WAIT_MS 60000

void bed_open(struct bed *b, enum ssh_transport transport, struct ssh_settings settings,
    const char *known_hosts)
{
    struct error err = {0};
    *b = (struct bed){.transport = transport};
    b->loop = loop_new(&err);
    assert_non_null(b->loop);
    b->known_hosts = known_hosts_load(known_hosts, NULL, &err);
    assert_non_null(b->known_hosts);
    struct redact_secret canary = {KIT_SSH_SECRET, sizeof KIT_SSH_SECRET - 1};
    b->redactor = redactor_new(&canary, 1, &err);
    assert_non_null(b->redactor);
    unsigned *const deadlines[] = {&settings.connect_ms, &settings.handshake_ms, &settings.login_ms,
        &settings.open_ms, &settings.send_ms, &settings.exit_ms};
    for (size_t i = 0; i < sizeof deadlines / sizeof deadlines[0]; i++)
        if (*deadlines[i] == 0)
            *deadlines[i] = WAIT_MS; /* a busy machine is no failure */
    settings.known_hosts = b->known_hosts;
    settings.redactor = b->redactor;
    b->ssh = ssh_new(b->loop, &settings, &err);
    if (!b->ssh)
        fail_msg("%s", err.text);
}

void bed_close(struct bed *b)
{
    ssh_free(b->ssh);
    loop_turn(b->loop, 0);
    known_hosts_free(b->known_hosts);
    redactor_free(b->redactor);
    loop_free(b->loop);
}

static void on_done(void *owner, uint64_t id, const struct ssh_outcome *outcome,
    const struct error *err)
{
    struct result *r = owner;
    r->times++;
    r->done = true;
    assert_true(r->id == 0 || r->id == id);
    r->outcome = *outcome;
    r->out = malloc(outcome->out_bytes + 1);
    r->err_out = malloc(outcome->err_bytes + 1);
    memcpy(r->out, outcome->out, outcome->out_bytes + 1);
    memcpy(r->err_out, outcome->err, outcome->err_bytes + 1);
    r->failed = err != NULL;
    if (err)
        r->err = *err;
}

void result_done(struct result *r)
{
    free(r->out);
    free(r->err_out);
    buf_done(&r->live);
    *r = (struct result){0};
}

struct ssh_target bed_target(const struct bed *b, const struct kit_sshd *s)
{
    return (struct ssh_target){
        .name = "db-3",
        .address = "127.0.0.1",
        .port = s->port,
        .user = s->user,
        .key_file = s->key_ed25519,
        .transport = b->transport,
    };
}

void bed_start(struct bed *b, const struct ssh_target *t, struct ssh_request r, struct result *out)
{
    r.target = t;
    *out = (struct result){0};
    out->id = ssh_run(b->ssh, &r, on_done, out);
    assert_true(out->id != 0);
    assert_false(out->done); /* never from inside */
}

void bed_wait(struct bed *b, struct result *results, size_t n)
{
    int64_t until = clock_mono_ms() + WAIT_MS;
    for (size_t i = 0; i < n;) {
        if (results[i].done) {
            i++;
            continue;
        }
        if (clock_mono_ms() > until) {
            struct ssh_counts c;
            ssh_count(b->ssh, &c);
            fail_msg("result %zu of %zu did not come: %u operations, %u waiting, %u sessions", i, n,
                c.operations, c.waiting, c.sessions);
        }
        loop_turn(b->loop, 100);
    }
}

void bed_run(struct bed *b, const struct ssh_target *t, struct ssh_request r, struct result *out)
{
    bed_start(b, t, r, out);
    bed_wait(b, out, 1);
    assert_int_equal(out->times, 1);
}
