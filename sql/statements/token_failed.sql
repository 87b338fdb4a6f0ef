-- Why a try to deliver a token failed, for people. Parameters: run uuid, epoch bigint, error text. Columns: run uuid.
-- Zero rows: a later try is under way, or it is settled. Safe to repeat.
update token_debt set error = $3 where run = $1 and epoch = $2 and settled_at is null returning run;
