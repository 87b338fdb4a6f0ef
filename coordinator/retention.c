/* SPDX-License-Identifier: MIT
 * A round of retention: the archive's folder is tried, the turn taken, and partition after partition read, written and dropped.
 * The loop asks the database; a thread does what waits for the disk. Never both at once. */
#include "coordinator/retention.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/io/archive_file.h"
#include "lib/store/history.h"
#include "lib/store/reconcile.h"

#define CHECKS 6 /* how often in a period a node asks whether a round is due */
#define CHECK_LEAST_MS 100
#define PAGE_BYTES (256 * 1024)
#define PAGE_BYTES_MAX (64 * 1024 * 1024) /* a page ends with the row that fills it */
#define ALARM "old history cannot leave the database"

struct retention {
    struct loop *loop; /* borrowed, as the next two */
    struct store *store;
    struct lease *lease;
    struct retention_settings settings;
    struct retention_events events;
    const struct log_ctx *log; /* borrowed */
    struct loop_timer *timer;  /* owned */
    const char *turn_name;
    enum retention_state state;
    struct error why; /* of RETENTION_FAILS */
    bool folder_failed; /* that was all: the next try of the folder is enough to know better */
    struct retention_counts counts;
    int64_t rest_until_mono_ms; /* after a failed round: others may have better luck */

    bool busy; /* a round, from its tick to its end */
    struct turn turn;
    int64_t kept_mono_ms;
    struct pg *lane; /* owned; NULL between rounds */
    uint64_t op;     /* on the lane, or on the work lane while there is none */
    struct history_partition partition;
    char after[HISTORY_PLACE_BYTES];
    int64_t rows, bytes; /* of the partition, read so far */

    /* Touched by the thread while working. */
    bool working, gone;
    struct archive_file *file; /* owned */
    struct buf page;
    char path[ARCHIVE_PATH_BYTES];
    bool worked;         /* what the thread's work came to */
    struct error failed; /* where it did not */
    void (*then)(struct retention *r);
};

static void tick(void *owner);
static void list(struct retention *r);
static void read_page(struct retention *r);

struct retention *retention_new(struct loop *loop, struct store *store, struct lease *lease,
    const struct retention_settings *settings, const struct retention_events *events, const struct log_ctx *log)
{
    struct retention *r = calloc(1, sizeof *r);
    if (!r)
        abort(); /* one at start-up */
    *r = (struct retention){.loop = loop, .store = store, .lease = lease, .settings = *settings, .events = *events, .log = log,
        .turn_name = settings->folder ? "archive" : "retention"};
    r->timer = loop_timer_new(loop, tick, r);
    int64_t every = settings->every_ms / CHECKS;
    loop_timer_start(r->timer, CHECK_LEAST_MS, (uint64_t)(every > CHECK_LEAST_MS ? every : CHECK_LEAST_MS));
    return r;
}

static void drop_work(struct retention *r)
{
    archive_abandon(r->file);
    r->file = NULL;
    buf_done(&r->page);
}

void retention_free(struct retention *r)
{
    if (!r)
        return;
    loop_timer_free(r->timer);
    if (r->op && !r->lane)
        pg_forget(store_lane(r->store, LANE_WORK), r->op);
    pg_free(r->lane);
    r->gone = true; /* the thread uses it still: on_worked frees it */
    if (!r->working) {
        drop_work(r);
        free(r);
    }
}

enum retention_state retention_look(const struct retention *r, const char **why)
{
    *why = r->state == RETENTION_FAILS ? r->why.text : "";
    return r->state;
}

void retention_count(const struct retention *r, struct retention_counts *out)
{
    *out = r->counts;
}

/* --- the thread --------------------------------------------------------------------------------------------------- */

static void on_worked(void *owner)
{
    struct retention *r = owner;
    r->working = false;
    if (r->gone) {
        drop_work(r);
        free(r);
    } else {
        r->then(r);
    }
}

static void work(struct retention *r, loop_fn *what, void (*then)(struct retention *r))
{
    assert(!r->working && !r->op);
    r->then = then;
    r->worked = false;
    r->failed = (struct error){0};
    r->working = loop_work_start(r->loop, what, on_worked, r);
    if (!r->working) {
        (void)error_set(&r->failed, ERROR_LIMIT, "no memory for the archive's work");
        then(r);
    }
}

static void probe_folder(void *owner)
{
    struct retention *r = owner;
    r->worked = archive_probe(r->settings.folder, r->settings.node, &r->failed) == 0;
}

static void begin_file(void *owner)
{
    struct retention *r = owner;
    char name[HISTORY_NAME_BYTES + 16];
    (void)snprintf(name, sizeof name, "%s.jsonl.gz", r->partition.name);
    r->file = archive_begin(r->settings.folder, name, r->settings.node, &r->failed);
    r->worked = r->file != NULL;
}

static void write_page(void *owner)
{
    struct retention *r = owner;
    r->worked = archive_add(r->file, r->page.data, r->page.bytes, &r->failed) == 0;
    fault_point("archive.page");
}

static void keep_file(void *owner)
{
    struct retention *r = owner;
    struct archive_file *file = r->file;
    r->file = NULL;
    r->worked = archive_keep(file, r->rows, r->path, &r->failed) == 0;
    fault_point("archive.kept");
}

static void abandon_file(void *owner)
{
    struct retention *r = owner;
    archive_abandon(r->file);
    r->file = NULL;
    r->worked = true;
}

/* --- the end of a round ------------------------------------------------------------------------------------------- */

static void rest(struct retention *r)
{
    pg_free(r->lane);
    r->lane = NULL;
    buf_done(&r->page);
    r->busy = false;
}

static void leave_round(struct retention *r)
{
    if (r->file)
        work(r, abandon_file, rest);
    else
        rest(r);
}

/* Nothing that was not archived has been dropped; the next round begins anew. */
static void fail(struct retention *r, const struct error *err)
{
    r->why = *err;
    if (r->partition.name[0])
        (void)error_wrap(&r->why, "%s", r->partition.name);
    r->state = RETENTION_FAILS;
    r->counts.failed++;
    r->rest_until_mono_ms = clock_mono_ms() + r->settings.every_ms * 3 / 2;
    r->events.on_alarm(r->events.owner, NULL, ALARM, r->why.text);
    leave_round(r);
}

static bool failed(struct retention *r)
{
    if (r->worked)
        return false;
    struct error err = r->failed;
    fail(r, &err);
    return true;
}

static bool refused(struct retention *r, const struct error *err)
{
    r->op = 0;
    if (err)
        fail(r, err);
    return err != NULL;
}

static void end_round(struct retention *r)
{
    r->state = RETENTION_WORKS;
    leave_round(r);
}

/* --- a partition -------------------------------------------------------------------------------------------------- */

static void on_left(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct retention *r = owner;
    if (refused(r, err))
        return;
    const char *what = history_left(answer);
    bool archived = r->settings.folder != NULL;
    if (strcmp(what, "left") == 0) {
        *(archived ? &r->counts.archived : &r->counts.dropped) += 1;
        log_info(r->log, archived ? "a month of history has left to the archive" : "a month of history was dropped: there is no archive",
            LOG_S("partition", r->partition.name), LOG_I("rows", r->rows), LOG_S("file", archived ? r->path : ""));
    } else if (strcmp(what, "busy") == 0) {
        log_info(r->log, "a month of history is in use; again in the next round", LOG_S("partition", r->partition.name));
        end_round(r);
        return;
    } else if (strcmp(what, "gone") != 0) {
        struct error why = {0};
        (void)error_set(&why, ERROR_REFUSED, strcmp(what, "changed") == 0 ? "it changed while it was archived"
                                                                          : "another node has an archive, this one has none: set retention.archive here, too");
        fail(r, &why);
        return;
    }
    list(r);
}

static void drop_partition(struct retention *r)
{
    r->op = history_leave(r->lane, &r->partition, r->settings.folder ? r->rows : -1, on_left, r);
}

static void on_kept_file(struct retention *r)
{
    if (failed(r))
        return;
    r->counts.rows += (uint64_t)r->rows;
    r->counts.bytes += (uint64_t)r->bytes;
    drop_partition(r);
}

static void on_written(struct retention *r)
{
    buf_clear(&r->page);
    if (failed(r))
        return;
    if (r->after[0])
        read_page(r);
    else
        work(r, keep_file, on_kept_file);
}

static void on_page(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct retention *r = owner;
    if (err && strcmp(err->sqlstate, "42P01") == 0) { /* another node was faster */
        r->op = 0;
        work(r, abandon_file, list);
        return;
    }
    if (refused(r, err))
        return;
    struct history_page page;
    history_read_page(answer, &page);
    if (!page.kept) {
        log_info(r->log, "another node has taken over retention", LOG_S("partition", r->partition.name));
        leave_round(r);
        return;
    }
    r->rows += page.rows;
    r->bytes += (int64_t)page.bytes;
    (void)snprintf(r->after, sizeof r->after, "%s", page.next);
    if (buf_add(&r->page, page.lines, page.bytes) < 0) {
        struct error why = {0};
        (void)error_set(&why, ERROR_LIMIT, "no memory for %zu bytes of rows", page.bytes);
        fail(r, &why);
        return;
    }
    work(r, write_page, on_written);
}

static void read_page(struct retention *r)
{
    int64_t now = clock_mono_ms();
    bool keep = now - r->kept_mono_ms >= r->settings.every_ms / CHECKS;
    if (keep)
        r->kept_mono_ms = now;
    r->op = history_read(r->lane, &r->partition, r->after, PAGE_BYTES, keep ? r->turn_name : NULL, r->turn.round,
        r->settings.every_ms, on_page, r);
}

static void on_begun(struct retention *r)
{
    if (failed(r))
        return;
    read_page(r);
}

static void on_listed(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct retention *r = owner;
    r->partition = (struct history_partition){0};
    if (refused(r, err))
        return;
    if (history_listed(answer) == 0) {
        end_round(r);
        return;
    }
    history_listed_at(answer, 0, &r->partition);
    r->rows = r->bytes = 0;
    r->after[0] = '\0';
    if (r->settings.folder)
        work(r, begin_file, on_begun);
    else
        drop_partition(r);
}

static void list(struct retention *r)
{
    r->op = history_list(r->lane, r->settings.history_ms, on_listed, r);
}

/* --- whose turn --------------------------------------------------------------------------------------------------- */

static void on_turn(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct retention *r = owner;
    r->op = 0;
    if (err || !turn_taken(answer, &r->turn)) { /* the lane logs its own trouble */
        r->busy = false;
        return;
    }
    r->kept_mono_ms = clock_mono_ms();
    struct error why = {0};
    r->lane = store_lane_new(r->loop, &r->settings.store, "archive", &why);
    buf_init(&r->page, PAGE_BYTES_MAX);
    if (r->lane)
        list(r);
    else
        fail(r, &why);
}

static void take_turn(struct retention *r)
{
    if (!lease_held(r->lease))
        r->busy = false;
    else
        r->op = turn_take(r->store, r->turn_name, lease_incarnation(r->lease), r->settings.every_ms, on_turn, r);
}

static void on_probed(struct retention *r)
{
    bool before = r->folder_failed;
    r->folder_failed = !r->worked;
    if (failed(r))
        return;
    if (before)
        r->state = RETENTION_WORKS;
    take_turn(r);
}

static void tick(void *owner)
{
    struct retention *r = owner;
    if (r->busy || clock_mono_ms() < r->rest_until_mono_ms || !lease_held(r->lease))
        return;
    r->busy = true;
    r->partition = (struct history_partition){0};
    if (r->settings.folder)
        work(r, probe_folder, on_probed);
    else
        take_turn(r);
}
