-- Releases a stop switch. Parameters: scope text, key text. Columns: scope text. Zero rows: it was not set. Safe to repeat.
delete from control where scope = $1 and key = $2 returning scope;
