# The outer layer: the login user's side of a recover and of every question about one.

# What RECOVER, ASK and END begin with: the folder, the lock, the token. Returns holding the lock.
fl_begin() {
    fl_take_lock || fl_refuse busy 'the lock was not free for 10 s'
    fl_take_token
    fl_r=$?
    [ -z "$ft_i" ] || fl_say token "$ft_t" "$ft_e" "$ft_i"
    case $fl_r in
    0) return 0 ;;
    1) fl_note_refusal; fl_let_lock; fl_refuse stale ;;
    *) fl_let_lock; fl_refuse nofolder 'there is no room for the token' ;;
    esac
}

# For people who ask later who came too late. Nothing depends on it.
fl_note_refusal() {
    printf '\n%s end\n' "$fl_act $fl_key sent $fl_wall token $fl_tl $fl_te $fl_ti" >>"$fl_dir/refused"
} 2>/dev/null

# Reads this attempt's record into fr_*, settling what ended without a word. 1: there is none.
fl_look_up() {
    fl_read_record "$fl_rec"
    case $? in
    1) return 1 ;;
    2) fl_let_lock; fl_refuse lost 'the record cannot be read' ;;
    esac
    fl_judge "$fl_rec"
    return 0
}

# Where there is no record we write one, so that the attempt can never start. Whether it did start is known only if
# the memory is the one that it was sent to.
fl_ask() {
    fl_begin
    if ! fl_look_up; then
        fr_state=never fr_boot=$fl_boot_now
        [ "$fl_sent_memory" = "$fl_mem" ] || fr_state=unknown fr_text='the folder may be younger than the attempt'
        fl_record "state $fr_state boot $fl_boot_now" "$fr_text" || fl_no_room
    fi
    [ "$fl_act" = end ] && case $fr_state in running | starting) fl_end_attempt ;; esac
    fl_let_lock
    fl_answer
}

fl_no_room() {
    fl_let_lock
    fl_refuse nofolder 'there is no room for the record'
}

# While the attempt's own outer shell lives, it writes the record: we only mark whose wish it was, and wait. The lock
# is free meanwhile; nobody else can start, since the attempt still runs.
fl_end_attempt() {
    printf '' >"$fl_dir/$fl_key.by_us"
    fl_let_lock
    fl_help end
    fl_now
    fl_until=$((fl_cs + 500))
    while fl_read_record "$fl_rec" && fl_runs && fl_now && [ "$fl_cs" -lt "$fl_until" ]; do fl_nap 0.1; done
    fl_take_lock || fl_refuse busy 'the lock was not free for 10 s'
    fl_look_up
}

fl_recover() {
    [ -z "$fl_become" ] || fl_has sudo || fl_refuse nobecome 'there is no sudo'
    fl_know_self
    fl_now
    fl_busy_until=$((fl_cs + 1000))
    while :; do
        fl_begin
        if fl_look_up; then
            fl_let_lock
            fl_say already 1
            fl_answer
        fi
        fl_holder || break
        fl_let_lock
        fl_now
        [ "$fl_cs" -lt "$fl_busy_until" ] || { fl_say holder "$fl_held_by"; fl_refuse busy; }
        fl_nap 0.2
    done
    fl_claim
    fl_let_lock
    fl_execute
}

# Whether another attempt, of whatever run, runs on this machine.
fl_holder() {
    fl_h1= fl_held_by=
    { read -r fl_h1 fl_h2 fl_h3 fl_rest <current; } 2>/dev/null
    [ "$fl_rest" = end ] || return 1
    fl_read_record "r.$fl_h1/$fl_h2.$fl_h3.record"
    case $? in
    1) return 1 ;;
    2) fl_let_lock; fl_refuse busy 'the record of the attempt that holds the machine cannot be read' ;;
    esac
    fl_held_by="$fl_h1 $fl_h2 $fl_h3"
    fl_judge "r.$fl_h1/$fl_h2.$fl_h3.record"
}

# The name of who holds the machine, and the record that says "starting". From here on the attempt is used up. The name is
# written over the one before, whose attempt has ended: a death between the two leaves no name, and nothing that runs.
fl_claim() {
    fr_state=starting fr_text= fr_become=$fl_become fr_started=$fl_wall
    fl_put current "$fl_run $fl_step $fl_attempt" || fl_no_room
    fl_record "state starting outer $fl_self mark $fl_c boot $fl_boot_now started $fl_wall${fl_become:+ become $fl_become}" ||
        fl_no_room
}

# Three pipes: 3/4 from the inner layer and the relay, 5/6 the script's output, 7/8 to the inner layer. Made from named
# ones, where a shell has no other way to hold both ends. Nobody but their users inherits them.
fl_pipes() {
    fl_q=$fl_dir/$fl_key
    fl_pair && exec 5<&3 6>&4 && fl_pair && exec 7<&3 8>&4 && fl_pair && return 0
    mkfifo "$fl_q.a" "$fl_q.b" "$fl_q.c" || return 1
    exec 9<>"$fl_q.a" 3<"$fl_q.a" 4>"$fl_q.a" 9>&-
    exec 9<>"$fl_q.b" 5<"$fl_q.b" 6>"$fl_q.b" 9>&-
    exec 9<>"$fl_q.c" 7<"$fl_q.c" 8>"$fl_q.c" 9>&-
}

fl_execute() {
    fl_litter=1 fl_over= fl_first= fl_torn= fl_turn=0 fl_drop=0
    fl_shell= fl_exit= fr_timed= fr_left= fr_ms=
    fl_pipes 2>/dev/null || { fl_why=nofolder fr_text='no pipes could be made'; fl_not_started; }
    ( fl_relay ) <&5 >/dev/null 2>&1 3<&- 5<&- 6>&- 7<&- 8>&- &
    fl_relay_pid=$!
    exec 5<&-
    if [ -z "$fl_become" ]; then
        fl_fed=1
        fl_inner
    else
        ( fl_as "$fl_become" "$fl_start_inner" ) <&7 >&4 2>&6 3<&- 4>&- 6>&- 7<&- 8>&- &
        exec 4>&- 6>&- 7<&-
        fl_meet
        fl_send
        while [ -z "$fr_ms" ] && fl_hear; do :; done
    fi
    fl_drained
    exec 3<&-
    fl_name_end
    fl_sum_up
    fl_answer
}

# Sets fr_inner to the inner shell: who says "ready" behind sudo.
fl_meet() {
    fl_l=
    while IFS= read -r fl_l; do
        case $fl_l in 'ready '*) break ;; *' torn') fl_torn=1 ;; esac
    done <&3
    case $fl_l in
    'ready '*)
        fl_l=${fl_l#ready }
        fr_inner=${fl_l%% *}
        set -- ${fl_l##*) }
        fr_inner=$fr_inner:${20}
        ;;
    *)
        exec 8>&-
        fl_why=nobecome
        fl_drained
        fr_text=$(head -c 300 "$fl_q.0" 2>/dev/null | tr -c '[:print:]' ' ')
        fl_not_started
        ;;
    esac
}

# The script goes out only after the record says who will run it: should we die before, the inner layer finds the end
# of its input and nothing to do.
fl_send() {
    fr_state=running
    fl_record "state running inner $fr_inner" || fl_no_script
    printf '%s\n' "$fl" 2>/dev/null >&8
    exec 8>&-
}

fl_no_script() {
    exec 8>&-
    [ -n "$fl_become" ] || fl_call_off_watch
    fl_why=nofolder
    fr_text='there is no room for the record'
    fl_not_started
}

fl_not_started() {
    fr_state=never
    fl_record 'state never' "$fr_text"
    fl_answer
}

# Written down at once: END needs it, or the mark where there was no room. Where we are the inner layer, the script is still
# to go out, and its shell is named as who will run it.
fl_write_session() { # pid:start
    fr_session=$1
    if [ -n "$fl_become" ]; then
        fl_record "session $1"
    else
        fr_state=running fr_inner=$1
        fl_record "state running inner $1 session $1" || fl_no_script
    fi
}

# Reads the script's output and keeps the first half of what may be kept, and at least as much of the last, in three
# files: 0, then 1 and 2 in turn. Tells the outer shell, which may not listen before the script has ended, only what a pipe
# always has room for: once "torn", where something was not kept, and at the end "over", what the first file has, which file was
# the last, and what was dropped. Stays as a sink for a daemon that still holds the pipe, or its next line would kill it.
fl_relay() {
    trap : HUP INT TERM PIPE
    fl_i=0 fl_drop=0 fl_half=$((fl_out_max / 2))
    fl_bytes=4096 fl_count=$((fl_half / 4096 + 3)) # of most scripts, the first dd takes all
    while :; do
        fl_r=$(dd bs="$fl_bytes" count="$fl_count" 2>&1 >>"$fl_q.$fl_i")
        case $fl_r in
        [0-9]*+[0-9]*) [ "$((${fl_r%% *}))" -eq "$fl_count" ] || break ;; # fewer blocks, whole and partial: the end
        *) fl_not_kept || break ;;
        esac
        [ ! -e "$fl_q.stop" ] || exec cat >/dev/null 4>&-
        fl_bytes=32768 fl_count=1
        fl_size_of "$fl_q.$fl_i"
        [ "$fl_v" -ge "$fl_half" ] || continue
        fl_i=$((fl_i % 2 + 1))
        fl_size_of "$fl_q.$fl_i"
        fl_drop=$((fl_drop + fl_v))
        printf '%s end\n' "$fl_i $fl_drop" >"$fl_q.turn" || fl_tear
        printf '' >"$fl_q.$fl_i"
    done
    fl_first=${fl_r##*out?} # "N bytes copied": the first dd's are the first file's
    fl_first=${fl_first%% *}
    [ "$fl_bytes" = 4096 ] || fl_first=-
    fl_tell over "${fl_first:--}" "$fl_i" "$fl_drop"
}

fl_tear() {
    [ -n "$fl_torn" ] || fl_tell torn
    fl_torn=1
}

# Room is made once. After that each block for which there is none is let go; fails where there is no more to read.
fl_not_kept() {
    fl_bytes=32768 fl_count=1
    fl_tear
    [ ! -e reserve.1 ] || { rm -f reserve.1 && return 0; }
    fl_r=$(dd bs=32768 count=1 2>&1 >/dev/null)
    case $fl_r in 0+0*) return 1 ;; esac
}

# The relay ends with the output. Where nothing lives that the script has started, that is at once, and we wait for it; else a
# daemon may keep the output open: then a second is enough to read what a pipe holds. What the alarm writes stands behind all
# that the relay has said.
fl_drained() {
    [ -n "$fl_alone" ] || fl_hurry
    while [ -z "$fl_over" ] && fl_hear; do :; done
    : "${fl_over:=gone}"
    case $fl_over in
    gone) fl_torn=1; fl_turned ;;
    alarm) printf '' >"$fl_q.stop"; fl_turned ;;
    esac
}

fl_hurry() {
    fl_i=0
    while [ -z "$fl_over" ] && [ "$fl_i" -lt 100 ] && [ -e "/proc/$fl_relay_pid/fd/0" ]; do fl_i=$((fl_i + 1)); done
    [ -z "$fl_over" ] || return 0
    fl_l=gone
    [ "$fl_i" -lt 100 ] || fl_l=alarm
    ( [ "$fl_l" = gone ] || sleep 1; fl_tell "$fl_l" ) </dev/null >/dev/null 2>&1 4>/proc/self/fd/3 3<&- 8>&- &
}

# Which file a relay that has not said "over" writes, and what it has dropped. It may be writing that down just now.
fl_turned() {
    fl_i=0 fl_rest=
    while [ -e "$fl_q.turn" ] && [ "$fl_rest" != end ] && [ "$fl_i" -lt 100 ]; do
        read -r fl_turn fl_drop fl_rest <"$fl_q.turn"
        fl_i=$((fl_i + 1))
    done
    [ "$fl_i" = 0 ] || [ "$fl_rest" = end ] || fl_torn=1 fl_turn=0 fl_drop=0
}

fl_size_of() {
    [ -s "$1" ] && fl_v=$(wc -c <"$1") && fl_v=$((fl_v)) || fl_v=0
}

fl_sum_up() {
    case $fl_first in
    '' | *[!0-9]*)
        fl_size_of "$fl_q.0"
        fl_a=$fl_v
        fl_size_of "$fl_q.1"
        fl_b=$fl_v
        fl_size_of "$fl_q.2"
        ;;
    *) fl_a=$fl_first fl_b=0 fl_v=0 ;;
    esac
    fr_sizes=$fl_turn:$fl_a:$fl_b:$fl_v
    fr_total=$((fl_a + fl_b + fl_v + fl_drop))
    fr_whole=1 fr_by_us=0
    [ -z "$fl_torn" ] || fr_whole=0
    [ ! -e "$fl_q.by_us" ] || fr_by_us=1
    fr_state=ended
    [ "$fr_status$fr_signal$fl_shell" != -1 ] || fr_state=lost
    fl_l="state $fr_state sizes $fr_sizes total $fr_total whole $fr_whole by_us $fr_by_us status $fr_status"
    for fl_k in signal timed left ms; do
        eval "fl_v=\$fr_$fl_k"
        [ -z "$fl_v" ] || fl_l="$fl_l $fl_k $fl_v"
    done
    fl_record "$fl_l" || fl_refuse lost 'there is no room for the outcome'
}

# After the answer: nobody waits for it.
fl_clean() {
    for fl_f in a b c by_us turn; do
        [ ! -e "$fl_q.$fl_f" ] || rm -f "$fl_q.$fl_f"
    done
    fl_reserve
}

# Says what the record in fr_* says.
fl_answer() {
    for fl_k in started status signal timed by_us left ms text; do
        eval "fl_v=\$fr_$fl_k"
        [ -z "$fl_v" ] || fl_say "$fl_k" "$fl_v"
    done
    case $fr_state in
    ended) fl_say verdict ended; fl_give_out ;;
    starting | running) fl_say verdict running ;;
    never) fl_say verdict "${fl_why:-never}" ;;
    *) fl_say verdict lost ;;
    esac
    fl_bye
}

# The kept output: all of it, or its first and last half.
fl_give_out() {
    fl_q=$fl_dir/$fl_key
    fl_say total "$fr_total"
    [ "$fr_whole" != 0 ] || fl_say missing 1
    fl_say out
    [ "$fr_total" -eq 0 ] || fl_send_words
    fl_kept_i=${fr_sizes%%:*} fl_l=${fr_sizes#*:}
    fl_a=${fl_l%%:*} fl_l=${fl_l#*:}
    fl_b=${fl_l%:*} fl_d=${fl_l#*:}
    if [ "$fr_total" -eq 0 ]; then
        :
    elif [ "$fr_total" -le "$fl_out_max" ]; then
        fl_kept
    else
        head -c $((fl_out_max / 2)) "$fl_q.0"
        fl_gap
        fl_say cut $((fr_total - fl_out_max / 2 * 2))
        fl_send_words
        fl_kept | tail -c $((fl_out_max / 2))
    fi 2>/dev/null
    fl_gap
}

# A daemon's late words behind the sizes that were recorded are left out. Which file was written last says their order.
fl_kept() {
    head -c "$fl_a" "$fl_q.0"
    case $fl_kept_i in
    1) head -c "$fl_d" "$fl_q.2"; head -c "$fl_b" "$fl_q.1" ;;
    2) head -c "$fl_b" "$fl_q.1"; head -c "$fl_d" "$fl_q.2" ;;
    esac
}
