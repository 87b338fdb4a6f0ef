/* SPDX-License-Identifier: MIT
 * Inside of the libssh2 transport: a session's machine, its channels, and why things failed.
 *
 * libssh2's rules that shape it: every call is resumable after EAGAIN by the same call with the same arguments; a packet
 * that was sent in part belongs to the call that sent it, so while one is pending (`sender`) nothing else of the session
 * may send; opening a channel keeps its state in the session, so one at a time (`opener`); and a call that waits for
 * the answer to a command fails when the answer for another channel comes first, so one of those at a time too
 * (`starter`; libssh2 1.10, _libssh2_packet_requirev). One call may read packets of other channels: after each call that
 * read from the socket all channels are looked at again. */
#ifndef LIB_IO_SSH_LIBSSH2_H
#define LIB_IO_SSH_LIBSSH2_H

#include <libssh2.h>
#include <uv.h>

#include "lib/io/ssh_hello.h"
#include "lib/io/ssh_internal.h"
#include "lib/io/ssh_key.h"

enum s2_state {
    S2_KEY,
    S2_TRUST,
    S2_RESOLVE,
    S2_CONNECT,
    S2_HANDSHAKE,
    S2_HOST_KEY,
    S2_LOGIN,
    S2_READY,
    S2_STATES,
};

#define S2_HELLO_BYTES_MAX (16 * 1024) /* of the server's first bytes, kept for diagnosis */
#define S2_METHODS_BYTES 256

struct s2_channel;

struct s2_session {
    struct ssh_session base; /* first: the pool's view */
    enum s2_state state;
    bool running;     /* inside drive */
    bool driving;     /* a drive is asked for by loop_soon */
    bool close_asked; /* torn down at the end of drive */
    bool torn_down;
    bool broken;      /* err is set: the session ends */
    bool may_retry;   /* the server was busy: another connection may go well */

    uv_work_t work;   /* reads the key */
    bool working;
    int work_result;
    struct ssh_key key; /* wiped once logged in */
    struct error key_error;

    uint64_t resolve_id; /* 0: none runs */
    char address[46];

    int fd; /* owned; -1: none */
    uv_poll_t poll;
    bool polling;
    int poll_mask;
    LIBSSH2_SESSION *raw; /* owned */
    char host_keys[S2_METHODS_BYTES]; /* types on file, in the order we like them */
    struct buf hello;
    uint64_t received; /* bytes from the socket */
    bool saw_end;      /* the host closed the connection */
    int socket_errno;  /* of the last failed call */

    struct loop_timer *timer; /* owned: the state's deadline, then keepalive */
    int open_handles;         /* of uv, not yet closed */
    struct ssh_list channels;
    struct s2_channel *sender; /* borrowed from channels; has a packet sent in part */
    struct s2_channel *opener; /* borrowed from channels; its open is in flight */
    struct s2_channel *starter; /* borrowed from channels; its command waits for an answer */
    struct s2_channel *stepping; /* borrowed from channels; NULL once it was dropped in its own step */
    struct error err;
};

enum s2_call { CALL_WRITE, CALL_EOF, CALL_READ_OUT, CALL_READ_ERR, CALLS };

struct s2_channel {
    struct ssh_list link; /* in session->channels */
    struct s2_session *session;
    struct ssh_op *op;     /* borrowed; lives as long as this */
    LIBSSH2_CHANNEL *raw;  /* owned by raw session */
    enum ssh_op_state at;  /* OP_OPEN to OP_END: which step is next */
    size_t sent;           /* of the input */
    bool eof_sent;
    enum s2_call resume;   /* the call of OP_TALK that waits to send, else CALL_WRITE */
    bool abandoned;        /* nobody wants its result: only the call in flight is finished */
    bool lingers;          /* abandoned, and lived on to its end all the same */
    bool refused;          /* the command was */
};

/* ssh_libssh2.c */
/* The session cannot go on: text from libssh2 or the socket. Returns STEP_FAILED. */
enum step_result s2_break(struct s2_session *s, int rc, const char *what);
/* Asks for a drive in this turn's end. */
void s2_drive_soon(struct s2_session *s);

/* ssh_libssh2_login.c */
/* One call of logging in: 0, LIBSSH2_ERROR_EAGAIN, or what is wrong. */
int s2_log_in(struct s2_session *s);

/* ssh_libssh2_channel.c */
int s2_attach(struct ssh_session *base, struct ssh_op *op);
void s2_abandon(struct ssh_session *base, struct ssh_op *op);
/* Lets each channel take its steps, until all wait. */
enum step_result s2_drive_channels(struct s2_session *s);
/* Lets go of all, without a word to the host. */
void s2_drop_channels(struct s2_session *s);

/* ssh_libssh2_why.c */
/* Decides which host key types to ask for. -1: this host cannot be trusted by libssh2, and why. */
int s2_trust(struct s2_session *s);
/* Judges the key that the server showed. */
int s2_check_host_key(struct s2_session *s);
/* The method lists that we offer, by libssh2's method number. NULL ends. */
struct s2_method {
    int method;
    const char *list;
};
extern const struct s2_method s2_methods[];
/* Fill s->err. */
void s2_why_handshake(struct s2_session *s, int rc);
void s2_why_login(struct s2_session *s, int rc);
bool s2_has(int version); /* the library at run time is at least this */

#endif
