/* SPDX-License-Identifier: MIT
 * One command by the master's control socket. We send the request and three descriptors; the master then reads and
 * writes our pipes itself, and tells on the socket that the command began, its exit status, or why it could not begin.
 *
 * The socket's end without a status means either that a signal ended the command (the protocol does not tell which), or
 * that the master is going. Then the master is asked whether it lives: an answer can only come while its connection
 * stands. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/io/ssh_openssh.h"

#define MUX_HELLO 0x00000001u
#define MUX_NEW_SESSION 0x10000002u
#define MUX_ALIVE_CHECK 0x10000004u
#define MUX_DENIED 0x80000002u
#define MUX_FAILURE 0x80000003u
#define MUX_EXIT 0x80000004u
#define MUX_ALIVE 0x80000005u
#define MUX_OPENED 0x80000006u
#define MUX_VERSION 4
#define NO_ESCAPE 0xffffffffu
#define MESSAGE_BYTES_MAX 4096 /* from the master */

static void begin(void *owner);

int os_attach(struct ssh_session *base, struct ssh_op *op)
{
    struct os_session *s = (struct os_session *)base;
    struct os_channel *c = calloc(1, sizeof *c);
    if (!c)
        return -1;
    c->session = s;
    c->op = op;
    buf_init(&c->inbox, 2 * MESSAGE_BYTES_MAX);
    op->channel = c;
    ssh_list_add_last(&s->channels, &c->link);
    loop_soon(base->ssh->loop, begin, c);
    return 0;
}

static void channel_free(struct os_channel *c)
{
    if (c->input)
        explicit_bzero(c->input, c->input_bytes); /* values of a run */
    free(c->input);
    buf_done(&c->inbox);
    free(c);
}

static void on_closed(uv_handle_t *handle)
{
    struct os_channel *c = handle->data;
    struct os_session *s = c->session;
    s->open_handles--;
    if (--c->open_handles > 0 || c->op)
        return;
    channel_free(c);
    os_free_if_closed(s);
}

static void close_pipe(struct os_channel *c, enum os_pipe which)
{
    if (!c->open[which])
        return;
    c->open[which] = false;
    uv_close((uv_handle_t *)&c->pipes[which], on_closed);
}

/* Lets the operation go; the memory follows when all handles are closed. */
static void let_go(struct os_channel *c)
{
    struct ssh_op *op = c->op;
    struct os_session *s = c->session;
    loop_soon_cancel(s->base.ssh->loop, c);
    ssh_list_remove(&c->link);
    c->op = NULL;
    if (c->opened) { /* a write of it may be under way; then the op has ended and needs it no more */
        c->input = op->input;
        c->input_bytes = op->input_bytes;
        op->input = NULL;
    }
    for (int i = 0; i < PIPES; i++)
        close_pipe(c, (enum os_pipe)i);
    bool lingered = c->lingers;
    if (c->open_handles == 0)
        channel_free(c);
    ssh_op_let_go(op);
    if (lingered)
        ssh_session_lingered(&s->base);
}

void os_drop_channels(struct os_session *s)
{
    while (!ssh_list_empty(&s->channels))
        let_go(SSH_FROM(s->channels.next, struct os_channel, link));
}

/* A remote command that lives on keeps its place among the server's sessions. Input that did not go out whole never
 * will: half a script must not be followed by the end of file that makes a shell run it. Closing the control socket
 * first keeps the master from sending that. */
void os_abandon(struct ssh_session *base, struct ssh_op *op)
{
    struct os_channel *c = op->channel;
    assert(c && c->op == op);
    if (base->state != SESSION_CLOSING && c->opened && !c->open[PIPE_IN]) {
        c->lingers = true;
        ssh_session_linger(base);
        return;
    }
    if (c->begun)
        base->retiring = true;
    let_go(c);
}

/* ---- sending ---- */

static int add_number(struct buf *b, uint32_t n)
{
    unsigned char bytes[] = {(unsigned char)(n >> 24), (unsigned char)(n >> 16),
        (unsigned char)(n >> 8), (unsigned char)n};
    return buf_add(b, bytes, sizeof bytes);
}

static int add_text(struct buf *b, const char *text)
{
    return add_number(b, (uint32_t)strlen(text)) < 0 || buf_add_text(b, text) < 0 ? -1 : 0;
}

static int add_packet(struct buf *b, const struct buf *body)
{
    return add_number(b, (uint32_t)body->bytes) < 0 || buf_add(b, body->data, body->bytes) < 0 ? -1
                                                                                              : 0;
}

static int make_hello(struct buf *out)
{
    return add_number(out, 8) < 0 || add_number(out, MUX_HELLO) < 0 ||
                   add_number(out, MUX_VERSION) < 0
               ? -1
               : 0;
}

static int make_request(struct buf *out, const char *command)
{
    struct buf body;
    buf_init(&body, SSH_COMMAND_BYTES_MAX + 256);
    int result = make_hello(out);
    const uint32_t head[] = {MUX_NEW_SESSION, 0 /* request id */, 0 /* reserved: empty text */,
        0 /* no terminal */, 0 /* no X11 */, 0 /* no agent */, 0 /* no subsystem */, NO_ESCAPE};
    for (size_t i = 0; i < sizeof head / sizeof head[0] && result == 0; i++)
        result = add_number(&body, head[i]);
    if (result == 0)
        result = add_text(&body, ""); /* terminal type */
    if (result == 0)
        result = add_text(&body, command);
    if (result == 0)
        result = add_packet(out, &body);
    buf_done(&body);
    return result;
}

static int make_alive_check(struct buf *out)
{
    return make_hello(out) < 0 || add_number(out, 8) < 0 || add_number(out, MUX_ALIVE_CHECK) < 0 ||
                   add_number(out, 0) < 0
               ? -1
               : 0;
}

/* One byte with a descriptor, as the master reads them. */
static int send_fd(int control, int fd)
{
    char byte = 0;
    struct iovec vector = {&byte, 1};
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } ancillary = {0};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = ancillary.room,
        .msg_controllen = sizeof ancillary.room};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    return sendmsg(control, &message, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

/* A connected control socket, or -1 and errno. Local, so it connects at once or never. */
static int connect_control(const struct os_session *s)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    _Static_assert(sizeof to.sun_path >= OS_SOCKET_BYTES, "the path fits");
    memcpy(to.sun_path, s->socket, sizeof s->socket);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    int number = errno;
    (void)close(fd); /* nothing was done with it */
    errno = number;
    return -1;
}

/* A whole message fits the socket's buffer: a short send means that the master is stuck or gone. */
static int send_all(int fd, const struct buf *message)
{
    return send(fd, message->data, message->bytes, MSG_NOSIGNAL) == (ssize_t)message->bytes ? 0 : -1;
}

/* ---- the handles ---- */

static void give_room(uv_handle_t *handle, size_t wanted, uv_buf_t *out)
{
    struct os_channel *c = handle->data;
    (void)wanted;
    *out = uv_buf_init(c->room, sizeof c->room);
}

/* Hands the descriptor to libuv, which closes it. */
static void open_handle(struct os_channel *c, enum os_pipe which, int fd)
{
    uv_pipe_t *pipe = &c->pipes[which];
    int rc = uv_pipe_init(loop_uv(c->session->base.ssh->loop), pipe, 0);
    assert(rc == 0);
    pipe->data = c;
    c->open[which] = true;
    c->open_handles++;
    c->session->open_handles++;
    rc = uv_pipe_open(pipe, fd);
    assert(rc == 0); /* a fresh pipe or socket */
}

/* ---- the exit ---- */

static void finish(struct os_channel *c)
{
    struct ssh_op *op = c->op;
    if (c->lingers) {
        let_go(c);
        return;
    }
    if (c->has_status) {
        op->have_status = true;
        op->status = c->status;
    } else {
        (void)snprintf(op->exit_signal, sizeof op->exit_signal, "unknown");
    }
    let_go(c);
    ssh_op_end(op, NULL);
}

static void probe(struct os_channel *c);

/* Both streams ended, and the status is there, or the socket ended without one. */
static void finish_if_ended(struct os_channel *c)
{
    if (!c->opened || c->open[PIPE_OUT] || c->open[PIPE_ERR])
        return;
    if (!c->lingers && c->op->state == OP_TALK)
        ssh_op_move(c->op, OP_EXIT);
    if (c->has_status || c->ended_here || (c->lingers && !c->open[PIPE_CONTROL]))
        finish(c);
    else if (!c->open[PIPE_CONTROL] && !c->probing)
        probe(c);
}

/* ---- talking ---- */

static void on_output(struct os_channel *c, enum os_pipe which, ssize_t n, const char *data)
{
    if (!c->op)
        return;
    if (n > 0) {
        if (!c->lingers)
            ssh_op_output(c->op, which == PIPE_ERR, data, (size_t)n);
        return;
    }
    if (n < 0) {
        close_pipe(c, which);
        finish_if_ended(c);
    }
}

static void on_out(uv_stream_t *stream, ssize_t n, const uv_buf_t *room)
{
    on_output(stream->data, PIPE_OUT, n, room->base);
}

static void on_err(uv_stream_t *stream, ssize_t n, const uv_buf_t *room)
{
    on_output(stream->data, PIPE_ERR, n, room->base);
}

static void on_written(uv_write_t *write, int status)
{
    struct os_channel *c = write->data;
    (void)status; /* the command may have ended without reading it all */
    close_pipe(c, PIPE_IN);
}

/* The command runs: its input goes out. Not before, so that a command that did not begin can be sent again. */
static void on_opened(struct os_channel *c)
{
    if (c->opened)
        return;
    c->opened = true;
    ssh_op_move(c->op, OP_TALK);
    uv_buf_t data = uv_buf_init(c->op->input, (unsigned)c->op->input_bytes);
    c->write.data = c;
    if (c->op->input_bytes == 0 ||
        uv_write(&c->write, (uv_stream_t *)&c->pipes[PIPE_IN], &data, 1, on_written) < 0)
        close_pipe(c, PIPE_IN);
    finish_if_ended(c);
}

static void refused(struct os_channel *c, const char *reason, size_t bytes)
{
    struct ssh_op *op = c->op;
    struct ssh_session *base = &c->session->base;
    struct error err = {0};
    ssh_op_not_sent(op);
    char text[200];
    ssh_quote(base->ssh, reason, bytes, text, sizeof text);
    error_from(&err, ERROR_REFUSED, ERROR_FROM_SSH, 0, "opening a channel: '%s'", text);
    error_hint(&err, "sshd's MaxSessions may be 0, or the user may not have a session");
    let_go(c);
    ssh_session_full(base, op, &err);
}

static uint32_t number_at(const struct buf *b, size_t at)
{
    const unsigned char *p = (const unsigned char *)b->data + at;
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Takes one whole message out of the inbox. False: there is none, or the channel was let go. */
static bool take_message(struct os_channel *c)
{
    const struct buf *b = &c->inbox;
    if (b->bytes < 8)
        return false;
    size_t bytes = number_at(b, 0);
    if (bytes < 4 || bytes > MESSAGE_BYTES_MAX || b->bytes < 4 + bytes)
        return false;
    uint32_t type = number_at(b, 4);
    if ((type == MUX_FAILURE || type == MUX_DENIED) && bytes >= 12) {
        size_t n = number_at(b, 12);
        refused(c, b->data + 16, n <= bytes - 12 ? n : 0);
        return false;
    }
    if (type == MUX_EXIT && bytes >= 12) {
        c->has_status = true;
        c->status = (int)number_at(b, 12);
    } else if (type == MUX_ALIVE) {
        c->ended_here = true;
    }
    buf_drop(&c->inbox, 4 + bytes);
    if (type == MUX_OPENED)
        on_opened(c);
    else
        finish_if_ended(c);
    return true;
}

static void on_control(uv_stream_t *stream, ssize_t n, const uv_buf_t *room)
{
    struct os_channel *c = stream->data;
    if (!c->op || n == 0)
        return;
    if (n < 0) {
        close_pipe(c, stream == (uv_stream_t *)&c->pipes[PIPE_PROBE] ? PIPE_PROBE : PIPE_CONTROL);
        finish_if_ended(c); /* if it never opened, the master is going: its end says more */
        return;
    }
    if (buf_add(&c->inbox, room->base, (size_t)n) < 0) {
        buf_clear(&c->inbox); /* no message is so long: not a master that we know */
        return;
    }
    while (c->op && take_message(c)) {
        /* until it was let go; its memory stands until its handles are closed */
    }
}

/* ---- beginning ---- */

static void close_fds(int *fds, int n)
{
    for (int i = 0; i < n; i++)
        if (fds[i] >= 0)
            (void)close(fds[i]);
}

/* Sends the request with the far ends of three fresh pipes. The master sees the third and begins: from there on the
 * command may run. */
static int send_request(struct os_channel *c, int control, const int far[3])
{
    struct buf message;
    buf_init(&message, 2 * SSH_COMMAND_BYTES_MAX);
    int result = make_request(&message, c->op->command);
    if (result == 0)
        result = send_all(control, &message);
    buf_done(&message);
    for (int i = 0; i < 2 && result == 0; i++)
        result = send_fd(control, far[i]);
    if (result < 0)
        return -1;
    ssh_op_sent(c->op);
    ssh_op_move(c->op, OP_SEND);
    return send_fd(control, far[2]);
}

static int make_pipes(int near[3], int far[3])
{
    for (int i = 0; i < 3; i++) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) < 0)
            return -1;
        near[i] = i == 0 ? ends[1] : ends[0];
        far[i] = i == 0 ? ends[0] : ends[1];
        if (fcntl(near[i], F_SETFL, O_NONBLOCK) < 0)
            return -1;
    }
    return 0;
}

/* No command can begin here: the operation looks for another session, but not for ever. */
static void cannot_begin(struct os_channel *c, int number)
{
    struct ssh_op *op = c->op;
    struct ssh_session *base = &c->session->base;
    struct error err = {0};
    error_from_errno(&err, ERROR_UNREACHED, number, "the control socket of ssh");
    base->retiring = true;
    let_go(c);
    if (op->session_failures++ < SSH_RECONNECTS_MAX) {
        ssh_session_full(base, op, &err);
        return;
    }
    ssh_group_wrap(op->group, &err);
    ssh_op_end(op, &err);
}

static void begin(void *owner)
{
    struct os_channel *c = owner;
    int near[3] = {-1, -1, -1}, far[3] = {-1, -1, -1};
    int control = connect_control(c->session);
    if (control < 0 || make_pipes(near, far) < 0) {
        int number = errno;
        close_fds(near, 3);
        close_fds(far, 3);
        close_fds(&control, 1);
        cannot_begin(c, number);
        return;
    }
    c->begun = true;
    int sent = send_request(c, control, far);
    int number = errno;
    close_fds(far, 3);
    open_handle(c, PIPE_CONTROL, control);
    open_handle(c, PIPE_IN, near[0]);
    open_handle(c, PIPE_OUT, near[1]);
    open_handle(c, PIPE_ERR, near[2]);
    if (sent < 0) {
        ssh_op_not_sent(c->op); /* the third descriptor did not go out */
        cannot_begin(c, number);
        return;
    }
    (void)uv_read_start((uv_stream_t *)&c->pipes[PIPE_CONTROL], give_room, on_control);
    (void)uv_read_start((uv_stream_t *)&c->pipes[PIPE_OUT], give_room, on_out);
    (void)uv_read_start((uv_stream_t *)&c->pipes[PIPE_ERR], give_room, on_err);
}

/* Asks whether the master still stands. Where it does not, its end comes by itself. */
static void probe(struct os_channel *c)
{
    c->probing = true;
    int control = connect_control(c->session);
    if (control < 0)
        return;
    struct buf message;
    buf_init(&message, 256);
    int sent = make_alive_check(&message);
    if (sent == 0)
        sent = send_all(control, &message);
    buf_done(&message);
    buf_clear(&c->inbox);
    open_handle(c, PIPE_PROBE, control);
    if (sent == 0)
        (void)uv_read_start((uv_stream_t *)&c->pipes[PIPE_PROBE], give_room, on_control);
}
