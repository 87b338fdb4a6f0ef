-- After the migrations: SQLSTATE FL002 when the database is newer than this program, whose newest is the number put in.
do $guard$ begin
    if (select max(version) from migration) > @VERSION@ then
        raise exception 'the database is at migration %, this program knows @VERSION@', (select max(version) from migration)
            using errcode = 'FL002';
    end if;
end $guard$;
