/* SPDX-License-Identifier: MIT
 * The parser of judgements: recursive descent over at most 1 KiB, with a place for each mistake.
 *
 *   rule    = all { "or" all }            all  = one { "and" one }
 *   one     = "not" one | "(" rule ")" | term
 *   term    = subject operator operand
 *   subject = ( "result" | "output" | "status" | NAME ) [ ".status" ]
 *   operator= "<" "<=" ">" ">=" "==" "!=" "contains" "matches"
 *   operand = number [unit] | word | 'text' | "text" | re:pattern (to the next blank) */
#include "executor/judgement.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "executor/judgement_tree.h"
#include "lib/base/diag.h"
#include "lib/base/limits.h"

struct parser {
    struct arena *arena; /* borrowed */
    const char *text;    /* borrowed; the whole */
    size_t bytes;
    size_t at;
    int nest;
    bool failed;
    struct judgement_mistake *mistake; /* borrowed; may be NULL */
    struct node nodes[JUDGEMENT_NODES_MAX];
    int nodes_count;
    int terms_count;
};

static int parse_or(struct parser *p);

static int fail(struct parser *p, size_t at, const char *format, ...) PRINTF_LIKE(3, 4);

/* Keeps the first mistake. Returns -1, which is no node. */
static int fail(struct parser *p, size_t at, const char *format, ...)
{
    if (p->failed)
        return -1;
    p->failed = true;
    if (!p->mistake)
        return -1;
    p->mistake->offset = at;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(p->mistake->text, sizeof p->mistake->text, format, args); /* cut is fine */
    va_end(args);
    return -1;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_blanks(struct parser *p)
{
    while (p->at < p->bytes && is_blank(p->text[p->at]))
        p->at++;
}

static bool is_word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.' || c == '/' || c == ':' || c == '@' || c == '+' ||
           (unsigned char)c >= 0x80;
}

/* The length of the word that begins at p->at. */
static size_t word_length(const struct parser *p)
{
    size_t n = 0;
    while (p->at + n < p->bytes && is_word_char(p->text[p->at + n]))
        n++;
    return n;
}

static bool word_is(const struct parser *p, size_t n, const char *word)
{
    return n == strlen(word) && memcmp(p->text + p->at, word, n) == 0;
}

/* Takes the word if it stands next. */
static bool take_word(struct parser *p, const char *word)
{
    skip_blanks(p);
    size_t n = word_length(p);
    if (!word_is(p, n, word))
        return false;
    p->at += n;
    return true;
}

static int add_node(struct parser *p, enum node_kind kind, int a, int b, const struct term *term)
{
    if (p->nodes_count == JUDGEMENT_NODES_MAX)
        return fail(p, p->at, "the rule has too many parts");
    p->nodes[p->nodes_count] = (struct node){kind, a, b, term};
    return p->nodes_count++;
}

struct judgement *judgement_parse(
    struct arena *a, const char *text, size_t bytes, struct judgement_mistake *out)
{
    struct parser p = {.arena = a, .text = text, .bytes = bytes, .mistake = out};
    if (bytes > JUDGEMENT_BYTES_MAX)
        (void)fail(&p, JUDGEMENT_BYTES_MAX, "a rule may have at most 1024 bytes");
    else if (memchr(text, '\0', bytes))
        (void)fail(&p, 0, "a rule cannot hold a NUL byte");
    else
        (void)parse_or(&p);
    skip_blanks(&p);
    if (!p.failed && p.at < p.bytes)
        (void)fail(&p, p.at, "expected \"and\", \"or\" or the end here");
    if (p.failed)
        return NULL;

    struct judgement *j = arena_alloc(a, sizeof *j);
    struct node *nodes = arena_alloc(a, (size_t)p.nodes_count * sizeof *nodes);
    size_t from = 0;
    while (from < bytes && is_blank(text[from]))
        from++;
    while (bytes > from && is_blank(text[bytes - 1]))
        bytes--;
    char *copy = arena_strndup(a, text + from, bytes - from);
    if (!j || !nodes || !copy) {
        (void)fail(&p, 0, "there is no memory left for this rule");
        return NULL;
    }
    memcpy(nodes, p.nodes, (size_t)p.nodes_count * sizeof *nodes);
    *j = (struct judgement){copy, bytes - from, nodes, p.nodes_count, p.terms_count};
    return j;
}

static int parse_term(struct parser *p);

static int parse_one(struct parser *p)
{
    if (take_word(p, "not")) {
        if (++p->nest > JUDGEMENT_NEST_MAX)
            return fail(p, p->at, "too many parentheses within each other");
        int a = parse_one(p);
        p->nest--;
        return a < 0 ? -1 : add_node(p, NODE_NOT, a, -1, NULL);
    }
    if (p->at == p->bytes || p->text[p->at] != '(')
        return parse_term(p);
    size_t opened = p->at++;
    if (++p->nest > JUDGEMENT_NEST_MAX)
        return fail(p, opened, "too many parentheses within each other");
    int a = parse_or(p);
    p->nest--;
    skip_blanks(p);
    if (p->failed)
        return -1;
    if (p->at == p->bytes || p->text[p->at] != ')')
        return fail(p, opened, "this parenthesis is not closed");
    p->at++;
    return a;
}

static int parse_and(struct parser *p)
{
    int a = parse_one(p);
    while (a >= 0 && take_word(p, "and")) {
        int b = parse_one(p);
        a = b < 0 ? -1 : add_node(p, NODE_AND, a, b, NULL);
    }
    return a;
}

static int parse_or(struct parser *p)
{
    int a = parse_and(p);
    while (a >= 0 && take_word(p, "or")) {
        int b = parse_and(p);
        a = b < 0 ? -1 : add_node(p, NODE_OR, a, b, NULL);
    }
    return a;
}

static bool name_fits(const char *name, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char c = name[i];
        bool letter = (c >= 'a' && c <= 'z') || c == '_';
        bool later = (c >= '0' && c <= '9') || c == '-';
        if (!letter && !(i > 0 && later))
            return false;
    }
    return n > 0;
}

/* `used`, `used.status`, `result`, `output`, `status`. */
static int parse_subject(struct parser *p, struct term *t)
{
    skip_blanks(p);
    t->offset = p->at;
    size_t n = word_length(p);
    if (n == 0)
        return fail(p, p->at, "expected a name such as result, status or a step's name here");
    static const char suffix[] = ".status";
    const char *word = p->text + p->at;
    size_t name = n;
    if (n > sizeof suffix - 1 &&
        memcmp(word + n - (sizeof suffix - 1), suffix, sizeof suffix - 1) == 0) {
        name = n - (sizeof suffix - 1);
        t->of_status = true;
    }
    if (!name_fits(word, name))
        return fail(p, p->at, "\"%.*s\" is no name; names have a-z, 0-9, _ and -", (int)n, word);
    t->subject = arena_strndup(p->arena, word, n);
    bool own = false;
    if (word_is(p, name, "result") || word_is(p, name, "output"))
        own = true;
    else if (word_is(p, name, "status") && name == n)
        own = t->of_status = true;
    else if (word_is(p, name, "and") || word_is(p, name, "or") || word_is(p, name, "status"))
        return fail(p, p->at, "expected a name before \"%.*s\"", (int)n, word);
    t->name = own ? NULL : arena_strndup(p->arena, word, name);
    if (!t->subject || (!own && !t->name))
        return fail(p, p->at, "there is no memory left for this rule");
    p->at += n;
    return 0;
}

static const struct {
    const char *word;
    enum term_operator operator;
} operators[] = {
    {"<=", IS_AT_MOST},
    {">=", IS_AT_LEAST},
    {"==", IS_EQUAL},
    {"!=", IS_NOT_EQUAL},
    {"<", IS_LESS},
    {">", IS_GREATER},
    {"contains", DOES_CONTAIN},
    {"matches", DOES_MATCH},
};

static int parse_operator(struct parser *p, struct term *t)
{
    skip_blanks(p);
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
        size_t n = strlen(operators[i].word);
        if (p->bytes - p->at < n || memcmp(p->text + p->at, operators[i].word, n) != 0)
            continue;
        bool letters = operators[i].word[0] >= 'a';
        if (letters && word_length(p) != n)
            continue;
        t->operator= operators[i].operator;
        p->at += n;
        return 0;
    }
    if (p->at < p->bytes && p->text[p->at] == '=')
        return fail(p, p->at, "equality is written ==");
    static const char *const words[] = {"contains", "matches", NULL};
    char word[24];
    (void)snprintf(
        word, sizeof word, "%.*s", (int)word_length(p), p->text + p->at); /* cut is fine */
    const char *near = diag_nearest(word, words);
    return fail(p, p->at, "expected < <= > >= == != contains or matches after \"%s\"%s%s%s",
        t->subject, near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

/* 'text' (nothing is special inside) or "text" (\" and \\ are). */
static int parse_quoted(struct parser *p, struct term *t)
{
    size_t opened = p->at;
    char quote = p->text[p->at++];
    char *out = arena_alloc(p->arena, p->bytes - p->at + 1);
    if (!out)
        return fail(p, opened, "there is no memory left for this rule");
    size_t n = 0;
    for (; p->at < p->bytes && p->text[p->at] != quote; p->at++) {
        bool escape = quote == '"' && p->text[p->at] == '\\' && p->at + 1 < p->bytes &&
                      (p->text[p->at + 1] == '"' || p->text[p->at + 1] == '\\');
        if (escape)
            p->at++;
        out[n++] = p->text[p->at];
    }
    if (p->at == p->bytes)
        return fail(p, opened, "this quote is not closed");
    p->at++;
    if (n == 0 && t->operator!= IS_EQUAL && t->operator!= IS_NOT_EQUAL)
        return fail(p, opened, "an empty text is in every output");
    t->operand = OPERAND_TEXT;
    t->text = out;
    t->text_bytes = n;
    return 0;
}

static int compile_pattern(
    struct parser *p, struct term *t, size_t at, const char *text, size_t bytes)
{
    if (bytes >= 3 && memcmp(text, "re:", 3) == 0) {
        text += 3;
        bytes -= 3;
    }
    struct pattern_mistake mistake = {0};
    t->operand = OPERAND_PATTERN;
    t->pattern = pattern_compile(p->arena, text, bytes, PATTERN_LINES, &mistake);
    if (t->pattern)
        return 0;
    return fail(p, at, "the pattern is wrong at its character %zu: %s%s", mistake.offset + 1,
        mistake.text,
        t->text ? "" : " (put it in quotes if it holds blanks or ends before a parenthesis)");
}

/* What follows `matches`: quoted, or everything to the next blank. */
static int parse_pattern(struct parser *p, struct term *t)
{
    size_t at = p->at;
    if (p->at < p->bytes && (p->text[p->at] == '"' || p->text[p->at] == '\'')) {
        if (parse_quoted(p, t) != 0)
            return -1;
        return compile_pattern(p, t, at, t->text, t->text_bytes);
    }
    size_t n = 0;
    while (p->at + n < p->bytes && !is_blank(p->text[p->at + n]))
        n++;
    if (n < 4 || memcmp(p->text + p->at, "re:", 3) != 0)
        return fail(p, p->at, "expected re: and a pattern after \"matches\"");
    p->at += n;
    return compile_pattern(p, t, at, p->text + at, n);
}

static int parse_number(struct parser *p, struct term *t)
{
    size_t n = quantity_read(p->text + p->at, p->bytes - p->at, &t->number);
    size_t word = word_length(p);
    if (n == 0 || n < word)
        return fail(p, p->at,
            word > 0 ? "\"%.*s\" is no number with a unit that is known (%%, KiB, MB, s, min, ...)"
                     : "expected a number here%.*s",
            (int)word, p->text + p->at);
    t->operand = OPERAND_NUMBER;
    p->at += n;
    return 0;
}

static int parse_operand(struct parser *p, struct term *t)
{
    skip_blanks(p);
    if (t->operator== DOES_MATCH)
        return parse_pattern(p, t);
    char c = p->at < p->bytes ? p->text[p->at] : '\0';
    bool wants_text = t->operator== DOES_CONTAIN;
    bool takes_text = wants_text || t->operator== IS_EQUAL || t->operator== IS_NOT_EQUAL;
    if (takes_text && (c == '"' || c == '\''))
        return parse_quoted(p, t);
    struct quantity q;
    size_t word = word_length(p);
    size_t number = quantity_read(p->text + p->at, p->bytes - p->at, &q);
    if (!takes_text || (!wants_text && number >= word && number > 0))
        return parse_number(p, t);
    if (word == 0)
        return fail(p, p->at, "expected a text in quotes here");
    if (word_is(p, word, "and") || word_is(p, word, "or") || word_is(p, word, "not"))
        return fail(p, p->at, "expected a text here; put \"%.*s\" in quotes if it is meant",
            (int)word, p->text + p->at);
    t->operand = OPERAND_TEXT;
    t->text = arena_strndup(p->arena, p->text + p->at, word);
    t->text_bytes = word;
    p->at += word;
    return t->text ? 0 : fail(p, p->at, "there is no memory left for this rule");
}

static int check_status_term(struct parser *p, const struct term *t)
{
    if (!t->of_status)
        return 0;
    if (t->operand != OPERAND_NUMBER || t->number.kind != QUANTITY_PLAIN)
        return fail(p, t->offset, "an exit status is compared with a plain number, 0 to 255");
    if (t->number.value < 0 || t->number.value > 255)
        return fail(p, t->offset, "an exit status is between 0 and 255");
    return 0;
}

static int parse_term(struct parser *p)
{
    struct term *t = arena_alloc(p->arena, sizeof *t);
    if (!t)
        return fail(p, p->at, "there is no memory left for this rule");
    if (p->terms_count == JUDGEMENT_TERMS_MAX)
        return fail(p, p->at, "a rule may have at most 32 comparisons");
    if (parse_subject(p, t) != 0)
        return -1;
    skip_blanks(p);
    size_t rule_at = p->at;
    if (parse_operator(p, t) != 0 || parse_operand(p, t) != 0 || check_status_term(p, t) != 0)
        return -1;
    t->rule = arena_strndup(p->arena, p->text + rule_at, p->at - rule_at);
    if (!t->rule)
        return fail(p, p->at, "there is no memory left for this rule");
    p->terms_count++;
    return add_node(p, NODE_TERM, -1, -1, t);
}

void judgement_names(const struct judgement *j,
    void (*take)(void *owner, const char *name, size_t offset), void *owner)
{
    for (int i = 0; j && i < j->nodes_count; i++)
        if (j->nodes[i].term && j->nodes[i].term->name)
            take(owner, j->nodes[i].term->name, j->nodes[i].term->offset);
}

bool judgement_reads_own(const struct judgement *j, size_t *out_offset)
{
    for (int i = 0; j && i < j->nodes_count; i++) {
        const struct term *t = j->nodes[i].term;
        if (!t || t->name)
            continue;
        *out_offset = t->offset;
        return true;
    }
    return false;
}

bool judgement_reads(const struct judgement *j, const char *name)
{
    for (int i = 0; i < j->nodes_count; i++) {
        const struct term *t = j->nodes[i].term;
        if (t && t->name && strcmp(t->name, name) == 0)
            return true;
    }
    return false;
}

const char *judgement_text(const struct judgement *j)
{
    return j->text;
}
