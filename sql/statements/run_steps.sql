-- The journal of a run, hot or history. Parameters: run uuid. Columns: step int, attempt int, verb text, title text,
-- state text, epoch bigint, host text, become text, status text, signal text, outcome text, why text, output text,
-- cut boolean, took_ms int, started_ms bigint, memory text, boot text, doubt text, ended_ago_ms bigint (0: it has not). Safe to repeat.
select s.step, s.attempt, s.verb, s.title, s.state, s.epoch, s.host, s.become, coalesce(s.status::text, '') as status,
       coalesce(s.signal, '') as signal, coalesce(s.outcome, '') as outcome, coalesce(s.why, '') as why,
       coalesce(s.output, '') as output, s.cut, coalesce(s.took_ms, 0) as took_ms,
       (extract(epoch from s.started_at) * 1000)::bigint as started_ms, s.memory, s.boot,
       coalesce(s.doubt, '') as doubt,
       coalesce((extract(epoch from clock_timestamp() - s.ended_at) * 1000)::bigint, 0) as ended_ago_ms
  from (select * from step where run = $1 union all select * from step_history where run = $1) s
 order by s.started_at, s.step, s.attempt;
