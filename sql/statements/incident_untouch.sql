-- A person gave the incident back (note `firstline go`): what was done before is void, also where it is told of later.
-- Parameters: account text, key text, at timestamptz. Columns: id bigint. Zero rows: unknown, or from before this opening.
-- Safe to repeat.
update incident set untouched_at = greatest(untouched_at, $3),
       touched_by = case when touched_at > $3 then touched_by end,
       touched_how = case when touched_at > $3 then touched_how end,
       touched_at = case when touched_at > $3 then touched_at end
 where account = $1 and key = $2 and $3 >= opening
returning id;
