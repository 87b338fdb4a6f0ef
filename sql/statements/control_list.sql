-- The switches that are set. Parameters: none. Columns: scope text, key text, set_by text, why text, set_at text. Safe to repeat.
select scope, key, set_by, why, to_char(set_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS"Z"') as set_at from control
 order by scope, key;
