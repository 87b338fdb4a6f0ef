/* SPDX-License-Identifier: MIT
 * Claims and finishes runs with the program's own parts, and measures it.
 *
 *   claims_bench CONNINFO migrate                       the tables
 *   claims_bench CONNINFO queue SLOTS COUNT             lib/store alone: claim, end with journal, decision and outbox
 *   claims_bench CONNINFO runs SLOTS COUNT FOLDER       the whole executor: as `firstline node`, but the machine and PagerDuty
 *                                                       are stand-ins that answer in the next turn
 *   claims_bench CONNINFO open OWN|OTHER COUNT FOLDER   an idle executor: opens a run every 100 ms of incidents Q1, Q2, ... of
 *                                                       the account `bench`, and measures until the executor asks about it.
 *                                                       OWN: as intake does on its own node; OTHER: as on another node
 *
 * FOLDER holds scenarios/ and inventory.yaml. Prints one line of JSON. Times of `queue` are from sending the claim to the
 * answer of the ending; those of `open` from sending the run's opening. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "executor/run.h"
#include "lib/base/policy.h"
#include "lib/store/event.h"
#include "lib/store/lease.h"
#include "lib/store/statistics.h"

#define COUNT_MAX 1000000
#define LONGEST_MS 300000
#define OPEN_EVERY_MS 100

struct bench {
    struct loop *loop;
    struct store *store;
    struct lease *lease;
    struct library *library;
    struct worker *worker;
    char **argv;
    int slots, count;
    int ended, held, claims;
    bool claiming, claims_soon, joined, own;
    double asked_ms, began_ms;
    double *took_ms; /* of `queue`, of `open` */
    double *opened_ms;
    int opened;
    bool opening;
    uint64_t last_op;
};
static struct bench bench;

static double now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t); /* this clock always exists */
    return (double)t.tv_sec * 1000 + (double)t.tv_nsec / 1e6;
}

static void fail(const char *doing, const struct error *err)
{
    fprintf(stderr, "claims_bench: %s: %s\n", doing, err ? err->text : "nothing came");
    exit(1);
}

/* --- stand-ins ---------------------------------------------------------------------------------------------------- */

/* In the place of executor/call.c: every command is answered in the next turn, as ended with status 0. */
void call_init(struct call *c, struct ssh *ssh)
{
    *c = (struct call){.ssh = ssh};
}

void call_done(struct call *c)
{
    (void)c;
}

static void answer_call(void *owner)
{
    struct call *c = owner;
    uint64_t op = c->op;
    c->op = 0;
    c->done(c->owner, op, &(struct ssh_outcome){.maybe_ran = true, .have_status = true, .out = "", .err = "", .doing = ""}, NULL);
}

int call_send(struct call *c, const struct inventory_host *host, const struct wrapper_task *task, unsigned deadline_ms,
    ssh_done *done, void *owner, struct error *err)
{
    (void)host, (void)task, (void)deadline_ms, (void)err;
    c->op = ++bench.last_op;
    c->done = done;
    c->owner = owner;
    c->sent_mono_ms = (int64_t)now_ms();
    c->complete = true;
    loop_soon(bench.loop, answer_call, c);
    return 0;
}

void call_cancel(struct call *c)
{
    (void)c; /* its answer is on its way */
}

bool call_read(struct call *c, const struct ssh_outcome *outcome, const struct error *err, struct arena *arena,
    struct wrapper_report *out)
{
    (void)c, (void)outcome, (void)err, (void)arena;
    *out = (struct wrapper_report){.verdict = WRAPPER_ENDED, .out = "", .text = ""};
    return true;
}

struct reading {
    desk_done *done;
    void *owner;
};

static void answer_reading(void *owner)
{
    struct reading *r = owner;
    r->done(r->owner, &(struct desk_answer){.state = DESK_READ, .why = "", .status = "triggered", .title = "", .priority = "",
        .urgency = "high", .service_id = "", .service_name = "", .changed_by = "", .last_change_at = "", .last_change_by = "",
        .hand_by = "", .hand_how = "", .hand_at = ""});
    free(r);
}

static void asked_about(const char *incident)
{
    int number = atoi(incident + 1) - 1;
    if (bench.opened_ms && number >= 0 && number < bench.count && bench.took_ms[number] == 0)
        bench.took_ms[number] = now_ms() - bench.opened_ms[number];
}

static uint64_t desk_read(void *desk, const struct desk_question *question, desk_done *done, void *owner)
{
    (void)desk;
    asked_about(question->incident);
    struct reading *r = calloc(1, sizeof *r);
    if (!r)
        abort();
    *r = (struct reading){done, owner};
    loop_soon(bench.loop, answer_reading, r);
    return ++bench.last_op;
}

static void desk_forget(void *desk, uint64_t id)
{
    (void)desk, (void)id; /* nothing is interrupted here */
}

/* --- lib/store alone ---------------------------------------------------------------------------------------------- */

struct job {
    struct run_held held;
    double claimed_ms;
};

static void claim_more(void);

static void claim_freed(void *owner)
{
    (void)owner;
    bench.claims_soon = false;
    claim_more();
}

static void on_ended(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct job *job = owner;
    if (err || !run_written(answer))
        fail("ending a run", err);
    bench.took_ms[bench.ended++] = now_ms() - job->claimed_ms;
    bench.held--;
    free(job);
    if (!bench.claims_soon)
        loop_soon(bench.loop, claim_freed, NULL); /* as executor/worker.c: one claim for all that ended in this turn */
    bench.claims_soon = true;
}

/* A look that brought nothing, and the ending: what executor/run_end.c writes, as long as it writes it. */
static void end(struct job *job, const struct run_row *row)
{
    char marker[2][ID_MARKER_BYTES], change[2048];
    id_marker(marker[0]);
    id_marker(marker[1]);
    int bytes = snprintf(change, sizeof change,
        "{\"state\":\"ended\",\"step\":0,\"attempt\":1,\"mode\":\"auto\",\"scenario\":\"nothing\",\"host\":\"web1\",\"language\":\"en\","
        "\"ending\":\"self_healed\",\"reason\":\"healthy at the first look: nothing was changed\","
        "\"steps\":[{\"step\":0,\"attempt\":1,\"verb\":\"check\",\"title\":\"nothing is wrong\",\"state\":\"ended\",\"host\":\"web1\","
        "\"outcome\":\"healthy\",\"why\":\"status 0\",\"output\":\"\",\"cut\":false,\"took_ms\":1,\"status\":0}],"
        "\"decisions\":[{\"kind\":\"ending\",\"text\":\"healthy at the first look: nothing was changed\"}],"
        "\"outbox\":[{\"kind\":\"ending\",\"body\":\"firstline on web1: nothing is wrong. It was healthy at the first look, and "
        "nothing was changed. Run %s of the scenario nothing.\",\"about\":{\"left_out\":\"{n} notes left out\"},\"marker\":\"%s\"},"
        "{\"kind\":\"ending_title\",\"body\":\"[healed] \",\"about\":{},\"marker\":\"%s\"}]}",
        job->held.id, marker[0], marker[1]);
    if (bytes < 0 || (size_t)bytes >= sizeof change)
        abort();
    (void)run_write(bench.store, &(struct run_place){job->held.id, job->held.epoch, row->account, row->incident_key}, change, on_ended, job);
}

static void on_claimed(void *owner, const struct pg_answer *answer, const struct error *err)
{
    (void)owner;
    bench.claiming = false;
    if (err)
        fail("claiming", err);
    struct run_held held[RUN_CLAIM_MAX];
    int n = run_claimed(answer, held);
    bench.claims++;
    for (int i = 0; i < n; i++) {
        struct job *job = calloc(1, sizeof *job);
        if (!job)
            abort();
        *job = (struct job){held[i], bench.asked_ms};
        bench.held++;
        struct run_row row;
        if (!run_claimed_row(answer, i, &row))
            fail("reading a claimed run", NULL);
        end(job, &row);
    }
    if (n > 0)
        claim_more();
}

static void claim_more(void)
{
    int most = bench.slots - bench.held;
    if (bench.claiming || most <= 0 || bench.ended + bench.held >= bench.count)
        return;
    bench.claiming = true;
    bench.asked_ms = now_ms();
    (void)run_claim(bench.store, CLAIM_WAITING, lease_incarnation(bench.lease), most < 10 ? most : 10, on_claimed, NULL);
}

/* --- the executor ------------------------------------------------------------------------------------------------- */

static struct scenario_set *load_scenarios(const char *folder, struct diag *d)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/scenarios", folder);
    return scenario_set_load(path, NULL, d);
}

static void start_executor(const char *folder)
{
    static const struct log_ctx log = {0};
    static const struct policy_service service = {.pattern = "*", .customer = "acme", .language = -1, .first_responder = -1,
        .acknowledge = -1, .mode = -1};
    static const struct policies policies = {.defaults = {.time_zone = "UTC", .mode_most = POLICY_AUTO}, .services = &service,
        .services_count = 1, .give_up_after_ms = 3600000};
    static const struct desk desk = {desk_read, desk_forget, NULL};
    char inventory_path[512];
    (void)snprintf(inventory_path, sizeof inventory_path, "%s/inventory.yaml", folder);
    struct diag *d = diag_new();
    struct scenario_set *scenarios = load_scenarios(folder, d);
    struct inventory *inventory = inventory_load((const char *const[]){inventory_path, NULL}, d);
    if (!scenarios || !inventory) {
        struct buf said;
        buf_init(&said, 65536);
        diag_print(d, DIAG_TEXT, false, &said);
        fputs(buf_text(&said), stderr);
        exit(1);
    }
    diag_free(d);
    bench.library = library_new(bench.loop, bench.store, NULL, &log);
    library_load(bench.library, scenarios, inventory);
    struct worker_settings ws = {.node = "bench", .region = "bench", .cluster = "bench", .slots = bench.slots, .policies = &policies,
        .events_kept_ms = 7 * 86400000LL, .keys_kept_ms = 180 * 86400000LL};
    struct worker_parts parts = {.loop = bench.loop, .store = bench.store, .lease = bench.lease, .library = bench.library, .desk = &desk,
        .log = &log};
    bench.worker = worker_new(&ws, &parts);
}

/* --- an idle executor --------------------------------------------------------------------------------------------- */

static void on_opened(void *owner, const struct pg_answer *answer, const struct error *err)
{
    (void)owner;
    if (err || pg_rows(answer, pg_answer_count(answer) - 1) != 1)
        fail("opening a run", err);
    bench.opening = false;
    if (bench.own)
        worker_wake(bench.worker);
}

static void open_next(void)
{
    char key[32];
    (void)snprintf(key, sizeof key, "Q%d", bench.opened + 1);
    struct event_row row = {.account = "bench", .incident = key, .occurred_at = "", .open = true, .customer = "acme", .give_up_ms = 3600000,
        .oldest = "2000-01-01T00:00:00Z"};
    struct event_entry entry = {.row = &row, .as = EVENT_UNKEPT};
    struct pg_group *group = pg_group_new(store_lane(bench.store, LANE_INTAKE));
    event_add(group, &entry, 1);
    bench.opened_ms[bench.opened++] = now_ms();
    bench.opening = true;
    (void)pg_group_send(group, 0, on_opened, NULL);
}

/* --- all of it ---------------------------------------------------------------------------------------------------- */

static void on_joined(void *owner)
{
    (void)owner;
    bench.joined = true;
    if (bench.worker)
        worker_joined(bench.worker);
}

static void on_lost(void *owner, const char *why)
{
    (void)owner;
    fprintf(stderr, "claims_bench: the incarnation is over: %s\n", why);
    exit(1);
}

static void on_reaped(void *owner, int nodes)
{
    (void)owner, (void)nodes;
}

static void on_migrated(void *owner, int applied, const struct error *err)
{
    (void)applied;
    if (err)
        fail("migrating", err);
    *(bool *)owner = true;
}

static void start(const char *folder, bool migrate)
{
    static const struct log_ctx log = {0};
    struct error err = {0};
    bench.loop = loop_new(&err);
    struct store_settings st = {.conninfo = bench.argv[1], .application = "bench", .answer_timeout_ms = 60000};
    bool migrated = !migrate;
    if (migrate)
        store_migrate(bench.loop, &st, on_migrated, &migrated);
    while (!migrated)
        loop_turn(bench.loop, 100);
    if (migrate)
        exit(0);
    bench.store = bench.loop ? store_new(bench.loop, &st, &err) : NULL;
    if (!bench.store)
        fail("starting", &err);
    while (!store_ready(bench.store))
        loop_turn(bench.loop, 100);
    struct lease_settings ls = {.name = "bench", .region = "bench", .roles = "{executor}", .version = "0", .slots = bench.slots,
        .renew_ms = 2000, .length_ms = 30000, .gap_ms = 3000};
    struct lease_events le = {on_joined, on_lost, on_reaped, on_lost, NULL};
    (void)statistics_new(bench.loop, bench.store, NULL); /* as a node has it */
    bench.lease = lease_new(bench.loop, bench.store, &ls, &le, &log);
    if (folder)
        start_executor(folder);
    while (!bench.joined || (folder && !library_stored(bench.library)))
        loop_turn(bench.loop, 100);
}

static int by_number(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void print_result(double wall_ms)
{
    struct rusage used;
    (void)getrusage(RUSAGE_SELF, &used);
    double cpu_s = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    qsort(bench.took_ms, (size_t)bench.count, sizeof *bench.took_ms, by_number);
    struct pg_lane lane;
    pg_lane(store_lane(bench.store, LANE_WORK), &lane);
    printf("{\"count\": %d, \"rate\": %.1f, \"p50_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": %.3f, \"client_cpu_us\": %.1f, \"peak_kib\": %ld, "
           "\"statements\": %.2f, \"transactions\": %.2f}\n",
        bench.count, bench.count / wall_ms * 1000, bench.took_ms[bench.count / 2], bench.took_ms[bench.count * 99 / 100],
        bench.took_ms[bench.count - 1], cpu_s * 1e6 / bench.count, used.ru_maxrss, (double)lane.queries / bench.count,
        (double)lane.transactions / bench.count);
}

static bool finished(void)
{
    if (!bench.worker)
        return bench.ended >= bench.count;
    struct worker_counts counts;
    worker_counts(bench.worker, &counts);
    return counts.ended >= (uint64_t)bench.count;
}

static void run_open_mode(void)
{
    double next = now_ms();
    while (!finished()) {
        if (bench.opened < bench.count && !bench.opening && now_ms() >= next) {
            open_next();
            next = now_ms() + OPEN_EVERY_MS + (double)(id_random() % 50); /* not in step with anybody's second */
        }
        loop_turn(bench.loop, 5);
    }
}

static int usage(void)
{
    fprintf(stderr, "usage: claims_bench CONNINFO queue|runs|open SLOTS|own|other COUNT [FOLDER]\n");
    return 2;
}

int main(int argc, char **argv)
{
    bench.argv = argv;
    if (argc == 3 && strcmp(argv[2], "migrate") == 0)
        start(NULL, true);
    if (argc < 5)
        return usage();
    bool open_mode = strcmp(argv[2], "open") == 0, queue = strcmp(argv[2], "queue") == 0;
    bench.own = strcmp(argv[3], "own") == 0;
    bench.slots = open_mode ? 500 : atoi(argv[3]);
    bench.count = atoi(argv[4]);
    if (bench.slots <= 0 || bench.count <= 0 || bench.count > COUNT_MAX || (!queue && argc < 6))
        return usage();
    bench.took_ms = calloc((size_t)bench.count, sizeof *bench.took_ms);
    bench.opened_ms = open_mode ? calloc((size_t)bench.count, sizeof *bench.opened_ms) : NULL;
    if (!bench.took_ms || (open_mode && !bench.opened_ms))
        abort();
    (void)signal(SIGPIPE, SIG_IGN);
    log_setup(LOG_WARNING, LOG_LOGFMT);
    (void)alarm(LONGEST_MS / 1000);
    start(queue ? NULL : argv[5], false);
    double began = now_ms();
    if (queue)
        claim_more();
    if (open_mode)
        run_open_mode();
    while (!finished())
        loop_turn(bench.loop, 1000);
    print_result(now_ms() - began);
    fflush(stdout);
    _exit(0); /* the server drops what is left */
}
