-- What was decided about a run, and the token that it still owes a machine. Parameters: run uuid.
-- Columns: at text, epoch bigint, kind text, text text. Safe to repeat.
select to_char(d.at at time zone 'UTC', 'HH24:MI:SS"Z"') as at, d.epoch, d.kind, d.text
  from (select id, at, epoch, kind, text from decision where run = $1
        union all select id, at, epoch, kind, text from decision_history where run = $1
        union all
        select null, created_at, epoch, 'token owed',
               format('what was sent of "%s" may still start on %s; tried %s times, next %s%s', title, host, tries,
                      to_char(not_before at time zone 'UTC', 'HH24:MI:SS"Z"'), coalesce(': ' || nullif(error, ''), ''))
          from token_debt where run = $1 and settled_at is null) d
 order by d.id nulls last;
