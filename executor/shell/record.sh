# The outer layer's records: one token for each run, one record for each attempt, read and written under the lock.

# Sets fr_*. 1: there is none. 2: not readable, or of another version.
fl_read_record() { # file
    fr_state= fr_outer= fr_inner= fr_session= fr_mark= fr_become= fr_boot= fr_started= fr_ms= fr_status= fr_signal=
    fr_timed= fr_by_us= fr_left= fr_sizes= fr_total= fr_whole= fr_text= fr_version= fl_ok=
    [ -e "$1" ] || return 1
    while read -r fl_k fl_v; do
        case $fl_k in
        firstline-wrapper) fr_version=$fl_v ;;
        state) fr_state=$fl_v ;;
        outer) fr_outer=$fl_v ;;
        inner) fr_inner=$fl_v ;;
        session) fr_session=$fl_v ;;
        mark) fr_mark=$fl_v ;;
        become) fr_become=$fl_v ;;
        boot) fr_boot=$fl_v ;;
        started) fr_started=$fl_v ;;
        ms) fr_ms=$fl_v ;;
        status) fr_status=$fl_v ;;
        signal) fr_signal=$fl_v ;;
        timed) fr_timed=$fl_v ;;
        by_us) fr_by_us=$fl_v ;;
        left) fr_left=$fl_v ;;
        sizes) fr_sizes=$fl_v ;;
        total) fr_total=$fl_v ;;
        whole) fr_whole=$fl_v ;;
        text) fr_text=$fl_v ;;
        end) fl_ok=1 ;;
        esac
    done <"$1"
    [ "$fr_version$fl_ok" = 11 ] || return 2
}

fl_write_record() { # file, attempt's name for people
    fl_put "$1" "firstline-wrapper 1
attempt $2
state $fr_state
outer $fr_outer
inner $fr_inner
session $fr_session
mark $fr_mark
become $fr_become
boot $fr_boot
started $fr_started
ms $fr_ms
status $fr_status
signal $fr_signal
timed $fr_timed
by_us $fr_by_us
left $fr_left
sizes $fr_sizes
total $fr_total
whole $fr_whole
text $fr_text"
}

# Takes the run's token higher, or to where it is. 1: the one on the machine is newer, or another's. 2: no room.
fl_take_token() {
    ft_t=0 ft_e=0 ft_i=
    if [ -e "$fl_dir/token" ]; then
        read -r ft_t ft_e ft_i <"$fl_dir/token"
        if [ "$fl_tl" -lt "$ft_t" ]; then return 1; fi
        if [ "$fl_tl" -eq "$ft_t" ]; then
            if [ "$fl_te" -lt "$ft_e" ]; then return 1; fi
            if [ "$fl_te" -eq "$ft_e" ]; then
                [ "$fl_ti" = "$ft_i" ]
                return
            fi
        fi
    fi
    if [ ! -d "$fl_dir" ]; then
        mkdir "$fl_dir" 2>/dev/null || { rm -f reserve.1; mkdir "$fl_dir" 2>/dev/null; } || return 2
    fi
    fl_put "$fl_dir/token" "$fl_tl $fl_te $fl_ti" || return 2
    ft_t=$fl_tl ft_e=$fl_te ft_i=$fl_ti
}

# Whether the attempt in fr_* still runs. The number of a process alone proves nothing: its start time must be right.
# Where its outer shell is gone, whoever may see all processes of that user looks for the mark.
fl_runs() {
    [ "$fr_boot" = "$fl_boot_now" ] || return 1
    case $fr_state in
    starting) fl_alive $fr_outer && return 0 || return 1 ;;
    running) fl_alive $fr_outer && return 0 ;;
    *) return 1 ;;
    esac
    fl_alive $fr_inner && return 0
    fl_help find
}

# Whether the attempt in fr_* runs; what ended without a word is settled. Its outer shell writes the record without the
# lock: it may have written, and left, between our reading and our looking for it. Now that it is gone, the record
# that we read again is its last word.
fl_judge() { # file, name
    while ! fl_runs; do
        fl_was=$fr_state
        fl_read_record "$1"
        [ "$fr_state" = "$fl_was" ] || continue
        fl_settle "$1" "$2"
        return 1
    done
    return 0
}

# An attempt whose shells are gone: before its script was sent it never started, else its outcome is lost.
fl_settle() { # file, name
    case $fr_state in
    starting) fr_state=never ;;
    running) fr_state=lost ;;
    *) return 0 ;;
    esac
    fl_write_record "$1" "$2"
}

# Does something to the processes of the attempt in fr_*, as the user they run as. find: true when there are any;
# end: ends them.
fl_help() { # find or end
    case $fr_mark$fr_session in *[!0-9a-f\ ]*) return 1 ;; esac
    printf 'fl_do=%s fl_mark=%s fl_session="%s"\n%s\n' "$1" "$fr_mark" "$fr_session" "$fl" |
        fl_as "$fr_become" "$fl_start_helper" >/dev/null 2>&1
}

fl_helper() {
    set -- $fl_session
    if [ "$fl_do" = end ]; then
        fl_end_all "$1" "$2" "$fl_mark" "$fl_kill_after"
    else
        fl_scan "$1" "$2" "$fl_mark"
    fi
    [ "$fl_left" -gt 0 ]
}

# Starts a shell as a user: ourselves, or by sudo, which asks nothing.
fl_as() { # user or nothing, command
    if [ -z "$1" ]; then
        exec "$fl_sh" -c "$2"
    else
        exec sudo -n -u "$1" -- "$fl_sh" -c "$2"
    fi
}
