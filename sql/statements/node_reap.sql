-- Marks nodes dead whose lease has ended (or ends absurdly late: later than now + two leases). Only a worker whose own
-- renewals had no gap may do it, and that is asked here once more, by this server's clock: the statement may have been
-- long on its way, or the server stood still, and then every lease looks as if it had ended.
-- Parameters: own incarnation uuid, gap_ms bigint. Columns: incarnation uuid, name text, region text, ended_ms_ago bigint
-- (negative: it would have ended absurdly late), held bigint (runs). Zero rows: nobody died. Safe to repeat.
-- A row that is being renewed is passed over, not waited for.
with reaped as (
    update node set dead = true, dead_at = clock_timestamp(), dead_why = 'lease ended'
     where not dead and incarnation = any (array(
        select n.incarnation from node n, node me
         where me.incarnation = $1 and not me.dead
           and me.renewed_at between clock_timestamp() - $2::bigint * interval '1 ms' and clock_timestamp()
           and not n.dead and n.incarnation <> $1
           and (n.lease_until < clock_timestamp() or n.lease_until > clock_timestamp() + 2 * n.lease_ms * interval '1 ms')
         order by n.incarnation for update of n skip locked))
    returning incarnation, name, region, lease_until
)
select r.incarnation, r.name, r.region,
       (extract(epoch from clock_timestamp() - r.lease_until) * 1000)::bigint as ended_ms_ago,
       (select count(*) from run where holder = r.incarnation and ended_at is null) as held
  from reaped r;
