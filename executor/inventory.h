/* SPDX-License-Identifier: MIT
 * The hosts that may be contacted, and nothing but these: YAML files of customers and their hosts as one checked,
 * immutable set with a content hash, which the database keeps so that any node can go on with a run. Looks nothing up
 * in DNS and opens no key file.
 *
 *   customers:
 *     acme:
 *       defaults: { user: ops, key: /etc/firstline/keys/acme }
 *       hosts:
 *         web1: { address: 10.0.0.1, aliases: [web1.acme.example, i-0a1b2c3d], groups: [web] }
 *
 * docs/inventory.md has all keys. A customer may be spread over files; each file's defaults hold in that file. */
#ifndef EXECUTOR_INVENTORY_H
#define EXECUTOR_INVENTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/diag.h"
#include "lib/base/error.h"
#include "lib/base/pack.h"
#include "lib/base/schema.h"

enum inventory_transport { INVENTORY_LIBSSH2, INVENTORY_OPENSSH };

/* All pointers: the inventory's arena; texts are never NULL unless it says so. */
struct inventory_host {
    const char *name;     /* unique within its customer, whatever the case */
    const char *customer;
    const char *address;  /* IP address, or a name that is looked up */
    int64_t port;         /* 22 */
    const char *user;
    const char *key;             /* file of the private key on each node; NULL: none, with openssh only */
    const char *passphrase_file; /* NULL: none */
    int transport;               /* enum inventory_transport */
    const char *known_as;        /* the name to look for in known_hosts; NULL: the address */
    const char *region;          /* NULL: any node may go there */
    const char *machine;         /* what it is, where several entries are one machine; NULL: its machine-id */
    const char *folder;          /* the wrapper's folder there; NULL: chosen at first contact */
    struct schema_texts aliases; /* full name, instance id, ... */
    struct schema_texts groups;
    struct schema_pairs variables; /* for scenarios: host.NAME */
    const char *file;            /* where it stands */
    int line, column;
};

struct inventory; /* counted; one thread */

enum inventory_why { INVENTORY_NONE, INVENTORY_ONE, INVENTORY_AMBIGUOUS, INVENTORY_NO_CUSTOMER };

/* Builds the set from files in memory. Every mistake is added to d with its place.
 * Returns NULL when there was an error. One holder: the caller. */
struct inventory *inventory_parse(const struct pack *files, struct diag *d);
/* Reads files and folders (*.yaml) first; paths is NULL-ended. Blocks. */
struct inventory *inventory_load(const char *const *paths, struct diag *d);

struct inventory *inventory_ref(struct inventory *inv);
void inventory_unref(struct inventory *inv); /* the last one frees; NULL is fine */

/* The host of a customer by name, alias or address, whatever the case (NFKC folded). An IPv6 address may be in brackets.
 * out_why  may be NULL. AMBIGUOUS: it is the address of several hosts (names and aliases are unique, the files are
 *          refused otherwise; one address may serve several entries that differ in port, user or machine)
 * Returns NULL unless it is exactly one. */
const struct inventory_host *inventory_find(const struct inventory *inv, const char *customer, const char *text,
    enum inventory_why *out_why);

/* By place: file by file in order of names, hosts as written. NULL behind the last. */
int inventory_count(const struct inventory *inv);
const struct inventory_host *inventory_at(const struct inventory *inv, int index);
int inventory_customers(const struct inventory *inv);
const char *inventory_customer_at(const struct inventory *inv, int index);
bool inventory_has_customer(const struct inventory *inv, const char *customer);

const char *inventory_variable(const struct inventory_host *host, const char *name); /* NULL: none */
bool inventory_in_group(const struct inventory_host *host, const char *group);
const char *inventory_why_name(enum inventory_why why);

/* 64 hex digits: the SHA-256 of the packed files. */
const char *inventory_hash(const struct inventory *inv);
/* Appends the bytes that the database keeps, and reads them back. Errors: LIMIT; INPUT with the first mistake. */
int inventory_pack(const struct inventory *inv, struct buf *out, struct error *err) MUST_USE;
struct inventory *inventory_unpack(const void *data, size_t bytes, struct error *err);

/* The table of the files' keys, for docs and JSON Schema. */
extern const struct schema inventory_schema;

#endif
