/* SPDX-License-Identifier: MIT
 * Fills a set of files from disk. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/file.h"
#include "lib/base/limits.h"
#include "lib/base/pack.h"

#define PATH_BYTES_MAX 4096

static int read_folder(struct pack *p, const char *path, const char *suffix, const char *prefix,
    int depth, struct error *err);

static bool ends_with(const char *name, const char *suffix)
{
    size_t n = strlen(name), s = strlen(suffix);
    return n > s && strcmp(name + n - s, suffix) == 0;
}

static bool wanted(const char *name, const char *suffix)
{
    if (!suffix)
        return true;
    return ends_with(name, suffix) || (strcmp(suffix, ".yaml") == 0 && ends_with(name, ".yml"));
}

static int read_one(struct pack *p, const char *path, const char *name, struct error *err)
{
    struct buf bytes;
    buf_init(&bytes, pack_bytes_left(p) + 1);
    int rc = file_read(path, &bytes, NULL, err);
    if (rc == 0)
        rc = pack_add_path(p, name, path, buf_text(&bytes), bytes.bytes, err);
    buf_done(&bytes);
    return rc;
}

static int read_entry(struct pack *p, const char *folder, const char *entry, const char *suffix,
    const char *prefix, int depth, struct error *err)
{
    char path[PATH_BYTES_MAX], name[PACK_NAME_BYTES_MAX + 2];
    if (snprintf(path, sizeof path, "%s/%s", folder, entry) >= (int)sizeof path ||
        snprintf(name, sizeof name, "%s%s", prefix, entry) > PACK_NAME_BYTES_MAX)
        return error_set(err, ERROR_LIMIT, "the path %.200s/... is too long", folder);
    struct stat link, st;
    if (lstat(path, &link) < 0)
        return error_from_errno(err, ERROR_CONFIG, errno, "looking at %s", path);
    if (S_ISDIR(link.st_mode)) {
        name[strlen(name) + 1] = '\0';
        name[strlen(name)] = '/';
        return read_folder(p, path, suffix, name, depth + 1, err);
    }
    if (!wanted(entry, suffix))
        return 0;
    if (stat(path, &st) < 0)
        return error_from_errno(err, ERROR_CONFIG, errno, "looking at %s", path);
    return S_ISDIR(st.st_mode) ? 0 : read_one(p, path, name, err);
}

static int read_folder(struct pack *p, const char *path, const char *suffix, const char *prefix,
    int depth, struct error *err)
{
    if (depth > PACK_FOLDERS_DEEP_MAX)
        return error_set(err, ERROR_LIMIT, "folders below %s are more than %d deep", path,
            PACK_FOLDERS_DEEP_MAX);
    DIR *folder = opendir(path);
    if (!folder)
        return error_from_errno(err, ERROR_CONFIG, errno, "opening the folder %s", path);
    int rc = 0;
    errno = 0;
    for (const struct dirent *e = readdir(folder); e && rc == 0;
         e = rc == 0 ? readdir(folder) : NULL) {
        if (e->d_name[0] != '.')
            rc = read_entry(p, path, e->d_name, suffix, prefix, depth, err);
        errno = 0; /* so that readdir's own can be told from the end */
    }
    if (rc == 0 && errno != 0)
        rc = error_from_errno(err, ERROR_CONFIG, errno, "reading the folder %s", path);
    (void)closedir(folder); /* it was only read */
    return rc;
}

int pack_read(
    struct pack *p, const char *path, const char *suffix, const char *prefix, struct error *err)
{
    struct stat st;
    if (stat(path, &st) < 0)
        return error_from_errno(err, ERROR_CONFIG, errno, "looking at %s", path);
    if (S_ISDIR(st.st_mode))
        return read_folder(p, path, suffix, prefix, 0, err);
    const char *slash = strrchr(path, '/');
    char name[PACK_NAME_BYTES_MAX + 1];
    if (snprintf(name, sizeof name, "%s%s", prefix, slash ? slash + 1 : path) >= (int)sizeof name)
        return error_set(err, ERROR_LIMIT, "the path %.200s... is too long", path);
    return read_one(p, path, name, err);
}
