-- Pins the settings of a session right after it was made, whatever the server, the database or the role say.
-- Sent as one simple query. No parameters. The last result is one text: synchronous_commit as it is in force; a lane
-- refuses a session in which it is not "on". Safe to repeat.
set synchronous_commit = on;
set statement_timeout = 0;
set idle_in_transaction_session_timeout = 0;
set client_encoding = 'UTF8';
set timezone = 'UTC';
set datestyle = 'ISO, YMD';
set bytea_output = 'hex';
set default_transaction_isolation = 'read committed';
show synchronous_commit;
