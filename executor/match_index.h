/* SPDX-License-Identifier: MIT
 * Finds the few scenarios of many that a title can match at all: an Aho-Corasick automaton over one
 * literal of each keyword, phrase and pattern, with sparse nodes (some 20 bytes a state), so that
 * ten thousand scenarios cost a title microseconds. What it finds are candidates: match.c looks
 * closely. */
#ifndef EXECUTOR_MATCH_INDEX_H
#define EXECUTOR_MATCH_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/arena.h"

struct match_index; /* owned by who made it */

/* count  how many scenarios there are; they are named by 0 .. count - 1. NULL when out of memory.
 */
struct match_index *match_index_new(int count);
void match_index_free(struct match_index *index);

/* The scenario is a candidate where the literal stands in the title. Both are folded by match_fold.
 * Returns -1 when out of memory. */
int match_index_add(struct match_index *index, const char *literal, size_t bytes, int scenario);
/* The scenario is a candidate for every title. */
void match_index_add_always(struct match_index *index, int scenario);
/* To be called once, when all is added. -1 when out of memory. */
int match_index_finish(struct match_index *index);

/* A set of scenarios, one bit each; match_index_words words. */
size_t match_index_words(const struct match_index *index);
/* The candidates of a title, whose literals are each taken once however often they stand in it: the work is bounded by the title's
 * bytes (at most 2 * MATCH_INDEX_LIST_MAX looks each) and by how many literals there are.
 * seen     borrowed; match_index_seen_words words, whatever is in them
 * Returns how many literals of scenarios it took. */
size_t match_index_seen_words(const struct match_index *index);
size_t match_index_find(const struct match_index *index, const char *title, size_t bytes,
    uint64_t *seen, uint64_t *out_bits);

/* A text that every title must hold, in any case, to match the pattern: one for each alternative at
 * its top. Conservative: what is in groups, classes and repetitions is left out. take     gets
 * each, not folded Returns how many there are; 0 when an alternative has none of at least
 * MATCH_LITERAL_BYTES_MIN bytes (take may have been called then). */
int match_literals(
    const char *pattern, void (*take)(void *owner, const char *literal, size_t bytes), void *owner);

#endif
