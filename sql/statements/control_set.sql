-- Throws a stop switch. Parameters: scope text, key text, set_by text, why text. Columns: scope text. Safe to repeat.
insert into control (scope, key, set_by, why) values ($1, $2, $3, $4)
on conflict (scope, key) do update set set_by = excluded.set_by, why = excluded.why, set_at = clock_timestamp()
returning scope;
