-- A reopening that is later than the resolve we know begins a new opening; what a person did in the old one is over.
-- Parameters: account text, key text, reopened_at timestamptz. Columns: id bigint. Zero rows: an old or known reopening.
-- Safe to repeat.
update incident set opening = $3, touched_at = null, touched_by = null, touched_how = null,
       closed_at = null, closed_by = null, closed_how = null
 where account = $1 and key = $2 and opening < $3 and (resolved_at is null or resolved_at <= $3)
returning id;
