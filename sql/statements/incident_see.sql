-- Incidents as events show them, each once in a call; changed only by an event that occurred later than the newest one applied.
-- They are locked in the order given. Parameters: account text[] (an element an event, as all), key text[],
-- number bigint[] (0: unknown), title text[], status text[], urgency text[], priority text[], service_id text[],
-- service_name text[], html_url text[], created_at text[], reopened_at text[] (or null), occurred_at text[], triggered boolean[] (this event opens the incident: its
-- title is the one to match). Columns: id bigint. A row an event, always. Safe to repeat.
with shown as (
    select account, key, nullif(number, 0) as number, title, status, urgency, priority, service_id, service_name, html_url,
           created_at::timestamptz, reopened_at::timestamptz, occurred_at::timestamptz, triggered
      from (select unnest($1::text[]) as account, unnest($2::text[]) as key, unnest($3::bigint[]) as number,
                   unnest($4::text[]) as title, unnest($5::text[]) as status, unnest($6::text[]) as urgency,
                   unnest($7::text[]) as priority, unnest($8::text[]) as service_id,
                   unnest($9::text[]) as service_name, unnest($10::text[]) as html_url,
                   unnest($11::text[]) as created_at, unnest($12::text[]) as reopened_at,
                   unnest($13::text[]) as occurred_at, unnest($14::boolean[]) as triggered) e
)
insert into incident as i (account, key, number, title_triggered, title, status, urgency, priority, service_id,
                           service_name, html_url, created_at, opening, seen_at, resolved_at)
select account, key, number, title, title, status, urgency, priority, service_id, service_name, html_url, created_at,
       coalesce(reopened_at, created_at), occurred_at, case when status = 'resolved' then occurred_at end
  from shown
on conflict (account, key) do update set
    number = coalesce(excluded.number, i.number),
    title_triggered = case when not i.seen_at > excluded.seen_at
                                and (excluded.account, excluded.key) in (select account, key from shown where triggered)
                           then excluded.title_triggered else i.title_triggered end,
    title        = case when excluded.seen_at >= i.seen_at then excluded.title else i.title end,
    status       = case when excluded.seen_at >= i.seen_at then excluded.status else i.status end,
    urgency      = case when excluded.seen_at >= i.seen_at then excluded.urgency else i.urgency end,
    priority     = case when excluded.seen_at >= i.seen_at then excluded.priority else i.priority end,
    service_id   = case when excluded.seen_at >= i.seen_at then excluded.service_id else i.service_id end,
    service_name = case when excluded.seen_at >= i.seen_at then excluded.service_name else i.service_name end,
    html_url     = case when excluded.html_url <> '' then excluded.html_url else i.html_url end,
    resolved_at  = case when excluded.seen_at >= i.seen_at and excluded.status = 'resolved' then excluded.seen_at
                        else i.resolved_at end,
    seen_at      = greatest(i.seen_at, excluded.seen_at)
returning i.id;
