/* SPDX-License-Identifier: MIT
 * Any bytes as an inventory file, and as a packed set from the database. Every host that is
 * accepted must be found by its name, and the set must come back from its packed form with the same
 * hash. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "executor/inventory.h"
#include "lib/base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void check(const struct inventory *inv)
{
    for (int i = 0; i < inventory_count(inv); i++) {
        const struct inventory_host *h = inventory_at(inv, i);
        if (inventory_find(inv, h->customer, h->name, NULL) != h || !h->user || !h->address)
            abort();
    }
    struct buf packed;
    buf_init(&packed, (size_t)2 * INVENTORY_BYTES_MAX);
    struct inventory *again = NULL;
    if (inventory_pack(inv, &packed, NULL) == 0)
        again = inventory_unpack(buf_text(&packed), packed.bytes, NULL);
    if (!again || strcmp(inventory_hash(again), inventory_hash(inv)) != 0)
        abort();
    inventory_unref(again);
    buf_done(&packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct inventory *inv = inventory_unpack(data, bytes, NULL);
    if (!inv) {
        struct pack *p = pack_new(INVENTORY_BYTES_MAX);
        struct diag *d = diag_new();
        if (!p || !d || pack_add(p, "f.yaml", data, bytes, NULL) < 0)
            abort();
        inv = inventory_parse(p, d);
        if ((inv == NULL) != (diag_errors(d) > 0))
            abort();
        diag_free(d);
        pack_free(p);
    }
    if (inv)
        check(inv);
    inventory_unref(inv);
    return 0;
}
