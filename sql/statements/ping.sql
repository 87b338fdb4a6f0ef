-- A sign of life that also writes nothing: for start-up only. Parameters: none. Columns: one int. Safe to repeat.
select 1::int as one;
