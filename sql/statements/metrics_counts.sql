-- What is counted for GET /metrics. Parameters: none. Columns: what text, name text, of text, n double precision: runs that are
-- not over by state, writes in the hot table by state, requests that each use of each account's budget may send now.
-- Safe to repeat.
select 'run' as what, state as name, '' as of, count(*)::double precision as n from run where ended_at is null group by state
union all
select 'write', state, '', count(*) from outbox group by state
union all
select 'budget', u.name, b.account, b.shares[u.place] + b.spare
  from budget b, unnest('{reconcile,read,write}'::text[]) with ordinality u(name, place);
