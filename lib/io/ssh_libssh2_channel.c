/* SPDX-License-Identifier: MIT
 * Channels of a libssh2 session: open, send the command, talk, read the exit, free. Steps stand in the order they are
 * lived. Which of them may run at a moment is decided by drive_one. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/io/ssh_libssh2.h"

#define READ_BYTES (32 * 1024)
#define WRITE_BYTES (32 * 1024)

typedef enum step_result channel_step(struct s2_channel *c);
static channel_step open_step, exec_step, talk_step, exit_step, free_step;

static channel_step *const steps[] = {
    [OP_OPEN] = open_step,
    [OP_SEND] = exec_step,
    [OP_TALK] = talk_step,
    [OP_EXIT] = exit_step,
    [OP_END] = free_step,
};
_Static_assert(sizeof steps / sizeof steps[0] == OP_STATES, "one step for each state but waiting");

int s2_attach(struct ssh_session *base, struct ssh_op *op)
{
    struct s2_session *s = (struct s2_session *)base;
    struct s2_channel *c = calloc(1, sizeof *c);
    if (!c)
        return -1;
    c->session = s;
    c->op = op;
    c->at = OP_OPEN;
    op->channel = c;
    ssh_list_add_last(&s->channels, &c->link);
    s2_drive_soon(s);
    return 0;
}

/* Forgets the channel. What libssh2 still has of it goes with the session. */
static void drop(struct s2_channel *c)
{
    struct s2_session *s = c->session;
    if (s->sender == c)
        s->sender = NULL;
    if (s->opener == c)
        s->opener = NULL;
    if (s->starter == c)
        s->starter = NULL;
    if (s->stepping == c)
        s->stepping = NULL;
    ssh_list_remove(&c->link);
    struct ssh_op *op = c->op;
    bool lingered = c->lingers;
    free(c);
    ssh_op_let_go(op);
    if (lingered)
        ssh_session_lingered(&s->base);
}

void s2_drop_channels(struct s2_session *s)
{
    while (!ssh_list_empty(&s->channels))
        drop(SSH_FROM(s->channels.next, struct s2_channel, link));
}

/* A call of it must be finished before anything else is said, or can be understood. */
static bool is_in_flight(const struct s2_channel *c)
{
    const struct s2_session *s = c->session;
    return s->sender == c || s->opener == c || s->starter == c;
}

/* Whether what is left of it is to wait for its end. Input that did not go out whole never will: half a script must not
 * be followed by the end of file that makes a shell run it. */
static bool can_linger(struct s2_channel *c)
{
    const struct s2_session *s = c->session;
    if (c->at == OP_SEND && s->starter != c) {
        c->at = OP_END; /* open, and nothing was sent: it is closed */
        return true;
    }
    return s->opener == c || c->at == OP_END ||
           ((c->at == OP_TALK || c->at == OP_EXIT) && c->eof_sent);
}

/* A remote command that lives on keeps its place among the server's sessions. */
void s2_abandon(struct ssh_session *base, struct ssh_op *op)
{
    struct s2_session *s = (struct s2_session *)base;
    struct s2_channel *c = op->channel;
    assert(c && c->op == op);
    if (base->state == SESSION_CLOSING) {
        drop(c);
        return;
    }
    c->abandoned = true;
    c->lingers = can_linger(c);
    if (c->lingers) {
        ssh_session_linger(base);
        s2_drive_soon(s);
        return;
    }
    if (c->raw)
        base->retiring = true;
    if (!is_in_flight(c))
        drop(c);
}

static enum step_result move(struct s2_channel *c, enum ssh_op_state state)
{
    c->at = state;
    if (!c->abandoned && state != OP_END)
        ssh_op_move(c->op, state);
    return STEP_MOVED;
}

/* EAGAIN: remembers whether a packet waits to be sent. */
static enum step_result wait(struct s2_channel *c)
{
    struct s2_session *s = c->session;
    if (libssh2_session_block_directions(s->raw) & LIBSSH2_SESSION_BLOCK_OUTBOUND)
        s->sender = c;
    return STEP_WAIT;
}

/* Errors of one channel; all others end the session. */
static bool is_of_channel(int rc)
{
    return rc <= LIBSSH2_ERROR_CHANNEL_OUTOFORDER && rc >= LIBSSH2_ERROR_CHANNEL_EOF_SENT;
}

static enum step_result open_refused(struct s2_channel *c)
{
    struct s2_session *s = c->session;
    struct ssh_op *op = c->op;
    char *text = NULL;
    (void)libssh2_session_last_error(s->raw, &text, NULL, 0);
    struct error err = {0};
    error_from(&err, ERROR_REFUSED, ERROR_FROM_SSH, LIBSSH2_ERROR_CHANNEL_FAILURE,
        "opening a channel: '%s'", text ? text : "");
    error_hint(&err, "sshd's MaxSessions may be 0, or the user may not have a session");
    bool abandoned = c->abandoned;
    drop(c); /* an abandoned op may be gone now */
    if (!abandoned)
        ssh_session_full(&s->base, op, &err);
    return STEP_MOVED;
}

static enum step_result open_step(struct s2_channel *c)
{
    struct s2_session *s = c->session;
    s->opener = c;
    c->raw = libssh2_channel_open_session(s->raw);
    if (c->raw) {
        s->opener = NULL;
        return move(c, c->abandoned ? OP_END : OP_SEND);
    }
    int rc = libssh2_session_last_errno(s->raw);
    if (rc == LIBSSH2_ERROR_EAGAIN)
        return wait(c);
    s->opener = NULL;
    if (rc == LIBSSH2_ERROR_CHANNEL_FAILURE)
        return open_refused(c);
    return s2_break(s, rc, "opening a channel");
}

static enum step_result exec_step(struct s2_channel *c)
{
    c->session->starter = c;
    ssh_op_sent(c->op);
    int rc = libssh2_channel_process_startup(c->raw, "exec", 4, c->op->command,
        (unsigned)strlen(c->op->command));
    if (rc == LIBSSH2_ERROR_EAGAIN)
        return wait(c);
    c->session->starter = NULL;
    if (rc == LIBSSH2_ERROR_CHANNEL_REQUEST_DENIED) {
        c->refused = true;
        return move(c, OP_END);
    }
    if (rc != 0)
        return s2_break(c->session, rc, "sending the command");
    return move(c, OP_TALK);
}

/* One call of talking. MOVED: it did something. FAILED: the session broke. */
typedef enum step_result talk_call(struct s2_channel *c);

/* What a call that moves no bytes means. */
static enum step_result judge(struct s2_channel *c, ssize_t rc, const char *what)
{
    if (rc == LIBSSH2_ERROR_EAGAIN)
        return wait(c);
    if (is_of_channel((int)rc)) { /* the host closed its side: no more input is wanted */
        c->sent = c->op->input_bytes;
        c->eof_sent = true;
        return STEP_WAIT;
    }
    return s2_break(c->session, (int)rc, what);
}

static enum step_result write_call(struct s2_channel *c)
{
    size_t rest = c->op->input_bytes - c->sent;
    if (rest == 0)
        return STEP_WAIT;
    ssize_t n = libssh2_channel_write_ex(c->raw, 0, c->op->input + c->sent,
        rest < WRITE_BYTES ? rest : WRITE_BYTES);
    if (n < 0)
        return judge(c, n, "sending input");
    c->sent += (size_t)n;
    return n > 0 ? STEP_MOVED : STEP_WAIT;
}

static enum step_result eof_call(struct s2_channel *c)
{
    if (c->eof_sent || c->sent < c->op->input_bytes)
        return STEP_WAIT;
    int rc = libssh2_channel_send_eof(c->raw);
    if (rc < 0)
        return judge(c, rc, "ending the input");
    c->eof_sent = true;
    return STEP_MOVED;
}

static enum step_result read_call(struct s2_channel *c, bool is_stderr)
{
    char data[READ_BYTES];
    enum step_result got = STEP_WAIT;
    for (size_t total = 0; total < SSH_READ_BYTES_PER_TURN;) {
        ssize_t n = libssh2_channel_read_ex(c->raw, is_stderr ? SSH_EXTENDED_DATA_STDERR : 0, data,
            sizeof data);
        if (n == 0)
            break; /* its end, or the other stream comes first */
        if (n < 0) {
            enum step_result judged = judge(c, n, "reading output");
            return judged == STEP_FAILED ? judged : got;
        }
        if (!c->abandoned)
            ssh_op_output(c->op, is_stderr, data, (size_t)n);
        total += (size_t)n;
        got = STEP_MOVED;
    }
    return got;
}

static enum step_result read_out_call(struct s2_channel *c)
{
    return read_call(c, false);
}

static enum step_result read_err_call(struct s2_channel *c)
{
    return read_call(c, true);
}

static enum step_result talk_step(struct s2_channel *c)
{
    static talk_call *const calls[] = {
        [CALL_WRITE] = write_call,
        [CALL_EOF] = eof_call,
        [CALL_READ_OUT] = read_out_call,
        [CALL_READ_ERR] = read_err_call,
    };
    _Static_assert(sizeof calls / sizeof calls[0] == CALLS, "one for each call");
    enum step_result all = STEP_WAIT;
    for (enum s2_call call = c->resume; call < CALLS; call++) {
        enum step_result got = calls[call](c);
        if (got == STEP_FAILED)
            return got;
        if (got == STEP_MOVED)
            all = got;
        if (c->session->sender == c) { /* the same call is repeated first */
            c->resume = call;
            return all;
        }
    }
    c->resume = CALL_WRITE;
    /* 0 while anything of either stream is still to be read. */
    if (libssh2_channel_eof(c->raw) == 1)
        return move(c, OP_EXIT);
    return all;
}

static enum step_result exit_step(struct s2_channel *c)
{
    int rc = libssh2_channel_wait_closed(c->raw);
    if (rc == LIBSSH2_ERROR_EAGAIN)
        return wait(c);
    if (rc < 0 && !is_of_channel(rc))
        return s2_break(c->session, rc, "reading the exit status");
    struct ssh_op *op = c->op;
    char *name = NULL;
    size_t bytes = 0;
    (void)libssh2_channel_get_exit_signal(c->raw, &name, &bytes, NULL, NULL, NULL, NULL);
    if (!c->abandoned && name) { /* the status is then 0 and means nothing */
        size_t n = bytes < sizeof op->exit_signal - 1 ? bytes : sizeof op->exit_signal - 1;
        memcpy(op->exit_signal, name, n);
        op->exit_signal[n] = '\0';
    } else if (!c->abandoned) {
        op->have_status = true;
        op->status = libssh2_channel_get_exit_status(c->raw);
    }
    if (name)
        libssh2_free(c->session->raw, name);
    return move(c, OP_END);
}

static enum step_result free_step(struct s2_channel *c)
{
    struct ssh_op *op = c->op;
    if (c->raw) {
        int rc = libssh2_channel_free(c->raw);
        if (rc == LIBSSH2_ERROR_EAGAIN)
            return wait(c);
        c->raw = NULL; /* any other answer freed it */
    }
    bool refused = c->refused, abandoned = c->abandoned;
    drop(c);
    if (abandoned)
        return STEP_MOVED;
    struct error err = {0};
    if (refused) {
        ssh_op_not_sent(op);
        error_from(&err, ERROR_REFUSED, ERROR_FROM_SSH, LIBSSH2_ERROR_CHANNEL_REQUEST_DENIED,
            "the server refused to start the command");
        ssh_group_wrap(op->group, &err);
    }
    ssh_op_end(op, refused ? &err : NULL);
    return STEP_MOVED;
}

static enum step_result drive_one(struct s2_channel *c)
{
    struct s2_session *s = c->session;
    if ((s->sender && s->sender != c) || (c->at == OP_OPEN && s->opener && s->opener != c) ||
        (c->at == OP_SEND && s->starter && s->starter != c))
        return STEP_WAIT;
    bool was_sender = s->sender == c;
    s->sender = NULL; /* its call sets it again */
    s->stepping = c;
    enum step_result got = steps[c->at](c);
    if (!s->stepping || got == STEP_FAILED)
        return got; /* c is gone, or all will be */
    s->stepping = NULL;
    if (c->abandoned && !c->lingers && !is_in_flight(c)) {
        drop(c); /* the call in flight is finished */
        return STEP_MOVED;
    }
    return was_sender && !s->sender ? STEP_MOVED : got; /* others may send now */
}

/* One look at each. MOVED: any did something. */
static enum step_result drive_each(struct s2_session *s)
{
    enum step_result all = STEP_WAIT;
    for (struct ssh_list *l = s->channels.next, *next; l != &s->channels; l = next) {
        next = l->next; /* only c itself may go away in its turn; new ones come last */
        enum step_result got = drive_one(SSH_FROM(l, struct s2_channel, link));
        if (got == STEP_FAILED)
            return got;
        if (got == STEP_MOVED)
            all = got;
    }
    return all;
}

enum step_result s2_drive_channels(struct s2_session *s)
{
    for (int moves = 0; moves < SSH_MOVES_PER_TURN_MAX; moves++) {
        if (ssh_list_empty(&s->channels))
            return STEP_WAIT;
        uint64_t before = s->received;
        enum step_result got = drive_each(s);
        if (got == STEP_FAILED)
            return got;
        if (got == STEP_WAIT && s->received == before)
            return STEP_WAIT;
    }
    return STEP_MOVED;
}
