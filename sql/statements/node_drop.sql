-- Drops the rows of workers that died long ago and hold no run; incidents that one of them was still named the sender of are
-- free again. Parameters: older_ms bigint, most int. Columns: incarnation uuid. Safe to repeat.
with gone as (
    delete from node where incarnation = any (array(
        select n.incarnation from node n
         where n.dead and n.dead_at < statement_timestamp() - $1::bigint * interval '1 ms'
           and not exists (select from run r where r.holder = n.incarnation)
         order by n.dead_at limit $2 for update skip locked))
    returning incarnation
), freed as (
    update incident i set sender = null from gone g where i.sender = g.incarnation
)
select incarnation from gone;
