-- Takes tokens that are owed to machines and due, for one try each. Nobody holds them: a try that says nothing is followed by
-- the next, whoever makes it, and of two tries at once the later one's token wins. After keep_ms a token is owed no more.
-- Parameters: most int, first_ms bigint, longest_ms bigint, keep_ms bigint. Columns: run text, epoch bigint, tries int,
-- timeline bigint, step int, attempt int, title text, host text, become text, memory text, boot text, language text,
-- customer text, expired boolean, age_ms bigint, machine text. Zero rows: none is due. Not repeatable: each call takes more.
update token_debt t set
    epoch = t.epoch + 1,
    tries = t.tries + 1,
    not_before = clock_timestamp() + least($3::bigint, $2::bigint * (1 << least(t.tries, 20))) * interval '1 ms'
  from run r
 where r.id = t.run and t.run = any (array(
        select d.run from token_debt d
         where d.settled_at is null and d.not_before < statement_timestamp()
         order by d.not_before limit $1 for update skip locked))
returning t.run::text as run, t.epoch, t.tries,
          ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::bigint as timeline,
          t.step, t.attempt, t.title, t.host, t.become, t.memory, t.boot, t.language, r.customer,
          t.created_at < clock_timestamp() - $4::bigint * interval '1 ms' as expired,
          (extract(epoch from clock_timestamp() - t.created_at) * 1000)::bigint as age_ms, t.machine;
