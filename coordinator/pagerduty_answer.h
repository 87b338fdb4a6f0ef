/* SPDX-License-Identifier: MIT
 * What an answer of PagerDuty's, or the lack of one, allows the caller to do: one table. Pure; for pagerduty*.c and
 * tests. */
#ifndef COORDINATOR_PAGERDUTY_ANSWER_H
#define COORDINATOR_PAGERDUTY_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coordinator/pagerduty.h"

struct pagerduty_answer {
    int status;              /* HTTP; 0: none came, then `failure` says why */
    const struct error *failure; /* borrowed; NULL when status is set */
    const char *body;        /* borrowed; never NULL when status is set */
    size_t bytes;
    const char *retry_after; /* borrowed header values; NULL: absent */
    const char *ratelimit_reset;
    bool deletes;            /* what is not there need not be deleted */
    const char *secret;      /* borrowed: blotted out where the answer repeats it; NULL: none */
};

/* Fills class, status, code, wait_ms and err of *out; nothing else is touched. what names the call in the error text:
 * "add a note to incident Q1". */
void pagerduty_answer_class(const struct pagerduty_answer *answer, const char *what, struct pagerduty_result *out);

/* The whole number that a header value begins with ("12", "3.5" is 3), at most `most`; -1 when it is none. */
int64_t pagerduty_answer_number(const char *text, int64_t most);

#endif
