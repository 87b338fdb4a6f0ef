/* SPDX-License-Identifier: MIT
 * Tokens that are owed to machines by runs that ended with a recover in doubt (table token_debt). Nobody holds one: a try is
 * taken, and if nothing comes of it the next is due after a while, for any worker. */
#ifndef LIB_STORE_TOKEN_H
#define LIB_STORE_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/id.h"
#include "lib/store/store.h"

/* Texts borrowed from the answer. */
struct token_owed {
    const char *run, *title, *host, *become, *memory, *boot, *language, *customer, *machine;
    int64_t epoch; /* of this try: its token is above everything that the run ever sent */
    int64_t timeline, tries, age_ms;
    int step, attempt;
    bool expired; /* is owed no more */
};

/* Takes at most `most` that are due; the next try of each is due after first_ms, doubled with each try up to longest_ms. */
uint64_t token_claim(struct store *s, int most, int64_t first_ms, int64_t longest_ms, int64_t keep_ms, pg_done *done,
    void *owner);
int token_claimed(const struct pg_answer *answer);
void token_at(const struct pg_answer *answer, int index, struct token_owed *out);

/* Why this try failed, for people. */
uint64_t token_failed(struct store *s, const char *run, int64_t epoch, const char *error, pg_done *done, void *owner);

/* step: JSON that completes the journal row, "{}": it stays as it is. All copied. */
struct token_end {
    const char *run, *outcome, *sentence, *note, *marker, *step;
    int64_t epoch;
};
uint64_t token_settle(struct store *s, const struct token_end *end, pg_done *done, void *owner);

void token_forget(struct store *s, uint64_t op);

#endif
