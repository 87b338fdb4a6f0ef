/* SPDX-License-Identifier: MIT
 * Getting to know a machine before a recover: which machine it is, the one folder that holds its fence (first writer wins,
 * then fixed), and the memory id and boot id, read in this holder's own epoch. */
#include "executor/run.h"

#include <string.h>

#include "lib/store/machine.h"

#define CONTACT_TRIES 3
#define CONTACT_ROUNDS 2 /* ours, then the winner's folder */
#define CONTACT_AGAIN_MS 3000
#define CONTACT_DEADLINE_MS 45000

static void send_contact(struct run *r);

static const struct step *step_of(const struct run *r)
{
    return &r->scenario->steps[r->step];
}

static void known(struct run *r, const struct inventory_host *host)
{
    r->contact.host = host;
    r->tries = 0;
    r->contact.then(r);
}

static void on_kept(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct run *r = owner;
    r->db_op = 0;
    const struct inventory_host *host = run_step_host(r, step_of(r));
    if (!host)
        return;
    const char *folder, *login;
    if (err || !machine_row(answer, &folder, &login)) {
        run_pause(r, 1000, r->settling ? RUN_SETTLING : RUN_CONTACTING);
        return;
    }
    if (strcmp(folder, r->contact.folder) != 0 && !host->folder && r->contact.rounds++ < CONTACT_ROUNDS) {
        r->contact.asked_folder = run_text(r, folder); /* another entry of this machine was first */
        send_contact(r);
        return;
    }
    if (strcmp(folder, r->contact.folder) != 0 || (strcmp(login, host->user) != 0 && !host->folder)) {
        run_end(r, ENDING_HANDED_OVER, WHY_MACHINE, step_of(r)->title, host->name,
            arena_printf(r->arena, "its fence lies in %s of user %s, which user %s does not share: set `folder:` in the "
                                   "inventory for both", folder, login, host->user), "");
        return;
    }
    known(r, host);
}

static void on_contacted(void *owner, uint64_t op, const struct ssh_outcome *outcome, const struct error *err)
{
    struct run *r = owner;
    (void)op;
    if (!run_ssh_ended(r))
        return;
    bool answered = run_read_answer(r, outcome, err);
    if (!r->settling && run_must_end(r))
        return;
    const struct inventory_host *host = run_step_host(r, step_of(r));
    if (!host)
        return;
    if (!answered || r->report.verdict == WRAPPER_BROKEN || r->report.verdict == WRAPPER_CUT) {
        if (r->settling)
            run_settle_unreached(r, r->report.text);
        else if (++r->tries < CONTACT_TRIES)
            run_pause(r, CONTACT_AGAIN_MS, RUN_CONTACTING);
        else
            run_end(r, ENDING_HANDED_OVER, WHY_SSH, step_of(r)->title, host->name, r->report.text, "");
        return;
    }
    if (r->report.verdict != WRAPPER_DONE) {
        run_end(r, ENDING_HANDED_OVER, WHY_MACHINE, step_of(r)->title, host->name, r->report.text, "");
        return;
    }
    r->contact.machine = host->machine ? host->machine : run_text(r, r->report.machine_id);
    r->contact.folder = run_text(r, r->report.folder);
    r->contact.memory_id = run_text(r, r->report.memory_id);
    r->contact.boot_id = run_text(r, r->report.boot_id);
    r->db_op = machine_contact(r->worker->parts.store, r->contact.machine, r->contact.folder, host->user,
        r->contact.memory_id, r->contact.boot_id, on_kept, r);
}

static void send_contact(struct run *r)
{
    const struct inventory_host *host = run_step_host(r, step_of(r));
    if (!host)
        return;
    struct wrapper_task task = {.act = WRAPPER_CONTACT, .cluster = r->worker->settings.cluster, .machine = host->machine,
        .folder = host->folder ? host->folder : r->contact.asked_folder, .become = step_of(r)->become};
    run_send(r, host, &task, r->settling ? run_settle_deadline_ms(r, CONTACT_DEADLINE_MS) : CONTACT_DEADLINE_MS, on_contacted);
}

static void on_read(void *owner, const struct pg_answer *answer, const struct error *err)
{
    struct run *r = owner;
    r->db_op = 0;
    if (err) {
        run_pause(r, 1000, r->settling ? RUN_SETTLING : RUN_CONTACTING);
        return;
    }
    const char *folder, *login;
    if (machine_row(answer, &folder, &login))
        r->contact.asked_folder = run_text(r, folder);
    send_contact(r);
}

void run_contact(struct run *r, void (*then)(struct run *r))
{
    const struct inventory_host *host = run_step_host(r, step_of(r));
    if (!host)
        return;
    if (r->contact.host == host) {
        then(r);
        return;
    }
    run_move(r, RUN_CONTACTING);
    r->contact = (struct run_contact){.then = then};
    if (host->machine && !host->folder)
        r->db_op = machine_read(r->worker->parts.store, host->machine, on_read, r);
    else
        send_contact(r);
}
