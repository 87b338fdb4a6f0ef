-- The regions that nodes were seen in lately, for /readyz and the log. Parameters: none. Columns: region text, live bigint
-- (nodes with a lease), beat_ms_ago bigint (of the last renewal there), lease_ms_left bigint (of the longest; 0: none).
-- Safe to repeat.
select region, count(*) filter (where not dead and lease_until > clock_timestamp()) as live,
       (extract(epoch from clock_timestamp() - max(renewed_at)) * 1000)::bigint as beat_ms_ago,
       greatest(coalesce((extract(epoch from max(lease_until) filter (where not dead) - clock_timestamp()) * 1000)::bigint, 0), 0)
           as lease_ms_left
  from node group by region order by region;
