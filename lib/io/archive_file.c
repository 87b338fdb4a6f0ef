/* SPDX-License-Identifier: MIT
 * gzip files by zlib. What waits: every call, for the disk. */
#include "lib/io/archive_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "lib/base/fault.h"

#define ENDING ".jsonl.gz"
#define SAME_NAME_MAX 1000
#define READ_BYTES (64 * 1024)

struct archive_file {
    char folder[ARCHIVE_PATH_BYTES], name[256], partial[ARCHIVE_PATH_BYTES];
    gzFile gz; /* owned; NULL once closed */
    int fd;    /* owned: the same file, for fsync */
};

static int cannot(struct error *err, const char *what, const char *path)
{
    return error_from_errno(err, ERROR_CONFIG, errno, "cannot %s %s", what, path);
}

/* false: the path is longer than there is room for. */
static bool join(char *out, const char *folder, const char *name, const char *more)
{
    int bytes = snprintf(out, ARCHIVE_PATH_BYTES, "%s/%s%s", folder, name, more);
    return bytes > 0 && bytes < ARCHIVE_PATH_BYTES;
}

static struct archive_file *allocate(const char *folder, const char *name, const char *who, struct error *err)
{
    struct archive_file *f = calloc(1, sizeof *f);
    char ending[300];
    (void)snprintf(ending, sizeof ending, ".%.250s.partial", who);
    if (!f || !join(f->partial, folder, name, ending)) {
        (void)error_set(err, ERROR_LIMIT, f ? "the path of the archive is too long" : "no memory for an archive");
        free(f);
        return NULL;
    }
    f->fd = -1;
    (void)snprintf(f->folder, sizeof f->folder, "%s", folder);
    (void)snprintf(f->name, sizeof f->name, "%s", name);
    return f;
}

struct archive_file *archive_begin(const char *folder, const char *name, const char *who, struct error *err)
{
    struct archive_file *f = allocate(folder, name, who, err);
    if (!f)
        return NULL;
    f->fd = open(f->partial, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (f->fd < 0) {
        (void)cannot(err, "make", f->partial);
        free(f);
        return NULL;
    }
    int again = dup(f->fd); /* gzclose closes its own */
    f->gz = again < 0 ? NULL : gzdopen(again, "wb");
    if (!f->gz) {
        (void)cannot(err, "write", f->partial);
        if (again >= 0)
            (void)close(again);
        archive_abandon(f);
        return NULL;
    }
    return f;
}

void archive_abandon(struct archive_file *f)
{
    if (!f)
        return;
    if (f->gz)
        (void)gzclose(f->gz); /* what it says of a file that goes away does not matter */
    if (f->fd >= 0)
        (void)close(f->fd);
    (void)unlink(f->partial);
    free(f);
}

int archive_probe(const char *folder, const char *who, struct error *err)
{
    struct archive_file *f = archive_begin(folder, ".probe", who, err);
    if (!f)
        return -1;
    archive_abandon(f);
    return 0;
}

int archive_add(struct archive_file *f, const char *bytes, size_t count, struct error *err)
{
    while (count > 0) {
        unsigned part = count > (1u << 30) ? 1u << 30 : (unsigned)count;
        errno = 0;
        if (gzwrite(f->gz, bytes, part) != (int)part)
            return cannot(err, "write", f->partial);
        bytes += part;
        count -= part;
    }
    return 0;
}

/* --- keeping ------------------------------------------------------------------------------------------------------ */

/* From the disk's file, by its own checksum, not from what we believe to have written. */
static int count_lines(struct archive_file *f, int64_t *out_lines, struct error *err)
{
    gzFile gz = gzopen(f->partial, "rb");
    char *room = malloc(READ_BYTES);
    int64_t lines = 0;
    int got = 0, status = -1;
    while (gz && room && (got = gzread(gz, room, READ_BYTES)) > 0)
        for (const char *at = room; (at = memchr(at, '\n', (size_t)(room + got - at))); at++)
            lines++;
    if (!gz || !room)
        (void)cannot(err, "read", f->partial);
    else if (got < 0)
        (void)error_set(err, ERROR_REFUSED, "%s was read back and is broken: %s", f->partial, gzerror(gz, &got));
    else
        status = 0;
    free(room);
    if (gz && gzclose(gz) != Z_OK && status == 0)
        status = error_set(err, ERROR_REFUSED, "%s was read back and is cut short", f->partial);
    if (status == 0)
        *out_lines = lines;
    return status;
}

/* Fewer than `room` only at the file's end. -1 and errno. */
static ssize_t read_at(int fd, char *out, size_t room, off_t at)
{
    size_t used = 0;
    while (used < room) {
        ssize_t n = pread(fd, out + used, room - used, at + (off_t)used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        used += (size_t)n;
    }
    return (ssize_t)used;
}

static bool same_bytes(int one, int other)
{
    char a[8192], b[8192];
    for (off_t at = 0;; at += (off_t)sizeof a) {
        ssize_t bytes = read_at(one, a, sizeof a, at);
        if (bytes < 0 || read_at(other, b, sizeof b, at) != bytes || memcmp(a, b, (size_t)bytes) != 0)
            return false;
        if (bytes < (ssize_t)sizeof a)
            return true;
    }
}

/* 1: placed, 0: a file of that name is there. */
static int place_as(struct archive_file *f, const char *path, struct error *err)
{
    if (renameat2(AT_FDCWD, f->partial, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
        return 1;
    if (errno == EINVAL && link(f->partial, path) == 0) { /* NFS knows no RENAME_NOREPLACE */
        (void)unlink(f->partial);
        return 1;
    }
    return errno == EEXIST ? 0 : cannot(err, "make", path);
}

static int is_the_same(struct archive_file *f, const char *path, struct error *err)
{
    int other = open(path, O_RDONLY | O_CLOEXEC);
    if (other < 0)
        return cannot(err, "read", path);
    int same = same_bytes(f->fd, other) && fsync(other) == 0;
    (void)close(other);
    return same;
}

static int place(struct archive_file *f, char *out_path, struct error *err)
{
    int stem = (int)(strlen(f->name) - strlen(ENDING)), done = 0;
    for (int i = 1; i <= SAME_NAME_MAX && done == 0; i++) {
        char number[16] = "", name[300];
        if (i > 1)
            (void)snprintf(number, sizeof number, ".%d", i);
        (void)snprintf(name, sizeof name, "%.*s%s" ENDING, stem, f->name, number);
        if (!join(out_path, f->folder, name, ""))
            return error_set(err, ERROR_LIMIT, "the path of the archive is too long");
        done = place_as(f, out_path, err);
        if (done == 0)
            done = is_the_same(f, out_path, err);
    }
    return done > 0 ? 0 : done < 0 ? -1 : error_set(err, ERROR_LIMIT, "%s: too many files of this name", out_path);
}

static int sync_folder(const char *folder, struct error *err)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int status = fd >= 0 && fsync(fd) == 0 ? 0 : cannot(err, "sync", folder);
    if (fd >= 0)
        (void)close(fd);
    return status;
}

static int finish(struct archive_file *f, int64_t lines, char *out_path, struct error *err)
{
    errno = 0;
    int closed = gzclose(f->gz);
    f->gz = NULL;
    if (closed != Z_OK || fsync(f->fd) < 0)
        return cannot(err, "write", f->partial);
    fault_point("archive.written");
    int64_t found = -1;
    if (count_lines(f, &found, err) < 0)
        return -1;
    if (found != lines)
        return error_set(err, ERROR_REFUSED, "%s was read back and holds %lld lines instead of %lld", f->partial,
            (long long)found, (long long)lines);
    return place(f, out_path, err) < 0 ? -1 : sync_folder(f->folder, err);
}

int archive_keep(struct archive_file *f, int64_t lines, char *out_path, struct error *err)
{
    int status = finish(f, lines, out_path, err);
    archive_abandon(f); /* what was placed has another name by now */
    return status;
}
