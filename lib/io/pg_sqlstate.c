/* SPDX-License-Identifier: MIT
 * From the server's errors to ours: one table by SQLSTATE, for statements that the server surely rolled back. What a
 * lost connection means is not decided here but where it is lost. */
#include <stdio.h>
#include <string.h>

#include "lib/io/pg_inside.h"

/* The longest prefix counts. */
static const struct {
    const char *prefix;
    enum error_kind kind;
} kinds[] = {
    {"08", ERROR_UNREACHED},    /* connection trouble that the server reports and survives  */
    {"08P01", ERROR_INPUT},     /* wrong number of parameters                               */
    {"0A", ERROR_INPUT},        /* feature not supported                                    */
    {"21", ERROR_INPUT},        /* more rows than one, an UPSERT that meets a row twice     */
    {"22", ERROR_INPUT},        /* data exception                                           */
    {"23", ERROR_INPUT},        /* constraint                                               */
    {"25", ERROR_REFUSED},      /* transaction state                                        */
    {"25006", ERROR_UNREACHED}, /* read-only: this server is no primary any more            */
    {"26", ERROR_UNREACHED},    /* prepared statement is gone; prepared again at next use   */
    {"28", ERROR_CONFIG},       /* login                                                    */
    {"3D", ERROR_CONFIG},       /* no such database                                         */
    {"3F", ERROR_CONFIG},       /* no such schema                                           */
    {"40", ERROR_UNREACHED},    /* serialization, deadlock: rolled back, may be repeated    */
    {"40003", ERROR_UNCERTAIN}, /* statement completion unknown                             */
    {"42", ERROR_INPUT},        /* syntax, missing table or column                          */
    {"42501", ERROR_CONFIG},    /* a right is missing: a person must grant it               */
    {"44", ERROR_INPUT},        /* WITH CHECK OPTION                                        */
    {"53", ERROR_UNREACHED},    /* out of disk, memory, connections                         */
    {"54", ERROR_INPUT},        /* program limit: index row too large                       */
    {"55006", ERROR_UNREACHED}, /* object in use                                            */
    {"55P03", ERROR_UNREACHED}, /* lock not available                                       */
    {"57", ERROR_UNREACHED},    /* cancelled by an operator before its commit               */
    {"58", ERROR_UNREACHED},    /* input or output of the server's system                   */
    {"F0", ERROR_CONFIG},       /* the server's configuration file                          */
};

enum error_kind pg_sqlstate_kind(const char *sqlstate)
{
    enum error_kind kind = ERROR_REFUSED;
    size_t longest = 0;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        size_t n = strlen(kinds[i].prefix);
        if (n > longest && strncmp(sqlstate, kinds[i].prefix, n) == 0) {
            longest = n;
            kind = kinds[i].kind;
        }
    }
    return kind;
}

void pg_flatten(const char *message, char *out, size_t bytes)
{
    size_t n = 0;
    for (const char *p = message ? message : ""; *p && n + 1 < bytes; p++) {
        bool blank = *p == '\n' || *p == '\t' || *p == ' ';
        if (blank && (n == 0 || out[n - 1] == ' '))
            continue;
        out[n++] = blank ? ' ' : *p;
    }
    while (n > 0 && out[n - 1] == ' ')
        n--;
    out[n] = '\0';
}

static const char *field(const PGresult *r, int code)
{
    const char *text = PQresultErrorField(r, code);
    return text ? text : "";
}

void pg_result_error(const PGresult *r, const char *what, struct error *err)
{
    char text[512];
    const char *state = field(r, PG_DIAG_SQLSTATE);
    bool whole_row = strcmp(state, "23502") == 0 || strcmp(state, "23514") == 0 || strcmp(state, "44000") == 0;
    const char *detail = whole_row ? "" : field(r, PG_DIAG_MESSAGE_DETAIL); /* these print the row: not for a log */
    const char *primary = field(r, PG_DIAG_MESSAGE_PRIMARY);
    pg_flatten(*primary ? primary : PQresultErrorMessage(r), text, sizeof text);
    error_from(err, pg_sqlstate_kind(state), ERROR_FROM_POSTGRES, 0, "statement '%s': \"%s\"%s%s%s [%s]",
        what, text, *detail ? " (" : "", detail, *detail ? ")" : "", state);
    (void)snprintf(err->sqlstate, sizeof err->sqlstate, "%s", state);
    const char *hint = field(r, PG_DIAG_MESSAGE_HINT);
    if (*hint)
        error_hint(err, "%s", hint);
}

bool pg_result_is_fatal(const PGresult *r)
{
    const char *severity = field(r, PG_DIAG_SEVERITY_NONLOCALIZED);
    return *field(r, PG_DIAG_SQLSTATE) == '\0' || strcmp(severity, "FATAL") == 0 ||
           strcmp(severity, "PANIC") == 0;
}

/* By the place in the server's source as well as by the text, which the server may translate. */
bool pg_notice_is_not_replicated(const PGresult *notice)
{
    const char *state = field(notice, PG_DIAG_SQLSTATE);
    if (strcmp(state, "01000") != 0 && strcmp(state, "57P01") != 0)
        return false;
    return strcmp(field(notice, PG_DIAG_SOURCE_FUNCTION), "SyncRepWaitForLSN") == 0 ||
           strstr(field(notice, PG_DIAG_MESSAGE_PRIMARY), "wait for synchronous replication") != NULL;
}

bool pg_result_retires(const PGresult *r)
{
    return strcmp(field(r, PG_DIAG_SQLSTATE), "25006") == 0 ||
           strcmp(field(r, PG_DIAG_SOURCE_FUNCTION), "RevalidateCachedQuery") == 0;
}
