/* SPDX-License-Identifier: MIT
 * Which hosts SSH does not reach at present, by the outcome of the last operation on each. Judges nothing: a host that refuses
 * a login is trouble as one that is off. */
#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/io/ssh_internal.h"

const struct ssh_trouble *ssh_troubles(const struct ssh *s, int *out_count)
{
    *out_count = s->troubles_count;
    return s->troubles;
}

static int find(const struct ssh *s, const char *name)
{
    for (int i = 0; i < s->troubles_count; i++)
        if (strcmp(s->troubles[i].name, name) == 0)
            return i;
    return -1;
}

static void forget(struct ssh *s, int at)
{
    s->troubles_count--;
    memmove(&s->troubles[at], &s->troubles[at + 1], (size_t)(s->troubles_count - at) * sizeof s->troubles[0]);
}

static void remember(struct ssh *s, const char *name, const char *why)
{
    int at = find(s, name);
    if (at < 0) {
        if (s->troubles_count == SSH_TROUBLES_MAX)
            forget(s, 0);
        at = s->troubles_count++;
        s->troubles[at].since_mono_ms = clock_mono_ms();
        (void)snprintf(s->troubles[at].name, sizeof s->troubles[at].name, "%s", name);
    }
    (void)snprintf(s->troubles[at].why, sizeof s->troubles[at].why, "%.*s", (int)sizeof s->troubles[at].why - 1, why); /* cut */
}

/* What was cancelled says nothing of the host, but where its command had been sent. */
void ssh_trouble_note(struct ssh_op *op, const struct error *err)
{
    if (!op->group || op->ssh->closing || (op->cancel_asked && !op->maybe_ran))
        return;
    int at = find(op->ssh, op->group->name);
    if (err && !op->cancel_asked)
        remember(op->ssh, op->group->name, err->text);
    else if (at >= 0)
        forget(op->ssh, at);
}
