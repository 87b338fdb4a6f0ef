-- Renews the lease. Parameters: incarnation uuid, acknowledged bigint (the last beat that was answered), sent bigint (the
-- last beat that was sent before this one), beat bigint (this one), scenario_set text, inventory_set text.
-- Columns: beat bigint (null: not renewed), was bigint (null: no such row), dead boolean. One row, always.
-- Not renewed: this incarnation is over. was < acknowledged: acknowledged commits are gone (history lost). Not repeatable
-- with the same beat once answered.
with before as (
    select n.beat, n.dead from node n where n.incarnation = $1
), renewed as (
    update node set beat = $4, renewed_at = clock_timestamp(),
           lease_until = clock_timestamp() + lease_ms * interval '1 ms', scenario_set = $5, inventory_set = $6
     where incarnation = $1 and not dead and beat between $2 and $3
    returning beat
)
select (select beat from renewed) as beat, (select beat from before) as was, (select dead from before) as dead;
