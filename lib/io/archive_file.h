/* SPDX-License-Identifier: MIT
 * Files that are written once, whole, and kept: lines of text as gzip, by zlib. A file grows under a name of its own and gets
 * its final one only when all of it is on the disk and was read back. Blocks: for threads. Knows nothing of what it holds. */
#ifndef LIB_IO_ARCHIVE_FILE_H
#define LIB_IO_ARCHIVE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/error.h"

struct archive_file;

#define ARCHIVE_PATH_BYTES 4096

/* Whether a file can be made in the folder. Errors: CONFIG, which names the folder. */
int archive_probe(const char *folder, const char *who, struct error *err) MUST_USE;

/* Begins folder/name. who: of the writer, a word that no other writer uses: an earlier attempt of it is replaced.
 * Errors: CONFIG, LIMIT. */
struct archive_file *archive_begin(const char *folder, const char *name, const char *who, struct error *err);
/* Adds bytes that end with a whole line. Errors: CONFIG (no room, ...). */
int archive_add(struct archive_file *f, const char *bytes, size_t count, struct error *err) MUST_USE;
/* Ends it: everything is written and synced, read back from its begin, and must hold as many lines; then it gets its name
 * and the folder is synced. A file of that name is never replaced: one with the same bytes stays instead of ours, beside
 * another ours becomes NAME.2, .3 and so on, before the last ".jsonl.gz". out_path: ARCHIVE_PATH_BYTES.
 * Errors: CONFIG, REFUSED (what was read back differs), LIMIT. f is gone in any case. */
int archive_keep(struct archive_file *f, int64_t lines, char *out_path, struct error *err) MUST_USE;
/* Removes what was begun. NULL is fine. */
void archive_abandon(struct archive_file *f);

#endif
