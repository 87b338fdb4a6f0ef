-- Stops being the sender. Parameters: incident bigint, incarnation uuid, send_epoch bigint. Columns: id bigint.
-- Zero rows: another is the sender. Safe to repeat.
update incident set sender = null where id = $1 and sender = $2 and send_epoch = $3 returning id;
