-- Claims a row anew, right before it is sent: the first claim is old, the row was looked for in vain, or what it writes depends
-- on what persons did. Parameters: incident bigint, incarnation uuid, send_epoch bigint, id bigint. Columns: id bigint, reopened
-- boolean, touched boolean (both as in outbox_next), given_back_ms bigint (since 1970, when a person last gave the incident
-- back; 0: never). Zero rows: no longer the sender. Safe to repeat.
with held as (
    update incident set send_epoch = send_epoch where id = $1 and sender = $2 and send_epoch = $3
    returning id, opening, touched_at, untouched_at
)
update outbox o set claimed_at = clock_timestamp(), resent = o.resent + case when o.state = 'unknown' then 1 else 0 end
  from held h where o.id = $4 and o.incident = h.id and o.state in ('sending', 'unknown')
returning o.id, coalesce(o.opening <> h.opening, false) as reopened, h.touched_at is not null as touched,
          coalesce((extract(epoch from h.untouched_at) * 1000)::bigint, 0) as given_back_ms;
