/* SPDX-License-Identifier: MIT
 * Requests to the wrapper. The answer's last line ends the request, not the channel: a daemon may hold that open for ever. */
#include "executor/call.h"

#include <assert.h>

#include "lib/base/clock.h"
#include "lib/base/limits.h"

#define STDERR_BYTES 8192

void call_init(struct call *c, struct ssh *ssh)
{
    *c = (struct call){.ssh = ssh};
    buf_init(&c->answer, WRAPPER_ANSWER_BYTES_MAX);
}

void call_done(struct call *c)
{
    assert(c->op == 0); /* SSH answers once, always: the owner waits for it */
    buf_done(&c->answer);
}

static void on_output(void *owner, uint64_t op, bool is_stderr, const char *data, size_t bytes)
{
    struct call *c = owner;
    if (is_stderr || c->complete)
        return;
    size_t room = c->answer.bytes_max - c->answer.bytes;
    (void)buf_add(&c->answer, data, bytes < room ? bytes : room); /* an answer over the bound parses as cut */
    if (wrapper_complete(buf_text(&c->answer), c->answer.bytes, c->nonce)) {
        c->complete = true;
        ssh_cancel(c->ssh, op);
    }
}

static void on_done(void *owner, uint64_t op, const struct ssh_outcome *outcome, const struct error *err)
{
    struct call *c = owner;
    c->op = 0;
    c->done(c->owner, op, outcome, err);
}

int call_send(struct call *c, const struct inventory_host *host, const struct wrapper_task *task, unsigned deadline_ms,
    ssh_done *done, void *owner, struct error *err)
{
    assert(!c->op);
    buf_clear(&c->answer);
    c->complete = false;
    c->done = done;
    c->owner = owner;
    wrapper_nonce(c->nonce);
    struct buf input;
    buf_init(&input, WRAPPER_STDIN_BYTES_MAX);
    if (wrapper_compose(task, c->nonce, &input, err) < 0) {
        buf_done_secret(&input);
        return -1;
    }
    struct ssh_target target = {.name = host->name, .address = host->address, .known_as = host->known_as,
        .port = (uint16_t)host->port, .user = host->user, .key_file = host->key,
        .passphrase_file = host->passphrase_file,
        .transport = host->transport == INVENTORY_OPENSSH ? SSH_OPENSSH : SSH_LIBSSH2};
    struct ssh_request request = {.target = &target, .command = wrapper_command(), .input = buf_text(&input),
        .input_bytes = input.bytes, .out_bytes_max = WRAPPER_ANSWER_BYTES_MAX, .err_bytes_max = STDERR_BYTES,
        .deadline_ms = deadline_ms, .on_output = on_output};
    c->sent_mono_ms = clock_mono_ms();
    c->op = ssh_run(c->ssh, &request, on_done, c);
    buf_done_secret(&input);
    return 0;
}

void call_cancel(struct call *c)
{
    if (c->op)
        ssh_cancel(c->ssh, c->op);
}

static const char *kept(struct arena *arena, const char *text)
{
    const char *copy = arena_strdup(arena, text);
    return copy ? copy : "";
}

bool call_read(struct call *c, const struct ssh_outcome *outcome, const struct error *err, struct arena *arena,
    struct wrapper_report *out)
{
    *out = (struct wrapper_report){.verdict = WRAPPER_BROKEN, .out = "", .text = err ? kept(arena, err->text) : "", .status = -1};
    if (err && !outcome->maybe_ran && !c->complete)
        return false;
    struct error why = {0};
    if (wrapper_parse(buf_text(&c->answer), c->answer.bytes, c->nonce, arena, out, &why) < 0)
        *out = (struct wrapper_report){.verdict = WRAPPER_BROKEN, .out = "", .text = kept(arena, why.text), .status = -1};
    if (out->verdict == WRAPPER_BROKEN && outcome->err_bytes > 0 && !err)
        out->text = kept(arena, outcome->err);
    buf_done(&c->answer); /* its texts are in the arena: a run may now wait for hours */
    return true;
}
