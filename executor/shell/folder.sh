# The outer layer's folder: where it is, whether it is safe, its memory, its lock and the room kept in reserve.
# After fl_enter every path is relative to the folder, so that nobody can put another one in its place.

# Enters a folder of ours: reached through no link, owned by us.
fl_ours() { # absolute path
    [ -d "$1" ] && cd -P "$1" 2>/dev/null && [ "$PWD" = "$1" ] && [ -O . ]
}

# Boot id and memory are what this request was composed for, or it is refused.
fl_enter() {
    fl_own=$fl_folder/$fl_cluster/$fl_machine
    read -r fl_boot_now <"$fl_boot_file" || fl_refuse unfit 'the boot id cannot be read'
    fl_say boot "$fl_boot_now"
    fl_say folder "$fl_folder"
    [ -d "$fl_own" ] || fl_refuse memory 'the folder is gone'
    fl_ours "$fl_own" || fl_refuse nofolder "$fl_own is not safely ours"
    fl_memory || fl_refuse memory 'the folder has no memory'
    fl_say memory "$fl_mem"
    [ "$fl_boot_now" = "$fl_boot" ] || fl_refuse memory 'the machine has rebooted'
    [ "$fl_mem" = "$fl_memory_id" ] || fl_refuse memory 'the folder has another memory'
    case $fl_lock_kind in flock) fl_fit flock ;; *) fl_fit ln ;; esac
    fl_ask_for_lock
    fl_fit dd rm cat head tail wc mkdir sleep grep
}

fl_fit() {
    for fl_f in "$@"; do command -v "$fl_f" || break; fl_f=; done >/dev/null 2>&1
    [ -z "$fl_f" ] || fl_refuse unfit "there is no $fl_f"
}

# Sets fl_mem and fl_lock_kind.
fl_memory() {
    fl_mem= fl_lock_kind= fl_ok=
    { while read -r fl_k fl_v; do
        case $fl_k in
        firstline-wrapper) [ "$fl_v" = 1 ] || return 1 ;;
        id) fl_mem=$fl_v ;;
        lock) fl_lock_kind=$fl_v ;;
        end) fl_ok=1 ;;
        esac
    done <memory; } 2>/dev/null
    [ -n "$fl_mem" ] && [ -n "$fl_ok" ]
}

# Writes a file's one line over the one before.
fl_put() { # file, line
    for fl_f in none reserve.2 reserve.1; do
        [ "$fl_f" = none ] || rm -f "$fl_f"
        printf '%s end\n' "$2" >"$1" && return 0
    done 2>/dev/null
    return 1
}

# Adds a line to a file, if need be in the room that was kept for it. It counts only where it is whole, with its last
# word: a file grows by whole lines, and what a full disk or a death has torn is passed over.
fl_add() { # file, line
    for fl_f in none reserve.2 reserve.1; do
        [ "$fl_f" = none ] || rm -f "$fl_f"
        printf '\n%s end\n' "$2" >>"$1" && return 0
    done 2>/dev/null
    return 1
}

# Sets fl_last to the last whole line, without its last word.
fl_last() { # file
    fl_last=
    while IFS= read -r fl_l; do
        case $fl_l in *' end') fl_last=${fl_l% end} ;; esac
    done <"$1"
} 2>/dev/null

# A full filesystem may take a file and drop its content.
fl_whole() {
    fl_ok=1
    while read -r fl_k fl_v; do [ "$fl_k" = end ] && fl_ok=0; done <"$1"
    return "$fl_ok"
}

fl_reserve() {
    [ -s reserve.1 ] || dd if=/dev/zero of=reserve.1 bs=4096 count=64 || rm -f reserve.1
    [ -s reserve.2 ] || dd if=/dev/zero of=reserve.2 bs=4096 count=4 || rm -f reserve.2
} >/dev/null 2>&1

# The lock protects tokens and records, never a running script: it is held for some milliseconds. Waits 10 s.
fl_take_lock() {
    fl_until=
    until fl_try_lock; do
        fl_now
        : "${fl_until:=$((fl_cs + 1000))}"
        [ "$fl_cs" -lt "$fl_until" ] || return 1
        fl_nap 0.05
    done
}

fl_asked=
# Whoever has descriptor 9 open shares the lock on it: flock takes it for us, while we go on until we need it.
fl_ask_for_lock() {
    [ "$fl_lock_kind" = flock ] || return 0
    exec 9>>lock
    flock -n 9 &
    fl_asked=$!
}

fl_try_lock() {
    if [ "$fl_lock_kind" = flock ]; then
        [ -n "$fl_asked" ] || fl_ask_for_lock
        wait "$fl_asked"
        fl_r=$?
        fl_asked=
        return "$fl_r"
    fi
    fl_know_self
    fl_me="$fl_boot_now $fl_pid ${fl_self#*:}"
    printf '%s\nend\n' "$fl_me" >"own.$fl_pid" && ln "own.$fl_pid" lock.held 2>/dev/null && {
        rm -f "own.$fl_pid"
        return 0
    }
    fl_break_lock
    rm -f "own.$fl_pid"
    return 1
}

# A link whose owner is gone is taken away: by one at a time, who looks again first. A breaker that died in here
# leaves breaking.held, and then nobody breaks any more: busy, and a person looks.
fl_break_lock() {
    fl_owner_gone || return 0
    ln "own.$fl_pid" breaking.held 2>/dev/null || return 0
    fl_owner_gone && rm -f lock.held
    rm -f breaking.held
}

fl_owner_gone() {
    fl_b= fl_p= fl_s0=
    { read -r fl_b fl_p fl_s0 <lock.held; } 2>/dev/null || return 1
    [ "$fl_b" != "$fl_boot_now" ] || ! fl_alive "$fl_p:$fl_s0"
}

fl_let_lock() {
    if [ "$fl_lock_kind" = flock ]; then
        exec 9>&-
    else
        rm -f lock.held
    fi
}
