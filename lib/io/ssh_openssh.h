/* SPDX-License-Identifier: MIT
 * Inside of the openssh transport: one `ssh -M -N` program a session (the master), and one connection to its control
 * socket a channel, in OpenSSH's multiplexing protocol (PROTOCOL.mux of its source, version 4). Speaking that ourselves
 * tells what an exit status alone does not: whether the command was sent, refused, or ended. */
#ifndef LIB_IO_SSH_OPENSSH_H
#define LIB_IO_SSH_OPENSSH_H

#include <uv.h>

#include "lib/io/ssh_internal.h"

#define OS_LOG_BYTES_MAX (64 * 1024)
#define OS_SOCKET_BYTES 108

enum os_state { OS_CONNECT, OS_HANDSHAKE, OS_LOGIN, OS_READY, OS_STATES };

struct os_session {
    struct ssh_session base; /* first: the pool's view */
    enum os_state state;
    char socket[OS_SOCKET_BYTES]; /* path of the control socket */
    uv_process_t process;
    uv_pipe_t in, out, err; /* in: its end tells the master's watcher that we are gone */
    bool alive;             /* the program runs */
    bool closing;
    int open_handles;
    struct loop_timer *timer; /* owned: the state's deadline; while closing, until it is killed */
    struct buf log;           /* what it said on stderr */
    size_t log_seen;          /* bytes of whole lines that were looked at */
    struct ssh_list channels;
    char read_room[4096];
};

enum os_pipe { PIPE_CONTROL, PIPE_IN, PIPE_OUT, PIPE_ERR, PIPE_PROBE /* asks whether the master lives */, PIPES };

struct os_channel {
    struct ssh_list link; /* in session->channels; alone once it was let go */
    struct os_session *session;
    struct ssh_op *op;    /* borrowed; NULL once it was let go */
    uv_pipe_t pipes[PIPES];
    bool open[PIPES];     /* the handle is not closing */
    int open_handles;     /* not yet closed */
    uv_write_t write;
    char *input;          /* owned once the op is gone and libuv may still read it */
    size_t input_bytes;
    struct buf inbox;     /* from the control socket */
    bool begun, opened, has_status, probing, ended_here;
    bool lingers; /* its operation was given up; it waits for its end */
    int status;
    char room[32 * 1024];
};

/* ssh_openssh_mux.c */
int os_attach(struct ssh_session *base, struct ssh_op *op);
void os_abandon(struct ssh_session *base, struct ssh_op *op);
void os_drop_channels(struct os_session *s);

/* ssh_openssh.c */
void os_free_if_closed(struct os_session *s);

/* ssh_openssh_why.c: what the program's words mean. */
/* Moves by a line of its log; returns the state it tells of, or `state`. */
enum os_state os_state_after(enum os_state state, const char *line, size_t bytes);
/* The program ended with this status while a session was made. *out_retry: the server was busy. */
void os_why(const struct os_session *s, int64_t status, struct error *err, bool *out_retry);
/* It ended while the session stood. */
void os_why_lost(const struct os_session *s, int64_t status, struct error *err);

#endif
