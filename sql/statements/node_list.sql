-- The live nodes, for /readyz and people. Parameters: none. Columns: incarnation uuid, name text, region text, roles text,
-- slots int, held bigint, lease_ms_left bigint, scenario_set text, inventory_set text, version text,
-- beat_ms_ago bigint. Safe to repeat.
select n.incarnation, n.name, n.region, array_to_string(n.roles, ',') as roles, n.slots,
       (select count(*) from run r where r.holder = n.incarnation and r.ended_at is null) as held,
       (extract(epoch from n.lease_until - clock_timestamp()) * 1000)::bigint as lease_ms_left,
       coalesce(n.scenario_set, '') as scenario_set, coalesce(n.inventory_set, '') as inventory_set, n.version,
       (extract(epoch from clock_timestamp() - n.renewed_at) * 1000)::bigint as beat_ms_ago
  from node n where not n.dead order by n.region, n.name;
