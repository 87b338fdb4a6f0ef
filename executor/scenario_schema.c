/* SPDX-License-Identifier: MIT
 * The table of the scenario file. */
#include "executor/scenario_schema.h"

#include <stddef.h>

#include "lib/base/limits.h"

const char *const step_verb_words[] = {"check", "collect", "recover", "verify", NULL};
const char *const scenario_mode_words[] = {"shadow", "suggest", "approve", "auto", NULL};
const char *const unsure_rule_words[] = {"verify", "rerun", "hand_over", NULL};
const char *const running_rule_words[] = {"wait", "end", NULL};
const char *const value_type_words[] = {
    "host", "word", "path", "int", "duration", "percent", "text", NULL};
static const char *const healed_words[] = {"resolve", NULL};

_Static_assert(
    sizeof step_verb_words / sizeof step_verb_words[0] == STEP_VERBS + 1, "a word for each verb");
_Static_assert(
    sizeof scenario_mode_words / sizeof scenario_mode_words[0] == SCENARIO_MODES + 1, "each mode");
_Static_assert(
    sizeof unsure_rule_words / sizeof unsure_rule_words[0] == UNSURE_RULES + 1, "each rule");
_Static_assert(
    sizeof running_rule_words / sizeof running_rule_words[0] == RUNNING_RULES + 1, "each rule");
_Static_assert(
    sizeof value_type_words / sizeof value_type_words[0] == VALUE_TYPES + 1, "each type");
_Static_assert(sizeof healed_words / sizeof healed_words[0] == HEALED_ACTIONS + 1, "each action");

#define AT(type, member) offsetof(struct type, member)

static const struct schema_field match_fields[] = {
    {"keyword", SCHEMA_TEXTS, AT(raw_match, keyword), .most = SCENARIO_MATCHERS_MAX,
        .flags = SCHEMA_OR_ONE, .example = "disk-full",
        .about = "The word of the title's token, [AMS:disk-full]; any of several."},
    {"title", SCHEMA_TEXTS, AT(raw_match, title), .most = SCENARIO_MATCHERS_MAX,
        .flags = SCHEMA_OR_ONE,
        .example = "[disk full, \"re:filesystem (?<mount>/\\\\S*) is full\"]",
        .about = "Phrases that the title contains, or patterns after re:; any of them, also "
                 "without a keyword."},
    {"not", SCHEMA_TEXTS, AT(raw_match, not ), .most = SCENARIO_MATCHERS_MAX,
        .flags = SCHEMA_OR_ONE, .example = "[backup volume]",
        .about = "Phrases or patterns; a title with one of them is left alone."},
    {"read", SCHEMA_TEXTS, AT(raw_match, read), .most = SCENARIO_MATCHERS_MAX,
        .flags = SCHEMA_OR_ONE, .example = "\"re:on (?<host>[\\\\w.-]+)$\"",
        .about = "Patterns after re: that decide nothing; their named groups can be read as "
                 "title.NAME."},
    {"service", SCHEMA_TEXTS, AT(raw_match, service), .most = SCENARIO_MATCHERS_MAX,
        .flags = SCHEMA_OR_ONE, .example = "[PSHOP01, shop database]",
        .about = "Only incidents of these services, by id or name."},
    {"priority", SCHEMA_TEXTS, AT(raw_match, priority), .most = SCENARIO_MATCHERS_MAX,
        .flags = SCHEMA_OR_ONE, .example = "[P1, P2]",
        .about = "Only incidents of these priorities."},
    {"customer", SCHEMA_TEXTS, AT(raw_match, customer), .most = SCENARIO_MATCHERS_MAX,
        .flags = SCHEMA_OR_ONE, .example = "[acme]", .about = "Only incidents of these customers."},
    {0},
};
static const struct schema match_schema = {"match", sizeof(struct raw_match), 0, 0, match_fields,
    "Which incidents the scenario is for: keyword or title must fit, and everything else that is "
    "given."};

static const struct schema_field target_fields[] = {
    {"host", SCHEMA_TEXTS, AT(raw_target, host), .most = SCENARIO_SOURCES_MAX,
        .flags = SCHEMA_OR_ONE, .example = "[keyword.host, alert.details.host]",
        .about = "Where the host's name is found; the first place that has something is taken."},
    {"default", SCHEMA_TEXT, AT(raw_target, fallback), .most = 253, .example = "bastion-1",
        .about = "The host where no place names one."},
    {0},
};
static const struct schema target_schema = {"target", sizeof(struct raw_target), 0, 0,
    target_fields, "The machine that the steps run on. It must be in the customer's inventory."};

static const struct schema_field value_fields[] = {
    {"type", SCHEMA_WORD, AT(raw_value, type), .words = value_type_words, .flags = SCHEMA_REQUIRED,
        .example = "path", .about = "What it must be; anything else hands the incident over."},
    {"from", SCHEMA_TEXTS, AT(raw_value, from), .most = SCENARIO_SOURCES_MAX,
        .flags = SCHEMA_OR_ONE, .example = "[keyword.mount, title.mount, alert.details.mount]",
        .about = "Where it is found: keyword.NAME, title.GROUP, alert.details.A.B, incident.FIELD, "
                 "host.NAME."},
    {"default", SCHEMA_TEXT, 0, .flags = SCHEMA_OWN | SCHEMA_MAY_BE_EMPTY, .example = "/",
        .about = "Taken where no place has one; without it a missing value hands over."},
    {"one_of", SCHEMA_TEXTS, AT(raw_value, one_of), .most = SCENARIO_CHOICES_MAX,
        .example = "[nginx, apache2]", .about = "The only values allowed."},
    {"least", SCHEMA_TEXT, 0, .flags = SCHEMA_OWN, .example = "1",
        .about = "The smallest allowed (int, percent, duration)."},
    {"most", SCHEMA_TEXT, 0, .flags = SCHEMA_OWN, .example = "90", .about = "The largest allowed."},
    {"longest", SCHEMA_SIZE, AT(raw_value, longest), .least = 1, .most = VALUE_TEXT_BYTES_MAX,
        .example = "200B", .about = "The longest text allowed (text; 1KiB when absent)."},
    {0},
};
static const struct schema value_schema = {"value", sizeof(struct raw_value), AT(raw_value, name),
    AT(raw_value, node), value_fields,
    "A value becomes the shell variable of its name in every script."};

static const struct schema_field step_fields[] = {
    {"check", SCHEMA_TEXT, AT(raw_step, words[STEP_CHECK]), .most = SCENARIO_TITLE_BYTES_MAX,
        .example = "disk use in percent",
        .about = "Looks whether anything is wrong; the words are shown to people."},
    {"collect", SCHEMA_TEXT, AT(raw_step, words[STEP_COLLECT]), .most = SCENARIO_TITLE_BYTES_MAX,
        .example = "biggest folders", .about = "Gathers evidence; only looks."},
    {"recover", SCHEMA_TEXT, AT(raw_step, words[STEP_RECOVER]), .most = SCENARIO_TITLE_BYTES_MAX,
        .example = "rotate logs", .about = "Changes the machine; the only verb that may."},
    {"verify", SCHEMA_TEXT, AT(raw_step, words[STEP_VERIFY]), .most = SCENARIO_TITLE_BYTES_MAX,
        .example = "disk use in percent", .about = "Looks whether the recover helped."},
    {"run", SCHEMA_TEXT, AT(raw_step, run), .most = SCENARIO_SCRIPT_BYTES_MAX,
        .example = "df -P \"$mount\" | awk 'NR==2{print +$5}'",
        .about = "The script, for plain sh. A verify without it repeats the check."},
    {"name", SCHEMA_NAME, AT(raw_step, name), .most = 32, .example = "used",
        .about = "The name of what the script prints, for judgements."},
    {"become", SCHEMA_NAME, AT(raw_step, become), .most = 32, .example = "root",
        .about = "The user, by sudo."},
    {"on", SCHEMA_TEXT, AT(raw_step, on), .most = 253, .example = "$standby",
        .about = "Another host: a name in the inventory, or $value of type host."},
    {"timeout", SCHEMA_DURATION, AT(raw_step, timeout_ms), .least = 1000, .most = 3600 * 1000,
        .example = "40s",
        .about = "Its deadline, kept on the machine (absent: 30s, a recover 2m)."},
    {"every", SCHEMA_DURATION, AT(raw_step, every_ms), .least = 1000, .most = 600 * 1000,
        .example = "15s", .about = "The pause between two looks (absent: 10s)."},
    {"within", SCHEMA_DURATION, AT(raw_step, within_ms), .least = 1000, .most = 3600 * 1000,
        .example = "2m",
        .about = "How long after the recover it may become healthy (absent: it looks once)."},
    {"unsure", SCHEMA_WORD, AT(raw_step, unsure), .words = unsure_rule_words, .example = "verify",
        .about = "What to do when nobody can say whether it ran (absent: verify)."},
    {"running", SCHEMA_WORD, AT(raw_step, running), .words = running_rule_words, .example = "wait",
        .about = "What to do when it is found still running, its worker or the connection having been lost: wait "
                 "for its deadline, or end it (absent: wait)."},
    {"when", SCHEMA_TEXT, AT(raw_step, when), .most = JUDGEMENT_BYTES_MAX, .example = "inodes > 90",
        .about = "Only if this holds, by the names of earlier steps."},
    {"healthy", SCHEMA_TEXT, AT(raw_step, healthy), .most = JUDGEMENT_BYTES_MAX,
        .example = "used < 85",
        .about = "What counts as healthy here (absent: the scenario's rule, else exit status 0)."},
    {0},
};
static const struct schema step_schema = {"step", sizeof(struct raw_step), 0, AT(raw_step, node),
    step_fields, "One thing that is run, in order."};

#define LOOKS (WITH(STEP_CHECK) | WITH(STEP_VERIFY))
#define ANY (LOOKS | WITH(STEP_COLLECT) | WITH(STEP_RECOVER))
const struct step_place step_places[] = {
    {"run", ANY},
    {"name", LOOKS | WITH(STEP_COLLECT)},
    {"become", ANY},
    {"on", ANY},
    {"timeout", ANY},
    {"every", WITH(STEP_VERIFY)},
    {"within", WITH(STEP_VERIFY)},
    {"unsure", WITH(STEP_RECOVER)},
    {"running", WITH(STEP_RECOVER)},
    {"when", WITH(STEP_COLLECT) | WITH(STEP_RECOVER)},
    {"healthy", LOOKS},
    {0},
};

static const struct schema_field hand_over_fields[] = {
    {"level", SCHEMA_INT, AT(raw_hand_over, level), .least = 1, .most = 20, .example = "2",
        .about = "Escalation level to hand over to (absent: as the service's setting says)."},
    {"policy", SCHEMA_TEXT, AT(raw_hand_over, policy), .most = 255, .example = "PDBA001",
        .about = "Another escalation policy instead, by id or name."},
    {"priority", SCHEMA_TEXT, AT(raw_hand_over, priority), .most = 255, .example = "P2",
        .about = "The incident's priority from then on."},
    {0},
};
static const struct schema hand_over_schema = {
    "hand_over", sizeof(struct raw_hand_over), 0, 0, hand_over_fields, "To whom, and how urgent."};

static const struct schema_field not_healed_fields[] = {
    {"hand_over", SCHEMA_MAP, AT(raw_not_healed, hand_over), .inside = &hand_over_schema,
        .about = "To whom, and how urgent."},
    {"say", SCHEMA_TEXT, AT(raw_not_healed, say), .most = SCENARIO_SAY_BYTES_MAX,
        .example = "Still full; the biggest folders are above.",
        .about = "A sentence for the person who takes over."},
    {0},
};
static const struct schema not_healed_schema = {"not_healed", sizeof(struct raw_not_healed), 0, 0,
    not_healed_fields, "What to do when every try failed."};

static const struct schema_field recurs_fields[] = {
    {"times", SCHEMA_INT, AT(raw_recurs, times), .standard = "3", .least = 2, .most = 1000,
        .about = "This many-th recover on one machine is not done but handed over: it keeps coming "
                 "back."},
    {"within", SCHEMA_DURATION, AT(raw_recurs, within_ms), .standard = "24h", .least = 60 * 1000,
        .most = INT64_C(30) * 86400 * 1000, .about = "Counted over this time."},
    {0},
};
static const struct schema recurs_schema = {"recurs", sizeof(struct raw_recurs), 0, 0,
    recurs_fields, "When a recover that works again and again is handed over."};

static const struct schema_field scenario_fields[] = {
    {"scenario", SCHEMA_NAME, AT(raw_scenario, name), .most = 64, .flags = SCHEMA_REQUIRED,
        .example = "disk-full", .about = "Its name, which is the file's name too."},
    {"about", SCHEMA_TEXT, AT(raw_scenario, about), .most = 4096,
        .example = "A filesystem fills up. Rotates logs.",
        .about = "For people: what it does, and what it never does."},
    {"mode", SCHEMA_WORD, AT(raw_scenario, mode), .words = scenario_mode_words,
        .standard = "shadow",
        .about = "Whether it may act: shadow says what it would do, auto does it."},
    {"match", SCHEMA_MAP, AT(raw_scenario, match), .inside = &match_schema,
        .flags = SCHEMA_REQUIRED, .about = "Which incidents it is for."},
    {"target", SCHEMA_MAP, AT(raw_scenario, target), .inside = &target_schema,
        .flags = SCHEMA_REQUIRED, .about = "The machine that the steps run on."},
    {"values", SCHEMA_NAMED, AT(raw_scenario, values), .inside = &value_schema,
        .most = SCENARIO_VALUES_MAX, .about = "What the scripts need to know, as shell variables."},
    {"healthy", SCHEMA_TEXT, AT(raw_scenario, healthy), .most = JUDGEMENT_BYTES_MAX,
        .example = "used < 85",
        .about = "What counts as healthy, in check and in verify (absent: exit status 0)."},
    {"steps", SCHEMA_LIST, AT(raw_scenario, steps), .inside = &step_schema,
        .most = SCENARIO_STEPS_MAX, .flags = SCHEMA_REQUIRED, .about = "What is run, in order."},
    {"give_up_after", SCHEMA_DURATION, AT(raw_scenario, give_up_after_ms), .least = 10 * 1000,
        .most = INT64_C(24) * 3600 * 1000, .example = "10m",
        .about = "Counted from the incident's creation; then a person gets it, whatever is going "
                 "on (absent: as the settings say)."},
    {"give_up_by_priority", SCHEMA_DURATIONS, AT(raw_scenario, give_up_by_priority),
        .least = 10 * 1000, .most = INT64_C(24) * 3600 * 1000, .example = "{ P1: 5m }",
        .about = "The same for some priorities."},
    {"healed", SCHEMA_WORD, AT(raw_scenario, healed), .words = healed_words, .standard = "resolve",
        .about = "What to do when it is healthy again."},
    {"not_healed", SCHEMA_MAP, AT(raw_scenario, not_healed), .inside = &not_healed_schema,
        .about = "What to do when every try failed."},
    {"recurs", SCHEMA_MAP, AT(raw_scenario, recurs), .inside = &recurs_schema,
        .about = "When a recover that works again and again is handed over."},
    {0},
};
const struct schema scenario_schema = {"scenario", sizeof(struct raw_scenario), 0, 0,
    scenario_fields, "One kind of alert: how it is recognised, what is run, and what follows."};

static const struct schema_field order_fields[] = {
    {"order", SCHEMA_TEXTS, AT(raw_order, order), .most = SCENARIO_SET_MAX,
        .flags = SCHEMA_REQUIRED, .example = "[disk-full, service-down]",
        .about = "Every scenario of the folder once; the first that matches is taken."},
    {0},
};
const struct schema order_schema = {"order", sizeof(struct raw_order), 0, 0, order_fields,
    "The order in which scenarios are asked."};
