-- A reopening that is later than the resolve we know begins a new opening; what a person did in the old one is over.
-- Parameters: account text, key text, reopened_at timestamptz, occurred_at timestamptz (of the event that tells it).
-- Columns: id bigint. Zero rows: an old or known reopening. Safe to repeat. Some times are given in whole seconds only: what
-- is not later than the opening's second is another opening only if we know of a resolve between.
update incident set shown = '',
       opening = greatest($3::timestamptz, resolved_at + interval '1 ms'),
       touched_by = case when touched_at > $4 then touched_by end,
       touched_how = case when touched_at > $4 then touched_how end,
       touched_at = case when touched_at > $4 then touched_at end,
       closed_by = case when closed_at > $4 then closed_by end,
       closed_how = case when closed_at > $4 then closed_how end,
       closed_at = case when closed_at > $4 then closed_at end
 where account = $1 and key = $2 and $3 >= date_trunc('second', opening)
   and (date_trunc('second', $3::timestamptz) > opening or resolved_at > opening)
   and (resolved_at is null or (resolved_at <= $4::timestamptz and date_trunc('second', resolved_at) <= $3::timestamptz))
returning id;
