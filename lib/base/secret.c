/* SPDX-License-Identifier: MIT
 * Reading secrets. */
#include "lib/base/secret.h"

#include <string.h>
#include <sys/stat.h>

#include "lib/base/file.h"
#include "lib/base/limits.h"

/* The content without the line end behind it; a NUL inside would cut it short somewhere later. */
static int keep(
    struct secret *s, struct arena *wiped, const char *text, size_t n, struct error *err)
{
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
        n--;
    if (n == 0)
        return error_set(err, ERROR_CONFIG, "the secret's file %s is empty", s->path);
    if (memchr(text, '\0', n))
        return error_set(err, ERROR_CONFIG, "the secret's file %s holds a NUL byte", s->path);
    const char *data = arena_strndup(wiped, text, n);
    if (!data)
        return error_set(err, ERROR_LIMIT, "there is no room for the secret of %s", s->path);
    s->data = data;
    s->bytes = n;
    return 0;
}

int secret_read(struct secret *s, struct arena *wiped, bool *out_open, struct error *err)
{
    char content[SECRET_BYTES_MAX];
    size_t n = 0;
    mode_t mode = 0;
    int rc = file_read_into(s->path, content, sizeof content, &n, &mode, err);
    if (rc == 0)
        rc = keep(s, wiped, content, n, err);
    explicit_bzero(content, sizeof content);
    if (rc == 0)
        *out_open = (mode & S_IRWXO) != 0;
    return rc;
}
