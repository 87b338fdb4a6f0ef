/* SPDX-License-Identifier: MIT
 * Reading answers. Places out of range are our own mistakes and assert. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/io/pg_inside.h"

int pg_answer_add(struct pg_answer *a, PGresult *result)
{
    if (a->count == a->room) {
        int room = a->room ? a->room * 2 : 4;
        PGresult **grown = realloc(a->results, (size_t)room * sizeof *grown);
        if (!grown) {
            PQclear(result);
            return -1;
        }
        a->results = grown;
        a->room = room;
    }
    a->results[a->count++] = result;
    return 0;
}

void pg_answer_done(struct pg_answer *a)
{
    for (int i = 0; i < a->count; i++)
        PQclear(a->results[i]);
    free(a->results);
    *a = (struct pg_answer){0};
}

int pg_answer_count(const struct pg_answer *answer)
{
    return answer->count;
}

static const PGresult *at(const struct pg_answer *answer, int i)
{
    assert(answer);
    assert(i >= 0 && i < answer->count);
    return answer->results[i];
}

static const PGresult *cell(const struct pg_answer *answer, int i, int row, int column)
{
    const PGresult *r = at(answer, i);
    assert(row >= 0 && row < PQntuples(r));
    assert(column >= 0 && column < PQnfields(r));
    return r;
}

int pg_rows(const struct pg_answer *answer, int i)
{
    return PQntuples(at(answer, i));
}

int pg_columns(const struct pg_answer *answer, int i)
{
    return PQnfields(at(answer, i));
}

int pg_column(const struct pg_answer *answer, int i, const char *name)
{
    const PGresult *r = at(answer, i);
    for (int c = 0; c < PQnfields(r); c++) /* not PQfnumber, which folds case */
        if (strcmp(PQfname(r, c), name) == 0)
            return c;
    return -1;
}

static int64_t integer(const char *text)
{
    char *end = NULL;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    return errno != 0 || end == text || *end != '\0' ? 0 : number;
}

int64_t pg_affected(const struct pg_answer *answer, int i)
{
    const PGresult *r = at(answer, i);
    const char *tag = PQcmdStatus((PGresult *)(uintptr_t)r); /* libpq lacks a const there; it only reads */
    const char *last = strrchr(tag, ' ');
    return last ? integer(last + 1) : 0;
}

const char *pg_text(const struct pg_answer *answer, int i, int row, int column)
{
    return PQgetvalue(cell(answer, i, row, column), row, column);
}

size_t pg_bytes(const struct pg_answer *answer, int i, int row, int column)
{
    return (size_t)PQgetlength(cell(answer, i, row, column), row, column);
}

bool pg_is_null(const struct pg_answer *answer, int i, int row, int column)
{
    return PQgetisnull(cell(answer, i, row, column), row, column) != 0;
}

int64_t pg_int(const struct pg_answer *answer, int i, int row, int column)
{
    return integer(pg_text(answer, i, row, column));
}

bool pg_bool(const struct pg_answer *answer, int i, int row, int column)
{
    return pg_text(answer, i, row, column)[0] == 't';
}

static int nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int pg_blob(const struct pg_answer *answer, int i, int row, int column, struct buf *out)
{
    const char *hex = pg_text(answer, i, row, column);
    size_t digits = pg_bytes(answer, i, row, column);
    if (pg_is_null(answer, i, row, column))
        return 0;
    if (digits < 2 || digits % 2 != 0 || hex[0] != '\\' || hex[1] != 'x')
        return -1;
    char part[512];
    size_t n = 0, before = out->bytes;
    for (size_t d = 2; d < digits; d += 2) {
        int high = nibble(hex[d]), low = nibble(hex[d + 1]);
        if (high < 0 || low < 0)
            goto broken;
        part[n++] = (char)(high << 4 | low);
        if (n < sizeof part)
            continue;
        if (buf_add(out, part, n) < 0)
            goto broken;
        n = 0;
    }
    if (buf_add(out, part, n) == 0)
        return 0;
broken:
    out->bytes = before; /* all or nothing */
    if (out->data)
        out->data[before] = '\0';
    return -1;
}
