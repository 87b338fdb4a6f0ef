-- Opens the run of an incident's present opening, once for each opening and never a second unended one.
-- Parameters: account text, key text, customer text, urgency_rank smallint, give_up_ms bigint, oldest timestamptz (an
-- opening before it starts nothing), found boolean (by the reconciler: the run's journal says so). Columns: id uuid.
-- Zero rows: there is or was a run, or the incident is unknown or no longer open. Safe to repeat.
with subject as (
    select i.id, i.account, i.key, i.opening, i.title_triggered, i.service_id
      from incident i
     where i.account = $1 and i.key = $2 and i.status <> 'resolved' and i.opening >= $6
       and not exists (select from run r where r.incident = i.id and r.ended_at is null)
), key as (
    insert into run_key (account, incident_key, opening, run)
    select account, key, opening, gen_random_uuid() from subject
    on conflict do nothing
    returning run
), opened as (
    insert into run (id, incident, account, incident_key, customer, service_id, title, opening, urgency_rank, opened_at, give_up_at)
    select key.run, s.id, s.account, s.key, $3, s.service_id, s.title_triggered, s.opening, $4, s.opening,
           s.opening + $5 * interval '1 ms'
      from subject s, key
    returning id
), told as (
    insert into decision (run, epoch, kind, text)
    select id, 0, 'found', 'found by the reconciler: open at PagerDuty, and no run had been opened' from opened where $7
)
select id from opened;
