-- Settles the row that was sent (if any) and takes the incident's next one, in order. Parameters: incident bigint,
-- incarnation uuid, send_epoch bigint, settled bigint (0: none), state text, remote text, error text, wait_ms bigint (for
-- a row that goes back to waiting). Columns: id bigint, channel text, account text, target text, run text, kind text,
-- body text, about text, marker text, tries int, state text (what it was in before), opening text, claimed_ms_ago bigint.
-- Zero rows: nothing left, not due yet, or no longer the sender. The row is `sending` from this commit on, unless it was
-- `unknown`: then it stays so. Not repeatable blindly: the answer was the claim.
with held as (
    update incident set send_epoch = send_epoch where id = $1 and sender = $2 and send_epoch = $3 returning id
), settled as (
    update outbox o set state = $5, remote = coalesce(nullif($6, ''), o.remote), error = nullif($7, ''),
           settled_at = case when $5 in ('sent', 'superseded', 'dropped', 'failed') then clock_timestamp() end,
           not_before = clock_timestamp() + $8::bigint * interval '1 ms'
      from held h where o.id = $4 and o.incident = h.id and o.state in ('sending', 'unknown')
    returning o.id
), next as (
    select o.id, o.state as was, o.claimed_at as was_claimed, o.not_before from outbox o, held h
     where o.incident = h.id and o.state in ('waiting', 'sending', 'unknown') and not (o.id = $4 and $5 in ('sent', 'superseded', 'dropped', 'failed'))
     order by o.sequence limit 1
), taken as (
    update outbox o set state = case when n.was = 'waiting' then 'sending' else 'unknown' end,
           claimed_at = case when n.was = 'waiting' then clock_timestamp() else o.claimed_at end, tries = o.tries + 1
      from next n
     where o.id = n.id and n.not_before <= clock_timestamp() and o.id <> $4
    returning o.id, o.channel, o.account, o.target, o.run, o.kind, o.body, o.about, o.marker, o.tries, n.was, o.opening, n.was_claimed
)
select id, channel, account, target, coalesce(run::text, '') as run, kind, body, about::text as about, marker, tries,
       was as state, to_char(opening at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as opening,
       coalesce((extract(epoch from clock_timestamp() - was_claimed) * 1000)::bigint, 0) as claimed_ms_ago
  from taken;
