/* SPDX-License-Identifier: MIT
 * What inventory*.c share; not for others. */
#ifndef EXECUTOR_INVENTORY_PARTS_H
#define EXECUTOR_INVENTORY_PARTS_H

#include "executor/inventory.h"
#include "lib/base/limits.h"

extern const struct schema inventory_host_schema;
extern const struct schema inventory_defaults_schema;
extern const struct schema inventory_customer_schema;

/* What a text stands for in a customer: a name, alias or address, folded. */
struct inventory_name {
    const char *folded; /* arena; NULL: an empty slot */
    int customer;
    int host;
    const char *as;     /* static: "name", "alias", "address" */
    bool many;          /* the address of several hosts */
};

struct inventory {
    struct arena *arena;          /* owned */
    char *packed;                 /* owned */
    size_t packed_bytes;
    struct inventory_host *hosts; /* owned array; texts are the arena's */
    int hosts_count;
    int hosts_room;
    const char **customers;       /* owned array; texts are the arena's; in order of appearance */
    int customers_count;
    int customers_room;
    struct inventory_name *names; /* owned; open addressing */
    size_t names_room;            /* a power of two */
    size_t names_used;
    int holders;
    char hash[ID_SHA256_BYTES];
};

#define INVENTORY_CUSTOMERS (-1) /* in place of a customer's index: the entry is a customer's own name */

/* The index of a customer, whatever the case; -1: none. */
int inventory_customer_index(const struct inventory *inv, const char *customer);

/* Puts a text in for a host.
 * out_taken  the entry that has it for another host; NULL: it is put in
 * -1: out of memory. */
int inventory_name_add(struct inventory *inv, int customer, int host, const char *text, const char *as,
    struct inventory_name **out_taken) MUST_USE;

#endif
