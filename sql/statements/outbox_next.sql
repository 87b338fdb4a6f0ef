-- Settles the row that was sent (if any), queues what follows from it, and takes the incident's next row, in order; where
-- there is none, stops being the sender.
-- Parameters: incident bigint, incarnation uuid, send_epoch bigint, settled bigint (0: none), state text, remote text,
-- error text, wait_ms bigint (for a row that goes back to waiting), notes int (how many the incident has; -1: not known),
-- mended int, more jsonb ({kind, body, about, marker, wait_ms}: a row to queue; '{}': none). Columns: id bigint, channel text,
-- account text, target text, run text, kind text, body text, about text, marker text, tries int, state text (what it was in
-- before), claimed_ms_ago bigint, idle_ms bigint (since any other row of the incident was claimed; -1: never), notes int
-- (-1: not known), age_ms bigint (of the incident), reopened boolean (since the row was queued), touched boolean (a person took
-- the incident over), opening text, doubted boolean (a note was sent again after doubt).
-- Zero rows: nothing left, not due yet, no longer the sender, or an ending of an incident without sender goes first. The row
-- is `sending` from this commit on, unless it was `unknown`: then it stays so. Not repeatable blindly: the answer was the claim.
with held as ( -- the incident before its outbox rows, as run_write locks them: else both wait for each other
    select id, outbox_sequence + case when $11::jsonb ? 'kind' then 1 else 0 end as outbox_sequence, opening, created_at, touched_at,
           case when $9::int >= 0 then $9::int else notes end as notes
      from incident where id = $1 and sender = $2 and send_epoch = $3 for no key update
), settled as (
    update outbox o set state = $5, remote = coalesce(nullif($6, ''), o.remote), error = nullif($7, ''),
           mended = o.mended + $10::int,
           settled_at = case when $5 in ('sent', 'superseded', 'dropped', 'failed') then clock_timestamp() end,
           not_before = clock_timestamp() + $8::bigint * interval '1 ms'
      from held h where o.id = $4 and o.incident = h.id and o.state in ('sending', 'unknown')
    returning o.*
), more as ( -- a look for doubled notes stands behind all others, as in run_write
    insert into outbox (channel, account, incident, target, sequence, run, opening, kind, body, about, marker, not_before)
    select s.channel, s.account, s.incident, s.target,
           h.outbox_sequence + case when $11::jsonb ->> 'kind' = 'mend' then 1000000000000 else 0 end, s.run, s.opening,
           $11::jsonb ->> 'kind', $11::jsonb ->> 'body', $11::jsonb -> 'about', $11::jsonb ->> 'marker',
           clock_timestamp() + ($11::jsonb ->> 'wait_ms')::bigint * interval '1 ms'
      from settled s, held h where $11::jsonb ? 'kind'
    returning 1
), next as (
    select o.id, o.state as was, o.claimed_at as was_claimed, o.not_before from outbox o, held h
     where o.incident = h.id and o.state in ('waiting', 'sending', 'unknown') and not (o.id = $4 and $5 in ('sent', 'superseded', 'dropped', 'failed'))
     order by o.sequence limit 1
), ending as ( -- this incident's own
    select from outbox o, held h
     where o.incident = h.id and o.state in ('waiting', 'unknown') and o.kind in ('ending', 'ending_title', 'status', 'hand_over') limit 1
), urgent as ( -- another's, due and without a sender
    select from outbox e
      join incident i on i.id = e.incident and i.sender is null
      join lateral (select o.not_before from outbox o
                     where o.incident = e.incident and o.state in ('waiting', 'sending', 'unknown')
                     order by o.sequence limit 1) head on head.not_before <= statement_timestamp()
     where e.state in ('waiting', 'unknown') and e.kind in ('ending', 'ending_title', 'status', 'hand_over')
       and e.not_before <= statement_timestamp() limit 1
), taken as (
    update outbox o set state = case when n.was = 'waiting' then 'sending' else 'unknown' end,
           claimed_at = case when n.was = 'waiting' then clock_timestamp() else o.claimed_at end, tries = o.tries + 1
      from next n
     where o.incident = $1 and o.id = n.id and n.not_before <= clock_timestamp() and o.id <> $4
       and (exists (select from ending) or not exists (select from urgent))
    returning o.*, n.was, n.was_claimed
), kept as (
    update incident i set sender = case when exists (select from taken) then i.sender end, notes = h.notes,
           outbox_sequence = h.outbox_sequence
      from held h where i.id = h.id
)
select t.id, t.channel, t.account, t.target, coalesce(t.run::text, '') as run, t.kind, t.body, t.about::text as about, t.marker,
       t.tries, t.was as state, coalesce((extract(epoch from clock_timestamp() - t.was_claimed) * 1000)::bigint, 0) as claimed_ms_ago,
       coalesce((extract(epoch from clock_timestamp() - (select max(o.claimed_at) from outbox o where o.incident = h.id and o.id <> t.id))
                 * 1000)::bigint, -1) as idle_ms,
       coalesce(h.notes, -1) as notes, (extract(epoch from clock_timestamp() - h.created_at) * 1000)::bigint as age_ms,
       coalesce(t.opening <> h.opening, false) as reopened, h.touched_at is not null as touched,
       to_char(t.opening at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as opening,
       exists (select from outbox o where o.incident = h.id and o.resent > 0) as doubted
  from taken t, held h;
