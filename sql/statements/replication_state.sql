-- Whether synchronous replication is in force; needs the rights of pg_monitor. Parameters: none.
-- Columns: in_force boolean, names text. Safe to repeat.
select current_setting('synchronous_standby_names') <> ''
       and exists (select from pg_stat_replication where sync_state in ('sync', 'quorum')) as in_force,
       current_setting('synchronous_standby_names') as names;
