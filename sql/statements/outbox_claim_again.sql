-- Claims a row anew, right before it is sent: the first claim is old, or the row was looked for in vain. Parameters: incident
-- bigint, incarnation uuid, send_epoch bigint, id bigint. Columns: id bigint. Zero rows: no longer the sender. Safe to repeat.
with held as (
    update incident set send_epoch = send_epoch where id = $1 and sender = $2 and send_epoch = $3 returning id
)
update outbox o set claimed_at = clock_timestamp(), resent = o.resent + case when o.state = 'unknown' then 1 else 0 end
  from held h where o.id = $4 and o.incident = h.id and o.state in ('sending', 'unknown')
returning o.id;
