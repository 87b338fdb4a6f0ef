-- A node that is stopping gives a run back at a step boundary: any worker may take it at once, as an orphan. The epoch
-- grows, so that nothing of ours that is still on its way can touch it. Parameters: id uuid, epoch bigint,
-- incarnation uuid, text text (the decision's sentence). Columns: id uuid. Zero rows: it was taken over already.
-- Not repeatable; an answer that is lost does not matter: the node's row is marked dead when it leaves.
with given as (
    update run set holder = null, epoch = epoch + 1
     where id = $1 and epoch = $2 and holder = $3 and ended_at is null
    returning id, epoch
), decided as (
    insert into decision (run, epoch, kind, text) select id, epoch, 'handed_back', $4 from given
    returning run
)
select id from given;
