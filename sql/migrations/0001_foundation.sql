-- The tables in their final shape. Hot tables hold what is open and the keys that must stay unique; history tables are
-- partitioned by month and filled when a run has ended (docs/run.md, docs/outbox.md). All times are the database's.

-- One row a worker process. A thousand runs cost one renewal.
create table node (
    incarnation   uuid primary key,                 -- random, one a process life
    name          text not null,
    region        text not null,
    roles         text[] not null,
    version       text not null,
    slots         integer not null,
    beat          bigint not null default 0,        -- raised by each renewal; never falls but by lost history
    lease_ms      integer not null,
    lease_until   timestamptz not null,
    renewed_at    timestamptz not null default clock_timestamp(),
    started_at    timestamptz not null default clock_timestamp(),
    dead          boolean not null default false,   -- final: a dead incarnation never comes back
    dead_why      text,
    dead_at       timestamptz,
    scenario_set  text,                             -- content hashes that are active on this node
    inventory_set text
);
create index node_live on node (lease_until) where not dead;

-- Scenario and inventory sets by content hash, so that any node can go on with any run.
create table version (
    kind      text not null check (kind in ('scenarios', 'inventory')),
    hash      text not null,
    content   bytea not null,
    loaded_at timestamptz not null default clock_timestamp(), -- for people
    primary key (kind, hash)
);

create table incident (
    id              bigint generated always as identity primary key,
    account         text not null,
    key             text not null,                  -- PagerDuty's id
    number          bigint,
    title_triggered text not null default '',       -- what is matched: we rewrite titles ourselves
    title           text not null default '',
    status          text not null default 'triggered',
    urgency         text not null default 'high',
    priority        text not null default '',
    service_id      text not null default '',
    service_name    text not null default '',
    html_url        text not null default '',
    created_at      timestamptz not null,
    opening         timestamptz not null,           -- created, or the newest reopening later than the resolve
    resolved_at     timestamptz,
    seen_at         timestamptz not null,           -- occurred_at of the newest event that was applied
    read_at         timestamptz,                    -- when PagerDuty was last asked for its status and log
    touched_at      timestamptz,                    -- a person took over, in this opening
    touched_by      text,
    touched_how     text,
    untouched_at    timestamptz,                    -- when a person last gave it back: an older touch is void
    closed_at       timestamptz,                    -- a resolve or merge that is not ours, in this opening
    closed_by       text,                           -- empty: the monitor cleared its alert
    closed_how      text,
    outbox_sequence bigint not null default 0,
    notes           integer,                        -- as PagerDuty counted them last, and ours since; null: not known
    sender          uuid,                           -- one sender at a time (docs/outbox.md)
    send_epoch      bigint not null default 0,
    shown           text not null default '',       -- what the reconciler last saw of it (docs/intake.md)
    looked_at       timestamptz,                    -- when the reconciler last read its log
    unique (account, key)
);
create index incident_resolved on incident (resolved_at) where status = 'resolved';
create index incident_open on incident (account, key) where status <> 'resolved';

create table event (
    id           bigint generated always as identity primary key,
    account      text not null,
    key          text not null,                     -- event.id, or sha256:... of one longer than 255
    type         text not null default '',          -- for people
    incident_key text,
    occurred_at  timestamptz,                       -- for people
    received_at  timestamptz not null default clock_timestamp(),
    subscription text not null default '',
    delivery     text not null default '',          -- X-Webhook-Id: not signed, for people only
    region       text not null default '',          -- for people: who took it in
    hand         text not null default '',          -- whose hand it was, for people
    odd          text,                              -- why it could not be used, for people
    seen         integer not null default 1,        -- duplicates write too, so their own commit covers what they saw
    body         bytea not null,                    -- the raw bytes, for people and the archive
    unique (account, key)
);
create index event_received on event (received_at);

-- One run for each opening of an incident, whoever announces it and however late. Kept 180 days.
create table run_key (
    account      text not null,
    incident_key text not null,
    opening      timestamptz not null,
    run          uuid not null,
    created_at   timestamptz not null default clock_timestamp(),
    primary key (account, incident_key, opening)
);
create index run_key_age on run_key (created_at);

create table run (
    id            uuid primary key default gen_random_uuid(),
    incident      bigint not null references incident,
    account       text not null,
    incident_key  text not null,
    customer      text not null default '',
    service_id    text not null default '',
    title         text not null,                    -- as triggered
    opening       timestamptz not null,
    urgency_rank  smallint not null default 0,      -- 0 before 1
    created_at    timestamptz not null default clock_timestamp(),
    opened_at     timestamptz not null,             -- give_up_at counts from here
    give_up_at    timestamptz not null,
    state         text not null default 'waiting',  -- the run's machine (docs/run.md)
    holder        uuid,                             -- incarnation
    epoch         bigint not null default 0,        -- + 1 at each claim, in the claim's own row and commit
    claimed_at    timestamptz,
    step          integer not null default -1,      -- position in the scenario
    attempt       integer not null default 0,
    mode          text,
    scenario      text,
    scenario_set  text,
    inventory_set text,
    host          text,
    machine       text,
    facts         jsonb not null default '{}',      -- values, results by name, alerts that were looked at
    doubt         boolean not null default false,   -- a recover was started and has no outcome
    ending        text,
    reason        text,
    ended_at      timestamptz,
    check ((ending is null) = (ended_at is null)),
    check (holder is null or epoch > 0)
);
create index run_incident on run (incident);
create unique index run_one_open on run (incident) where ended_at is null;
create index run_waiting on run (customer, urgency_rank, created_at) where state = 'waiting';
create index run_handed_back on run (id) where ended_at is null and holder is null and state <> 'waiting';
create index run_held on run (holder) where ended_at is null and holder is not null;
create index run_held_customer on run (customer) where ended_at is null and holder is not null;
create index run_give_up on run (give_up_at) where ended_at is null;
create index run_ended on run (ended_at) where ended_at is not null;

-- The journal: a row per attempt.
create table step (
    run        uuid not null,
    step       integer not null,
    attempt    integer not null,
    verb       text not null,
    title      text not null,
    state      text not null check (state in ('started', 'ended', 'not_started')),
    epoch      bigint not null,
    customer   text not null default '',
    scenario   text not null default '',
    host       text not null default '',
    machine    text not null default '',
    memory     text not null default '',            -- of a recover: the machine's memory id that it was sent to
    boot       text not null default '',            -- likewise, its boot id
    become     text not null default '',
    started_at timestamptz not null default clock_timestamp(),
    ended_at   timestamptz,
    status     integer,
    signal     text,
    outcome    text,                                -- healthy, unhealthy, cannot_tell; done, failed for the others
    why        text,                                -- "97, healthy is < 85"
    output     text,                                -- bounded, secrets removed
    cut        boolean not null default false,
    took_ms    integer,
    doubt      text,                                -- of a recover: why its outcome was in doubt, and how that was settled
    primary key (run, step, attempt)
);
create index step_recovers on step (machine, scenario, title, started_at) where verb = 'recover';

-- What was decided about a run, and why: takeovers, refusals, hand-overs. One sentence each.
create table decision (
    id    bigint generated always as identity,
    run   uuid not null,
    at    timestamptz not null default clock_timestamp(),
    epoch bigint not null,
    kind  text not null,
    text  text not null,
    primary key (run, id)
);

-- What is to be written to the outside, in the transaction that decided it. The engine knows no channel.
create table outbox (
    id         bigint generated always as identity, -- found by its incident
    channel    text not null,
    account    text not null,
    incident   bigint not null references incident,
    target     text not null,
    sequence   bigint not null,                     -- order within the incident
    run        uuid,
    opening    timestamptz,
    kind       text not null,                       -- start, progress, ending, note, ..._title, status, hand_over, mend
    body       text not null default '',
    about      jsonb not null default '{}',
    marker     text not null,                       -- 96 random bits, stored before the send
    state      text not null default 'waiting'
               check (state in ('waiting', 'sending', 'unknown', 'sent', 'superseded', 'dropped', 'failed')),
    created_at timestamptz not null default clock_timestamp(),
    not_before timestamptz not null default clock_timestamp(),
    claimed_at timestamptz,
    tries      integer not null default 0,
    resent     integer not null default 0,          -- how often it was claimed to be sent again after doubt
    mended     integer not null default 0,          -- of a mend: notes that stood there twice and were deleted
    settled_at timestamptz,
    remote     text,                                -- the id that the far side gave
    error      text,
    primary key (incident, sequence)
);
create index outbox_open on outbox (incident, sequence) where state in ('waiting', 'sending', 'unknown');
create index outbox_due on outbox (not_before) where state in ('waiting', 'sending', 'unknown');
create index outbox_endings on outbox (not_before)
    where state in ('waiting', 'unknown') and kind in ('ending', 'ending_title', 'status', 'hand_over');
create index outbox_settled on outbox (settled_at) where settled_at is not null;

-- A run that ended with a recover in doubt owes its last token to the machine: until that is there, a command that is still
-- on its way may start. A row is written by the ending's own transaction and delivered by any worker (docs/doubt.md).
create table token_debt (
    run        uuid primary key,                    -- kept among the hot ones until this is settled
    incident   bigint not null references incident,
    step       integer not null,
    attempt    integer not null,
    title      text not null,
    host       text not null,                       -- of the inventory, in which it is looked up at each try
    machine    text not null default '',
    become     text not null default '',
    memory     text not null default '',
    boot       text not null default '',
    language   text not null,                       -- of the notes
    epoch      bigint not null,                     -- above the run's own; + 1 at each try: the later try's token wins
    tries      integer not null default 0,
    not_before timestamptz not null default clock_timestamp(),
    created_at timestamptz not null default clock_timestamp(),
    error      text not null default '',            -- why the last try failed
    settled_at timestamptz,
    outcome    text                                 -- ended, never, lost, expired
);
create index token_debt_due on token_debt (not_before) where settled_at is null;

-- Stop switches. scope: global, region, customer, scenario, history-lost.
create table control (
    scope  text not null,
    key    text not null default '',
    set_at timestamptz not null default clock_timestamp(),
    set_by text not null,
    why    text not null,
    primary key (scope, key)
);

-- Rows that are locked, in key order, by the transaction that starts a recover.
create table guard (
    key text primary key
);

-- A machine and the folder that holds its fence: chosen at first contact, first writer wins.
create table machine (
    id         text primary key,                    -- machine-id, or `machine:` of the inventory
    folder     text not null,
    login_user text not null,
    memory_id  text not null default '',
    boot_id    text not null default '',
    seen_at    timestamptz not null default clock_timestamp(), -- for people
    created_at timestamptz not null default clock_timestamp()
);

-- One PagerDuty budget for each token, shared by all nodes (docs/outbox.md): what each use may take now, and what the others
-- could not hold.
create table budget (
    account   text primary key,
    filled_at timestamptz not null default clock_timestamp(),
    shares    double precision[] not null default '{0, 0, 0}', -- reconcile, read, write
    spare     double precision not null
);

-- Fills an account's shares by the time that has passed and takes from one of them, then from the spare. A minute brings 7/8
-- of `most`. The shares together hold 1/24 of it, the spare another 1/24: no minute, wherever it begins, sees more than 23/24
-- granted. Nobody waits for its commit, neither for the disk nor for the standby: what a lost server had granted in its last
-- moments may be granted again, once.
create function budget_take(for_account text, for_use text, wanted integer, at_least integer, most integer,
                            out got integer, out wait_ms integer)
language plpgsql as $$
declare
    parts constant double precision[] := '{0.1, 0.3, 0.6}';
    mine constant integer := array_position('{reconcile,read,write}'::text[], for_use);
    each_second constant double precision := most * 7.0 / 8 / 60;
    hold constant double precision := most / 24.0;
    came double precision;
    level double precision;
    b budget;
begin
    perform set_config('synchronous_commit', 'off', true); -- of this transaction
    select * into b from budget where account = for_account for update;
    if not found then
        insert into budget (account, spare) values (for_account, hold) on conflict do nothing;
        select * into b from budget where account = for_account for update;
    end if;
    came := each_second * greatest(extract(epoch from clock_timestamp() - b.filled_at), 0);
    for i in 1 .. 3 loop
        level := b.shares[i] + parts[i] * came;
        b.shares[i] := least(level, greatest(parts[i] * hold, 1));
        b.spare := b.spare + level - b.shares[i]; -- nobody needed it: whoever asks may have it
    end loop;
    b.spare := least(b.spare, hold);
    level := b.shares[mine] + b.spare;
    got := least(wanted, floor(level)::integer);
    got := case when got < at_least then 0 else got end;
    wait_ms := case when got < wanted then ceil(1000 * greatest(got + at_least - level, 0) / (parts[mine] * each_second))::integer + 1
                    else 0 end;
    b.spare := b.spare - greatest(got - b.shares[mine], 0);
    b.shares[mine] := greatest(b.shares[mine] - got, 0);
    update budget set filled_at = clock_timestamp(), shares = b.shares, spare = b.spare where account = for_account;
end $$;

-- Writes what belongs to a change of a run, whose row run_write has just updated under its epoch: journal, decisions, outbox.
-- The incident is locked before its outbox rows, as the sender locks them: else both wait for each other.
create function run_record(h run, change jsonb) returns uuid language plpgsql as $$
declare
    ends constant boolean := change ? 'ending';
    queued constant jsonb := coalesce(change -> 'outbox', '[]');
    total bigint := jsonb_array_length(queued);
    merged bigint[] := '{}'; -- which of the queued
    left_out bigint := 0;
    newest bigint;
begin
    if change ? 'steps' then
        insert into step as s (run, step, attempt, verb, title, state, epoch, customer, scenario, host, machine, become, ended_at,
                               status, signal, outcome, why, output, cut, took_ms, doubt)
        select h.id, j.step, j.attempt, j.verb, j.title, j.state, h.epoch, h.customer, coalesce(h.scenario, ''), coalesce(j.host, ''),
               coalesce(j.machine, ''), coalesce(j.become, ''), case when j.state <> 'started' then clock_timestamp() end,
               j.status, j.signal, j.outcome, j.why, j.output, coalesce(j.cut, false), j.took_ms, j.doubt
          from jsonb_to_recordset(change -> 'steps') as j
               (step int, attempt int, verb text, title text, state text, host text, machine text, become text, status int,
                signal text, outcome text, why text, output text, cut boolean, took_ms int, doubt text)
        on conflict (run, step, attempt) do update set
            state = excluded.state, ended_at = excluded.ended_at, status = excluded.status, signal = excluded.signal,
            outcome = excluded.outcome, why = excluded.why, output = excluded.output, cut = excluded.cut,
            took_ms = excluded.took_ms, doubt = excluded.doubt
          where s.state = 'started';
    end if;
    if change ? 'decisions' then
        insert into decision (run, epoch, kind, text)
        select h.id, h.epoch, d.kind, d.text from jsonb_to_recordset(change -> 'decisions') as d (kind text, text text);
    end if;
    if ends and h.doubt then -- what the journal says of the recover in doubt
        insert into token_debt (run, incident, step, attempt, title, host, machine, become, memory, boot, language, epoch)
        select h.id, h.incident, s.step, s.attempt, s.title, s.host, s.machine, s.become, s.memory, s.boot,
               coalesce(change ->> 'language', 'en'), h.epoch
          from step s
         where s.run = h.id and s.verb = 'recover' and s.state = 'started'
         order by s.attempt desc limit 1;
    end if;
    if not ends and (queued @> '[{"kind": "progress"}]' or queued @> '[{"kind": "progress_title"}]') then
        perform from incident i where i.id = h.incident for no key update;
        -- progress that still waits takes the newer in: one note instead of two, one title instead of two
        with taken_in as (
            update outbox o set body = case when q.row ->> 'kind' = 'progress' then o.body || E'\n\n' || (q.row ->> 'body') else q.row ->> 'body' end,
                   about = o.about || jsonb_build_object('notes', coalesce((o.about ->> 'notes')::int, 1) + 1)
              from jsonb_array_elements(queued) with ordinality as q (row, n)
             where o.incident = h.incident and o.state = 'waiting' and o.kind = q.row ->> 'kind'
               and o.kind in ('progress', 'progress_title') and length(o.body) < 15000
            returning q.n
        ) select coalesce(array_agg(t.n), '{}') into merged from taken_in t;
        total := total - cardinality(merged);
    end if;
    if ends or total > 0 then
        update incident i set outbox_sequence = i.outbox_sequence + total where i.id = h.incident
        returning i.outbox_sequence into newest;
    end if;
    if ends then
        with superseded as (
            update outbox o set state = 'superseded', settled_at = clock_timestamp()
             where o.incident = h.incident and o.state = 'waiting' and o.kind in ('progress', 'progress_title', 'mend')
            returning o.kind, o.about
        ) -- a note that took others in counts for all of them
        select coalesce(sum(coalesce((s.about ->> 'notes')::int, 1)), 0) into left_out from superseded s where s.kind = 'progress';
    end if;
    if total > 0 then
        with fresh as (
            select q.row, newest - total + row_number() over (order by q.n) as sequence
              from jsonb_array_elements(queued) with ordinality as q (row, n) where q.n <> all (merged)
        )
        insert into outbox (channel, account, incident, target, sequence, run, opening, kind, body, about, marker)
        select coalesce(f.row ->> 'channel', 'pagerduty'), h.account, h.incident, coalesce(f.row ->> 'target', h.incident_key),
               f.sequence, h.id, h.opening, f.row ->> 'kind',
               coalesce(f.row ->> 'body', '') || case when f.row -> 'about' ? 'left_out' and left_out > 0
                   then E'\n' || replace(f.row #>> '{about,left_out}', '{n}', left_out::text) else '' end,
               coalesce(f.row -> 'about', '{}') - 'left_out', f.row ->> 'marker'
          from fresh f
        union all -- looks for doubled notes when all is written, behind whatever may be queued meanwhile (docs/outbox.md)
        select coalesce(f.row ->> 'channel', 'pagerduty'), h.account, h.incident, coalesce(f.row ->> 'target', h.incident_key),
               1000000000000 + f.sequence, h.id, h.opening, 'mend', '', '{}', ''
          from fresh f where f.row ->> 'kind' = 'ending';
    end if;
    return h.id;
end $$;

-- Work that any one node does at a time: whoever asks first once it is due. A holder that works on moves due_at along; one
-- that is silent is simply followed by the next.
create table turn (
    name   text primary key,
    round  bigint not null default 0,
    holder uuid,
    due_at timestamptz not null
);

-- History. Everything has its month; a row that fits no partition goes to the default one, never lost.
create table run_history (like run including defaults) partition by range (ended_at);
create table step_history (like step including defaults) partition by range (started_at);
create table decision_history (like decision including defaults) partition by range (at);
create table outbox_history (like outbox including defaults) partition by range (created_at);
create table event_history (like event including defaults) partition by range (received_at);
create index run_history_incident on run_history (incident_key);
create index run_history_id on run_history (id);
create index run_history_created on run_history (created_at);
create index step_history_run on step_history (run);
create index step_history_recovers on step_history (machine, scenario, title, started_at) where verb = 'recover';
create index decision_history_run on decision_history (run);
create index outbox_history_target on outbox_history (account, target);
create index outbox_history_failed on outbox_history (created_at) where state = 'failed';
create index event_history_key on event_history (account, incident_key);
create table run_history_rest partition of run_history default;
create table step_history_rest partition of step_history default;
create table decision_history_rest partition of decision_history default;
create table outbox_history_rest partition of outbox_history default;
create table event_history_rest partition of event_history default;

-- Analyzes the hot tables that have changed by more than a fifth, and 200 rows. From small samples: it is the size that decides
-- between a key and a whole index. A table that somebody else works at is left for the next time, and nothing waits for a
-- standby, since there is nothing to lose. -1: this role owns neither the tables nor the database; analyze would only warn.
create function statistics_refresh() returns integer language plpgsql as $$
declare
    name text;
    tables integer := 0;
begin
    if not exists (select from pg_class c, pg_database d where c.oid = 'run'::regclass and d.datname = current_database()
                                                         and (pg_has_role(c.relowner, 'USAGE') or pg_has_role(d.datdba, 'USAGE'))) then
        return -1;
    end if;
    foreach name in array array['event', 'incident', 'run', 'run_key', 'step', 'decision', 'outbox', 'guard', 'token_debt'] loop
        if pg_stat_get_mod_since_analyze(name::regclass) > 200 + pg_stat_get_live_tuples(name::regclass) / 5 then
            perform set_config('default_statistics_target', '10', true), set_config('synchronous_commit', 'local', true);
            execute format('analyze (skip_locked) %I', name);
            tables := tables + 1;
        end if;
    end loop;
    return tables;
end $$;

-- Makes the partitions of one month where they are missing; what of it lies in the default partition moves along. Nodes that
-- find one missing at once wait for each other at the parent's lock. One that cannot be made now is left for the next time:
-- until then the default partition takes its rows.
create function history_month(month date) returns void language plpgsql as $$
declare
    base text;
    keys constant jsonb := '{"run": "ended_at", "step": "started_at", "decision": "at", "outbox": "created_at", "event": "received_at"}';
    first constant timestamptz := date_trunc('month', month::timestamp) at time zone 'UTC';
    last constant timestamptz := (date_trunc('month', month::timestamp) + interval '1 month') at time zone 'UTC';
    name text;
begin
    foreach base in array array['run', 'step', 'decision', 'outbox', 'event'] loop
        name := format('%s_history_%s', base, to_char(month, 'YYYYMM'));
        continue when to_regclass(name) is not null;
        begin
            perform set_config('lock_timeout', '2s', true); -- whoever asks for history waits behind us
            execute format('lock table %I in share row exclusive mode', base || '_history');
            continue when to_regclass(name) is not null; -- another node was first
            execute format('create table %I (like %I including defaults)', name, base || '_history');
            execute format('with gone as (delete from %I where %I >= $1 and %I < $2 returning *) insert into %I select * from gone',
                           base || '_history_rest', keys ->> base, keys ->> base, name) using first, last;
            execute format('alter table %I attach partition %I for values from (%L) to (%L)', base || '_history', name, first, last);
        exception when lock_not_available or duplicate_table then
            null;
        end;
        perform set_config('lock_timeout', '0', true);
    end loop;
end $$;
select history_month(current_date), history_month((current_date + interval '1 month')::date);

-- Months that lie in the default partitions get partitions of their own.
create function history_sort() returns bigint language sql as $$
    select count(history_month(month)) from (
        select date_trunc('month', ended_at at time zone 'UTC')::date as month from run_history_rest
        union select date_trunc('month', started_at at time zone 'UTC')::date from step_history_rest
        union select date_trunc('month', at at time zone 'UTC')::date from decision_history_rest
        union select date_trunc('month', created_at at time zone 'UTC')::date from outbox_history_rest
        union select date_trunc('month', received_at at time zone 'UTC')::date from event_history_rest) m
$$;

-- The partitions of history that have a month.
create view history_partition as
    select c.relname::text as name, pg_relation_filenode(c.oid) as file, to_date(right(c.relname, 6), 'YYYYMM') as month
      from pg_inherits i join pg_class c on c.oid = i.inhrelid join pg_class p on p.oid = i.inhparent
     where p.relname in ('run_history', 'step_history', 'decision_history', 'outbox_history', 'event_history')
       and pg_table_is_visible(c.oid) and c.relname ~ '_history_[0-9]{6}$';

-- Some rows of a partition as JSON, one a line, in the order in which they lie on the disk, behind one of them; `bytes` or a
-- little more. next: behind which to go on; null: that was all. The places hold as long as the partition's file is the same.
create function history_page(part text, file oid, after tid, bytes integer, out lines text, out rows bigint, out next text)
language plpgsql as $$
declare
    blocks constant bigint := pg_relation_size(part::regclass) / current_setting('block_size')::integer;
    block bigint := ((after::text::point)[0])::bigint;
    taken text[] := '{}';
    size bigint := 0;
    r record;
begin
    if pg_relation_filenode(part::regclass) is distinct from file then
        raise exception 'partition % was rewritten meanwhile', part;
    end if;
    while size < bytes and block < blocks loop
        block := block + 64;
        for r in execute format('select a.at, (select row_to_json(t)::text from %1$I t where t.ctid = a.at) as line from (
                select ctid as at from %1$I where ctid > $1 and ctid < $2 order by ctid) a', part)
            using after, format('(%s,0)', block)::tid loop
            taken := taken || r.line;
            size := size + length(r.line);
            after := r.at;
            exit when size >= bytes;
        end loop;
        after := case when size < bytes then format('(%s,0)', block)::tid else after end;
    end loop;
    lines := array_to_string(taken, E'\n') || case when taken = '{}' then '' else E'\n' end;
    rows := cardinality(taken);
    next := case when size >= bytes then after::text end;
end $$;

-- Drops a partition. archived: how many rows of it were read from this file of the server and stand in an archive; null: there
-- is none. Answers "left", or why not: "gone", "changed" (other rows than were archived), "busy" (try again), "archived
-- elsewhere" (this node has no archive, but another has).
create function history_leave(part text, file oid, archived bigint) returns text language plpgsql as $$
declare
    found bigint;
begin
    if not exists (select from history_partition h where h.name = part) then
        return 'gone';
    end if;
    perform set_config('lock_timeout', '500ms', true); -- whoever reads history waits behind us
    execute format('lock table %I in share mode', part); -- no row comes in from here on
    if pg_relation_filenode(part::regclass) is distinct from file then
        return 'changed';
    end if;
    if archived is null and exists (select from turn where name = 'archive') then
        return 'archived elsewhere';
    end if;
    execute format('select count(*) from %I', part) into found;
    if archived is not null and found <> archived then
        return 'changed';
    end if;
    execute format('drop table %I', part);
    return 'left';
exception
    when lock_not_available then return 'busy';
    when undefined_table then return 'gone';
end $$;
