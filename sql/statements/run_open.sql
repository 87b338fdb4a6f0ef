-- Opens the runs of incidents, each incident once in a call: of their present openings, once for each opening and never a
-- second unended one. Parameters: account text[] (an element an incident, as all), key text[], customer text[],
-- urgency_rank bigint[], give_up_ms bigint[], oldest text[] (an opening before it starts nothing), found boolean[] (by the
-- reconciler: the run's journal says so). Columns: account text, incident_key text. No row: there is or was a run, or the
-- incident is unknown or no longer open. Safe to repeat.
-- Each incident and its open run are looked up by their keys, whatever the plan was made for: a join of arrays whose length is
-- not known would read all open runs.
with subject as (
    select w.account, w.key, w.customer, w.urgency_rank::smallint, w.give_up_ms * interval '1 ms' as give_up, w.found,
           i.id, i.opening, i.title_triggered, i.service_id, gen_random_uuid() as run
      from (select unnest($1::text[]) as account, unnest($2::text[]) as key, unnest($3::text[]) as customer,
                   unnest($4::bigint[]) as urgency_rank, unnest($5::bigint[]) as give_up_ms, unnest($6::text[]) as oldest,
                   unnest($7::boolean[]) as found) w
     cross join lateral (select * from incident where account = w.account and key = w.key limit 1) i
     where i.status <> 'resolved' and i.opening >= w.oldest::timestamptz
       and (select r.id from run r where r.incident = i.id and r.ended_at is null limit 1) is null
), key as (
    insert into run_key (account, incident_key, opening, run)
    select account, key, opening, run from subject
    on conflict do nothing
    returning run
), opened as (
    insert into run (id, incident, account, incident_key, customer, service_id, title, opening, urgency_rank, opened_at, give_up_at)
    select s.run, s.id, s.account, s.key, s.customer, s.service_id, s.title_triggered, s.opening, s.urgency_rank, s.opening,
           s.opening + s.give_up
      from subject s join key using (run)
    returning id, account, incident_key
), told as (
    insert into decision (run, epoch, kind, text)
    select run, 0, 'found', 'found by the reconciler: open at PagerDuty, and no run had been opened'
      from subject join key using (run) where found
)
select account, incident_key from opened;
