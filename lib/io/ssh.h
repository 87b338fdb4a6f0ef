/* SPDX-License-Identifier: MIT
 * Runs commands on hosts over SSH, by one of two transports behind this one interface: libssh2 (in the process), or the
 * `ssh` program (RSA keys, certificates, hardened servers, ProxyJump by its configuration file). Sessions are kept and
 * shared by all operations with the same address, port, user, key, known_as and transport. Host keys are strict.
 *
 * Everything a host sends passes the redactor here, before anybody sees it (lib/base/redact.h says what that means for
 * protocols above: frame by delimiters, never by byte counts).
 *
 * Does not end what runs on the host: neither a cancelled operation nor a lost connection stops a remote command. A
 * deadline that must hold on the host is the command's own business (the wrapper's).
 *
 * Wants SIGPIPE ignored process-wide (libuv pipes to the ssh program); sockets use MSG_NOSIGNAL. */
#ifndef LIB_IO_SSH_H
#define LIB_IO_SSH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/error.h"
#include "lib/base/known_hosts.h"
#include "lib/base/limits.h"
#include "lib/base/redact.h"
#include "lib/io/loop.h"

struct ssh; /* all sessions of a node */

enum ssh_transport { SSH_LIBSSH2, SSH_OPENSSH };

/* Zero means the default of lib/base/limits.h, for each number. */
struct ssh_settings {
    const struct known_hosts *known_hosts; /* borrowed until ssh_set_known_hosts or ssh_free; NULL: every host is unknown */
    struct redactor *redactor;             /* counted: ssh_new takes a hold of its own; NULL: shapes only */

    unsigned handshakes_all_max;   /* 64: connections being made at once           */
    unsigned handshakes_host_max;  /* 4: of these, to one address and port         */
    unsigned channels_session_max; /* 8: commands at once in one session           */
    unsigned idle_ms;              /* 60 s: a session without work is closed       */
    unsigned keepalive_ms;         /* 15 s                                         */
    unsigned user_timeout_ms;      /* 30 s: sent and not acknowledged: it is dead  */

    /* Own deadline of each state; the request's deadline caps them all. */
    unsigned resolve_ms;   /* 5 s: "looking up the address"  */
    unsigned connect_ms;   /* 10 s: "connecting"             */
    unsigned handshake_ms; /* 10 s: "shaking hands"          */
    unsigned login_ms;     /* 15 s: "logging in"             */
    unsigned open_ms;      /* 10 s: "opening a channel"      */
    unsigned send_ms;      /* 10 s: "sending the command"    */
    unsigned exit_ms;      /* 5 s: "reading the exit status" */

    const char *openssh_program; /* borrowed during ssh_new; NULL: "ssh" on PATH                           */
    const char *openssh_folder;  /* borrowed during ssh_new; where a private folder is made, NULL: "/tmp".
                                  * At most SSH_FOLDER_BYTES_MAX characters: control sockets have short names */
    const char *openssh_config;  /* borrowed during ssh_new; an ssh_config of the operator's, NULL: none    */
};

/* Errors: CONFIG (folder too long, not there, not ours), LIMIT. Nothing is connected yet. */
struct ssh *ssh_new(struct loop *loop, const struct ssh_settings *settings, struct error *err);
/* Cancels every operation (each done is called, from within this call, with CANCELLED or UNCERTAIN; it must not start
 * another), closes all sessions,
 * ends the ssh programs it started and removes its folder. Turns the loop itself until all that is gone (bounded: what
 * does not leave within 2 s is killed). */
void ssh_free(struct ssh *s); /* NULL is fine */

/* Takes effect for the next connection; sessions that stand are kept. The old object may be freed at once. */
void ssh_set_known_hosts(struct ssh *s, const struct known_hosts *known_hosts);
/* Takes effect for the next operation. */
void ssh_set_redactor(struct ssh *s, struct redactor *redactor);

struct ssh_target {
    const char *name;            /* the inventory's name, for errors                                          */
    const char *address;         /* IP address; a name is looked up off the loop                              */
    const char *known_as;        /* the name to look for in known_hosts; NULL or "": the address              */
    uint16_t port;               /* 0: 22                                                                     */
    const char *user;
    const char *key_file;        /* private key; must not be readable by others                               */
    const char *passphrase_file; /* its first line is the key's passphrase; NULL or "": none                  */
    enum ssh_transport transport;
};

/* Live output: after redaction, in order, bounded by nothing but the request's out/err limits.
 * Must not call ssh_free. May call ssh_cancel. */
typedef void ssh_output_fn(void *owner, uint64_t op_id, bool is_stderr, const char *data,
    size_t bytes);

struct ssh_request {
    const struct ssh_target *target;
    const char *command;     /* for the login shell of the user; seen in the host's process list: no secrets here */
    const char *input;       /* standard input, any bytes; then end of file. NULL: empty                          */
    size_t input_bytes;      /* at most SSH_INPUT_BYTES_MAX                                                       */
    size_t out_bytes_max;    /* kept of stdout, 0: SSH_OUTPUT_BYTES_MAX. The head is kept, the rest is drained    */
    size_t err_bytes_max;    /* likewise of stderr                                                                */
    unsigned deadline_ms;    /* for all of it, queueing included; 0: 5 min                                        */
    ssh_output_fn *on_output; /* may be NULL */
};

struct ssh_outcome {
    bool maybe_ran;       /* the command may have begun on the host               */
    bool have_status;
    int status;           /* exit status, when have_status                        */
    char exit_signal[16]; /* "TERM", "KILL", ...: ended by a signal; "" when not.
                           * "unknown" by openssh, which does not tell which one  */
    const char *out;      /* borrowed until done returns; NUL follows; redacted   */
    size_t out_bytes;
    bool out_cut;         /* there was more than out_bytes_max                    */
    const char *err;
    size_t err_bytes;
    bool err_cut;
    const char *doing;    /* the state it ended in, static: "reading output"      */
    bool fresh;           /* a new session was made for it                        */
    unsigned connect_ms;  /* from the request until a channel could be opened     */
    unsigned total_ms;
};

/* Called once for each ssh_run, never from inside it, also when cancelled. outcome is never NULL (borrowed until done
 * returns). err is NULL when the command ended on the host by itself, whatever its status. Else the kind says
 *   UNREACHED   nothing was sent: no route, connection refused or lost before the command
 *   DEADLINE    as UNREACHED, by time; the text names the state: "timed out while shaking hands (10 s)"
 *   REFUSED     host key (unknown, changed, revoked: distinct texts), login, channel or command refused
 *   CONFIG      key or passphrase file, a name that does not exist, an unusable ssh program
 *   UNCERTAIN   outcome->maybe_ran: it may have run, may still run
 *   CANCELLED   by ssh_cancel, before the command could have been sent
 *   LIMIT       memory or descriptors
 * May call ssh_run and ssh_cancel, not ssh_free. */
typedef void ssh_done(void *owner, uint64_t op_id, const struct ssh_outcome *outcome,
    const struct error *err);

/* Starts a command. Everything in the request is copied. Returns the operation's id, never 0; what is wrong with the
 * request itself is reported by done, too. owner is borrowed until done. */
uint64_t ssh_run(struct ssh *s, const struct ssh_request *request, ssh_done *done, void *owner);
/* Asks it to end; done follows from the loop. Unknown or ended ids are ignored. */
void ssh_cancel(struct ssh *s, uint64_t op_id);

/* What stands now; for metrics, /debug and tests. */
struct ssh_counts {
    unsigned operations;      /* not yet done                                     */
    unsigned waiting;         /* of these, without a session yet                  */
    unsigned sessions;        /* standing or being made                           */
    unsigned handshakes;      /* being made                                       */
    unsigned handshakes_peak; /* most at once, all hosts                          */
    unsigned handshakes_host_peak;
    unsigned channels_peak;   /* most at once in one session                      */
    uint64_t connected;       /* sessions made since ssh_new                      */
    uint64_t ended;           /* operations ended since ssh_new                   */
};
void ssh_count(const struct ssh *s, struct ssh_counts *out);

/* A host that the last operation did not reach, or lost. One that is not asked again stays; of more than
 * SSH_TROUBLES_MAX, the oldest are forgotten. */
struct ssh_trouble {
    char name[96];  /* the inventory's name */
    char why[256];
    int64_t since_mono_ms;
};
/* Those of now, oldest first; borrowed until the loop turns. */
const struct ssh_trouble *ssh_troubles(const struct ssh *s, int *out_count);

/* "libssh2 1.10.0: no rsa-sha2, ..." for version and doctor output. Appends. */
void ssh_describe(struct buf *out);

#endif
