/* SPDX-License-Identifier: MIT
 * A real sshd on 127.0.0.1 for tests: a folder, port and keys of its own, its log in a file. Runs as root; logs in as
 * a user given by name (default "root"). Everything fails the test when it cannot be done. Stop it in the teardown:
 * what still runs of it (sessions too) is killed, and the folder removed. */
#ifndef TESTS_KIT_KIT_SSHD_H
#define TESTS_KIT_KIT_SSHD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct kit_sshd_options {
    bool rsa_host_key_only;    /* else ed25519 and ecdsa                                       */
    bool etm_only;             /* MACs of the -etm kind only, as hardened servers have          */
    unsigned max_sessions;     /* 0: sshd's default, 10                                        */
    unsigned max_startups;     /* 0: 200 (no drops); else "N:100:N", drops at once above N      */
    const char *force_command; /* NULL: none                                                   */
    const char *user;          /* who logs in; NULL: "root". kit_sshd_user makes one            */
    const char *extra;         /* further lines for sshd_config; NULL: none                    */
};

struct kit_sshd {
    char folder[64];
    uint16_t port;
    pid_t pid;                 /* the listening sshd; 0 when stopped                           */
    char user[32];
    char key_ed25519[96];      /* private key files that may log in                            */
    char key_ecdsa[96];
    char key_rsa[96];
    char key_locked[96];       /* ed25519 with the passphrase in `passphrase`                  */
    char passphrase[96];       /* a file                                                       */
    char passphrase_wrong[96]; /* a file                                                       */
    char key_stranger[96];     /* ed25519, not authorized                                      */
    char known_hosts[96];      /* lines for "[127.0.0.1]:port"                                 */
    char log[96];              /* sshd's log, LogLevel VERBOSE                                 */
};

struct kit_sshd *kit_sshd_start(const struct kit_sshd_options *options); /* NULL: defaults */
/* Ends the listener and every process below it, by pid. The folder stays. */
void kit_sshd_kill(struct kit_sshd *s);
/* Kills only the connections, not the listener. */
void kit_sshd_cut(struct kit_sshd *s);
void kit_sshd_stop(struct kit_sshd *s); /* kills, removes the folder, frees; NULL is fine */

/* How often `text` stands in sshd's log. */
unsigned kit_sshd_logged(const struct kit_sshd *s, const char *text);
/* One line of a host key's public file without comment: "ssh-ed25519 AAAA..."; type "ed25519", "ecdsa" or "rsa".
 * The caller frees. */
char *kit_sshd_host_key(const struct kit_sshd *s, const char *type);

/* Makes a system user with this login shell (for tests of login shells), unlocked and without a password; the returned
 * name is static per shell. kit_sshd_user_remove deletes it. NULL when the shell is not installed. */
const char *kit_sshd_user(const char *shell);
void kit_sshd_user_remove(const char *user);

#endif
