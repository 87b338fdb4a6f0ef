/* SPDX-License-Identifier: MIT
 * The table of names, aliases and addresses: one open-addressing hash over all customers, and what
 * is asked of a finished inventory. */
#include "executor/inventory_parts.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/text.h"

#define NAME_BYTES_MAX 4096 /* folded; longer ones are no host's */

static uint64_t hash_of(int customer, const char *folded)
{
    return text_hash(folded, strlen(folded)) ^
           ((uint64_t)(unsigned)customer * UINT64_C(0x9E3779B97F4A7C15));
}

static struct inventory_name *slot_of(
    struct inventory_name *names, size_t room, int customer, const char *folded)
{
    size_t i = hash_of(customer, folded) & (room - 1);
    while (
        names[i].folded && (names[i].customer != customer || strcmp(names[i].folded, folded) != 0))
        i = (i + 1) & (room - 1);
    return &names[i];
}

static int grow(struct inventory *inv)
{
    size_t room = inv->names_room ? 2 * inv->names_room : 1024;
    struct inventory_name *more = calloc(room, sizeof *more);
    if (!more)
        return -1;
    for (size_t i = 0; i < inv->names_room; i++)
        if (inv->names[i].folded)
            *slot_of(more, room, inv->names[i].customer, inv->names[i].folded) = inv->names[i];
    free(inv->names);
    inv->names = more;
    inv->names_room = room;
    return 0;
}

/* Folds a text as it is looked for: an address may come in brackets. */
static int fold(const char *text, struct buf *out)
{
    size_t n = strlen(text);
    if (n > 2 && text[0] == '[' && text[n - 1] == ']') {
        text++;
        n -= 2;
    }
    return text_fold(text, n, out, NULL);
}

int inventory_name_add(struct inventory *inv, int customer, int host, const char *text,
    const char *as, struct inventory_name **out_taken)
{
    *out_taken = NULL;
    if (2 * (inv->names_used + 1) > inv->names_room && grow(inv) < 0)
        return -1;
    struct buf folded;
    buf_init(&folded, NAME_BYTES_MAX);
    int rc = fold(text, &folded);
    struct inventory_name *at =
        rc < 0 ? NULL : slot_of(inv->names, inv->names_room, customer, buf_text(&folded));
    if (at && at->folded && at->host != host) {
        *out_taken = at;
    } else if (at && !at->folded) {
        const char *kept = arena_strndup(inv->arena, buf_text(&folded), folded.bytes);
        rc = kept ? 0 : -1;
        if (kept) {
            *at = (struct inventory_name){
                .folded = kept, .customer = customer, .host = host, .as = as};
            inv->names_used++;
        }
    }
    buf_done(&folded);
    return rc;
}

static const struct inventory_name *look_up(
    const struct inventory *inv, int customer, const char *text)
{
    const struct inventory_name *at = NULL;
    struct buf folded;
    buf_init(&folded, NAME_BYTES_MAX);
    if (text && inv->names_room > 0 && fold(text, &folded) == 0)
        at = slot_of(inv->names, inv->names_room, customer, buf_text(&folded));
    buf_done(&folded);
    return at && at->folded ? at : NULL;
}

int inventory_customer_index(const struct inventory *inv, const char *customer)
{
    const struct inventory_name *at = look_up(inv, INVENTORY_CUSTOMERS, customer);
    return at ? at->host : -1;
}

const struct inventory_host *inventory_find(const struct inventory *inv, const char *customer,
    const char *text, enum inventory_why *out_why)
{
    int index = inventory_customer_index(inv, customer);
    const struct inventory_name *at = index < 0 ? NULL : look_up(inv, index, text);
    enum inventory_why why = index < 0  ? INVENTORY_NO_CUSTOMER
                             : !at      ? INVENTORY_NONE
                             : at->many ? INVENTORY_AMBIGUOUS
                                        : INVENTORY_ONE;
    if (out_why)
        *out_why = why;
    return why == INVENTORY_ONE ? &inv->hosts[at->host] : NULL;
}

int inventory_count(const struct inventory *inv)
{
    return inv->hosts_count;
}

const struct inventory_host *inventory_at(const struct inventory *inv, int index)
{
    return index >= 0 && index < inv->hosts_count ? &inv->hosts[index] : NULL;
}

int inventory_customers(const struct inventory *inv)
{
    return inv->customers_count;
}

const char *inventory_customer_at(const struct inventory *inv, int index)
{
    return index >= 0 && index < inv->customers_count ? inv->customers[index] : NULL;
}

bool inventory_has_customer(const struct inventory *inv, const char *customer)
{
    return inventory_customer_index(inv, customer) >= 0;
}

const char *inventory_variable(const struct inventory_host *host, const char *name)
{
    for (int i = host->variables.count - 1; i >= 0;
         i--) /* the host's own stand behind its defaults' */
        if (strcmp(host->variables.items[i].name, name) == 0)
            return host->variables.items[i].text;
    return NULL;
}

bool inventory_in_group(const struct inventory_host *host, const char *group)
{
    for (int i = 0; i < host->groups.count; i++)
        if (strcmp(host->groups.items[i], group) == 0)
            return true;
    return false;
}

const char *inventory_why_name(enum inventory_why why)
{
    static const char *const names[] = {
        [INVENTORY_NONE] = "none",
        [INVENTORY_ONE] = "one",
        [INVENTORY_AMBIGUOUS] = "ambiguous",
        [INVENTORY_NO_CUSTOMER] = "no customer",
    };
    return names[why];
}

const char *inventory_hash(const struct inventory *inv)
{
    return inv->hash;
}
