/* SPDX-License-Identifier: MIT
 * A JSON Schema (draft-07) of the table, for editors. What it allows is at least what the parser
 * allows. */
#include <string.h>

#include "lib/base/schema_parts.h"
#include "lib/base/text.h"

#define DURATION_PATTERN "^([0-9]+(\\\\.[0-9]+)?(ms|s|m|h|d))+$"
#define SIZE_PATTERN "^[0-9]+(\\\\.[0-9]+)?(B|[kK]B|[KMGT]iB|[MGT]B)$"

/* Results of buf_* are not looked at here: what does not fit sets out->over, which the caller sees.
 */

static void json_map(const struct schema *s, struct buf *out);

static void text(struct buf *out, const char *t)
{
    (void)buf_add_char(out, '"');
    text_json(t, strlen(t), out);
    (void)buf_add_char(out, '"');
}

static void words(const struct schema_field *f, struct buf *out)
{
    (void)buf_add_text(out, "\"enum\":[");
    for (int i = 0; f->words[i]; i++) {
        (void)buf_add_text(out, i == 0 ? "" : ",");
        text(out, f->words[i]);
    }
    (void)buf_add_char(out, ']');
}

static void text_type(const struct schema_field *f, struct buf *out)
{
    if (f->flags & SCHEMA_OWN) { /* the caller reads it, and may take any scalar */
        (void)buf_add_text(out, "\"type\":[\"string\",\"number\",\"boolean\"]");
        return;
    }
    (void)buf_printf(
        out, "\"type\":\"string\"%s", f->flags & SCHEMA_MAY_BE_EMPTY ? "" : ",\"minLength\":1");
    if (f->type == SCHEMA_NAME)
        (void)buf_printf(out, ",\"maxLength\":%d,\"pattern\":\"^[A-Za-z0-9_][A-Za-z0-9._-]*$\"",
            SCHEMA_NAME_BYTES);
}

static void number_type(const struct schema_field *f, struct buf *out)
{
    (void)buf_add_text(out, "\"type\":\"integer\"");
    if (f->least != 0 || f->most != 0)
        (void)buf_printf(
            out, ",\"minimum\":%lld,\"maximum\":%lld", (long long)f->least, (long long)f->most);
}

static void list_type(const struct schema_field *f, struct buf *out)
{
    (void)buf_printf(
        out, "\"type\":\"array\",\"maxItems\":%lld,\"items\":", (long long)schema_most(f));
    if (f->type == SCHEMA_LIST) {
        json_map(f->inside, out);
        return;
    }
    (void)buf_add_char(out, '{');
    if (f->type == SCHEMA_WORDS)
        words(f, out);
    else
        (void)buf_add_text(out, "\"type\":\"string\",\"minLength\":1");
    (void)buf_add_char(out, '}');
}

static void map_type(const struct schema_field *f, struct buf *out)
{
    (void)buf_add_text(out, "\"type\":\"object\",\"additionalProperties\":");
    if (f->type == SCHEMA_NAMED)
        json_map(f->inside, out);
    else if (f->type == SCHEMA_DURATIONS)
        (void)buf_add_text(out, "{\"type\":\"string\",\"pattern\":\"" DURATION_PATTERN "\"}");
    else
        (void)buf_add_text(out, "{\"type\":[\"string\",\"number\",\"boolean\"]}");
}

static void json_type(const struct schema_field *f, struct buf *out)
{
    switch (f->type) {
    case SCHEMA_INT:
        number_type(f, out);
        break;
    case SCHEMA_BOOL:
        (void)buf_add_text(out, "\"type\":\"boolean\"");
        break;
    case SCHEMA_DURATION:
        (void)buf_add_text(out, "\"type\":\"string\",\"pattern\":\"" DURATION_PATTERN "\"");
        break;
    case SCHEMA_SIZE:
        (void)buf_add_text(out, "\"type\":\"string\",\"pattern\":\"" SIZE_PATTERN "\"");
        break;
    case SCHEMA_WORD:
        words(f, out);
        break;
    case SCHEMA_PAIRS:
    case SCHEMA_DURATIONS:
    case SCHEMA_NAMED:
        map_type(f, out);
        break;
    case SCHEMA_TEXTS:
        if (f->flags & SCHEMA_OR_ONE) {
            (void)buf_add_text(out, "\"oneOf\":[{\"type\":\"string\",\"minLength\":1},{");
            list_type(f, out);
            (void)buf_add_text(out, "}]");
            break;
        }
        list_type(f, out);
        break;
    case SCHEMA_WORDS:
    case SCHEMA_PATHS:
    case SCHEMA_SECRETS:
    case SCHEMA_LIST:
        list_type(f, out);
        break;
    default:
        text_type(f, out);
    }
}

static void json_field(const struct schema_field *f, struct buf *out)
{
    text(out, f->name);
    (void)buf_add_text(out, ":");
    if (f->type == SCHEMA_MAP) {
        json_map(f->inside, out);
        return;
    }
    (void)buf_add_char(out, '{');
    json_type(f, out);
    (void)buf_add_text(out, ",\"description\":");
    text(out, f->about);
    (void)buf_add_char(out, '}');
}

static void json_required(const struct schema *s, struct buf *out)
{
    const char *comma = ",\"required\":[";
    for (const struct schema_field *f = s->fields; f->name; f++) {
        if (!(f->flags & SCHEMA_REQUIRED))
            continue;
        (void)buf_add_text(out, comma);
        text(out, f->name);
        comma = ",";
    }
    if (comma[1] == '\0')
        (void)buf_add_char(out, ']');
}

static void json_body(const struct schema *s, struct buf *out)
{
    (void)buf_add_text(
        out, "\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\n");
    for (const struct schema_field *f = s->fields; f->name; f++) {
        (void)buf_add_text(out, f == s->fields ? "" : ",\n");
        json_field(f, out);
    }
    (void)buf_add_char(out, '}');
    json_required(s, out);
}

static void json_map(const struct schema *s, struct buf *out)
{
    (void)buf_add_char(out, '{');
    json_body(s, out);
    (void)buf_add_char(out, '}');
}

void schema_json(const struct schema *s, const char *title, struct buf *out)
{
    (void)buf_add_text(out, "{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\"title\":");
    text(out, title);
    (void)buf_add_char(out, ',');
    json_body(s, out);
    (void)buf_add_text(out, "}\n");
}
