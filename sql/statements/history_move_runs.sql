-- Moves ended runs with all that belongs to them to history once nothing of them waits to be written and no token is owed.
-- Parameters: older_ms bigint, most int. Columns: id uuid. Zero rows: nothing to move. Safe to repeat.
with gone as (
    delete from run where id = any (array(
        select r.id from run r
         where r.ended_at < statement_timestamp() - $1::bigint * interval '1 ms'
           and not exists (select from outbox o where o.incident = r.incident and o.run = r.id
                                                and o.state in ('waiting', 'sending', 'unknown'))
           and not exists (select from token_debt t where t.run = r.id and t.settled_at is null)
         order by r.ended_at limit $2 for update skip locked))
    returning *
), kept as (insert into run_history select * from gone returning 1),
steps as (delete from step s using gone g where s.run = g.id returning s.*),
steps_kept as (insert into step_history select * from steps returning 1),
decisions as (delete from decision d using gone g where d.run = g.id returning d.*),
decisions_kept as (insert into decision_history select * from decisions returning 1),
writes as (delete from outbox o using gone g where o.incident = g.incident and o.run = g.id returning o.*),
writes_kept as (insert into outbox_history select * from writes returning 1),
debts as (delete from token_debt t using gone g where t.run = g.id returning 1)
select id from gone;
