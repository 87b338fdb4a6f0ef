-- Asks the database for a sign of life. Parameters: none. Columns: one int. Safe to repeat.
select 1::int as one;
