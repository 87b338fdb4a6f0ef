-- Takes requests from an account's budget of this minute. Parameters: account text, wanted int, most int (a minute).
-- Columns: got int. One row, always. Not repeatable: each call takes more.
with before as (
    select b.used from budget b where b.account = $1 and b.minute = date_trunc('minute', clock_timestamp()) for update
), taken as (
    insert into budget as b (account, minute, used)
    values ($1, date_trunc('minute', clock_timestamp()), least($2::int, $3::int))
    on conflict (account) do update set
        minute = excluded.minute,
        used = case when b.minute = excluded.minute then least(b.used + $2::int, $3::int) else excluded.used end
    returning used
)
select taken.used - coalesce((select used from before), 0) as got from taken;
