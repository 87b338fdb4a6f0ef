-- The folder that a machine's fence lives in. Parameters: id text. Columns: folder text, login_user text.
-- Zero rows: never contacted. Safe to repeat.
select folder, login_user from machine where id = $1;
