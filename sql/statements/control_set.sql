-- Throws a stop switch. Parameters: scope text, key text, set_by text, why text.
-- Columns: scope text, seen boolean (whether a node of that region, live or dead, is known; of other scopes true),
-- regions text (those that are). Safe to repeat.
insert into control (scope, key, set_by, why) values ($1, $2, $3, $4)
on conflict (scope, key) do update set set_by = excluded.set_by, why = excluded.why, set_at = clock_timestamp()
returning scope, scope <> 'region' or exists (select from node where region = $2) as seen,
          coalesce((select string_agg(distinct region, ', ') from node), '') as regions;
