/* SPDX-License-Identifier: MIT
 * Composes a request of the wrapper. What comes back is read by wrapper_parse.c; the shell side is
 * executor/shell/. */
#include "executor/wrapper.h"

#include <assert.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/embed.h"
#include "lib/base/fault.h"
#include "lib/base/id.h"
#include "lib/base/limits.h"

extern const struct embedded wrapper_scripts[];

#define FIXED_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define KILL_AFTER_S 5
#define WORD_BYTES_MAX 100

static const struct {
    const char *name; /* as the shell side calls it */
    bool runs, keeps; /* has a script; needs folder, token and record */
} acts[] = {
    [WRAPPER_LOOK] = {"look", true, false},
    [WRAPPER_RECOVER] = {"recover", true, true},
    [WRAPPER_ASK] = {"ask", false, true},
    [WRAPPER_END] = {"end", false, true},
    [WRAPPER_CONTACT] = {"contact", false, false},
};
_Static_assert(sizeof acts / sizeof acts[0] == WRAPPER_ACTS, "one row for each act");

/* No '!', no double quote and no backslash: tcsh and fish read this, too. */
const char *wrapper_command(void)
{
    return "exec /bin/sh -c 'LC_ALL=C; export LC_ALL; unset fl fl_role; fl_role=outer; fl=$(cat); "
           "eval \"$fl\"'";
}

/* In groups of four, so that nothing which looks for keys and tokens takes it for one. */
void wrapper_nonce(char out[WRAPPER_NONCE_BYTES])
{
    char hex[ID_MARKER_BYTES];
    id_marker(hex);
    char *to = out;
    *to++ = 'f';
    *to++ = 'l';
    for (int i = 0; hex[i]; i++) {
        if (i % 4 == 0)
            *to++ = '-';
        *to++ = hex[i];
    }
    *to = '\0';
    assert((size_t)(to - out) < WRAPPER_NONCE_BYTES);
}

static bool is_word(const char *s)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t n = s ? strlen(s) : 0;
    return n > 0 && n <= WORD_BYTES_MAX && s[0] != '.' && s[0] != '-' && strspn(s, allowed) == n;
}

static bool is_folder(const char *s)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-/+@";
    size_t n = strlen(s);
    return n > 1 && n < 1024 && s[0] == '/' && s[n - 1] != '/' && strspn(s, allowed) == n &&
           !strstr(s, "//") && !strstr(s, "/./") && !strstr(s, "/../") &&
           strcmp(s + n - 2, "/.") != 0 && (n < 3 || strcmp(s + n - 3, "/..") != 0);
}

/* Names that would change how the script's shell works, or are ours. */
static bool name_is_reserved(const char *name)
{
    static const char *const reserved[] = {"PATH", "IFS", "LC_ALL", "LANG", "HOME", "ENV", "PS1",
        "PS2", "PS4", "PWD", "OLDPWD", "PPID", "UID", "EUID", "SHELLOPTS", "BASHOPTS", "CDPATH",
        "OPTIND", "OPTARG", "OPTERR", "LINENO", "RANDOM", "SECONDS", "LD_PRELOAD",
        "LD_LIBRARY_PATH", "POSIXLY_CORRECT", "FUNCNAME", "DIRSTACK", "GROUPS", "TMOUT", "SHELL",
        "USER", "LOGNAME", "FIRSTLINE_STEP"};
    if (strncmp(name, "fl_", 3) == 0 || strcmp(name, "fl") == 0 || strncmp(name, "BASH", 4) == 0)
        return true;
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
        if (strcmp(name, reserved[i]) == 0)
            return true;
    return false;
}

static bool is_name(const char *s)
{
    static const char first[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
    static const char rest[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
    return s && s[0] && strchr(first, s[0]) && strspn(s, rest) == strlen(s) &&
           strlen(s) <= WORD_BYTES_MAX;
}

static int bad(struct error *err, const char *what, const char *name)
{
    return error_set(err, ERROR_INPUT, "%s '%.120s'", what, name ? name : "");
}

static int check_values(const struct wrapper_task *t, struct error *err)
{
    if (t->values_count < 0 || t->values_count > WRAPPER_VALUES_MAX)
        return error_set(
            err, ERROR_INPUT, "%d values, at most %d", t->values_count, WRAPPER_VALUES_MAX);
    for (int i = 0; i < t->values_count; i++) {
        const struct wrapper_value *v = &t->values[i];
        if (!is_name(v->name))
            return bad(err, "not a name for a shell variable:", v->name);
        if (name_is_reserved(v->name))
            return bad(err, "a name that the shell or firstline uses itself:", v->name);
        if (v->bytes > WRAPPER_VALUE_BYTES_MAX)
            return error_set(err, ERROR_INPUT, "value '%s' has %zu bytes, at most %d", v->name,
                v->bytes, WRAPPER_VALUE_BYTES_MAX);
        if (v->bytes > 0 && memchr(v->value, '\0', v->bytes))
            return error_set(
                err, ERROR_INPUT, "value '%s' holds a NUL byte, which no shell can hold", v->name);
    }
    return 0;
}

static int check_script(const struct wrapper_task *t, struct error *err)
{
    if (!t->script)
        return error_set(err, ERROR_INPUT, "no script");
    if (t->timeout_s < 1 || t->timeout_s > WRAPPER_TIMEOUT_S_MAX)
        return error_set(
            err, ERROR_INPUT, "a deadline of %u s; 1 to %d", t->timeout_s, WRAPPER_TIMEOUT_S_MAX);
    if (t->kill_after_s > 600)
        return error_set(
            err, ERROR_INPUT, "%u s between TERM and KILL; at most 600", t->kill_after_s);
    return check_values(t, err);
}

static int check_keeping(const struct wrapper_task *t, struct error *err)
{
    if (!t->folder)
        return error_set(err, ERROR_INPUT, "no folder");
    if (!is_word(t->machine))
        return bad(err, "not a machine's name:", t->machine);
    if (!is_word(t->memory_id))
        return bad(err, "not a memory id:", t->memory_id);
    if (t->sent_memory_id && !is_word(t->sent_memory_id))
        return bad(err, "not a memory id:", t->sent_memory_id);
    if (!is_word(t->boot_id))
        return bad(err, "not a boot id:", t->boot_id);
    if (!is_word(t->run))
        return bad(err, "not a run:", t->run);
    if (t->step < 0 || t->attempt < 0)
        return error_set(err, ERROR_INPUT, "step %d, attempt %d", t->step, t->attempt);
    if (!is_word(t->token.incarnation) || t->token.epoch > INT64_MAX)
        return bad(err, "not a token of incarnation", t->token.incarnation);
    return 0;
}

static int check(const struct wrapper_task *t, struct error *err)
{
    assert(t->act >= 0 && t->act < WRAPPER_ACTS);
    if (acts[t->act].runs && check_script(t, err) < 0)
        return -1;
    if (t->become && !is_word(t->become))
        return bad(err, "not a user's name:", t->become);
    if (t->folder && !is_folder(t->folder))
        return bad(err, "not an absolute, plain path:", t->folder);
    if (t->out_bytes_max > WRAPPER_OUT_BYTES_MAX)
        return error_set(err, ERROR_INPUT, "output of %zu bytes; at most %d", t->out_bytes_max,
            WRAPPER_OUT_BYTES_MAX);
    if (acts[t->act].keeps)
        return is_word(t->cluster) ? check_keeping(t, err)
                                   : bad(err, "not a cluster's name:", t->cluster);
    if (t->act == WRAPPER_CONTACT && !is_word(t->cluster))
        return bad(err, "not a cluster's name:", t->cluster);
    if (t->machine && !is_word(t->machine))
        return bad(err, "not a machine's name:", t->machine);
    return 0;
}

/* Single quotes hold every byte but themselves. */
static void quote(struct buf *out, const char *text, size_t bytes)
{
    buf_add_char(out, '\'');
    while (bytes > 0) {
        const char *end = memchr(text, '\'', bytes);
        size_t n = end ? (size_t)(end - text) : bytes;
        buf_add(out, text, n);
        if (end) {
            buf_add_text(out, "'\\''");
            n++;
        }
        text += n;
        bytes -= n;
    }
    buf_add_char(out, '\'');
}

/* Unset first: a name that the login's environment exports would stay exported. */
static void assign(struct buf *out, const char *name, const char *value, size_t bytes)
{
    buf_printf(out, "unset %s; %s=", name, name);
    quote(out, value, bytes);
    buf_add_text(out, "; ");
}

static void assign_text(struct buf *out, const char *name, const char *value)
{
    assign(out, name, value ? value : "", value ? strlen(value) : 0);
}

static void assign_number(struct buf *out, const char *name, uint64_t value)
{
    buf_printf(out, "unset %s; %s=%llu; ", name, name, (unsigned long long)value);
}

/* What the script's own shell reads. In braces, so that it begins only when it is whole; in front
 * of the script's own first line, so that the shell's line numbers are the author's. The trap tells
 * an exit with 143 from a death by TERM: a shell that dies does not run it (or, bash, runs it with
 * the status before). */
static void add_script(struct buf *out, const struct wrapper_task *t)
{
    buf_add_text(out, "{ unset fl; exec </dev/null; cd /; umask 022; "
                      "trap '[ $? -le 128 ] || printf \"exit\\n\" >&5' EXIT; ");
    for (int i = 0; i < t->values_count; i++)
        assign(out, t->values[i].name, t->values[i].value, t->values[i].bytes);
    buf_add_text(out, t->script);
    buf_add_text(out, "\n}\n");
}

/* A file without its comment lines and indentation: they are for people, not for the wire. */
static void add_stripped(struct buf *out, const char *text)
{
    while (*text) {
        const char *line = text + strspn(text, " ");
        const char *end = strchrnul(line, '\n');
        if (*line != '#' && end > line) {
            buf_add(out, line, (size_t)(end - line));
            buf_add_char(out, '\n');
        }
        text = *end ? end + 1 : end;
    }
}

static void add_scripts(struct buf *out, enum wrapper_act act)
{
    for (const struct embedded *e = wrapper_scripts; e->name; e++) {
        bool always = strcmp(e->name, "common") == 0 || strcmp(e->name, "main") == 0;
        bool run = strcmp(e->name, "inner") == 0;
        bool contact = strcmp(e->name, "contact") == 0;
        bool wanted = always || (run          ? acts[act].runs
                                    : contact ? act == WRAPPER_CONTACT
                                              : act != WRAPPER_LOOK);
        if (wanted)
            add_stripped(out, e->text);
    }
}

/* The broken twins of the fence, by functions of the shell side said once more. no-fence: a recover asks neither token nor
 * record nor holder. look-without-token: who only looks leaves nothing behind on the machine. */
static void add_twin(struct buf *out, enum wrapper_act act)
{
    if (fault_twin("no-fence") && act == WRAPPER_RECOVER)
        buf_add_text(out, "fl_begin() { [ -d \"$fl_dir\" ] || mkdir \"$fl_dir\"; }\n"
                          "fl_look_up() { return 1; }\nfl_holder() { return 1; }\nfl_let_lock() { :; }\n"
                          "fl_ask_for_lock() { :; }\n");
    if (fault_twin("look-without-token") && act == WRAPPER_ASK)
        buf_add_text(out, "fl_take_token() { ft_t=$fl_tl ft_e=$fl_te ft_i=$fl_ti; }\nfl_record() { :; }\n");
}

static void add_settings(struct buf *out, const struct wrapper_task *t, const char *nonce)
{
    char id[ID_MARKER_BYTES];
    assign_text(out, "fl_n", nonce);
    assign_text(out, "fl_act", acts[t->act].name);
    assign_text(out, "fl_path", FIXED_PATH);
    assign_text(out, "fl_sh", "/bin/sh");
    assign_text(out, "fl_boot_file", "/proc/sys/kernel/random/boot_id");
    assign_text(out, "fl_become", t->become);
    assign_number(out, "fl_timeout", t->timeout_s);
    assign_number(out, "fl_kill_after", t->kill_after_s ? t->kill_after_s : KILL_AFTER_S);
    assign_number(out, "fl_wall", (uint64_t)clock_wall_ms() / 1000);
    assign_number(out, "fl_out_max", t->out_bytes_max ? t->out_bytes_max : WRAPPER_OUT_BYTES);
    id_marker(id);
    assign_text(out, "fl_c", id);
    assign_text(out, "fl_cluster", t->cluster);
    assign_text(out, "fl_machine", t->machine);
    assign_text(out, "fl_folder", t->folder);
    id_marker(id);
    assign_text(out, "fl_new_memory", id);
    assign_text(out, "fl_memory_id", t->memory_id);
    assign_text(out, "fl_sent_memory", t->sent_memory_id);
    assign_text(out, "fl_boot", t->boot_id);
    assign_text(out, "fl_run", t->run);
    assign_number(out, "fl_step", (uint64_t)t->step);
    assign_number(out, "fl_attempt", (uint64_t)t->attempt);
    assign_number(out, "fl_tl", t->token.timeline);
    assign_number(out, "fl_te", t->token.epoch);
    assign_text(out, "fl_ti", t->token.incarnation);
}

int wrapper_compose(
    const struct wrapper_task *task, const char *nonce, struct buf *out, struct error *err)
{
    if (check(task, err) < 0)
        return -1;
    struct buf script;
    buf_init(&script, WRAPPER_STDIN_BYTES_MAX);
    if (acts[task->act].runs)
        add_script(&script, task);
    buf_add_text(out, "{ ");
    add_settings(out, task, nonce);
    assign(out, "fl_s", buf_text(&script), script.bytes);
    buf_add_char(out, '\n');
    add_scripts(out, task->act);
    add_twin(out, task->act);
    buf_add_text(out, "fl_main\n}\n");
    bool over = script.over || out->over;
    buf_done_secret(&script);
    if (over)
        return error_set(
            err, ERROR_LIMIT, "script and values need more than %zu bytes", out->bytes_max);
    return 0;
}
