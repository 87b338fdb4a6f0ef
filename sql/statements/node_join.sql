-- A new worker process takes its row. Parameters: incarnation uuid, name text, region text, roles text[], version text,
-- slots int, lease_ms int, scenario_set text, inventory_set text. Columns: beat bigint. One row, always. Repeating it for
-- the same incarnation renews it unless it is dead (then zero rows: take a new incarnation).
insert into node (incarnation, name, region, roles, version, slots, lease_ms, scenario_set, inventory_set, lease_until)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, clock_timestamp() + $7::int * interval '1 ms')
on conflict (incarnation) do update set lease_until = excluded.lease_until where not node.dead
returning beat;
