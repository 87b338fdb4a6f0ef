/* SPDX-License-Identifier: MIT
 * What the files of `firstline dev` share. It does one thing after the other: each call here that waits turns the loop
 * meanwhile, so that keys, signals and ended children are noticed everywhere. Once `ending` is set nothing new is begun. */
#ifndef CLI_DEV_PARTS_H
#define CLI_DEV_PARTS_H

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/base/error.h"
#include "lib/base/limits.h"

struct dev;

struct dev_node {
    const char *name, *region; /* static */
    const char *hook;          /* static: id of the region's webhook subscription in the simulator */
    int port;
    struct process *process; /* owned; NULL: not started, or killed */
    int64_t again_mono_ms;   /* start it again then; 0: not asked for */
};

/* An incident as it was last shown. */
struct dev_seen {
    char id[32];
    long long number;
    size_t notes;
    long long level;
    char status[16];
    char title[DEV_TITLE_BYTES_MAX];
};

struct dev {
    bool once, keep;
    int port;              /* the simulator's; 0: any free one */
    const char *given;     /* --folder; NULL */
    const char *simulator; /* its server.py */
    char folder[PATH_MAX / 4];
    char program[PATH_MAX / 4]; /* ourselves */
    struct loop *loop;
    struct http_client *http;
    struct loop_signal *signals[3];
    bool folder_made;
    bool ending;   /* q, or a signal */
    bool by_signal;
    bool failed;   /* something did not start, or a case did not end as it should: the folder stays */
    struct process *postgres, *pagerduty, *machine; /* owned */
    struct dev_node nodes[2];
    int ssh_port;
    bool switch_set; /* the stop switch, by our key */
    struct dev_keys *keys; /* owned; NULL: no terminal */
    bool colour;
    struct dev_seen seen[DEV_INCIDENTS_MAX];
    int seen_count;
};

/* --- dev_files.c: what is written before anything starts ---------------------------------------------------------- */

/* The folder, keys, settings, inventory and scenarios. */
int dev_files_make(struct dev *d, struct error *err) MUST_USE;
/* Sets the mode of a scenario in the nodes' folder. */
int dev_files_mode(struct dev *d, const char *scenario, const char *mode, struct error *err) MUST_USE;
/* FOLDER/name. */
void dev_path(const struct dev *d, const char *name, char *out, size_t room);

/* --- dev_start.c: processes --------------------------------------------------------------------------------------- */

int dev_start_all(struct dev *d, struct error *err) MUST_USE;
int dev_start_node(struct dev *d, struct dev_node *n, struct error *err) MUST_USE;
/* Ends all, in order; removes the folder unless it is to stay. */
void dev_end_all(struct dev *d);
/* Runs `firstline WORDS... --config` of the first node; its output goes to out (may be NULL). 0, or -1. */
int dev_run_self(struct dev *d, const char *const *words, struct buf *out, struct error *err) MUST_USE;
/* Runs a script on the demo's machine by ssh, as its user; 0 when its status was 0. */
int dev_on_machine(struct dev *d, const char *script, struct error *err) MUST_USE;

/* --- dev_ask.c: HTTP ---------------------------------------------------------------------------------------------- */

/* One request to 127.0.0.1:port. body: stolen, NULL: none. The answer's JSON (the caller's), or NULL when there was none
 * or its status was 400 or more. */
json_t *dev_ask(struct dev *d, const char *method, int port, const char *path, json_t *body, struct error *err);
/* The simulator's control API. */
json_t *dev_control(struct dev *d, const char *method, const char *path, json_t *body, struct error *err);

/* --- dev_keys.c: waiting, keys ------------------------------------------------------------------------------------ */

struct dev_keys *dev_keys_new(void); /* NULL: standard input is no terminal */
void dev_keys_free(struct dev_keys *k); /* the terminal is as before; NULL is fine */
/* Turns the loop that long and does what keys ask for; false: everything ends now. */
bool dev_pause(struct dev *d, int64_t ms);

/* --- dev_show.c: what people see ---------------------------------------------------------------------------------- */

enum dev_tone { TONE_PLAIN, TONE_DIM, TONE_BOLD, TONE_GOOD, TONE_BAD, TONE_NOTE, TONE_TITLE, TONES };
void dev_show_setup(struct dev *d);
/* A line in a colour. */
void dev_say(const struct dev *d, enum dev_tone tone, const char *format, ...) PRINTF_LIKE(3, 4);
/* The same, with the time before it and a word in the colour. */
void dev_tell(const struct dev *d, enum dev_tone tone, const char *word, const char *format, ...) PRINTF_LIKE(4, 5);
/* Asks the simulator what changed, and shows it. */
void dev_show_news(struct dev *d);
/* The last lines of a file in the folder. */
void dev_show_tail(const struct dev *d, const char *name);

/* --- dev_cases.c, dev_judge.c ------------------------------------------------------------------------------------- */

struct dev_case {
    const char *name;
    const char *about; /* what is broken, and what should come */
    const char *title, *service, *host; /* as monitoring posts them */
    const char *status;   /* in the end */
    const char *prefix;   /* of the title in the end; "": none */
    const char *start;    /* words of the one start note; NULL: there must be none */
    const char *ending;   /* how the one ending note begins */
    const char *evidence; /* words in it; NULL */
    int level;            /* escalation level in the end */
    bool japanese;
    const char *effect;   /* a script on the machine that succeeds; NULL */
    bool (*before)(struct dev *d, struct error *err); /* NULL */
    /* Called with what the simulator has until it says true. NULL: nothing to do. */
    bool (*during)(struct dev *d, const json_t *incident);
    bool again; /* posts nothing: sends the case before's webhook once more */
};

/* Whether an incident is as the case wants it; why not goes to out. out_ended: whether an ending note is there. */
bool dev_judge(const struct dev_case *c, const json_t *incident, bool *out_ended, struct buf *out);
/* Posts all cases one after the other. The number that did not end as they should; -1: interrupted. */
int dev_cases_run(struct dev *d);

#endif
