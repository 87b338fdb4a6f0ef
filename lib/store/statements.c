/* SPDX-License-Identifier: MIT
 * The table of statements, and its twin, whose one changed text is made once. Knows no statement's meaning. */
#include "lib/store/statements.h"

#include "lib/base/fault.h"

extern const struct embedded sql_statements[];

#ifdef FIRSTLINE_FAULTS

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"

#define TWIN_STATEMENTS_MAX 256
#define TWIN_TEXT_BYTES_MAX (64 * 1024)

static const char fence[] = "where id = $1 and epoch = $2 and ended_at is null",
                  no_fence[] = "where id = $1 and $2::bigint is not null and ended_at is null";

static const char *without_fence(const char *text)
{
    const char *at = strstr(text, fence);
    struct buf out;
    buf_init(&out, TWIN_TEXT_BYTES_MAX);
    if (!at)
        abort(); /* the twin has outlived its statement */
    buf_add(&out, text, (size_t)(at - text));
    buf_add_text(&out, no_fence);
    buf_add_text(&out, at + strlen(fence));
    return buf_take(&out, NULL); /* until the end of the process */
}

const struct embedded *store_statements(void)
{
    static struct embedded twin[TWIN_STATEMENTS_MAX]; /* of a test's process */
    if (!fault_twin("no-epoch"))
        return sql_statements;
    for (size_t i = 0; !twin[i].name && sql_statements[i].name; i++) {
        assert(i + 1 < TWIN_STATEMENTS_MAX);
        twin[i] = sql_statements[i];
        if (strcmp(twin[i].name, "run_write") == 0)
            twin[i].text = without_fence(twin[i].text);
    }
    return twin;
}

#else

const struct embedded *store_statements(void)
{
    return sql_statements;
}

#endif
