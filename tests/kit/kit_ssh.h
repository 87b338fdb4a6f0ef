/* SPDX-License-Identifier: MIT
 * Runs commands over SSH in tests and waits for their results. */
#ifndef TESTS_KIT_KIT_SSH_H
#define TESTS_KIT_KIT_SSH_H

#include <stdbool.h>

#include "lib/io/loop.h"
#include "lib/io/ssh.h"
#include "tests/kit/kit_sshd.h"

#define KIT_SSH_SECRET "canary-7781" /* what the bed's redactor knows */

struct result {
    bool done;
    int times;
    uint64_t id;
    struct ssh_outcome outcome; /* its out and err are below */
    char *out, *err_out;        /* owned */
    bool failed;
    struct error err;
    struct buf live; /* for tests that want it */
    void *more;      /* borrowed; likewise    */
};

struct bed {
    struct loop *loop;
    struct ssh *ssh;
    struct known_hosts *known_hosts;
    struct redactor *redactor;
    enum ssh_transport transport;
};

/* known_hosts: a file. Deadlines that settings leave at 0 are long here. */
void bed_open(struct bed *b, enum ssh_transport transport, struct ssh_settings settings,
    const char *known_hosts);
void bed_close(struct bed *b);
/* The server as ed25519 user, named "db-3". */
struct ssh_target bed_target(const struct bed *b, const struct kit_sshd *s);
void bed_start(struct bed *b, const struct ssh_target *t, struct ssh_request r, struct result *out);
/* Turns the loop until all n have come; fails the test after 60 s. */
void bed_wait(struct bed *b, struct result *results, size_t n);
void bed_run(struct bed *b, const struct ssh_target *t, struct ssh_request r, struct result *out);
void result_done(struct result *r);

#endif
