-- Drops a partition when what was archived is what is there. Parameters: name text, file bigint,
-- archived bigint: rows, null when there is no archive. Columns: what text: left, gone, changed, busy, archived elsewhere.
-- Safe to repeat.
select history_leave($1, $2::bigint::oid, $3::bigint) as what;
