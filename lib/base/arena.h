/* SPDX-License-Identifier: MIT
 * Memory that is freed all at once: one arena for each scenario set, request or run. Passes each allocation straight
 * to malloc in sanitized builds, so that use-after-free is still found. */
#ifndef LIB_BASE_ARENA_H
#define LIB_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct arena;

/* bytes_max  the limit over all allocations. NULL when out of memory. */
struct arena *arena_new(size_t bytes_max);
/* As arena_new; every block is wiped before it is freed. For secrets. */
struct arena *arena_new_secret(size_t bytes_max);
void arena_free(struct arena *a);

/* Zeroed, aligned for anything. NULL when the limit or memory is passed. */
void *arena_alloc(struct arena *a, size_t bytes);
/* Copies of text; NULL when the limit is passed, or for arena_strdup when text is NULL. */
char *arena_strdup(struct arena *a, const char *text);
char *arena_strndup(struct arena *a, const char *text, size_t bytes);
char *arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Memory (not the limit) was passed, here or, as arena_starve says, in what was made for it: what stands in it may lack a part. */
bool arena_starved(const struct arena *a);
void arena_starve(struct arena *a);
/* All bytes handed out so far. */
size_t arena_bytes(const struct arena *a);

#endif
