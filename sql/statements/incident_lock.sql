-- Locks incidents in the order given, for statements that then change them one by one. Parameters: account text[] (an
-- element an incident, as all), key text[]. Columns: id bigint. A row each that is known. Safe to repeat.
select i.id
  from (select unnest($1::text[]) as account, unnest($2::text[]) as key) e
 cross join lateral (select id from incident where account = e.account and key = e.key for update) i;
