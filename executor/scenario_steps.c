/* SPDX-License-Identifier: MIT
 * The steps of a scenario: what each may say, what it inherits, in which order they may stand, and
 * which try each belongs to. */
#include <stdio.h>
#include <string.h>

#include "executor/scenario_parts.h"
#include "lib/base/limits.h"

#define LOOK_TIMEOUT_MS 30000
#define RECOVER_TIMEOUT_MS 120000
#define EVERY_MS 10000

static const struct raw_step *raw_of(const struct builder *b, int index)
{
    return (const struct raw_step *)b->raw->steps.items + index;
}

static const struct step_place *place_of(const char *key)
{
    for (const struct step_place *p = step_places; p->key; p++)
        if (strcmp(p->key, key) == 0)
            return p;
    return NULL;
}

/* "check or verify": the verbs that a key goes with. */
static void verbs_text(unsigned verbs, char *out, size_t bytes)
{
    size_t n = 0;
    out[0] = '\0';
    for (int v = 0; v < STEP_VERBS && n < bytes; v++)
        if (verbs & WITH(v))
            n += (size_t)snprintf(
                out + n, bytes - n, "%s%s", n > 0 ? " or " : "", step_verb_words[v]);
}

/* The step's verb, or -1 when it has none or several. */
static int find_verb(struct builder *b, const struct raw_step *raw)
{
    int found = -1;
    for (int v = 0; v < STEP_VERBS; v++) {
        if (!raw->words[v])
            continue;
        if (found >= 0) {
            build_error(b, yaml_get(raw->node, step_verb_words[v])->key,
                "a step has one verb; this one has both %s and %s: make two steps of it",
                step_verb_words[found], step_verb_words[v]);
            return -1;
        }
        found = v;
    }
    if (found < 0)
        build_error(b, raw->node,
            "this step needs a verb: check, collect, recover or verify, and words that say what it "
            "does");
    return found;
}

static void check_places(struct builder *b, const struct raw_step *raw, enum step_verb verb)
{
    for (const struct yaml_node *n = raw->node->first; n; n = n->next) {
        const struct step_place *p = place_of(n->key->text);
        if (!p || (p->verbs & WITH(verb)))
            continue;
        char verbs[60];
        verbs_text(p->verbs, verbs, sizeof verbs);
        build_error(b, n->key, "%s belongs to %s, not to %s", p->key, verbs, step_verb_words[verb]);
    }
}

static bool taken_name(const char *name)
{
    static const char *const words[] = {
        "result", "output", "status", "and", "or", "not", "contains", "matches"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(words[i], name) == 0)
            return true;
    return false;
}

static void check_name(struct builder *b, const struct raw_step *raw, const struct step *s)
{
    if (!s->name)
        return;
    const struct yaml_node *node = yaml_get(raw->node, "name");
    size_t n = strspn(s->name, "abcdefghijklmnopqrstuvwxyz0123456789_-");
    if (s->name[n] != '\0' || s->name[0] < 'a' || s->name[0] > 'z')
        build_error(b, node, "a step's name has a-z, 0-9, _ and -, and begins with a letter");
    else if (taken_name(s->name))
        build_error(
            b, node, "\"%s\" means something of its own in judgements; take another name", s->name);
    if (s->verb == STEP_VERIFY)
        return; /* another script may measure what a check measured, for the same rule */
    for (int i = 0; i < s->index; i++)
        if (b->s->steps[i].name && strcmp(b->s->steps[i].name, s->name) == 0 &&
            b->s->steps[i].check_step < 0)
            build_error(b, node, "the step in line %d is named \"%s\" already", b->s->steps[i].line,
                s->name);
}

static void check_host(struct builder *b, const struct yaml_node *node, struct step *s)
{
    const char *text = node->text;
    if (text[0] != '$') {
        if (text[strspn(text,
                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:")] != '\0')
            build_error(
                b, node, "\"%s\" is no host's name; a value of type host is written $name", text);
        s->on_host = text;
        return;
    }
    s->on_value = text + 1;
    const char *names[SCENARIO_VALUES_MAX + 1];
    int count = 0;
    for (int i = 0; i < b->s->values_count; i++) {
        const struct value_spec *v = &b->s->values[i];
        if (v->type == VALUE_HOST && count < SCENARIO_VALUES_MAX)
            names[count++] = v->name;
        if (strcmp(v->name, s->on_value) != 0)
            continue;
        if (v->type != VALUE_HOST)
            build_error(b, node, "the value \"%s\" is of type %s; on wants one of type host",
                v->name, value_type_name(v->type));
        return;
    }
    names[count] = NULL;
    build_error(
        b, node, "there is no value \"%s\"%s", s->on_value, build_nearest(b, s->on_value, names));
}

/* --- a verify that repeats a check
 * ------------------------------------------------------------------------------- */

/* The check that is meant: the one with the same words, else the only one. NULL with the error
 * told. */
static const struct step *check_meant(
    struct builder *b, const struct raw_step *raw, const struct step *s)
{
    const struct step *only = NULL;
    int checks = 0;
    for (int i = 0; i < s->index; i++) {
        const struct step *c = &b->s->steps[i];
        if (c->verb != STEP_CHECK)
            continue;
        if (strcmp(c->title, s->title) == 0)
            return c;
        only = c;
        checks++;
    }
    if (checks == 1)
        return only;
    build_error(b, raw->node,
        checks == 0 ? "this verify has no run, and there is no check before it that it could repeat"
                    : "this verify has no run and could repeat several checks; give it the words "
                      "of the one that is meant");
    return NULL;
}

static void inherit(struct builder *b, const struct raw_step *raw, struct step *s)
{
    static const char *const own_only[] = {"name", "become", "on"};
    for (size_t i = 0; i < sizeof own_only / sizeof own_only[0]; i++) {
        const struct yaml_node *node = yaml_get(raw->node, own_only[i]);
        if (node)
            build_error(b, node->key,
                "a verify without run repeats its check with the check's own %s", own_only[i]);
    }
    const struct step *c = check_meant(b, raw, s);
    if (!c)
        return;
    s->check_step = c->index;
    s->run = c->run;
    s->name = c->name;
    s->become = c->become;
    s->on_host = c->on_host;
    s->on_value = c->on_value;
    if (raw->timeout_ms == 0)
        s->timeout_ms = c->timeout_ms;
    if (!raw->healthy)
        s->healthy = c->healthy;
}

/* --- one step
 * ----------------------------------------------------------------------------------------------------
 */

static void build_timing(struct builder *b, const struct raw_step *raw, struct step *s)
{
    s->timeout_ms = raw->timeout_ms > 0       ? raw->timeout_ms
                    : s->verb == STEP_RECOVER ? RECOVER_TIMEOUT_MS
                                              : LOOK_TIMEOUT_MS;
    s->within_ms = raw->within_ms;
    s->every_ms = raw->within_ms == 0 ? 0 : raw->every_ms > 0 ? raw->every_ms : EVERY_MS;
    if (s->verb == STEP_VERIFY && raw->every_ms > 0 && raw->within_ms == 0)
        build_error(b, yaml_get(raw->node, "every"), "every needs within: how long is it to look?");
}

static void build_step(struct builder *b, int index, struct step *s)
{
    const struct raw_step *raw = raw_of(b, index);
    int verb = find_verb(b, raw);
    *s = (struct step){.index = index, .line = raw->node->line, .check_step = -1, .try_index = -1};
    s->title = "";
    if (verb < 0)
        return;
    s->verb = (enum step_verb)verb;
    s->title = raw->words[verb];
    s->run = raw->run;
    s->name = raw->name;
    s->become = raw->become;
    s->unsure = (enum unsure_rule)raw->unsure;
    s->running = (enum running_rule)raw->running;
    check_places(b, raw, s->verb);
    build_timing(b, raw, s);
    if (raw->on)
        check_host(b, yaml_get(raw->node, "on"), s);
    if (raw->when)
        s->when = build_rule(b, yaml_get(raw->node, "when"));
    s->healthy = raw->healthy ? build_rule(b, yaml_get(raw->node, "healthy")) : b->s->healthy;
    if (s->verb == STEP_VERIFY && !raw->run)
        inherit(b, raw, s);
    else if (!raw->run)
        build_error(b, raw->node, "this %s needs run: the script", step_verb_words[verb]);
    else
        check_name(b, raw, s);
}

/* --- names in judgements
 * ----------------------------------------------------------------------------------------- */

struct name_check {
    struct builder *b;
    const struct yaml_node *node; /* of the rule */
    const struct step *step;      /* that is judged, or has the `when` */
    bool own_counts;              /* the step's own name is known to the rule */
};

static void check_rule_name(void *owner, const char *name, size_t offset)
{
    struct name_check *c = owner;
    const char *names[SCENARIO_STEPS_MAX + 4];
    int count = 0;
    const struct step *steps = c->b->s->steps;
    for (int i = 0; i < c->b->s->steps_count; i++) {
        if (!steps[i].name)
            continue;
        if (strcmp(steps[i].name, name) == 0 &&
            (i < c->step->index || (i == c->step->index && c->own_counts)))
            return;
        names[count++] = steps[i].name;
    }
    if (c->own_counts)
        names[count++] = "result", names[count++] = "output", names[count++] = "status";
    names[count] = NULL;
    struct buf path;
    buf_init(&path, 512);
    yaml_path(c->node, &path);
    diag_add(c->b->diag, DIAG_ERROR, c->node->file, c->node->line, build_column(c->node, offset),
        buf_text(&path), "no step before the %s in line %d has the name \"%s\"%s",
        step_verb_words[c->step->verb], c->step->line, name, build_nearest(c->b, name, names));
    buf_done(&path);
    c->b->failed = true;
}

/* A judged step whose rule reads other steps only is most likely a mistake; a verify's surely is:
 * it would be judged by what was found before the recover. */
static void check_reads_own(struct builder *b, const struct step *s, const struct yaml_node *node)
{
    size_t at = 0;
    if (!s->healthy || judgement_reads_own(s->healthy, &at) ||
        (s->name && judgement_reads(s->healthy, s->name)))
        return;
    if (s->verb == STEP_VERIFY) {
        build_error(b, node,
            "this verify is judged by \"%s\", which does not read what it prints itself but what "
            "was found "
            "before; give it a name that the rule reads, or a rule of its own",
            judgement_text(s->healthy));
        return;
    }
    yaml_warning(b->diag, node, NULL,
        "this %s is judged by \"%s\", which does not read what it prints itself",
        step_verb_words[s->verb], judgement_text(s->healthy));
}

static void check_step_rules(struct builder *b, const struct step *s, bool *told_for_all)
{
    const struct yaml_node *node = raw_of(b, s->index)->node;
    const struct yaml_node *when = yaml_get(node, "when");
    const struct yaml_node *own = yaml_get(node, "healthy");
    const struct yaml_node *all = yaml_get(b->root, "healthy");
    size_t at = 0;
    if (s->when) {
        if (judgement_reads_own(s->when, &at))
            build_error(b, when,
                "when is asked before the step runs, so it has no result yet; use an earlier "
                "step's name");
        judgement_names(s->when, check_rule_name, &(struct name_check){b, when, s, false});
    }
    if (s->verb != STEP_CHECK && s->verb != STEP_VERIFY)
        return;
    if (own && s->healthy) {
        judgement_names(s->healthy, check_rule_name, &(struct name_check){b, own, s, true});
    } else if (all && s->healthy && s->healthy == b->s->healthy && !*told_for_all) {
        bool failed = b->failed;
        b->failed = false;
        judgement_names(s->healthy, check_rule_name, &(struct name_check){b, all, s, true});
        *told_for_all = b->failed; /* once is enough for the scenario's rule */
        b->failed = b->failed || failed;
    }
    check_reads_own(b, s, node);
}

/* --- order
 * -------------------------------------------------------------------------------------------------------
 */

struct order {
    int checks;
    int recover;   /* index of the recover that still waits for its verify, -1: none */
    bool verified; /* the current try has its verify */
    bool any_recover;
};

static void order_of(struct builder *b, struct step *s, struct order *o)
{
    const struct yaml_node *node = raw_of(b, s->index)->node;
    switch (s->verb) {
    case STEP_CHECK:
        if (o->any_recover)
            build_error(b, node,
                "a check stands before the first recover; to look again after one, use verify");
        o->checks++;
        return;
    case STEP_COLLECT:
        if (o->any_recover && o->verified)
            s->try_index = b->s->tries_count; /* of the try that comes next, if any */
        else if (o->any_recover)
            s->try_index = b->s->tries_count - 1;
        return;
    case STEP_RECOVER:
        if (o->checks == 0)
            build_error(b, node,
                "a recover needs a check before it: what was not seen broken is not repaired");
        if (o->recover >= 0)
            build_error(b, raw_of(b, o->recover)->node,
                "this recover needs a verify behind it: did it help?");
        o->any_recover = true;
        o->recover = s->index;
        o->verified = false;
        s->try_index = b->s->tries_count++;
        return;
    case STEP_VERIFY:
        if (!o->any_recover)
            build_error(b, node, "a verify stands behind a recover; to look before one, use check");
        o->recover = -1;
        o->verified = true;
        s->try_index = b->s->tries_count - 1;
        return;
    case STEP_VERBS:
        break;
    }
}

static void check_order(struct builder *b, struct step *steps)
{
    struct order o = {.recover = -1};
    for (int i = 0; i < b->s->steps_count; i++)
        order_of(b, &steps[i], &o);
    if (o.recover >= 0)
        build_error(
            b, raw_of(b, o.recover)->node, "this recover needs a verify behind it: did it help?");
}

static bool mentions(const char *script, const char *name)
{
    size_t n = strlen(name);
    for (const char *s = script; s && (s = strchr(s, '$')); s++) {
        const char *word = s[1] == '{' ? s + 2 : s + 1;
        char after = strncmp(word, name, n) == 0 ? word[n] : 'a';
        if (!(after == '_' || (after >= 'a' && after <= 'z') || (after >= 'A' && after <= 'Z') ||
                (after >= '0' && after <= '9')))
            return true;
    }
    return false;
}

static void warn_unused_values(struct builder *b)
{
    for (int v = 0; v < b->s->values_count; v++) {
        const struct value_spec *spec = &b->s->values[v];
        bool used = false;
        for (int i = 0; i < b->s->steps_count && !used; i++)
            used = mentions(b->s->steps[i].run, spec->name) ||
                   (b->s->steps[i].on_value && strcmp(b->s->steps[i].on_value, spec->name) == 0);
        if (!used)
            yaml_warning(b->diag, yaml_get(yaml_get(b->root, "values"), spec->name), NULL,
                "no script reads $%s and no step is on it", spec->name);
    }
}

void build_steps(struct builder *b)
{
    int count = b->raw->steps.count;
    const struct yaml_node *node = yaml_get(b->root, "steps");
    if (count == 0) {
        build_error(b, node ? node : b->root, "a scenario needs at least one step");
        return;
    }
    struct step *steps = build_alloc(b, (size_t)count * sizeof *steps);
    if (!steps)
        return;
    b->s->steps = steps;
    for (int i = 0; i < count; i++) {
        build_step(b, i, &steps[i]);
        b->s->steps_count = i + 1;
    }
    if (b->failed)
        return; /* order and names of steps that are wrong themselves would only mislead */
    check_order(b, steps);
    bool told = false;
    for (int i = 0; i < count; i++)
        check_step_rules(b, &steps[i], &told);
    warn_unused_values(b);
}
