-- Stores events, each (account, key) once in a call; a duplicate of a stored one writes too. Parameters:
-- account text[] (an element an event, as all), key text[], type text[], incident_key text[], occurred_at text[] (RFC 3339,
-- or null), subscription text[], delivery text[], region text[], hand text[], odd text[], body bytea[].
-- Columns: account text, key text, fresh boolean. A row an event, always. Safe to repeat.
insert into event (account, key, type, incident_key, occurred_at, subscription, delivery, region, hand, odd, body)
select account, key, type, incident_key, occurred_at::timestamptz, subscription, delivery, region, hand, odd, body
  from (select unnest($1::text[]) as account, unnest($2::text[]) as key, unnest($3::text[]) as type,
               unnest($4::text[]) as incident_key, unnest($5::text[]) as occurred_at,
               unnest($6::text[]) as subscription, unnest($7::text[]) as delivery, unnest($8::text[]) as region,
               unnest($9::text[]) as hand, unnest($10::text[]) as odd, unnest($11::bytea[]) as body) e
on conflict (account, key) do update set seen = event.seen + 1
returning account, key, seen = 1 as fresh;
