-- Takes requests from an account's budget, none where fewer than `least` are there. Parameters: account text, use text
-- (reconcile, read, write), wanted int, least int, most int (a minute, all uses). Columns: got int, wait_ms int (until more may
-- be there, if less was got than wanted). One row, always. Not repeatable: each call takes more.
select got, wait_ms from budget_take($1, $2, $3, $4, $5);
