/* SPDX-License-Identifier: MIT
 * Which methods libssh2 may use, whether a host is trusted, and precise reasons where libssh2 fails: the log of sshd is
 * not visible to those who must act. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "lib/io/ssh_libssh2.h"

#define RSA_SINCE 0x010b00 /* rsa-sha2, EtM and GCM came with libssh2 1.11.0 */

/* Without this libssh2 also offers CBC, arcfour, MD5, SHA-1 and group1. */
#define KEX \
    "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,diffie-hellman-group16-sha512"
#define CIPHERS "aes256-ctr,aes192-ctr,aes128-ctr"
#define MACS "hmac-sha2-512,hmac-sha2-256"

const struct s2_method s2_methods[] = {
    {LIBSSH2_METHOD_KEX, KEX},
    {LIBSSH2_METHOD_CRYPT_CS, CIPHERS},
    {LIBSSH2_METHOD_CRYPT_SC, CIPHERS},
    {LIBSSH2_METHOD_MAC_CS, MACS},
    {LIBSSH2_METHOD_MAC_SC, MACS},
    {LIBSSH2_METHOD_COMP_CS, "none"},
    {LIBSSH2_METHOD_COMP_SC, "none"},
    {0, NULL},
};

bool s2_has(int version)
{
    return libssh2_version(version) != NULL;
}

void ssh_describe(struct buf *out)
{
    (void)buf_printf(out, "libssh2 %s: ", libssh2_version(0)); /* a full buffer says so itself */
    (void)buf_add_text(out,
        s2_has(RSA_SINCE)
            ? "RSA keys by rsa-sha2"
            : "no RSA keys (no rsa-sha2), no servers with only EtM MACs or GCM, no ed25519 certificates; "
              "give such hosts `transport: openssh`");
}

static int cannot_trust(struct s2_session *s, int line)
{
    const struct ssh_group *g = s->base.group;
    const char *file = known_hosts_file(s->base.ssh->known_hosts);
    error_set(&s->err, ERROR_CONFIG,
        "%.150s:%d has only an RSA host key for '%.100s', which libssh2 %s cannot check", file, line,
        g->known_as, libssh2_version(0));
    error_hint(&s->err, "set `transport: openssh` for this host, or add its ed25519 key");
    return -1;
}

int s2_trust(struct s2_session *s)
{
    static const struct {
        enum known_hosts_type type;
        const char *names;
        bool needs_newer;
    } order[] = {
        {KNOWN_HOSTS_ED25519, "ssh-ed25519", false},
        {KNOWN_HOSTS_ECDSA_256, "ecdsa-sha2-nistp256", false},
        {KNOWN_HOSTS_ECDSA_384, "ecdsa-sha2-nistp384", false},
        {KNOWN_HOSTS_ECDSA_521, "ecdsa-sha2-nistp521", false},
        {KNOWN_HOSTS_RSA, "rsa-sha2-512,rsa-sha2-256", true},
    };
    const struct ssh_group *g = s->base.group;
    const struct known_hosts *k = s->base.ssh->known_hosts;
    if (!k)
        return ssh_group_unknown(s->base.group, &s->err);
    struct known_hosts_types types = known_hosts_types(k, g->known_as, g->port);
    s->host_keys[0] = '\0';
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        if (!(types.usable & 1u << order[i].type) || (order[i].needs_newer && !s2_has(RSA_SINCE)))
            continue;
        size_t used = strlen(s->host_keys);
        (void)snprintf(s->host_keys + used, sizeof s->host_keys - used, "%s%s", used ? "," : "",
            order[i].names); /* all of them fit */
    }
    if (s->host_keys[0] != '\0')
        return 0;
    if (types.usable & 1u << KNOWN_HOSTS_RSA)
        return cannot_trust(s, types.line);
    if (types.revoked_line) {
        error_set(&s->err, ERROR_REFUSED, "the host key of '%.100s' is revoked (%.200s:%d)",
            g->known_as, known_hosts_file(k), types.revoked_line);
        error_hint(&s->err, "somebody marked this key as no longer to be trusted; give the host a new one");
        return -1;
    }
    if (types.cert_line) {
        error_set(&s->err, ERROR_CONFIG,
            "'%.100s' is known only by a certificate authority (%.200s:%d), which libssh2 cannot check",
            g->known_as, known_hosts_file(k), types.cert_line);
        error_hint(&s->err, "set `transport: openssh` for this host");
        return -1;
    }
    return ssh_group_unknown(s->base.group, &s->err);
}

int s2_check_host_key(struct s2_session *s)
{
    const struct ssh_group *g = s->base.group;
    const struct known_hosts *k = s->base.ssh->known_hosts;
    size_t bytes = 0;
    int type = 0;
    const char *key = libssh2_session_hostkey(s->raw, &bytes, &type);
    if (!key || bytes == 0)
        return error_set(&s->err, ERROR_REFUSED, "the server showed no host key");
    if (!k)
        return ssh_group_unknown(s->base.group, &s->err);
    struct known_hosts_answer a = known_hosts_check(k, g->known_as, g->port, key, bytes);
    char print[KNOWN_HOSTS_FINGERPRINT_BYTES];
    known_hosts_fingerprint(key, bytes, print);
    switch (a.verdict) {
    case KNOWN_HOSTS_MATCH:
        return 0;
    case KNOWN_HOSTS_REVOKED:
        error_set(&s->err, ERROR_REFUSED, "the host showed a revoked key, %s (%.200s:%d)", print,
            known_hosts_file(k), a.line);
        error_hint(&s->err, "somebody marked this key as no longer to be trusted; give the host a new one");
        return -1;
    case KNOWN_HOSTS_CHANGED:
        error_set(&s->err, ERROR_REFUSED,
            "the host key changed: it showed %s, and %.200s:%d has another", print,
            known_hosts_file(k), a.line);
        error_hint(&s->err, "a reinstalled host: replace %.100s:%d. Else somebody may stand between",
            known_hosts_file(k), a.line);
        return -1;
    case KNOWN_HOSTS_UNKNOWN:
    default:
        return ssh_group_unknown(s->base.group, &s->err);
    }
}

/* The server answered with lists of which one has nothing in common with ours. */
static bool why_mismatch(struct s2_session *s, const struct ssh_hello *h, int rc)
{
    const char *const ours[SSH_LIST_KINDS] = {KEX, s->host_keys, CIPHERS, CIPHERS, MACS, MACS};
    enum ssh_list_kind kind = ssh_hello_mismatch(h, ours);
    if (kind == SSH_LIST_KINDS)
        return false;
    char theirs[300];
    ssh_quote(s->base.ssh, h->lists[kind].text, h->lists[kind].bytes, theirs, sizeof theirs);
    if (kind == SSH_LIST_HOST_KEY)
        error_from(&s->err, ERROR_REFUSED, ERROR_FROM_SSH, rc,
            "shaking hands: no host key type in common: on file and usable by libssh2 %s are %s; the "
            "server has %s",
            libssh2_version(0), ours[kind], theirs);
    else
        error_from(&s->err, ERROR_REFUSED, ERROR_FROM_SSH, rc,
            "shaking hands: no %s in common: libssh2 %s has %s; the server has %s",
            ssh_list_name(kind), libssh2_version(0), ours[kind], theirs);
    error_hint(&s->err, "set `transport: openssh` for this host");
    return true;
}

void s2_why_handshake(struct s2_session *s, int rc)
{
    struct ssh_hello h;
    ssh_hello_parse(s->hello.data, s->hello.bytes, &h);
    if (rc == LIBSSH2_ERROR_KEX_FAILURE || rc == LIBSSH2_ERROR_KEY_EXCHANGE_FAILURE) {
        if (!why_mismatch(s, &h, rc))
            s->err.kind = ERROR_REFUSED;
        return;
    }
    if (h.has_banner)
        return;
    s->may_retry = s->hello.bytes == 0 || strncmp(h.banner, "Exceeded MaxStartups", 20) == 0 ||
                   strncmp(h.banner, "Not allowed at this time", 24) == 0;
    char banner[sizeof h.banner];
    ssh_quote(s->base.ssh, h.banner, strlen(h.banner), banner, sizeof banner);
    if (s->may_retry) {
        error_from(&s->err, ERROR_UNREACHED, ERROR_FROM_SSH, rc,
            "the host closed the connection before it said anything%s%s",
            banner[0] ? ": " : "", banner);
        error_hint(&s->err, "sshd drops connections above its MaxStartups; or a firewall does");
        return;
    }
    error_from(&s->err, ERROR_REFUSED, ERROR_FROM_SSH, rc, "what answers there is not SSH: '%s'",
        banner);
}

void s2_why_login(struct s2_session *s, int rc)
{
    const struct ssh_group *g = s->base.group;
    char *text = NULL;
    (void)libssh2_session_last_error(s->raw, &text, NULL, 0);
    bool no_passphrase = s->key.encrypted && s->key.passphrase.bytes == 0;
    bool old_rsa = s->key.kind == SSH_KEY_RSA && !s2_has(RSA_SINCE);
    if (no_passphrase) {
        error_from(&s->err, ERROR_CONFIG, ERROR_FROM_SSH, rc,
            "the key file '%s' needs a passphrase and none is set", g->key_file);
        error_hint(&s->err, "set a passphrase file for this host");
    } else if (old_rsa) {
        error_from(&s->err, ERROR_REFUSED, ERROR_FROM_SSH, rc,
            "login as '%s' refused: '%s' is an RSA key, and libssh2 %s signs with those only by ssh-rsa "
            "(SHA-1), which servers refuse",
            g->user, g->key_file, libssh2_version(0));
        error_hint(&s->err, "set `transport: openssh` for this host, or use an ed25519 key");
    } else if (rc == LIBSSH2_ERROR_AUTHENTICATION_FAILED || !s->key.encrypted) {
        error_from(&s->err, ERROR_REFUSED, ERROR_FROM_SSH, rc,
            "login as '%s' with key '%s' refused: '%s'", g->user, g->key_file, text ? text : "");
        error_hint(&s->err, "is its public key in %s's authorized_keys on the host?", g->user);
    } else {
        error_from(&s->err, ERROR_CONFIG, ERROR_FROM_SSH, rc,
            "the key file '%s' cannot be opened with the passphrase that is set: '%s'", g->key_file,
            text ? text : "");
        error_hint(&s->err, "is the first line of the passphrase file the right one?");
    }
}
