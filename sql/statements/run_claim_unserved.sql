-- Takes waiting runs that nobody will serve, to hand them to people: for a minute no executor with a scenario has renewed its
-- lease, and the run has waited as long (a restart of those that have some is shorter). Asked by nodes without a scenario.
-- Parameters: incarnation uuid, most int. Columns: id uuid, epoch bigint. Zero rows: none, or somebody else's. Not repeatable.
update run set holder = $1, epoch = epoch + 1, claimed_at = clock_timestamp(), state = 'starting'
 where id = any (array(
    select r.id from run r
     where r.state = 'waiting' and r.created_at < statement_timestamp() - interval '1 min'
       and not exists (select from node n where n.scenario_set <> '' and 'executor' = any (n.roles)
                          and n.renewed_at > statement_timestamp() - interval '1 min')
     order by r.urgency_rank, r.created_at limit $2 for update of r skip locked))
returning id, epoch;
