-- One run for people, by its id's beginning or its incident. Parameters: id text. Columns: as run_list. Safe to repeat.
select r.id, r.account, r.incident_key, r.customer, r.title, r.state, coalesce(r.scenario, '') as scenario,
       coalesce(r.host, '') as host, coalesce(r.ending, '') as ending, coalesce(r.reason, '') as reason,
       to_char(r.created_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS"Z"') as created_at,
       (extract(epoch from coalesce(r.ended_at, clock_timestamp()) - r.created_at) * 1000)::bigint as took_ms,
       coalesce((select n.name from node n where n.incarnation = r.holder), '') as holder
  from (select * from run union all select * from run_history) r
 where r.id::text like $1 || '%' or r.incident_key = $1
 order by r.created_at desc limit 20;
