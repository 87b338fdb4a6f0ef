-- A write that no run makes (a person's order is answered, an alarm about ourselves). Parameters: account text, key text
-- (incident), channel text, kind text, body text, about jsonb, marker text. Columns: id bigint. Zero rows: unknown incident.
-- Not repeatable: each call adds a row.
with counted as (
    update incident set outbox_sequence = outbox_sequence + 1 where account = $1 and key = $2
    returning id, outbox_sequence, opening
)
insert into outbox (channel, account, incident, target, sequence, opening, kind, body, about, marker)
select $3, $1, c.id, $2, c.outbox_sequence, c.opening, $4, $5, $6, $7 from counted c
returning id;
