-- Locks the guard rows of a recover in key order; the next statement of the same transaction counts.
-- Parameters: keys text[]. Columns: key text. Safe to repeat.
insert into guard as g (key) select k from unnest($1::text[]) as k order by k
on conflict (key) do update set key = excluded.key
returning g.key;
