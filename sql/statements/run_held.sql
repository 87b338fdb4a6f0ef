-- The runs that an incarnation holds, by id. Parameters: incarnation uuid. Columns: id uuid. Zero rows: none. Only tells
-- where to look more closely: nothing may be concluded from it. Safe to repeat.
select id from run where holder = $1 and ended_at is null;
