-- Takes requests from an account's budget. Parameters: account text, use text (reconcile, read, write), wanted int, most int (a
-- minute, all uses). Columns: got int, wait_ms int (until one more may be there, if less was got). One row, always. Not
-- repeatable: each call takes more.
select got, wait_ms from budget_take($1, $2, $3, $4);
