/* SPDX-License-Identifier: MIT
 * Logs in to a session by its key: signs where we hold the key open, else libssh2 opens it. Which keys there are is decided
 * elsewhere. */
#include <stdlib.h>
#include <string.h>

#include "lib/io/ssh_libssh2.h"

/* libssh2 1.10 loses 112 bytes in each login with an ECDSA key. Only there leaks are not looked for. */
#if defined(FIRSTLINE_SANITIZED) && defined(__SANITIZE_ADDRESS__)
void __lsan_disable(void);
void __lsan_enable(void);
#else
#define __lsan_disable() ((void)0)
#define __lsan_enable() ((void)0)
#endif

static int sign(LIBSSH2_SESSION *raw, unsigned char **sig, size_t *sig_bytes, const unsigned char *data, size_t bytes,
    void **abstract)
{
    (void)raw;
    unsigned char *out = malloc(SSH_KEY_SIGNATURE_BYTES); /* the session, which frees it, has libc's functions */
    if (!out || ssh_key_sign(*abstract, data, bytes, out) < 0) {
        free(out);
        return -1;
    }
    *sig = out;
    *sig_bytes = SSH_KEY_SIGNATURE_BYTES;
    return 0;
}

int s2_log_in(struct s2_session *s)
{
    const char *user = s->base.group->user;
    void *key = &s->key;
    if (s->key.open)
        return libssh2_userauth_publickey(s->raw, user, s->key.public, sizeof s->key.public, sign, &key);
    bool known_leak = s->key.kind == SSH_KEY_ECDSA;
    if (known_leak)
        __lsan_disable();
    int rc = libssh2_userauth_publickey_frommemory(s->raw, user, strlen(user), NULL, 0,
        s->key.text.data, s->key.text.bytes,
        s->key.passphrase.bytes ? s->key.passphrase.data : NULL);
    if (known_leak)
        __lsan_enable();
    return rc;
}
