/* SPDX-License-Identifier: MIT
 * Reading whole files. */
#include "lib/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_all(int fd, const char *path, struct buf *out, struct error *err)
{
    for (;;) {
        char piece[16384];
        ssize_t n = read(fd, piece, sizeof piece);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_from_errno(err, ERROR_CONFIG, errno, "reading %s", path);
        if (n == 0)
            return 0;
        if (buf_add(out, piece, (size_t)n) < 0)
            return error_set(err, ERROR_LIMIT, "%s has more than %zu bytes", path, out->bytes_max);
    }
}

int file_read(const char *path, struct buf *out, mode_t *out_mode, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return error_from_errno(err, ERROR_CONFIG, errno, "opening %s", path);
    struct stat st;
    int rc;
    if (fstat(fd, &st) < 0)
        rc = error_from_errno(err, ERROR_CONFIG, errno, "looking at %s", path);
    else if (!S_ISREG(st.st_mode))
        rc = error_set(err, ERROR_CONFIG, "%s is not a regular file", path);
    else
        rc = read_all(fd, path, out, err);
    (void)close(fd); /* it was only read */
    if (rc == 0 && out_mode)
        *out_mode = st.st_mode & 07777;
    return rc;
}
