-- The incident as an event shows it; changed only by an event that occurred later than the newest one applied.
-- Parameters: account text, key text, number bigint, title text, status text, urgency text, priority text,
-- service_id text, service_name text, html_url text, created_at timestamptz, reopened_at timestamptz,
-- occurred_at timestamptz, triggered boolean (this event opens the incident: its title is the one to match).
-- Columns: id bigint. One row, always. Safe to repeat.
insert into incident as i (account, key, number, title_triggered, title, status, urgency, priority, service_id,
                           service_name, html_url, created_at, opening, seen_at, resolved_at)
values ($1, $2, $3, $4, $4, $5, $6, $7, $8, $9, $10, $11::timestamptz, coalesce($12::timestamptz, $11::timestamptz), $13::timestamptz,
        case when $5::text = 'resolved' then $13::timestamptz end)
on conflict (account, key) do update set
    number = coalesce(excluded.number, i.number),
    title_triggered = case when $14 and not i.seen_at > excluded.seen_at then excluded.title_triggered
                           else i.title_triggered end,
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
