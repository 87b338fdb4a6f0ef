-- Stores one event; a duplicate writes too. Parameters: account text, key text, type text, incident_key text,
-- occurred_at timestamptz, subscription text, delivery text, region text, hand text, odd text, body bytea.
-- Columns: id bigint, fresh boolean. One row, always. Safe to repeat.
insert into event (account, key, type, incident_key, occurred_at, subscription, delivery, region, hand, odd, body)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
on conflict (account, key) do update set seen = event.seen + 1
returning id, seen = 1 as fresh;
