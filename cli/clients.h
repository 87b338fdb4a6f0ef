/* SPDX-License-Identifier: MIT
 * A node's PagerDuty clients: one for each account that was ever configured. They live as long as the node, since what is under
 * way may use them; a reload gives an account its new token, and an account that is new a client. */
#ifndef CLI_CLIENTS_H
#define CLI_CLIENTS_H

#include "cli/node.h"

struct clients;

/* write_ms: of a call that writes. The others are borrowed and outlive the clients. */
struct clients *clients_new(struct loop *loop, struct http_client *http, struct budget *budget, unsigned write_ms,
    const struct log_ctx *log);
/* Cancels what runs (pagerduty_free); whoever is told must still stand. NULL is fine. */
void clients_free(struct clients *c);
/* Fills the clients of f's accounts, those of `before` (NULL: none) among them. -1 and err: the last account that has none now;
 * the others have theirs. */
int clients_fill(struct clients *c, const struct node_files *before, struct node_files *f, struct error *err);

#endif
