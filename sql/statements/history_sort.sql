-- Gives months that lie in the default partitions their own. Parameters: none. Columns: months bigint. Safe to repeat.
select history_sort() as months;
