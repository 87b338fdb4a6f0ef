-- Runs for people, newest first. Parameters: most int, only_open boolean. Columns: id uuid, account text,
-- incident_key text, customer text, title text, state text, scenario text, host text, ending text, reason text,
-- created_at text, took_ms bigint, holder text. Safe to repeat. Each part is bounded by itself: history is long.
with hot as (
    select * from run where not $2 or ended_at is null order by created_at desc limit $1
), old as (
    select * from run_history where not $2 order by created_at desc limit $1
)
select r.id, r.account, r.incident_key, r.customer, r.title, r.state, coalesce(r.scenario, '') as scenario,
       coalesce(r.host, '') as host, coalesce(r.ending, '') as ending, coalesce(r.reason, '') as reason,
       to_char(r.created_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS"Z"') as created_at,
       (extract(epoch from coalesce(r.ended_at, clock_timestamp()) - r.created_at) * 1000)::bigint as took_ms,
       coalesce((select n.name from node n where n.incarnation = r.holder), '') as holder
  from (select * from hot union all select * from old) r
 order by r.created_at desc limit $1;
