/* SPDX-License-Identifier: MIT
 * Reads OpenSSH's known_hosts and judges a host's key by it. Plain names, comma lists, hashed names (|1|), patterns
 * (* ? !), [host]:port, and @revoked, which wins over every other line. Certificates (@cert-authority) are not judged:
 * such a line is a warning that names `transport: openssh`. Lines that cannot be read are warnings and are skipped:
 * they never make an unknown key known. Knows no library for SSH. */
#ifndef LIB_BASE_KNOWN_HOSTS_H
#define LIB_BASE_KNOWN_HOSTS_H

#include <stdint.h>

#include "lib/base/diag.h"
#include "lib/base/error.h"

struct known_hosts; /* never changed after it was made */

/* Parses a whole file. `file` is its name in warnings and hints, copied. diag may be NULL.
 * Errors: LIMIT (KNOWN_HOSTS_BYTES_MAX, KNOWN_HOSTS_LINES_MAX, memory). Never fails for what is in a line. */
struct known_hosts *known_hosts_parse(const char *file, const void *text, size_t bytes,
    struct diag *diag, struct error *err);
/* Reads the file (blocking: at start-up and reload only) and parses it. Errors: also CONFIG (cannot be read). */
struct known_hosts *known_hosts_load(const char *file, struct diag *diag, struct error *err);
void known_hosts_free(struct known_hosts *k); /* NULL is fine */

const char *known_hosts_file(const struct known_hosts *k);
size_t known_hosts_lines(const struct known_hosts *k); /* lines in use */

enum known_hosts_type {
    KNOWN_HOSTS_ED25519,
    KNOWN_HOSTS_ECDSA_256,
    KNOWN_HOSTS_ECDSA_384,
    KNOWN_HOSTS_ECDSA_521,
    KNOWN_HOSTS_RSA,
    KNOWN_HOSTS_OTHER, /* dss, sk-*, ...: judged by bytes, never offered */
    KNOWN_HOSTS_TYPES,
};
/* "ssh-ed25519", ...; static. */
const char *known_hosts_type_name(enum known_hosts_type type);

enum known_hosts_verdict {
    KNOWN_HOSTS_MATCH,
    KNOWN_HOSTS_UNKNOWN, /* no line for this host (of this key's type or any other) */
    KNOWN_HOSTS_CHANGED, /* lines for this host, none with this key */
    KNOWN_HOSTS_REVOKED,
};

struct known_hosts_answer {
    enum known_hosts_verdict verdict;
    int line; /* the line that decided; for CHANGED the first of the same type, else of any; 0: none */
};

/* The line names under which host and port are on file: "[host]:port", or "host" for port 22 and where there is no
 * line with the port. NULL when there is none; else static or inside `room`. */
#define KNOWN_HOSTS_NAME_BYTES 272
const char *known_hosts_name(const struct known_hosts *k, const char *host, uint16_t port,
    char room[KNOWN_HOSTS_NAME_BYTES]);

/* What is on file for a host. Types are bits: 1u << enum known_hosts_type. */
struct known_hosts_types {
    unsigned usable;  /* types of keys that are not revoked              */
    int line;         /* the first line of these; 0: none                */
    int revoked_line; /* a line of this host whose key is revoked; 0: none */
    int cert_line;    /* a @cert-authority for this host; 0: none          */
};
struct known_hosts_types known_hosts_types(const struct known_hosts *k, const char *host,
    uint16_t port);

/* Judges the raw key blob that the server sent (RFC 4253, 6.6). */
struct known_hosts_answer known_hosts_check(const struct known_hosts *k, const char *host,
    uint16_t port, const void *key, size_t key_bytes);

/* "SHA256:..." as ssh-keygen -l prints it. */
#define KNOWN_HOSTS_FINGERPRINT_BYTES 64
void known_hosts_fingerprint(const void *key, size_t key_bytes,
    char out[KNOWN_HOSTS_FINGERPRINT_BYTES]);

#endif
