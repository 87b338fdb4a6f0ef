/* SPDX-License-Identifier: MIT
 * Fills the executor's desk with the PagerDuty client: reads through the shared budget, one deadline for each. */
#ifndef CLI_DESK_H
#define CLI_DESK_H

#include "coordinator/writer.h"
#include "executor/desk.h"

struct pager_desk;

/* accounts as for the writer. */
struct pager_desk *pager_desk_new(struct loop *loop, struct budget *budget, const struct writer_account *accounts, int count);
void pager_desk_free(struct pager_desk *d); /* before the clients: what is under way is forgotten */
void pager_desk_swap(struct pager_desk *d, const struct writer_account *accounts, int count);
/* The interface; borrowed from d. */
const struct desk *pager_desk_of(struct pager_desk *d);

#endif
