-- Takes the next round of a work that one node does at a time, when it is due. Parameters: name text, holder uuid,
-- every_ms bigint. Columns: round bigint, mine boolean, started text. Zero rows: not due. Not mine: the work was new, its
-- first round is due a period later. Not repeatable: a lost answer costs that round.
insert into turn as t (name, due_at)
select $1, clock_timestamp() + $3::bigint * interval '1 ms'
 where not exists (select from turn where name = $1 and due_at > clock_timestamp())
on conflict (name) do update set round = t.round + 1, holder = $2, due_at = excluded.due_at where t.due_at <= clock_timestamp()
returning round, holder is not null as mine, clock_timestamp()::text as started;
