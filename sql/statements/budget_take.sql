-- Takes requests from an account's budget of this minute. Parameters: account text, wanted int, most int (a minute).
-- Columns: got int. One row, always. Not repeatable: each call takes more.
insert into budget as b (account, minute, used, granted)
values ($1, date_trunc('minute', clock_timestamp()), least($2::int, $3::int), least($2::int, $3::int))
on conflict (account) do update set
    minute = excluded.minute,
    granted = case when b.minute = excluded.minute then greatest(least($2::int, $3::int - b.used), 0) else excluded.used end,
    used = case when b.minute = excluded.minute then greatest(b.used, least(b.used + $2::int, $3::int)) else excluded.used end
returning granted as got;
