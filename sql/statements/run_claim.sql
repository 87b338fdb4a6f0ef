-- Takes waiting runs: customers by fewest running, then urgency, then age. Parameters: incarnation uuid, most int.
-- Columns: id uuid, epoch bigint, then those of run_load: nobody has held the run before, so there is no journal to be read after
-- the claim, and its row is the one that was claimed. Zero rows: nothing waits. Not repeatable: each call takes more.
-- The customers are found by steps over the index, so the cost follows their number, not the number of waiting runs. Candidates
-- are as many as are wanted, and what the other live nodes may have locked.
with recursive room as (
    select least(64, $2 + 2 + 10 * greatest(count(*) - 1, 0)) as wide from node where not dead
), customer (name, urgency_rank, created_at) as ( -- each with its first run
    (select r.customer, r.urgency_rank, r.created_at from run r where r.state = 'waiting'
      order by r.customer, r.urgency_rank, r.created_at limit 1)
    union all
    select n.*
      from customer c,
           lateral (select r.customer, r.urgency_rank, r.created_at from run r where r.state = 'waiting' and r.customer > c.name
                     order by r.customer, r.urgency_rank, r.created_at limit 1) n
), early as ( -- so many customers are enough: each brings one run at least before any of the others'
    select c.name, h.running
      from customer c,
           lateral (select count(*) as running from run r
                     where r.customer = c.name and r.ended_at is null and r.holder is not null) h
     order by h.running, c.urgency_rank, c.created_at limit (select wide from room)
), first as (
    select f.id, f.n + e.running as turn, f.urgency_rank, f.created_at
      from early e,
           lateral (select r.id, r.urgency_rank, r.created_at, row_number() over (order by r.urgency_rank, r.created_at) as n
                      from run r where r.state = 'waiting' and r.customer = e.name
                     order by r.urgency_rank, r.created_at
                     limit (select greatest(least($2, 8), 1 + 2 * (select wide from room) / count(*)) from early)) f
     order by turn, f.urgency_rank, f.created_at limit 128
), taken as (
    update run set holder = $1, epoch = epoch + 1, claimed_at = clock_timestamp(), state = 'starting'
     where state = 'waiting' and id = any (array(
        select k.id from first f join run k on k.id = f.id
         where k.state = 'waiting'
         order by f.turn, f.urgency_rank, f.created_at limit $2 for update of k skip locked))
    returning *
)
select r.id, r.epoch, r.account, r.incident_key, r.customer, r.service_id, i.service_name, r.title, i.priority, i.urgency, i.html_url,
       r.state, r.step, r.attempt, coalesce(r.mode, '') as mode, coalesce(r.scenario, '') as scenario,
       coalesce(r.scenario_set, '') as scenario_set, coalesce(r.inventory_set, '') as inventory_set,
       coalesce(r.host, '') as host, coalesce(r.machine, '') as machine, r.facts::text as facts, r.doubt,
       to_char(r.opening at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as opening,
       (extract(epoch from r.opened_at) * 1000)::bigint as opened_ms,
       (extract(epoch from r.give_up_at - clock_timestamp()) * 1000)::bigint as give_up_left_ms,
       coalesce(i.number, 0) as incident_number, (extract(epoch from r.created_at) * 1000)::bigint as created_ms,
       i.status as incident_status, 0 as last_attempt,
       ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::bigint as timeline,
       (extract(epoch from clock_timestamp()) * 1000)::bigint as now_ms
  from taken r join incident i on i.id = r.incident;
