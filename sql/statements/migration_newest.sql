-- The newest migration on this database. Parameters: none. Columns: version int (0 when none). Safe to repeat.
select coalesce(max(version), 0)::int as version from migration;
