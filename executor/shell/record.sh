# The outer layer's records: one token for each run, one record for each attempt, read and written under the lock. Both
# are files that only grow: a line is added by the shell itself, at the cost of no process.

# Sets fr_*: what the record's whole lines say, a later one over an earlier. 1: there is none. 2: not readable, or of
# another version.
fl_read_record() { # file
    fr_state= fr_outer= fr_inner= fr_session= fr_mark= fr_become= fr_boot= fr_started= fr_ms= fr_status= fr_signal=
    fr_timed= fr_by_us= fr_left= fr_sizes= fr_total= fr_whole= fr_text=
    [ -e "$1" ] || return 1
    while IFS= read -r fl_l; do
        case $fl_l in
        'text '*' end') fl_l=${fl_l#text } fr_text=${fl_l% end} ;;
        '1 '*' end') fl_fields ${fl_l#1 } ;;
        *' end') return 2 ;;
        esac
    done <"$1"
    [ -n "$fr_state" ] || return 2
}

# Pairs of a name and a word.
fl_fields() {
    while [ $# -gt 1 ]; do
        case $1 in *[!a-z_]*) ;; *) eval "fr_$1=\$2" ;; esac
        shift 2
    done
}

# Adds to this attempt's record.
fl_record() { # pairs, a sentence for people
    [ -z "$2" ] || fl_add "$fl_rec" "text $2" || return 1
    fl_add "$fl_rec" "1 $1"
}

# Takes the run's token higher, or to where it is. 1: the one on the machine is newer, or another's. 2: no room.
fl_take_token() {
    ft_t=0 ft_e=0 ft_i=
    if [ -e "$fl_dir/token" ]; then
        fl_last "$fl_dir/token"
        fl_pass $fl_last
        fl_r=$?
        [ "$fl_r" = 3 ] || return "$fl_r"
    fi
    if [ ! -d "$fl_dir" ]; then
        mkdir "$fl_dir" 2>/dev/null || { rm -f reserve.1; mkdir "$fl_dir" 2>/dev/null; } || return 2
    fi
    fl_add "$fl_dir/token" "$fl_tl $fl_te $fl_ti" || return 2
    ft_t=$fl_tl ft_e=$fl_te ft_i=$fl_ti
}

# Compares the request's token with the machine's. 0: it is the same. 1: it may not pass. 3: it is higher.
fl_pass() { # timeline, epoch, incarnation; nothing where the file has no whole line
    [ $# = 3 ] || return 3
    ft_t=$1 ft_e=$2 ft_i=$3
    [ "$fl_tl" -eq "$1" ] || { [ "$fl_tl" -gt "$1" ] && return 3; return 1; }
    [ "$fl_te" -eq "$2" ] || { [ "$fl_te" -gt "$2" ] && return 3; return 1; }
    [ "$fl_ti" = "$3" ]
}

# Whether the attempt in fr_* still runs. The number of a process alone proves nothing: its start time must be right.
# Where its outer shell is gone, whoever may see all processes of that user looks for the mark.
fl_runs() {
    [ "$fr_boot" = "$fl_boot_now" ] || return 1
    case $fr_state in
    starting) fl_alive "$fr_outer" && return 0 || return 1 ;;
    running) fl_alive "$fr_outer" && return 0 ;;
    *) return 1 ;;
    esac
    fl_alive "$fr_inner" && return 0
    fl_help find
}

# Whether the attempt in fr_* runs; what ended without a word is settled. Its outer shell writes the record without the
# lock: it may have written, and left, between our reading and our looking for it. Now that it is gone, the record
# that we read again is its last word.
fl_judge() { # file
    while case $fr_state in starting | running) ;; *) return 1 ;; esac && ! fl_runs; do
        fl_was=$fr_state
        fl_read_record "$1"
        [ "$fr_state" = "$fl_was" ] || continue
        fl_settle "$1"
        return 1
    done
    return 0
}

# An attempt whose shells are gone: before its script was sent it never started, else its outcome is lost. What a power
# failure left may be older than what happened: after a reboot "starting" proves nothing.
fl_settle() { # file
    case $fr_state in
    starting) fr_state=never; [ "$fr_boot" = "$fl_boot_now" ] || fr_state=lost ;;
    running) fr_state=lost ;;
    *) return 0 ;;
    esac
    fl_add "$1" "1 state $fr_state"
}

# Does something to the processes of the attempt in fr_*, as the user they run as. find: true when there are any;
# end: ends them.
fl_help() { # find or end
    case $fr_mark$fr_session in *[!0-9a-f:]*) return 1 ;; esac
    printf 'fl_do=%s fl_mark=%s fl_session=%s\n%s\n' "$1" "$fr_mark" "$fr_session" "$fl" |
        fl_as "$fr_become" "$fl_start_helper" >/dev/null 2>&1
}

fl_helper() {
    if [ "$fl_do" = end ]; then
        fl_end_all "$fl_session" "$fl_mark" "$fl_kill_after"
    else
        fl_scan "$fl_session" "$fl_mark"
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
