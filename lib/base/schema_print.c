/* SPDX-License-Identifier: MIT
 * Help, example file and docs page, made from the table. */
#include <stdio.h>
#include <string.h>

#include "lib/base/duration.h"
#include "lib/base/schema_parts.h"

#define PATH_BYTES_MAX 128
#define COLUMNS 100

/* Results of buf_* are not looked at here: what does not fit sets out->over, which the caller sees.
 */

static void add(struct buf *out, const char *text)
{
    (void)buf_add_text(out, text);
}

void schema_bounds(const struct schema_field *f, char *out, size_t bytes)
{
    out[0] = '\0';
    bool numbers = f->type == SCHEMA_INT || f->type == SCHEMA_DURATION || f->type == SCHEMA_SIZE ||
                   f->type == SCHEMA_DURATIONS;
    if (!numbers || (f->least == 0 && f->most == 0))
        return;
    char least[DURATION_TEXT_BYTES], most[DURATION_TEXT_BYTES];
    schema_print_number(f->type, f->least, least, sizeof least);
    schema_print_number(f->type, f->most, most, sizeof most);
    (void)snprintf(out, bytes, "%s to %s", least, most); /* cut when out is small */
}

/* "a duration, 500ms to 10s", "one of run, hold". */
static void describe(const struct schema_field *f, struct buf *out)
{
    if (f->words) {
        add(out, f->type == SCHEMA_WORDS ? "a list of " : "");
        for (int i = 0; f->words[i]; i++)
            (void)buf_printf(out, "%s%s",
                i == 0            ? ""
                : f->words[i + 1] ? ", "
                                  : " or ",
                f->words[i]);
        return;
    }
    char bounds[2 * DURATION_TEXT_BYTES + 8];
    schema_bounds(f, bounds, sizeof bounds);
    (void)buf_printf(out, "%s%s%s", schema_type_name(f->type), bounds[0] ? ", " : "", bounds);
}

static bool has_inside(const struct schema_field *f)
{
    return f->type == SCHEMA_MAP || f->type == SCHEMA_LIST || f->type == SCHEMA_NAMED;
}

/* "accounts[].token_file", "customers.NAME.hosts". */
static void join(char *out, const char *prefix, const struct schema_field *f)
{
    const char *behind = f->type == SCHEMA_LIST ? "[]" : f->type == SCHEMA_NAMED ? ".NAME" : "";
    (void)snprintf(out, PATH_BYTES_MAX, "%s%s%s%s", prefix, prefix[0] ? "." : "", f->name,
        behind); /* short names */
}

/* Words wrapped at COLUMNS, each line behind `indent`. */
static void wrap(const char *text, const char *indent, struct buf *out)
{
    size_t column = 0;
    while (*text) {
        size_t n = strcspn(text, " ");
        if (column == 0 || column + 1 + n > COLUMNS) {
            (void)buf_printf(out, "%s%s", column == 0 ? "" : "\n", indent);
            column = strlen(indent);
        } else {
            add(out, " ");
            column++;
        }
        (void)buf_add(out, text, n);
        column += n;
        text += n;
        text += strspn(text, " ");
    }
    add(out, "\n");
}

/* ---- help ---- */

static void help_map(const struct schema *s, const char *prefix, struct buf *out)
{
    for (const struct schema_field *f = s->fields; f->name; f++) {
        char path[PATH_BYTES_MAX];
        join(path, prefix, f);
        (void)buf_printf(out, "%s  (", path);
        describe(f, out);
        if (f->standard)
            (void)buf_printf(out, "; default %s", f->standard);
        if (f->flags & SCHEMA_REQUIRED)
            add(out, "; required");
        if (f->flags & SCHEMA_RELOAD)
            add(out, "; read again on reload");
        add(out, ")\n");
        wrap(f->about, "    ", out);
        if (has_inside(f))
            help_map(f->inside, path, out);
    }
}

void schema_help(const struct schema *s, struct buf *out)
{
    help_map(s, "", out);
}

/* ---- the example ---- */

static void example_map(const struct schema *s, int depth, bool item, struct buf *out);

static void indent(int depth, struct buf *out)
{
    (void)buf_printf(out, "%*s", 2 * depth, "");
}

static void example_comment(const struct schema_field *f, int depth, struct buf *out)
{
    struct buf text;
    buf_init(&text, 2000);
    add(&text, f->about);
    if (!has_inside(f)) {
        add(&text, " (");
        describe(f, &text);
        add(&text, f->flags & SCHEMA_REQUIRED ? "; required)" : ")");
    }
    char front[64];
    (void)snprintf(front, sizeof front, "%*s# ", 2 * depth, ""); /* depth is small */
    wrap(buf_text(&text), front, out);
    buf_done(&text);
}

/* One field. A field without default and example is shown as a comment, so that the file parses. */
static void example_field(const struct schema_field *f, int depth, struct buf *out)
{
    example_comment(f, depth, out);
    indent(depth, out);
    const char *value = f->standard ? f->standard : f->example;
    if (f->type == SCHEMA_MAP || f->type == SCHEMA_LIST) {
        (void)buf_printf(out, "%s:\n", f->name);
        example_map(f->inside, depth + 1, f->type == SCHEMA_LIST, out);
    } else if (f->type == SCHEMA_NAMED) {
        (void)buf_printf(out, "%s:\n", f->name);
        indent(depth + 1, out);
        (void)buf_printf(out, "%s:\n", f->example ? f->example : "name");
        example_map(f->inside, depth + 2, false, out);
    } else {
        (void)buf_printf(
            out, "%s%s:%s%s\n", value ? "" : "# ", f->name, value ? " " : "", value ? value : "");
    }
}

/* item: one entry of a list, its first line begun by a dash. */
static void example_map(const struct schema *s, int depth, bool item, struct buf *out)
{
    bool dash = item;
    for (const struct schema_field *f = s->fields; f->name; f++) {
        if (!dash) {
            example_field(f, item ? depth + 1 : depth, out);
            continue;
        }
        struct buf text; /* the dash goes before the first line that is no comment */
        buf_init(&text, 10000);
        example_field(f, depth + 1, &text);
        const char *line = buf_text(&text);
        while (line && *line && line[strspn(line, " ")] == '#')
            line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL;
        if (line && *line) {
            text.data[line - text.data + 2 * depth] = '-';
            dash = false;
        }
        add(out, buf_text(&text));
        buf_done(&text);
    }
}

void schema_example(const struct schema *s, struct buf *out)
{
    for (const struct schema_field *f = s->fields; f->name; f++) {
        add(out, f == s->fields ? "" : "\n");
        example_field(f, 0, out);
    }
}

/* ---- docs ---- */

static void markdown_row(const struct schema_field *f, struct buf *out)
{
    (void)buf_printf(out, "| `%s` | ", f->name);
    describe(f, out);
    if (f->flags & SCHEMA_REQUIRED)
        add(out, " | required | ");
    else if (f->standard)
        (void)buf_printf(out, " | `%s` | ", f->standard);
    else
        add(out, " | | ");
    (void)buf_printf(out, "%s%s |\n", f->about, f->flags & SCHEMA_RELOAD ? " *Reload.*" : "");
}

static void markdown_map(const struct schema *s, const char *prefix, int level, struct buf *out)
{
    add(out, "\n| key | value | default | |\n|---|---|---|---|\n");
    for (const struct schema_field *f = s->fields; f->name; f++)
        markdown_row(f, out);
    for (const struct schema_field *f = s->fields; f->name; f++) {
        if (!has_inside(f))
            continue;
        char path[PATH_BYTES_MAX];
        join(path, prefix, f);
        (void)buf_printf(out, "\n%.*s `%s`\n\n%s\n", level < 4 ? level : 4, "####", path,
            f->inside->about ? f->inside->about : f->about);
        markdown_map(f->inside, path, level + 1, out);
    }
}

void schema_markdown(const struct schema *s, struct buf *out)
{
    markdown_map(s, "", 2, out);
}
