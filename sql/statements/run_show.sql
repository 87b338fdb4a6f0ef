-- One run for people, by its id's beginning or its incident. Parameters: id text. Columns: as run_list. Safe to repeat.
-- The beginning of an id is a range of ids, which an index finds: history is long.
with given as (
    select case when d.digits ~ '^[0-9a-f]{1,32}$' then d.digits end as digits from (select replace(lower($1), '-', '') as digits) d
), asked as (
    select rpad(digits, 32, '0')::uuid as low, rpad(digits, 32, 'f')::uuid as high from given
), found as materialized ( -- else all of history is read by age until 20 are found
    select * from (select * from run union all select * from run_history) r
     where r.id between (select low from asked) and (select high from asked)
    union
    select * from (select * from run union all select * from run_history) r where r.incident_key = $1
)
select r.id, r.account, r.incident_key, r.customer, r.title, r.state, coalesce(r.scenario, '') as scenario,
       coalesce(r.host, '') as host, coalesce(r.ending, '') as ending, coalesce(r.reason, '') as reason,
       to_char(r.created_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS"Z"') as created_at,
       (extract(epoch from coalesce(r.ended_at, clock_timestamp()) - r.created_at) * 1000)::bigint as took_ms,
       coalesce((select n.name from node n where n.incarnation = r.holder), '') as holder
  from found r
 order by r.created_at desc limit 20;
