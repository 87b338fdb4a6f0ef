-- Compares some of PagerDuty's open incidents with ours. Parameters: account text, listed jsonb ([{k: id, c: created_at,
-- h: last_status_change_at, f: fingerprint that begins with h and '|'}]), oldest timestamptz (openings before it start
-- nothing), grace_ms bigint (younger ones are left to their webhook), quiet_ms bigint (without any webhook this long
-- nothing is taken for told). Columns: key text, what text, rank int, quiet boolean, opening_ms bigint,
-- looked_ms bigint. Rows: where we
-- differ, or may. Safe to repeat.
with listed as (
    select distinct on (l.k) l.* from jsonb_to_recordset($2) as l(k text, c timestamptz, h timestamptz, f text)
), webhooks as (
    select (select e.id from event e where e.received_at > statement_timestamp() - $5::bigint * interval '1 ms'
                                       and e.account = $1 and e.subscription <> 'reconciler'
             order by e.received_at desc limit 1) is null as quiet -- from the newest on: days of events are hot
), compared as (
    select l.k, w.quiet, i.looked_at, i.opening, r.id is not null as runs,
           case when i.id is null and l.c < $3 then case when l.h >= $3 then 'old' end
                when i.id is null then case when l.c < clock_timestamp() - $4::bigint * interval '1 ms'
                                              or l.c > clock_timestamp() then 'unknown' end
                when i.status = 'resolved' then case when l.h >= date_trunc('second', i.resolved_at) then 'reopened' end
                when r.id is null and i.opening >= $3
                     and not exists (select from run_key k where k.account = $1 and k.incident_key = l.k and k.opening = i.opening)
                     then 'unopened'
                when r.id is not null and i.shown <> l.f then 'changed'
                when r.id is null and split_part(i.shown, '|', 1) <> split_part(l.f, '|', 1) then 'changed'
                when r.id is not null and w.quiet then 'quiet'
           end as what
      from webhooks w, listed l
      left join incident i on i.account = $1 and i.key = l.k
      left join run r on r.incident = i.id and r.ended_at is null
)
select k as key, what,
       case when what in ('unknown', 'unopened') then 0 when what = 'reopened' then 1 when what = 'changed' and runs then 2
            when what = 'quiet' then 3 when what = 'old' then 5 else 6 end as rank,
       quiet, coalesce((extract(epoch from opening) * 1000)::bigint, 0) as opening_ms,
       coalesce((extract(epoch from looked_at) * 1000)::bigint, 0) as looked_ms
  from compared where what is not null
 order by k;
