/* SPDX-License-Identifier: MIT
 * Resolving what holds for a service. */
#include "lib/base/policy.h"

#include <stddef.h>
#include <string.h>

#include "lib/base/text.h"

#define NAME_BYTES_MAX 4096

const char *const policy_languages[] = {"en", "ja", NULL};
const char *const policy_responders[] = {"bot", "people", NULL};
const char *const policy_acknowledges[] = {"never", "while-running", NULL};
const char *const policy_modes[] = {"shadow", "suggest", "approve", "auto", NULL};

/* Whether text matches a pattern where each * stands for any bytes, both folded. Goes back to the
 * last * only, so the cost is at most the product of the lengths. */
static bool glob(const char *pattern, const char *text)
{
    const char *star = NULL, *from = NULL;
    while (*text) {
        if (*pattern == '*') {
            star = ++pattern;
            from = text;
        } else if (*pattern == *text) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star;
            text = ++from;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

static bool name_matches(const char *pattern, const char *name)
{
    struct buf x, y;
    buf_init(&x, NAME_BYTES_MAX);
    buf_init(&y, NAME_BYTES_MAX);
    bool matches = text_fold(pattern, strlen(pattern), &x, NULL) == 0 &&
                   text_fold(name, strlen(name), &y, NULL) == 0 && glob(buf_text(&x), buf_text(&y));
    buf_done(&x);
    buf_done(&y);
    return matches;
}

static const struct policy_service *find_service(
    const struct policies *p, const char *account, const char *id, const char *name)
{
    for (int by_name = 0; by_name < 2; by_name++) /* every id goes before every pattern */
        for (int i = 0; i < p->services_count; i++) {
            const struct policy_service *s = &p->services[i];
            if (s->account && (!account || strcmp(s->account, account) != 0))
                continue;
            if (!by_name && s->id && id && strcmp(s->id, id) == 0)
                return s;
            if (by_name && s->pattern && name && name_matches(s->pattern, name))
                return s;
        }
    return NULL;
}

static const struct policy_customer *find_customer(const struct policies *p, const char *name)
{
    for (int i = 0; name && i < p->customers_count; i++)
        if (strcmp(p->customers[i].name, name) == 0)
            return &p->customers[i];
    return NULL;
}

/* What is said goes over what is there. */
static void lay_over(struct policy *out, int language, int first_responder, int acknowledge,
    int mode, const char *time_zone, int64_t hand_over_level)
{
    if (language >= 0)
        out->language = (enum policy_language)language;
    if (first_responder >= 0)
        out->first_responder = (enum policy_responder)first_responder;
    if (acknowledge >= 0)
        out->acknowledge = (enum policy_acknowledge)acknowledge;
    if (mode >= 0 && mode < (int)out->mode_most) /* a cap: the narrower one holds */
        out->mode_most = (enum policy_mode)mode;
    if (time_zone)
        out->time_zone = time_zone;
    if (hand_over_level > 0)
        out->hand_over_level = (int)hand_over_level;
}

static bool lay_customer(const struct policies *p, const char *customer, struct policy *out)
{
    const struct policy_customer *c = find_customer(p, customer);
    if (c)
        lay_over(out, c->language, c->first_responder, c->acknowledge, c->mode, c->time_zone,
            c->hand_over_level);
    return c != NULL;
}

void policy_of_service(const struct policies *p, const char *account, const char *service_id,
    const char *service_name, struct policy *out)
{
    *out = p->defaults;
    const struct policy_service *s = find_service(p, account, service_id, service_name);
    if (!s)
        return;
    out->customer = s->customer;
    (void)lay_customer(
        p, s->customer, out); /* a customer that the settings do not list has the defaults */
    lay_over(out, s->language, s->first_responder, s->acknowledge, s->mode, s->time_zone,
        s->hand_over_level);
}

bool policy_of_customer(const struct policies *p, const char *customer, struct policy *out)
{
    struct policy policy = p->defaults;
    if (!lay_customer(p, customer, &policy))
        return false;
    policy.customer = find_customer(p, customer)->name;
    *out = policy;
    return true;
}

int64_t policy_give_up_after_ms(const struct policies *p, const char *priority)
{
    for (int i = 0; priority && i < p->give_up_count; i++)
        if (strcmp(p->give_up[i].priority, priority) == 0)
            return p->give_up[i].ms;
    return p->give_up_after_ms;
}
