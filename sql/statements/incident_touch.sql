-- A person took over. The first touch of an opening stays. Parameters: account text, key text, at timestamptz, by text,
-- how text. Columns: id bigint. Zero rows: unknown incident, touched already, from before this opening, or from before a
-- person gave it back (a late copy). Safe to repeat.
update incident set touched_at = $3, touched_by = $4, touched_how = $5
 where account = $1 and key = $2 and touched_at is null and $3 >= opening
   and (untouched_at is null or $3 > untouched_at)
returning id;
