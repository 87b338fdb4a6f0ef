-- The next rows of a partition as lines of JSON. Parameters: name text, file bigint, after text, bytes int.
-- Columns: lines text, rows bigint, next text: null when that was all. Safe to repeat.
select p.lines, p.rows, p.next from history_page($1, $2::bigint::oid, $3::text::tid, $4::int) p;
