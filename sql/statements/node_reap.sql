-- Marks nodes dead whose lease has ended (or ends absurdly late: later than now + two leases). Only a worker whose own
-- renewals had no gap may call it. Parameters: own incarnation uuid. Columns: incarnation uuid, name text, region text.
-- Zero rows: nobody died. Safe to repeat.
update node set dead = true, dead_at = clock_timestamp(), dead_why = 'lease ended'
 where not dead and incarnation <> $1
   and (lease_until < clock_timestamp() or lease_until > clock_timestamp() + 2 * lease_ms * interval '1 ms')
returning incarnation, name, region;
