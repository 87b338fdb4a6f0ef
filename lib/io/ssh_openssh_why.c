/* SPDX-License-Identifier: MIT
 * What the ssh program's words mean for the caller. Its texts have been the same for many years; one that is not known is
 * passed on word for word. */
#include <stdio.h>
#include <string.h>

#include "lib/io/ssh_openssh.h"

#define DEBUG "debug1: "

enum os_state os_state_after(enum os_state state, const char *line, size_t bytes)
{
    static const struct {
        const char *text;
        enum os_state state;
    } marks[] = {
        {DEBUG "Connection established", OS_HANDSHAKE},
        {DEBUG "SSH2_MSG_KEXINIT sent", OS_HANDSHAKE},
        {DEBUG "SSH2_MSG_NEWKEYS received", OS_LOGIN},
    };
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        size_t n = strlen(marks[i].text);
        if (bytes >= n && memcmp(line, marks[i].text, n) == 0 && marks[i].state > state)
            return marks[i].state;
    }
    return state;
}

struct meaning {
    const char *text; /* somewhere in what it said; the first row that fits decides */
    enum error_kind kind;
    bool retry;
    const char *say;  /* NULL: the line itself */
    const char *hint; /* NULL: none */
};

static const struct meaning meanings[] = {
    {"REVOKED HOST KEY", ERROR_REFUSED, false, "the host key is revoked in known_hosts",
        "somebody marked this key as no longer to be trusted; give the host a new one"},
    {"is marked as revoked", ERROR_REFUSED, false, "the host key is revoked in known_hosts",
        "somebody marked this key as no longer to be trusted; give the host a new one"},
    {"HOST IDENTIFICATION HAS CHANGED", ERROR_REFUSED, false, "the host key changed",
        "a reinstalled host: replace its line in known_hosts. Else somebody may stand between"},
    {"host key is known for", ERROR_REFUSED, false, "unknown host key", NULL},
    {"Host key verification failed", ERROR_REFUSED, false, "the host key was refused", NULL},
    {"Unable to negotiate", ERROR_REFUSED, false, NULL, NULL},
    {"UNPROTECTED PRIVATE KEY FILE", ERROR_CONFIG, false, "the key file can be read by others",
        "chmod 600 the key file"},
    {"no such identity", ERROR_CONFIG, false, NULL, NULL},
    {"error in libcrypto", ERROR_CONFIG, false, NULL, NULL},
    {"invalid format", ERROR_CONFIG, false, NULL, NULL},
    {"Load key", ERROR_CONFIG, false, NULL, NULL},
    {"onfiguration option", ERROR_CONFIG, false, NULL, "see the ssh_config that is set"},
    {"Permission denied (", ERROR_REFUSED, false, NULL,
        "is the public key in the user's authorized_keys on the host?"},
    {"Too many authentication failures", ERROR_REFUSED, false, NULL, NULL},
    {"Could not resolve hostname", ERROR_UNREACHED, false, NULL, NULL},
    {"Connection refused", ERROR_UNREACHED, false, NULL, NULL},
    {"No route to host", ERROR_UNREACHED, false, NULL, NULL},
    {"Network is unreachable", ERROR_UNREACHED, false, NULL, NULL},
    {"timed out", ERROR_DEADLINE, false, NULL, NULL},
    {"banner line contains invalid", ERROR_REFUSED, false, "what answers there is not SSH", NULL},
    {"kex_exchange_identification", ERROR_UNREACHED, true,
        "the host closed the connection before it said anything",
        "sshd drops connections above its MaxStartups; or a firewall does"},
};

/* Whether a line is for people: not a debug line, not the frame of the big warning. */
static bool is_word(const char *line, size_t bytes)
{
    static const char *const noise[] = {"debug", "@", "Pseudo-terminal", "Warning: Permanently",
        "Authenticated to", "Transferred:", "Bytes per second", "OpenSSH_"};
    for (size_t i = 0; i < sizeof noise / sizeof noise[0]; i++)
        if (bytes >= strlen(noise[i]) && memcmp(line, noise[i], strlen(noise[i])) == 0)
            return false;
    return bytes > 1;
}

/* The line that holds `part` (NULL: the last that is for people); "" when none. */
static void find_line(const struct os_session *s, const char *part, char *out, size_t room)
{
    const char *text = buf_text(&s->log);
    out[0] = '\0';
    for (const char *at = text; *at;) {
        size_t n = strcspn(at, "\r\n");
        if (is_word(at, n) && (!part || memmem(at, n, part, strlen(part)))) {
            ssh_quote(s->base.ssh, at, n, out, room);
            if (part)
                return;
        }
        at += n;
        at += strspn(at, "\r\n");
    }
}

/* Whether `part` stands in a line that is not a debug line. The big warnings count. */
static bool says(const struct buf *log, const char *part)
{
    const char *text = buf_text(log);
    for (const char *at = text; (at = strstr(at, part)) != NULL; at++) {
        const char *line = at;
        while (line > text && line[-1] != '\n')
            line--;
        if (memcmp(line, "debug", 5) != 0)
            return true;
    }
    return false;
}

/* The server would have taken the key, and ssh could not sign with it: it is locked. ssh itself does not say so. */
static bool is_locked_key(const struct os_session *s, int64_t status, struct error *err)
{
    const struct ssh_group *g = s->base.group;
    if (!strstr(buf_text(&s->log), DEBUG "Server accepts key") ||
        !says(&s->log, "Permission denied (") || says(&s->log, "UNPROTECTED") ||
        says(&s->log, "Load key"))
        return false;
    if (g->passphrase_file[0] != '\0') {
        error_from(err, ERROR_CONFIG, ERROR_FROM_SSH, (int)status,
            "the key file '%s' cannot be opened with the passphrase that is set", g->key_file);
        error_hint(err, "is the first line of the passphrase file the right one?");
    } else {
        error_from(err, ERROR_CONFIG, ERROR_FROM_SSH, (int)status,
            "the key file '%s' needs a passphrase and none is set", g->key_file);
        error_hint(err, "set a passphrase file for this host");
    }
    return true;
}

void os_why(const struct os_session *s, int64_t status, struct error *err, bool *out_retry)
{
    char line[400], offending[300];
    *out_retry = false;
    if (is_locked_key(s, status, err))
        return;
    find_line(s, "Offending", offending, sizeof offending);
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++) {
        const struct meaning *m = &meanings[i];
        if (!says(&s->log, m->text))
            continue;
        find_line(s, m->text, line, sizeof line);
        if (m->say)
            error_from(err, m->kind, ERROR_FROM_SSH, (int)status, "%s: '%s'", m->say,
                offending[0] ? offending : line);
        else
            error_from(err, m->kind, ERROR_FROM_SSH, (int)status, "ssh says '%s'", line);
        if (m->hint)
            error_hint(err, "%s", m->hint);
        *out_retry = m->retry;
        return;
    }
    find_line(s, NULL, line, sizeof line);
    error_from(err, ERROR_UNREACHED, ERROR_FROM_SSH, (int)status, "ssh ended with status %d: '%s'",
        (int)status, line);
}

void os_why_lost(const struct os_session *s, int64_t status, struct error *err)
{
    char line[300];
    find_line(s, NULL, line, sizeof line);
    error_from(err, ERROR_UNREACHED, ERROR_FROM_SSH, (int)status, "ssh ended with status %d: '%s'",
        (int)status, line);
}
