/* SPDX-License-Identifier: MIT
 * The life of a node: start, serve, reload, stop. */
#include "cli/node.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/alarms.h"
#include "cli/clients.h"
#include "cli/command.h"
#include "cli/database.h"
#include "cli/notify.h"
#include "cli/reload.h"
#include "coordinator/metrics.h"
#include "coordinator/retention.h"
#include "executor/story.h"
#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/base/known_hosts.h"
#include "lib/base/redact.h"

#define SCHEMA_EVERY_MS 1000
#define SECRETS_AGAIN_MS 30000
#define RETIRED_KEPT_MS 120000
#define RETIRED_MAX 8

struct node {
    const char *settings_path; /* borrowed from argv */
    struct node_files *files;  /* owned; the newest first */
    struct loop *loop;         /* owned, as all below */
    struct store *store;
    struct lease *lease;
    struct library *library;
    struct http_client *http;
    struct clients *clients;
    struct budget *budget;
    struct pager_desk *desk;
    struct writer *writer;
    struct outbox *outbox;
    struct outbox_channel channel;
    struct ssh *ssh;
    struct worker *worker;
    struct intake *intake;
    struct reconciler *reconciler;
    struct retention *retention;
    struct health *health;
    struct metrics *metrics;
    struct http_server *server;
    struct loop_signal *signals[3];
    struct loop_timer *schema_timer, *drain_timer;
    struct reload *reload;
    struct log_ctx log;
    char roles[64];
    bool stopping;
    int64_t secrets_read_mono_ms; /* for a signature that matched none; 0: never */
    struct alarms alarms; /* raised lately */
    char schema_why[256]; /* what it was last told to wait for while there was no version */
    int schema_told; /* the version that the log was last told to wait with; -2: none yet */
    uint64_t schema_op;
};

/* --- events from the parts ---------------------------------------------------------------------------------------- */

static void raise_alarm(void *owner, const char *account, const char *what, const char *about)
{
    struct node *n = owner;
    alarms_raise(&n->alarms, n->files, account, what, about, &n->log);
}

static void show_sets(struct node *n)
{
    bool serves = n->library && library_serves(n->library);
    const char *scenarios = serves ? scenario_set_hash(library_scenarios(n->library)) : "";
    const char *inventory = n->library && library_inventory(n->library) ? inventory_hash(library_inventory(n->library)) : "";
    if (n->lease)
        lease_show_sets(n->lease, scenarios, inventory);
    if (n->health)
        health_show(n->health, scenarios, inventory, true, n->stopping);
    if (n->health && n->library)
        health_tell_scenarios(n->health, serves);
    if (n->health && n->library && !serves && !n->stopping)
        raise_alarm(n, NULL, "this node has no scenario, and leaves new runs to nodes that have", n->files->settings->node.name);
}

static void on_joined(void *owner)
{
    struct node *n = owner;
    if (n->worker)
        worker_joined(n->worker);
    if (n->outbox)
        outbox_wake(n->outbox);
}

static void on_lost(void *owner, const char *why)
{
    struct node *n = owner;
    (void)why; /* the lease has logged it */
    if (n->worker)
        worker_lost(n->worker);
    if (n->outbox)
        outbox_lost(n->outbox);
}

static void on_reaped(void *owner, int nodes)
{
    struct node *n = owner;
    (void)nodes;
    if (n->worker)
        worker_wake(n->worker);
    if (n->outbox)
        outbox_wake(n->outbox);
}

static void on_history_lost(void *owner, const char *why)
{
    raise_alarm(owner, NULL, "acknowledged commits are gone; no recover starts until a person releases history-lost", why);
}

static void on_runs(void *owner)
{
    struct node *n = owner;
    if (n->worker)
        worker_wake_new(n->worker);
}

static void on_outbox(void *owner)
{
    struct node *n = owner;
    if (n->outbox)
        outbox_wake(n->outbox);
}

static void on_hands(void *owner)
{
    struct node *n = owner;
    if (n->worker)
        worker_hands(n->worker);
}

static void on_intake_alarm(void *owner, const char *what, const char *subscription)
{
    raise_alarm(owner, NULL, what, subscription);
}

static void on_order(void *owner, const char *account, const char *incident, bool stop, const char *by)
{
    struct node *n = owner;
    log_info(&n->log, stop ? "a person told firstline to stop by a note" : "a person told firstline to go on by a note",
        LOG_S("account", account), LOG_S("incident", incident), LOG_S("by", by));
}

static void on_failed_write(void *owner, const struct outbox_item *item, const char *why)
{
    char about[512];
    (void)snprintf(about, sizeof about, "%s of incident %s: %.300s", item->row.kind, item->row.target, why);
    raise_alarm(owner, item->row.account, "a write to an incident can never be delivered", about);
}

/* --- reload ------------------------------------------------------------------------------------------------------- */

static void forget_retired(struct node *n)
{
    int64_t now = clock_mono_ms();
    for (struct node_files **at = &n->files->next; *at;) {
        struct node_files *f = *at;
        if (!f->next || now - f->retired_mono_ms < RETIRED_KEPT_MS) { /* of the first, names and regions are in use for good */
            at = &f->next;
            continue;
        }
        *at = f->next;
        node_files_free(f);
    }
}

static int retired_count(const struct node *n)
{
    int count = 0;
    for (const struct node_files *f = n->files->next; f; f = f->next)
        count++;
    return count;
}

static void swap_in(struct node *n, struct node_files *f)
{
    struct error err = {0};
    if (clients_fill(n->clients, n->files, f, &err) < 0)
        log_failure(LOG_ERROR, &n->log, "it cannot be written to until the next reload", &err);
    f->next = n->files;
    n->files->retired_mono_ms = clock_mono_ms();
    n->files = f;
    struct intake_settings in = node_files_intake(f);
    if (n->intake)
        intake_swap(n->intake, &in);
    struct reconciler_settings reconcile = node_files_reconciler(f);
    if (n->reconciler)
        reconciler_swap(n->reconciler, &reconcile);
    health_swap(n->health, f->accounts, f->accounts_count);
    writer_swap(n->writer, f->accounts, f->accounts_count);
    pager_desk_swap(n->desk, f->accounts, f->accounts_count);
    if (n->worker) {
        worker_swap(n->worker, &f->settings->policies);
        ssh_set_known_hosts(n->ssh, f->known_hosts);
        ssh_set_redactor(n->ssh, f->redactor);
        if (f->scenarios && f->inventory)
            library_load(n->library, scenario_set_hold(f->scenarios), inventory_ref(f->inventory));
    }
    show_sets(n);
}

/* false: the old set stays in force, and the log says why. */
static bool take_in(struct node *n, struct node_files *f, const char *said)
{
    forget_retired(n);
    if (f && retired_count(n) >= RETIRED_MAX) {
        log_warning(&n->log, "not reloaded: too many reloads in two minutes");
        node_files_free(f);
        return false;
    }
    if (!f) {
        log_error(&n->log, "not reloaded, the old files stay in force", LOG_S("why", said));
        return false;
    }
    struct buf later;
    buf_init(&later, 8192);
    settings_differ(n->files->settings, f->settings, &later);
    swap_in(n, f);
    log_info(&n->log, "reloaded", LOG_S("only_at_next_start", buf_text(&later)), LOG_S("warnings", said));
    buf_done(&later);
    return true;
}

static void on_reloaded(void *owner, struct node_files *files, const char *said)
{
    (void)take_in(owner, files, said); /* the log tells how it went */
}

static void on_hangup(void *owner)
{
    struct node *n = owner;
    if (!n->stopping)
        reload_start(n->reload);
}

static bool on_wrong_signature(void *owner)
{
    struct node *n = owner;
    int64_t now = clock_mono_ms();
    /* A flood of wrong signatures must not become a flood of file reads, well or badly as they go. */
    if (n->stopping || (n->secrets_read_mono_ms && now - n->secrets_read_mono_ms < SECRETS_AGAIN_MS))
        return false;
    n->secrets_read_mono_ms = now;
    struct buf said;
    buf_init(&said, SETTINGS_TEXT_BYTES);
    bool taken = take_in(n, reload_secrets(n->settings_path, n->files, &said), buf_text(&said));
    buf_done(&said);
    return taken;
}

/* --- stopping ----------------------------------------------------------------------------------------------------- */

static void stop_loop(void *owner)
{
    struct node *n = owner;
    loop_stop(n->loop);
}

static void leave(void *owner)
{
    struct node *n = owner;
    if (n->lease)
        lease_leave(n->lease, stop_loop, n);
    else
        loop_stop(n->loop);
}

static void on_drain_over(void *owner)
{
    struct node *n = owner;
    log_info(&n->log, "runs that have not reached a step boundary are handed back as they are");
    leave(n);
}

static void on_terminate(void *owner)
{
    struct node *n = owner;
    if (n->stopping) {
        loop_stop(n->loop);
        return;
    }
    n->stopping = true;
    log_info(&n->log, "stopping: runs end their step, then go on elsewhere; once more ends at once");
    notify_manager("STOPPING=1");
    if (n->health)
        show_sets(n);
    if (!n->worker) {
        leave(n);
        return;
    }
    loop_timer_start(n->drain_timer, (uint64_t)n->files->settings->node.drain_ms, 0);
    worker_drain(n->worker, leave, n);
}

/* --- HTTP --------------------------------------------------------------------------------------------------------- */

static void plain(struct http_request *req, unsigned status, const char *text)
{
    http_answer(req, status, "text/plain; charset=utf-8", text, strlen(text));
}

static void on_starved(void *owner, bool starved)
{
    struct node *n = owner;
    if (starved)
        log_error(&n->log, "no connection can be taken: too many files are open; raise the limit (LimitNOFILE=)");
    else
        log_info(&n->log, "connections are taken again");
}

static void on_request(void *owner, struct http_request *req)
{
    struct node *n = owner;
    const char *path = http_request_path(req), *method = http_request_method(req);
    bool get = strcmp(method, "GET") == 0;
    if (strcmp(path, "/healthz") == 0 && get)
        health_live(req);
    else if (strcmp(path, "/readyz") == 0 && get)
        health_ready(n->health, req);
    else if (strcmp(path, "/metrics") == 0 && get)
        metrics_show(n->metrics, req);
    else if (strcmp(path, "/webhooks/pagerduty") == 0 && n->intake && strcmp(method, "POST") == 0)
        intake_take(n->intake, req);
    else if (strcmp(path, "/webhooks/pagerduty") == 0 && n->intake) {
        http_answer_header(req, "Allow", "POST");
        plain(req, 405, "POST only\n");
    } else
        plain(req, 404, "not here\n");
}

/* --- starting ----------------------------------------------------------------------------------------------------- */

static void start_executor(struct node *n)
{
    const struct settings *s = n->files->settings;
    struct error err = {0};
    struct ssh_settings ss = {.known_hosts = n->files->known_hosts, .redactor = n->files->redactor,
        .handshakes_all_max = (unsigned)s->ssh.handshakes, .handshakes_host_max = (unsigned)s->ssh.handshakes_per_host,
        .channels_session_max = (unsigned)s->ssh.channels_per_session, .idle_ms = (unsigned)s->ssh.idle_ms,
        .keepalive_ms = (unsigned)s->ssh.keepalive_ms, .user_timeout_ms = (unsigned)s->ssh.user_timeout_ms,
        .connect_ms = (unsigned)s->ssh.connect_ms, .handshake_ms = (unsigned)s->ssh.handshake_ms,
        .login_ms = (unsigned)s->ssh.login_ms, .open_ms = (unsigned)s->ssh.open_ms, .send_ms = (unsigned)s->ssh.send_ms,
        .exit_ms = (unsigned)s->ssh.exit_ms, .openssh_program = s->ssh.program, .openssh_folder = s->ssh.folder,
        .openssh_config = s->ssh.config};
    n->ssh = ssh_new(n->loop, &ss, &err);
    if (!n->ssh) {
        fprintf(stderr, "firstline: ssh: %s\n", err.text);
        exit(EXIT_USAGE);
    }
    struct scenario_set_options options = {.token_pattern = s->keyword.token};
    n->library = library_new(n->loop, n->store, &options, &n->log);
    if (n->files->scenarios && n->files->inventory)
        library_load(n->library, scenario_set_hold(n->files->scenarios), inventory_ref(n->files->inventory));
    struct worker_settings ws = {.node = s->node.name, .region = s->node.region, .cluster = s->cluster,
        .slots = (int)s->node.slots, .without_standby_hold = s->runs.without_standby == WITHOUT_STANDBY_HOLD,
        .recover_blind_go = s->runs.recover_blind == RECOVER_BLIND_GO, .policies = &s->policies,
        .events_kept_ms = s->retention.events_ms, .keys_kept_ms = s->retention.keys_ms};
    struct worker_parts parts = {.loop = n->loop, .store = n->store, .lease = n->lease, .ssh = n->ssh,
        .library = n->library, .desk = pager_desk_of(n->desk), .on_outbox = on_outbox, .owner = n, .log = &n->log};
    n->worker = worker_new(&ws, &parts);
}

static void start_coordinator(struct node *n)
{
    struct intake_events events = {.on_runs = on_runs, .reload_secrets = on_wrong_signature, .on_alarm = on_intake_alarm,
        .on_order = on_order, .on_hands = on_hands, .owner = n};
    struct intake_settings in = node_files_intake(n->files);
    n->intake = intake_new(n->loop, n->store, &in, &events, &n->log);
    n->channel = (struct outbox_channel){"pagerduty", writer_send, n->writer};
    struct outbox_settings os = {.channels = &n->channel, .channels_count = 1, .on_failed = on_failed_write, .owner = n};
    n->outbox = outbox_new(n->loop, n->store, n->lease, &os, &n->log);
    struct reconciler_events re = {on_runs, on_hands, raise_alarm, n};
    struct reconciler_settings rs = node_files_reconciler(n->files);
    n->reconciler = reconciler_new(n->loop, n->store, n->lease, n->budget, &rs, &re, &n->log);
}

static void start_retention(struct node *n)
{
    const struct settings *s = n->files->settings; /* the first: in use for good */
    struct retention_settings rs = {.node = s->node.name, .folder = s->retention.archive, .history_ms = s->retention.history_ms,
        .every_ms = s->retention.every_ms, .store = database_settings(s, s->node.name)};
    struct retention_events re = {raise_alarm, n};
    if (!rs.folder)
        log_warning(&n->log, "there is no retention.archive: months of history are dropped when their time is over, and kept nowhere",
            LOG_I("days", rs.history_ms / DAY_MS));
    n->retention = retention_new(n->loop, n->store, n->lease, &rs, &re, &n->log);
}

/* The database is there and at our migration: now join. */
static void start_work(struct node *n)
{
    const struct settings *s = n->files->settings;
    (void)snprintf(n->roles, sizeof n->roles, "{%s%s%s}", s->node.roles & ROLE_COORDINATOR ? "coordinator" : "",
        (s->node.roles & ROLE_COORDINATOR) && (s->node.roles & ROLE_EXECUTOR) ? "," : "",
        s->node.roles & ROLE_EXECUTOR ? "executor" : "");
    struct lease_settings ls = {.name = s->node.name, .region = s->node.region, .roles = n->roles,
        .version = FIRSTLINE_VERSION, .slots = (int)s->node.slots, .renew_ms = (unsigned)s->lease.renew_ms,
        .length_ms = (unsigned)s->lease.length_ms, .gap_ms = (unsigned)s->lease.gap_ms};
    struct lease_events le = {on_joined, on_lost, on_reaped, on_history_lost, n};
    n->lease = lease_new(n->loop, n->store, &ls, &le, &n->log);
    if (s->node.roles & ROLE_EXECUTOR)
        start_executor(n);
    if (s->node.roles & ROLE_COORDINATOR) {
        start_coordinator(n);
        start_retention(n);
    }
    struct parts_settings ps = {.store = n->store, .lease = n->lease, .ssh = n->ssh, .retention = n->retention,
        .accounts = n->files->accounts, .accounts_count = n->files->accounts_count, .standby_hold = s->runs.without_standby == WITHOUT_STANDBY_HOLD,
        .blind_go = s->runs.recover_blind == RECOVER_BLIND_GO};
    struct health_settings hs = {s->node.name, s->node.region, ps, n->intake, n->outbox};
    n->health = health_new(n->loop, &hs, &n->log);
    struct metrics_settings ms = {s->node.name, s->node.region, n->store, n->lease, n->intake, n->outbox, n->reconciler,
        n->retention, n->ssh, &n->server, &n->alarms.raised};
    n->metrics = metrics_new(n->loop, &ms);
    show_sets(n);
    struct http_server_settings http = {.address = s->http.address, .port = (uint16_t)s->http.port,
        .body_bytes_max = (size_t)s->http.body_bytes, .bodies_bytes_max = (size_t)s->http.bodies_bytes,
        .connections_max = (unsigned)s->http.connections, .per_ip_max = (unsigned)s->http.per_ip,
        .request_longest_ms = (unsigned)s->http.request_ms, .on_starved = on_starved};
    struct error err = {0};
    n->server = http_server_new(n->loop, &http, on_request, n, &err);
    if (!n->server) {
        fprintf(stderr, "firstline: http: %s\n", err.text);
        exit(EXIT_FAILED);
    }
    log_info(&n->log, "serving", LOG_S("address", s->http.address), LOG_I("port", http_server_port(n->server)));
    notify_manager("READY=1");
    fault_point("node.started");
}

static void on_schema(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct node *n = owner;
    n->schema_op = 0;
    if (n->stopping)
        return;
    int version = store_schema_found(answer, err);
    if (version == store_schema_wanted()) {
        loop_timer_stop(n->schema_timer);
        start_work(n);
        return;
    }
    char why[sizeof n->schema_why]; /* another trouble is news: a password that is wrong behind a server that now answers */
    (void)snprintf(why, sizeof why, "%.255s", err ? err->text : ""); /* cut is meant */
    if (n->schema_told != version || strcmp(n->schema_why, why) != 0) {
        if (version < 0)
            log_warning(&n->log, "waiting for the database", LOG_S("error", err ? err->text : "no answer"));
        else
            log_warning(&n->log, "waiting for migrations; run: firstline migrate", LOG_I("found", version),
                LOG_I("wanted", store_schema_wanted()));
    }
    n->schema_told = version;
    (void)memcpy(n->schema_why, why, sizeof why);
    loop_timer_start(n->schema_timer, SCHEMA_EVERY_MS, 0);
}

static void ask_schema(void *owner)
{
    struct node *n = owner;
    n->schema_op = store_read_schema(n->store, on_schema, n);
}

static int start(struct node *n, struct error *err)
{
    const struct settings *s = n->files->settings;
    n->loop = loop_new(err);
    if (!n->loop)
        return -1;
    struct store_settings st = database_settings(s, s->node.name);
    st.log = &n->log;
    n->store = store_new(n->loop, &st, err);
    struct http_client_settings hc = {0};
    n->http = n->store ? http_client_new(n->loop, &hc, err) : NULL;
    if (!n->http)
        return -1;
    n->budget = budget_new(n->loop, n->store, (int)s->outbox.rate);
    n->clients = clients_new(n->loop, n->http, n->budget, (unsigned)s->outbox.request_ms, &n->log);
    if (clients_fill(n->clients, NULL, n->files, err) < 0) {
        fprintf(stderr, "firstline: %s\n", err->text);
        exit(EXIT_USAGE);
    }
    n->desk = pager_desk_new(n->loop, n->budget, n->files->accounts, n->files->accounts_count);
    struct writer_settings ws = {.accounts = n->files->accounts, .accounts_count = n->files->accounts_count,
        .lease_ms = s->lease.length_ms, .request_ms = s->outbox.request_ms, .title_strip = story_title_strip};
    n->writer = writer_new(n->loop, n->budget, &ws, &n->log);
    n->schema_timer = loop_timer_new(n->loop, ask_schema, n);
    n->drain_timer = loop_timer_new(n->loop, on_drain_over, n);
    loop_timer_start(n->schema_timer, 0, 0);
    n->reload = reload_new(n->loop, n->settings_path, on_reloaded, n);
    if (!n->reload) {
        error_set(err, ERROR_LIMIT, "no memory");
        return -1;
    }
    n->signals[0] = loop_signal_new(n->loop, SIGTERM, on_terminate, n);
    n->signals[1] = loop_signal_new(n->loop, SIGINT, on_terminate, n);
    n->signals[2] = loop_signal_new(n->loop, SIGHUP, on_hangup, n);
    return 0;
}

/* What still reads files first: ssh_free turns the loop, and files that came then would be swapped into parts that are gone.
 * Then clients: their last answers go to parts that must still stand. */
static void finish(struct node *n)
{
    reload_free(n->reload);
    http_server_free(n->server);
    intake_free(n->intake);
    metrics_free(n->metrics);
    health_free(n->health);
    worker_free(n->worker);
    clients_free(n->clients);
    reconciler_free(n->reconciler);
    retention_free(n->retention);
    writer_free(n->writer);
    pager_desk_free(n->desk);
    outbox_free(n->outbox);
    budget_free(n->budget);
    library_free(n->library);
    ssh_free(n->ssh);
    lease_free(n->lease);
    http_client_free(n->http);
    store_free(n->store);
    loop_timer_free(n->schema_timer);
    loop_timer_free(n->drain_timer);
    for (int i = 0; i < 3; i++)
        loop_signal_free(n->signals[i]);
    loop_free(n->loop);
    while (n->files) {
        struct node_files *f = n->files;
        n->files = f->next;
        node_files_free(f);
    }
}

int command_node(int argc, char **argv)
{
    struct node n = {.schema_told = -2};
    if (command_config_option(argc, argv, &n.settings_path) < 0)
        return EXIT_USAGE;
    struct buf said;
    buf_init(&said, SETTINGS_TEXT_BYTES);
    n.files = node_files_read(n.settings_path, &said);
    fputs(buf_text(&said), stderr);
    buf_done(&said);
    if (!n.files)
        return EXIT_USAGE;
    const struct settings *s = n.files->settings;
    (void)signal(SIGPIPE, SIG_IGN); /* a peer that goes away is an error of one write */
    log_setup((enum log_level)s->log.level, (enum log_format)s->log.format);
    n.log = (struct log_ctx){.fields = {LOG_S("node", s->node.name), LOG_S("region", s->node.region)}};
    log_info(&n.log, "firstline " FIRSTLINE_VERSION " starts", LOG_I("pid", getpid()));
    if (FAULT_BUILD)
        log_error(&n.log, "this node is for tests", LOG_S("build", fault_notice()));
    struct error err = {0};
    if (start(&n, &err) < 0) {
        fprintf(stderr, "firstline: %s\n", err.text);
        return EXIT_FAILED;
    }
    loop_run(n.loop);
    log_info(&n.log, "stopped");
    finish(&n);
    return EXIT_OK;
}
