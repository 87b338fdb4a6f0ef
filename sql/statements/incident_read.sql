-- Notes that PagerDuty was asked and what it said, so that a recover may rely on it; behind incident_touch where the log shows
-- a person's hand. Parameters: account text, key text, priority text, urgency text, title text. Columns: id bigint,
-- touched boolean, closed boolean. Zero rows: unknown. Safe to repeat.
update incident set read_at = clock_timestamp(), priority = $3, urgency = $4,
       title = case when $5 <> '' then $5 else title end
 where account = $1 and key = $2
returning id, touched_at is not null as touched, closed_at is not null as closed;
