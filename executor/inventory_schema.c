/* SPDX-License-Identifier: MIT
 * The table of the inventory's keys. */
#include "executor/inventory_parts.h"

#include <stddef.h>

/* clang-format off */
#define HOST(member) offsetof(struct inventory_host, member)
#define PLACE_BYTES 4096

static const char *const transports[] = {"libssh2", "openssh", NULL};

/* What a host and the defaults of a customer share; the host's own keys stand before these in its table. */
#define SHARED_FIELDS \
    {.name = "user", .type = SCHEMA_NAME, .offset = HOST(user), .example = "ops", \
        .about = "The login user. Without it the host cannot be contacted, so it must be here or in the defaults."}, \
        {.name = "port", .type = SCHEMA_INT, .offset = HOST(port), .standard = "22", .least = 1, .most = 65535, \
            .about = "The port of its SSH server."}, \
        {.name = "key", .type = SCHEMA_TEXT, .offset = HOST(key), .most = PLACE_BYTES, \
            .example = "/etc/firstline/keys/acme", \
            .about = "The file of the private key, absolute, the same on every node: ed25519 or ecdsa; any with " \
                     "openssh."}, \
        {.name = "passphrase_file", .type = SCHEMA_TEXT, .offset = HOST(passphrase_file), .most = PLACE_BYTES, \
            .about = "A file whose first line is the key's passphrase."}, \
        {.name = "transport", .type = SCHEMA_WORD, .offset = HOST(transport), .standard = "libssh2", \
            .words = transports, \
            .about = "How it is spoken to; openssh for RSA keys, certificates, jump hosts and hardened servers."}, \
        {.name = "region", .type = SCHEMA_NAME, .offset = HOST(region), \
            .about = "The region whose nodes should go there; absent: any."}, \
        {.name = "folder", .type = SCHEMA_TEXT, .offset = HOST(folder), .most = PLACE_BYTES, \
            .about = "The folder there for records and locks, absolute; absent: chosen at first contact."}

#define LIST_FIELDS \
    {.name = "groups", .type = SCHEMA_TEXTS, .offset = HOST(groups), .most = 100, .example = "[web]", \
        .about = "Groups it belongs to, for limits and for people; a host's own are added to its defaults'."}, \
        {.name = "variables", .type = SCHEMA_PAIRS, .offset = HOST(variables), .most = 200, \
            .example = "{ service: nginx }", \
            .about = "Values for scenarios, taken there as host.NAME; a host's own are added to its defaults'."}

static const struct schema_field host_fields[] = {
    {.name = "address", .type = SCHEMA_TEXT, .offset = HOST(address), .most = 253, .flags = SCHEMA_REQUIRED,
        .example = "10.0.0.1", .about = "Its IP address, or a name that every node can look up."},
    {.name = "aliases", .type = SCHEMA_TEXTS, .offset = HOST(aliases), .most = INVENTORY_NAMES_MAX,
        .example = "[web1.acme.example, i-0a1b2c3d]",
        .about = "Other names that alerts may use: the full name, an instance id."},
    {.name = "known_as", .type = SCHEMA_TEXT, .offset = HOST(known_as), .most = 253,
        .about = "The name under which its key is in known_hosts, where that is not the address."},
    {.name = "machine", .type = SCHEMA_NAME, .offset = HOST(machine),
        .about = "What machine it is, where several entries are one; absent: the machine's own id."},
    SHARED_FIELDS,
    LIST_FIELDS,
    {0},
};
const struct schema inventory_host_schema = {
    .name = "host", .bytes = sizeof(struct inventory_host), .key_offset = HOST(name), .fields = host_fields,
    .about = "One host. Its name, aliases and address are each unique within the customer, whatever the case."};

static const struct schema_field default_fields[] = {SHARED_FIELDS, LIST_FIELDS, {0}};
const struct schema inventory_defaults_schema = {
    .name = "defaults map", .bytes = sizeof(struct inventory_host), .fields = default_fields,
    .about = "What holds for each host of this customer in this file that does not say otherwise."};

static const struct schema_field customer_fields[] = {
    {.name = "defaults", .type = SCHEMA_MAP, .inside = &inventory_defaults_schema, .flags = SCHEMA_OWN,
        .about = "What holds for each host of this customer in this file that does not say otherwise."},
    {.name = "hosts", .type = SCHEMA_NAMED, .inside = &inventory_host_schema, .flags = SCHEMA_OWN, .example = "web1",
        .about = "The hosts by name."},
    {0},
};
const struct schema inventory_customer_schema = {.name = "customer", .fields = customer_fields,
    .about = "A customer, named as in the settings. It may be spread over several files."};

static const struct schema_field file_fields[] = {
    {.name = "customers", .type = SCHEMA_NAMED, .inside = &inventory_customer_schema,
        .flags = SCHEMA_OWN | SCHEMA_RELOAD, .example = "acme", .about = "The customers by name."},
    {0},
};
const struct schema inventory_schema = {.name = "inventory file", .fields = file_fields};
