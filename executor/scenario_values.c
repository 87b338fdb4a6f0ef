/* SPDX-License-Identifier: MIT
 * The values of a scenario and its target: names, types, bounds, and where they are found. */
#include <stdio.h>
#include <string.h>

#include "executor/pattern.h"
#include "executor/scenario_parts.h"
#include "executor/values.h"
#include "lib/base/duration.h"
#include "lib/base/limits.h"

static const struct {
    const char *word;
    enum source_kind kind;
    int parts_max; /* behind the word */
} source_words[] = {
    {"keyword", SOURCE_KEYWORD, 1},
    {"title", SOURCE_TITLE, 1},
    {"alert", SOURCE_ALERT, VALUE_PATH_PARTS_MAX},
    {"incident", SOURCE_INCIDENT, 1},
    {"host", SOURCE_HOST, 1},
};
static const char *const source_names[] = {"keyword", "title", "alert", "incident", "host", NULL};
static const char *const alert_fields[] = {
    "details", "summary", "source", "severity", "component", "group", "class", "key", NULL};
static const char *const incident_fields[] = {
    "title", "service", "service_id", "priority", "urgency", "customer", "number", "id", NULL};

static bool in_list(const char *word, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(*words, word) == 0)
            return true;
    return false;
}

/* Cuts "alert.details.host" at its dots, behind the first. Returns the number of parts, 0 when one
 * is empty or there are too many. */
static int cut_path(struct builder *b, const char *text, const char **parts)
{
    int count = 0;
    for (;;) {
        size_t n = strcspn(text, ".");
        if (n == 0 || count == VALUE_PATH_PARTS_MAX)
            return 0;
        parts[count] = arena_strndup(b->arena, text, n);
        if (!parts[count++])
            return 0;
        if (text[n] == '\0')
            return count;
        text += n + 1;
    }
}

struct groups {
    const char *names[PATTERN_GROUPS_MAX + 1]; /* borrowed; the first ones, NULL-ended */
    int count;
    const char *wanted;
    bool found;
};

static void add_groups(struct groups *g, const struct pattern *const *patterns, int count)
{
    for (int i = 0; i < count; i++)
        for (int k = 0; patterns[i] && k < pattern_groups(patterns[i]); k++) {
            const char *name = pattern_group_name(patterns[i], k);
            g->found = g->found || strcmp(name, g->wanted) == 0;
            if (g->count < PATTERN_GROUPS_MAX)
                g->names[g->count++] = name;
        }
    g->names[g->count] = NULL;
}

static void check_group(struct builder *b, const struct yaml_node *node, const char *name)
{
    struct groups g = {.wanted = name};
    const struct scenario_match *m = &b->s->match;
    add_groups(&g, m->compiled, m->patterns.count);
    add_groups(&g, m->readers_compiled, m->readers.count);
    if (!g.found)
        build_error(b, node, "no pattern of match.title or match.read has a group (?<%s>...)%s",
            name, build_nearest(b, name, g.names));
}

static void check_source(
    struct builder *b, const struct yaml_node *node, const struct value_source *s)
{
    const char *first = s->path[0];
    switch (s->kind) {
    case SOURCE_KEYWORD:
        if (b->s->match.keywords.count == 0)
            build_error(
                b, node, "%s is read from the keyword token, but match has no keyword", s->text);
        break;
    case SOURCE_TITLE:
        check_group(b, node, first);
        break;
    case SOURCE_ALERT:
        if (!in_list(first, alert_fields))
            build_error(b, node,
                "an alert has no \"%s\"; its custom details are alert.details.NAME%s", first,
                build_nearest(b, first, alert_fields));
        else if ((strcmp(first, "details") == 0) != (s->path_count > 1))
            build_error(b, node, "%s",
                s->path_count > 1 ? "only alert.details has parts"
                                  : "alert.details needs a name behind it");
        break;
    case SOURCE_INCIDENT:
        if (!in_list(first, incident_fields))
            build_error(b, node, "an incident has no \"%s\"%s", first,
                build_nearest(b, first, incident_fields));
        break;
    case SOURCE_HOST:
    case SOURCE_KINDS:
        break;
    }
}

/* Reads one source. Returns -1 when it is wrong, which has been told. */
static int build_source(
    struct builder *b, const struct yaml_node *node, const char *text, struct value_source *out)
{
    size_t n = strcspn(text, ".");
    for (size_t i = 0; i < sizeof source_words / sizeof source_words[0]; i++) {
        if (strlen(source_words[i].word) != n || memcmp(source_words[i].word, text, n) != 0)
            continue;
        const char *parts[VALUE_PATH_PARTS_MAX];
        int count = text[n] == '.' ? cut_path(b, text + n + 1, parts) : 0;
        if (count == 0 || count > source_words[i].parts_max) {
            build_error(b, node, "\"%s\" wants %s behind \"%s.\"", text,
                source_words[i].parts_max > 1 ? "up to 16 names" : "one name",
                source_words[i].word);
            return -1;
        }
        const char **path = build_alloc(b, (size_t)count * sizeof *path);
        if (!path)
            return -1;
        memcpy(path, parts, (size_t)count * sizeof *path);
        *out = (struct value_source){source_words[i].kind, text, path, count, node->line};
        check_source(b, node, out);
        return 0;
    }
    const char *word = arena_strndup(b->arena, text, n);
    build_error(b, node,
        "\"%s\" is no place to look; places are keyword.NAME, title.GROUP, alert.details.NAME, "
        "incident.FIELD, "
        "host.NAME%s",
        text, word ? build_nearest(b, word, source_names) : "");
    return -1;
}

static void build_sources(struct builder *b, const struct yaml_node *node,
    const struct schema_texts *from, struct value_spec *spec)
{
    struct value_source *sources = build_alloc(b, (size_t)from->count * sizeof *sources + 1);
    const struct yaml_node *item = node && node->kind == YAML_LIST ? node->first : node;
    for (int i = 0; sources && i < from->count; i++) {
        if (build_source(b, item, from->items[i], &sources[spec->sources_count]) == 0)
            spec->sources_count++;
        item = item->next ? item->next : item;
    }
    spec->sources = sources;
}

static bool name_fits(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");
    return name[n] == '\0' && n <= 32 && name[0] >= 'a' && name[0] <= 'z';
}

/* The scalar under a key, checked against the spec. NULL when absent or wrong. */
static const char *checked(struct builder *b, const struct yaml_node *node,
    const struct value_spec *spec, const char *what)
{
    if (!node)
        return NULL;
    if (!node->text) {
        build_error(b, node, "%s wants one value, not %s", what, yaml_kind_name(node->kind));
        return NULL;
    }
    const char *text = NULL;
    char why[200];
    if (value_check(spec, node->text, node->bytes, b->arena, &text, why, sizeof why) != 0)
        build_error(b, node, "%s \"%s\" %s", what, node->text, why);
    return text;
}

/* A bound in the unit that value_check compares: numbers as they are, durations in milliseconds. */
static void build_bound(struct builder *b, const struct yaml_node *node,
    const struct value_spec *spec, const char *what, int64_t *out)
{
    struct value_spec open = *spec;
    open.least = INT64_MIN;
    open.most = INT64_MAX;
    open.one_of = NULL;
    const char *text = checked(b, node, &open, what);
    if (!text)
        return;
    struct error err = {0};
    if (spec->type == VALUE_DURATION && duration_parse(node->text, out, &err) == 0)
        return;
    long long number = 0;
    if (sscanf(text, "%lld", &number) == 1)
        *out = number;
}

static void build_bounds(struct builder *b, const struct yaml_node *node, struct value_spec *spec)
{
    bool number =
        spec->type == VALUE_INT || spec->type == VALUE_PERCENT || spec->type == VALUE_DURATION;
    static const char *const keys[] = {"least", "most"};
    for (int i = 0; i < 2; i++) {
        const struct yaml_node *bound = yaml_get(node, keys[i]);
        if (bound && !number)
            build_error(b, bound, "%s is for int, percent and duration, not for %s", keys[i],
                value_type_name(spec->type));
        else if (bound)
            build_bound(b, bound, spec, keys[i], i == 0 ? &spec->least : &spec->most);
    }
    if (spec->least > spec->most)
        build_error(b, yaml_get(node, "most"), "most is smaller than least");
}

static void build_choices(struct builder *b, const struct raw_value *raw, struct value_spec *spec)
{
    if (raw->one_of.count == 0)
        return;
    const char **words = build_alloc(b, (size_t)(raw->one_of.count + 1) * sizeof *words);
    const struct yaml_node *item = yaml_get(raw->node, "one_of")->first;
    for (int i = 0; words && i < raw->one_of.count; i++, item = item->next)
        words[i] = checked(b, item, spec, "one_of");
    spec->one_of = words;
}

static void build_value(struct builder *b, const struct raw_value *raw, struct value_spec *spec)
{
    const struct yaml_node *node = raw->node;
    *spec = (struct value_spec){
        .name = raw->name,
        .type = (enum value_type)raw->type,
        .least = INT64_MIN,
        .most = INT64_MAX,
        .bytes_max = raw->longest > 0 ? (size_t)raw->longest : VALUE_TEXT_BYTES,
        .line = node->line,
    };
    if (!name_fits(raw->name))
        build_error(b, node->key,
            "a value's name has a-z, 0-9 and _, begins with a letter, and has at most 32: it "
            "becomes a shell variable");
    else if (strcmp(raw->name, "host") == 0 || strcmp(raw->name, "fl") == 0 ||
             strncmp(raw->name, "fl_", 3) == 0)
        build_error(b, node->key, "the name \"%s\" is taken%s", raw->name,
            raw->name[0] == 'h' ? ": $host is the target's name in the inventory"
                                : ": fl_ is the wrapper's own");
    if (raw->longest > 0 && spec->type != VALUE_TEXT)
        build_error(b, yaml_get(node, "longest"), "longest is for text, not for %s",
            value_type_name(spec->type));
    build_sources(b, yaml_get(node, "from"), &raw->from, spec);
    build_bounds(b, node, spec);
    build_choices(b, raw, spec);
    spec->fallback = checked(b, yaml_get(node, "default"), spec, "default");
    if (raw->from.count == 0 && !yaml_get(node, "default"))
        build_error(b, node,
            "the value \"%s\" has neither from nor default: it could never be found", raw->name);
}

static void build_target(struct builder *b)
{
    const struct yaml_node *node = yaml_get(b->root, "target");
    struct value_spec *t = &b->s->target;
    *t = (struct value_spec){
        .name = "host", .type = VALUE_HOST, .bytes_max = 253, .line = node->line};
    build_sources(b, yaml_get(node, "host"), &b->raw->target.host, t);
    t->fallback = checked(b, yaml_get(node, "default"), t, "default");
    if (b->raw->target.host.count == 0 && !yaml_get(node, "default"))
        build_error(b, node, "target needs host (places where its name is found) or default");
    for (int i = 0; i < t->sources_count; i++)
        if (t->sources[i].kind == SOURCE_HOST)
            build_error(b, yaml_get(node, "host"),
                "%s: the target cannot come from the target's own variables", t->sources[i].text);
}

void build_values(struct builder *b)
{
    build_target(b);
    const struct schema_list *raw = &b->raw->values;
    struct value_spec *specs = build_alloc(b, (size_t)raw->count * sizeof *specs + 1);
    for (int i = 0; specs && i < raw->count; i++)
        build_value(b, (const struct raw_value *)raw->items + i, &specs[i]);
    b->s->values = specs;
    b->s->values_count = specs ? raw->count : 0;
}
