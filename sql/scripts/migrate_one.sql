-- Wraps one migration: its number and its text are put in (between at signs) by lib/store/store.c. One transaction. SQLSTATE FL001: it was
-- applied before, nothing was done. The lock lets two programs migrate at once.
select pg_advisory_xact_lock(7102431);
create table if not exists migration (version int primary key, applied_at timestamptz not null default clock_timestamp());
do $guard$ begin
    if exists (select from migration where version = @VERSION@) then
        raise exception 'migration @VERSION@ was applied before' using errcode = 'FL001';
    end if;
end $guard$;
@BODY@
;
insert into migration (version) values (@VERSION@);
