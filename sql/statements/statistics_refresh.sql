-- Fresh statistics for the hot tables that have changed much since they were last analyzed, which makes every session plan its
-- statements anew. Parameters: none. Columns: tables integer (how many were analyzed; -1: this role may analyze
-- none). Safe to repeat.
select statistics_refresh() as tables;
