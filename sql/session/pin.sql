-- Pins the settings of a session right after it was made, whatever the server, the database or the role say.
-- Sent as one simple query. No parameters. The last result is one row: synchronous_commit as it is in force (a lane
-- refuses a session in which it is not "on"), and when this server was started, which tells servers apart where
-- addresses do not (two addresses of one server, a proxy before two). Safe to repeat.
set synchronous_commit = on;
set statement_timeout = 0;
set idle_in_transaction_session_timeout = 0;
set client_encoding = 'UTF8';
set timezone = 'UTC';
set datestyle = 'ISO, YMD';
set bytea_output = 'hex';
set default_transaction_isolation = 'read committed';
set jit = off; -- no statement of ours is long enough to gain by it; a wrong estimate would cost it 100 ms
select current_setting('synchronous_commit') as synchronous_commit,
    pg_postmaster_start_time()::text as started;
