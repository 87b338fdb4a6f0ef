-- What was decided about a run. Parameters: run uuid. Columns: at text, epoch bigint, kind text, text text. Safe to repeat.
select to_char(d.at at time zone 'UTC', 'HH24:MI:SS"Z"') as at, d.epoch, d.kind, d.text
  from (select * from decision where run = $1 union all select * from decision_history where run = $1) d order by d.id;
