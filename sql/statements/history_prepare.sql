-- Makes this month's and the next month's partitions. Parameters: none. Columns: done text. Safe to repeat.
select (history_month(current_date)::text || history_month((current_date + interval '1 month')::date)::text) as done;
