-- First contact: the first writer's folder wins. Parameters: id text, folder text, login_user text, memory_id text,
-- boot_id text. Columns: folder text, login_user text. One row, always. Safe to repeat.
insert into machine as m (id, folder, login_user, memory_id, boot_id) values ($1, $2, $3, $4, $5)
on conflict (id) do update set seen_at = clock_timestamp(),
    memory_id = case when m.folder = excluded.folder then excluded.memory_id else m.memory_id end,
    boot_id = case when m.folder = excluded.folder then excluded.boot_id else m.boot_id end
returning folder, login_user;
