-- Every change to a held run: begins by the UPDATE that is the fence; run_record() inserts journal, decisions and outbox rows
-- from its RETURNING, one small statement each: as one statement, starting and ending its plan was half of the work. Parameters: id uuid, epoch bigint, change jsonb:
--   {state, step, attempt, doubt, mode, scenario, scenario_set, inventory_set, host, machine, facts, give_up_ms, ending,
--    reason, language, steps: [...], decisions: [{kind, text}], outbox: [{channel, kind, body, about, marker, target}]};
-- absent keys stay as they are. steps rows: see table step; a row of a known (step, attempt) is completed. An ending while
-- a recover is in doubt leaves a row in token_debt; language is that of its notes. about.left_out of an ending is added to its
-- body when progress notes were superseded, {n} of them.
-- Columns: id uuid. Zero rows: the run was taken over; nothing was written. Not repeatable blindly: read first.
with held as (
    update run set
        state = coalesce($3::jsonb ->> 'state', state),
        step = coalesce(($3::jsonb ->> 'step')::int, step),
        attempt = coalesce(($3::jsonb ->> 'attempt')::int, attempt),
        doubt = coalesce(($3::jsonb ->> 'doubt')::boolean, doubt),
        mode = coalesce($3::jsonb ->> 'mode', mode),
        scenario = coalesce($3::jsonb ->> 'scenario', scenario),
        scenario_set = coalesce($3::jsonb ->> 'scenario_set', scenario_set),
        inventory_set = coalesce($3::jsonb ->> 'inventory_set', inventory_set),
        host = coalesce($3::jsonb ->> 'host', host),
        machine = coalesce($3::jsonb ->> 'machine', machine),
        facts = coalesce($3::jsonb -> 'facts', facts),
        give_up_at = coalesce(opened_at + ($3::jsonb ->> 'give_up_ms')::bigint * interval '1 ms', give_up_at),
        ending = $3::jsonb ->> 'ending',
        reason = $3::jsonb ->> 'reason',
        ended_at = case when $3::jsonb ? 'ending' then clock_timestamp() end
     where id = $1 and epoch = $2 and ended_at is null
    returning run as row
)
select run_record(row, $3) as id from held;
