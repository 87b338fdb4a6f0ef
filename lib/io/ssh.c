/* SPDX-License-Identifier: MIT
 * Operations: from ssh_run to done. Which session one gets is ssh_pool.c's business, how a channel works a transport's.
 *
 * What "wait" means: an operation waits for its group, then for its transport, always with one timer that holds the
 * nearer of its own deadline and the deadline of the state it is in, fixed when the state was entered. */
#include "lib/io/ssh.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/clock.h"
#include "lib/io/ssh_internal.h"

#define CHUNK_BYTES 4096 /* redacted at once: bounds the scratch buffer */
#define SCRATCH_BYTES_MAX (4 * (REDACT_HELD_BYTES_MAX + CHUNK_BYTES))

static const struct {
    const char *doing;
    size_t limit; /* offset of the state's own deadline in the settings; 0: only the operation's */
} op_states[] = {
    [OP_WAIT] = {"waiting for a session", 0},
    [OP_OPEN] = {"opening a channel", offsetof(struct ssh_settings, open_ms)},
    [OP_SEND] = {"sending the command", offsetof(struct ssh_settings, send_ms)},
    [OP_TALK] = {"reading output", 0},
    [OP_EXIT] = {"reading the exit status", offsetof(struct ssh_settings, exit_ms)},
    [OP_END] = {"ended", 0},
};
_Static_assert(sizeof op_states / sizeof op_states[0] == OP_STATES, "one row for each state");
_Static_assert(offsetof(struct ssh_settings, open_ms) > 0, "0 means none");

const char *ssh_op_doing(const struct ssh_op *op)
{
    if (op->state == OP_END)
        return op->waited_for ? op->waited_for : op_states[op->ended_in].doing;
    if (op->state != OP_WAIT || !op->group)
        return op_states[op->state].doing;
    for (struct ssh_list *l = op->group->sessions.next; l != &op->group->sessions; l = l->next) {
        struct ssh_session *s = SSH_FROM(l, struct ssh_session, link);
        if (s->state == SESSION_MAKING)
            return s->verbs->doing(s);
    }
    return op_states[OP_WAIT].doing;
}

static unsigned state_limit_ms(const struct ssh_op *op)
{
    size_t offset = op_states[op->state].limit;
    unsigned ms = 0;
    if (offset > 0)
        memcpy(&ms, (const char *)&op->ssh->settings + offset, sizeof ms);
    return ms;
}

static void seconds(unsigned ms, char out[16])
{
    if (ms % 1000 == 0)
        (void)snprintf(out, 16, "%u s", ms / 1000);
    else
        (void)snprintf(out, 16, "%u.%03u s", ms / 1000, ms % 1000);
}

/* Ends an operation from outside its transport. */
static void stop(struct ssh_op *op, const struct error *err)
{
    struct ssh_session *s = op->session;
    if (s && op->channel)
        s->verbs->abandon(s, op);
    ssh_op_end(op, err);
}

static void time_ran_out(struct ssh_op *op, unsigned limit_ms)
{
    struct error err = {0};
    char text[16];
    seconds(limit_ms, text);
    error_set(&err, op->maybe_ran ? ERROR_UNCERTAIN : ERROR_DEADLINE, "timed out while %s (%s)",
        ssh_op_doing(op), text);
    if (op->maybe_ran)
        error_hint(&err, "the command was sent and may still run on the host");
    ssh_group_wrap(op->group, &err);
    stop(op, &err);
}

static void on_timer(void *owner)
{
    struct ssh_op *op = owner;
    assert(op->magic == SSH_OP_MAGIC && op->state != OP_END);
    int64_t now = clock_mono_ms();
    unsigned limit = state_limit_ms(op);
    if (now >= op->deadline_mono_ms)
        time_ran_out(op, op->deadline_ms);
    else if (limit > 0 && now >= op->entered_mono_ms + (int64_t)limit)
        time_ran_out(op, limit);
    else
        ssh_op_move(op, op->state); /* the two clocks differ by a moment: wait for the rest */
}

void ssh_op_move(struct ssh_op *op, enum ssh_op_state state)
{
    int64_t now = clock_mono_ms();
    if (op->state != state) {
        op->state = state;
        op->entered_mono_ms = now;
    }
    int64_t until = op->deadline_mono_ms;
    unsigned limit = state_limit_ms(op);
    if (limit > 0 && op->entered_mono_ms + (int64_t)limit < until)
        until = op->entered_mono_ms + (int64_t)limit;
    loop_timer_start(op->timer, until > now ? (uint64_t)(until - now) : 0, 0);
}

void ssh_op_sent(struct ssh_op *op)
{
    if (!op->maybe_ran)
        op->sent_mono_ms = clock_mono_ms();
    op->maybe_ran = true;
}

void ssh_op_not_sent(struct ssh_op *op)
{
    op->maybe_ran = false;
}

static void keep(struct ssh_op *op, struct ssh_output *o, const struct buf *scratch)
{
    size_t room = o->kept.bytes_max - o->kept.bytes;
    size_t n = scratch->bytes < room ? scratch->bytes : room;
    if (n < scratch->bytes)
        o->cut = true;
    if (n > 0 && buf_add(&o->kept, scratch->data, n) < 0)
        o->cut = true; /* no memory: what is there stays, and it says so */
    if (scratch->bytes > 0 && op->on_output && !op->cancel_asked && n > 0)
        op->on_output(op->owner, op->id, o == &op->err, scratch->data, n);
}

void ssh_op_output(struct ssh_op *op, bool is_stderr, const void *data, size_t bytes)
{
    struct ssh_output *o = is_stderr ? &op->err : &op->out;
    struct buf scratch;
    buf_init(&scratch, SCRATCH_BYTES_MAX);
    for (size_t at = 0; at < bytes && !o->cut;) {
        size_t n = bytes - at < CHUNK_BYTES ? bytes - at : CHUNK_BYTES;
        if (redact_stream_add(&o->stream, (const char *)data + at, n, &scratch) < 0)
            o->cut = true; /* no memory */
        keep(op, o, &scratch);
        buf_clear(&scratch);
        at += n;
    }
    buf_done(&scratch); /* what is cut is drained without being looked at */
}

static void flush(struct ssh_op *op, struct ssh_output *o)
{
    struct buf scratch;
    buf_init(&scratch, SCRATCH_BYTES_MAX);
    if (!o->cut && redact_stream_end(&o->stream, &scratch) < 0)
        o->cut = true;
    keep(op, o, &scratch);
    buf_done(&scratch);
}

void ssh_quote(const struct ssh *ssh, const char *text, size_t bytes, char *out, size_t room)
{
    struct buf clean;
    buf_init(&clean, SCRATCH_BYTES_MAX);
    (void)redact_text(ssh->redactor, text, bytes < CHUNK_BYTES ? bytes : CHUNK_BYTES,
        &clean); /* with no memory it is empty, and the error tells the rest */
    size_t n = 0;
    for (; n < clean.bytes && n + 1 < room; n++)
        out[n] = clean.data[n] >= ' ' && clean.data[n] < 127 ? clean.data[n] : '?';
    out[n] = '\0';
    buf_done(&clean);
}

static void op_free(struct ssh_op *op)
{
    ssh_list_remove(&op->link);
    loop_timer_free(op->timer);
    redact_stream_done(&op->out.stream);
    redact_stream_done(&op->err.stream);
    buf_done(&op->out.kept);
    buf_done(&op->err.kept);
    free(op->command);
    if (op->input)
        explicit_bzero(op->input, op->input_bytes); /* values of a run */
    free(op->input);
    op->magic = 0;
    free(op);
}

void ssh_op_let_go(struct ssh_op *op)
{
    op->channel = NULL;
    if (op->delivered)
        op_free(op);
}

static void deliver(void *owner)
{
    struct ssh_op *op = owner;
    assert(op->magic == SSH_OP_MAGIC && op->state == OP_END && !op->delivered);
    int64_t now = clock_mono_ms();
    struct ssh_outcome outcome = {
        .maybe_ran = op->maybe_ran,
        .have_status = op->have_status,
        .status = op->status,
        .out = buf_text(&op->out.kept),
        .out_bytes = op->out.kept.bytes,
        .out_cut = op->out.cut,
        .err = buf_text(&op->err.kept),
        .err_bytes = op->err.kept.bytes,
        .err_cut = op->err.cut,
        .doing = ssh_op_doing(op),
        .fresh = op->fresh,
        .connect_ms = op->attached_mono_ms ? (unsigned)(op->attached_mono_ms - op->began_mono_ms) : 0,
        .total_ms = (unsigned)(now - op->began_mono_ms),
    };
    memcpy(outcome.exit_signal, op->exit_signal, sizeof outcome.exit_signal);
    op->ssh->counts.operations--;
    op->ssh->counts.ended++;
    op->delivered = true;
    op->done(op->owner, op->id, &outcome, op->failed ? &op->failure : NULL);
    if (!op->channel)
        op_free(op);
}

void ssh_op_end(struct ssh_op *op, const struct error *err)
{
    assert(op->state != OP_END);
    assert(!err || op->maybe_ran || err->kind != ERROR_UNCERTAIN);
    ssh_trouble_note(op, err);
    if (op->state == OP_WAIT)
        op->waited_for = ssh_op_doing(op);
    op->ended_in = op->state;
    op->state = OP_END;
    loop_timer_stop(op->timer);
    if (err) {
        op->failed = true;
        op->failure = *err;
    }
    struct ssh_session *s = op->session;
    ssh_pool_remove(op);
    flush(op, &op->out);
    flush(op, &op->err);
    loop_soon(op->ssh->loop, deliver, op);
    if (s)
        ssh_session_changed(s);
}

static void cancel_now(void *owner)
{
    struct ssh_op *op = owner;
    assert(op->magic == SSH_OP_MAGIC);
    if (op->state == OP_END)
        return;
    struct error err = {0};
    error_set(&err, op->maybe_ran ? ERROR_UNCERTAIN : ERROR_CANCELLED, "cancelled while %s",
        ssh_op_doing(op));
    ssh_group_wrap(op->group, &err);
    stop(op, &err);
}

void ssh_cancel(struct ssh *ssh, uint64_t op_id)
{
    assert(ssh->magic == SSH_MAGIC);
    for (struct ssh_list *l = ssh->ops.next; l != &ssh->ops; l = l->next) {
        struct ssh_op *op = SSH_FROM(l, struct ssh_op, link);
        if (op->id != op_id || op->state == OP_END || op->cancel_asked)
            continue;
        op->cancel_asked = true;
        loop_soon(ssh->loop, cancel_now, op);
        return;
    }
}

static void begin(void *owner)
{
    struct ssh_op *op = owner;
    assert(op->magic == SSH_OP_MAGIC);
    if (op->state == OP_END)
        return;
    if (op->failed) {
        op->failed = false; /* ssh_op_end sets it again */
        struct error err = op->failure;
        ssh_op_end(op, &err);
        return;
    }
    ssh_pool_serve(op->group);
}

static bool is_text(const char *text, size_t most)
{
    return text && text[0] != '\0' && strnlen(text, most + 1) <= most;
}

static int check_request(const struct ssh *ssh, const struct ssh_request *r, struct error *err)
{
    const struct ssh_target *t = r->target;
    if (!is_text(t->address, 255) || t->address[0] == '-')
        return error_set(err, ERROR_INPUT, "'%.60s' is no address", t->address ? t->address : "");
    if (!is_text(t->user, 64) || t->user[0] == '-')
        return error_set(err, ERROR_INPUT, "no user to log in as");
    if (!is_text(t->key_file, 1024))
        return error_set(err, ERROR_INPUT, "no key file");
    if (!is_text(r->command, SSH_COMMAND_BYTES_MAX))
        return error_set(err, ERROR_INPUT, "no command, or longer than %d bytes",
            SSH_COMMAND_BYTES_MAX);
    if (r->input_bytes > SSH_INPUT_BYTES_MAX)
        return error_set(err, ERROR_INPUT, "more than %d bytes of input", SSH_INPUT_BYTES_MAX);
    if (ssh->counts.operations > SSH_OPERATIONS_MAX)
        return error_set(err, ERROR_LIMIT, "more than %d SSH operations at once",
            SSH_OPERATIONS_MAX);
    return 0;
}

static size_t bounded(size_t asked)
{
    return asked == 0 || asked > SSH_OUTPUT_BYTES_MAX ? SSH_OUTPUT_BYTES_MAX : asked;
}

static int copy_request(struct ssh_op *op, const struct ssh_request *r, struct error *err)
{
    op->command = strdup(r->command);
    op->input = malloc(r->input_bytes + 1);
    if (!op->command || !op->input)
        return error_set(err, ERROR_LIMIT, "no memory for an SSH operation");
    if (r->input_bytes > 0)
        memcpy(op->input, r->input, r->input_bytes);
    op->input_bytes = r->input_bytes;
    return ssh_pool_add(op, r->target, err);
}

static void init_output(struct ssh *ssh, struct ssh_output *o, size_t bytes_max)
{
    redact_stream_init(&o->stream, ssh->redactor);
    buf_init(&o->kept, bounded(bytes_max));
}

uint64_t ssh_run(struct ssh *ssh, const struct ssh_request *r, ssh_done *done, void *owner)
{
    assert(ssh->magic == SSH_MAGIC && !ssh->closing);
    assert(r->target && done);
    struct ssh_op *op = calloc(1, sizeof *op);
    if (!op)
        abort(); /* a promise to call back could not be kept */
    op->magic = SSH_OP_MAGIC;
    op->ssh = ssh;
    op->id = ++ssh->last_op_id;
    op->done = done;
    op->owner = owner;
    op->on_output = r->on_output;
    op->deadline_ms = r->deadline_ms ? r->deadline_ms : SSH_DEADLINE_MS;
    op->began_mono_ms = op->entered_mono_ms = clock_mono_ms();
    op->deadline_mono_ms = op->began_mono_ms + (int64_t)op->deadline_ms;
    op->timer = loop_timer_new(ssh->loop, on_timer, op);
    ssh_list_init(&op->work);
    ssh_list_add_last(&ssh->ops, &op->link);
    init_output(ssh, &op->out, r->out_bytes_max);
    init_output(ssh, &op->err, r->err_bytes_max);
    ssh->counts.operations++;
    if (check_request(ssh, r, &op->failure) < 0 || copy_request(op, r, &op->failure) < 0)
        op->failed = true; /* begin reports it */
    else
        ssh_op_move(op, OP_WAIT);
    loop_soon(ssh->loop, begin, op);
    return op->id;
}

static void set_defaults(struct ssh_settings *s)
{
    const struct {
        unsigned *value;
        unsigned usual;
    } numbers[] = {
        {&s->handshakes_all_max, SSH_HANDSHAKES_ALL},
        {&s->handshakes_host_max, SSH_HANDSHAKES_HOST},
        {&s->channels_session_max, SSH_CHANNELS_SESSION},
        {&s->idle_ms, SSH_IDLE_MS},
        {&s->keepalive_ms, SSH_KEEPALIVE_MS},
        {&s->user_timeout_ms, SSH_USER_TIMEOUT_MS},
        {&s->resolve_ms, SSH_RESOLVE_MS},
        {&s->connect_ms, SSH_CONNECT_MS},
        {&s->handshake_ms, SSH_HANDSHAKE_MS},
        {&s->login_ms, SSH_LOGIN_MS},
        {&s->open_ms, SSH_OPEN_MS},
        {&s->send_ms, SSH_SEND_MS},
        {&s->exit_ms, SSH_EXIT_MS},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (*numbers[i].value == 0)
            *numbers[i].value = numbers[i].usual;
}

static int check_folder(const char *folder, struct error *err)
{
    struct stat st;
    if (strlen(folder) > SSH_FOLDER_BYTES_MAX)
        return error_set(err, ERROR_CONFIG,
            "the folder for SSH control sockets '%s' has more than %d characters", folder,
            SSH_FOLDER_BYTES_MAX);
    if (stat(folder, &st) < 0)
        return error_from_errno(err, ERROR_CONFIG, errno, "folder for SSH control sockets '%s'",
            folder);
    /* It stands in texts that ssh and a shell read. */
    if (strspn(folder, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-") !=
        strlen(folder))
        return error_set(err, ERROR_CONFIG,
            "the folder for SSH control sockets '%s' may have letters, digits and /._- only", folder);
    if (!S_ISDIR(st.st_mode))
        return error_set(err, ERROR_CONFIG, "'%s' is not a folder", folder);
    return 0;
}

struct ssh *ssh_new(struct loop *loop, const struct ssh_settings *settings, struct error *err)
{
    const char *folder = settings->openssh_folder ? settings->openssh_folder : "/tmp";
    const char *program = settings->openssh_program ? settings->openssh_program : "ssh";
    if (check_folder(folder, err) < 0)
        return NULL;
    struct ssh *ssh = calloc(1, sizeof *ssh);
    if (!ssh) {
        error_set(err, ERROR_LIMIT, "no memory for SSH");
        return NULL;
    }
    ssh->magic = SSH_MAGIC;
    ssh->loop = loop;
    ssh->settings = *settings;
    set_defaults(&ssh->settings);
    ssh->known_hosts = settings->known_hosts;
    ssh_list_init(&ssh->ops);
    ssh_list_init(&ssh->groups);
    ssh->redactor = settings->redactor ? redactor_hold(settings->redactor)
                                       : redactor_new(NULL, 0, err);
    ssh->resolve = resolve_new(loop, 0);
    ssh->openssh_program = strdup(program);
    ssh->openssh_folder = strdup(folder);
    ssh->openssh_config = settings->openssh_config ? strdup(settings->openssh_config) : NULL;
    ssh->set_up = ssh->resolve && ssh_libssh2_setup(err) == 0;
    if (!ssh->set_up || !ssh->redactor || !ssh->openssh_program || !ssh->openssh_folder ||
        (settings->openssh_config && !ssh->openssh_config)) {
        error_set(err, ERROR_LIMIT, "no memory for SSH");
        ssh_free(ssh);
        return NULL;
    }
    return ssh;
}

static struct ssh_op *first_undelivered(struct ssh *ssh)
{
    for (struct ssh_list *l = ssh->ops.next; l != &ssh->ops; l = l->next) {
        struct ssh_op *op = SSH_FROM(l, struct ssh_op, link);
        if (!op->delivered)
            return op;
    }
    return NULL;
}

/* Ends every operation and calls its done at once. Ending one may free others that only waited to be let go, so each
 * look begins anew. */
static void end_all(struct ssh *ssh)
{
    for (struct ssh_op *op; (op = first_undelivered(ssh)) != NULL;) {
        if (op->state != OP_END)
            cancel_now(op);
        loop_soon_cancel(ssh->loop, op);
        deliver(op);
    }
}

void ssh_free(struct ssh *ssh)
{
    if (!ssh)
        return;
    assert(ssh->magic == SSH_MAGIC);
    ssh->closing = true;
    end_all(ssh);
    ssh_pool_close(ssh);
    while (ssh->session_count > 0)
        loop_turn(ssh->loop, 50);
    assert(ssh_list_empty(&ssh->ops));
    ssh_pool_free(ssh);
    ssh_openssh_clean(ssh);
    resolve_free(ssh->resolve);
    redactor_free(ssh->redactor);
    free(ssh->openssh_program);
    free(ssh->openssh_folder);
    free(ssh->openssh_config);
    if (ssh->set_up)
        ssh_libssh2_clean();
    ssh->magic = 0;
    free(ssh);
}

void ssh_set_known_hosts(struct ssh *ssh, const struct known_hosts *known_hosts)
{
    ssh->known_hosts = known_hosts;
}

void ssh_set_redactor(struct ssh *ssh, struct redactor *redactor)
{
    struct redactor *old = ssh->redactor;
    ssh->redactor = redactor_hold(redactor);
    redactor_free(old);
}

void ssh_count(const struct ssh *ssh, struct ssh_counts *out)
{
    *out = ssh->counts;
    out->sessions = ssh->session_count;
    out->handshakes = ssh->making_count;
    out->waiting = 0;
    for (struct ssh_list *l = ssh->groups.next; l != &ssh->groups; l = l->next)
        out->waiting += SSH_FROM(l, struct ssh_group, link)->waiting_count;
}
