#!/bin/sh
# SPDX-License-Identifier: MIT
# The demo's machine: an sshd in mount and process namespaces of its own, with things on it that are broken. Its /etc is a
# copy in memory with a user `ops` added; /run, /srv and /dev/shm are its own. What happens here never reaches the machine
# below, and all of it is gone when this ends.
# Argument: its folder, with sshd_config, keys, and empty etc and home.
set -eu
folder=$1

mount -t tmpfs -o mode=755 tmpfs "$folder/etc"
cp -a /etc/. "$folder/etc/"
sed -i -e '/^ops:/d' -e '/^[^:]*:[^:]*:2000:/d' "$folder/etc/passwd" "$folder/etc/group"
sed -i '/^ops:/d' "$folder/etc/shadow"
echo "ops:x:2000:2000:operations:$folder/home:/bin/sh" >>"$folder/etc/passwd"
echo "ops:x:2000:" >>"$folder/etc/group"
echo "ops:*:19000:0:99999:7:::" >>"$folder/etc/shadow"
mkdir -p "$folder/etc/sudoers.d"
echo "ops ALL=(ALL) NOPASSWD: ALL" >"$folder/etc/sudoers.d/demo"
chmod 440 "$folder/etc/sudoers.d/demo"
echo "127.0.0.1 $(uname -n)" >>"$folder/etc/hosts" # sudo looks its own name up
tr -d - </proc/sys/kernel/random/uuid >"$folder/etc/machine-id"
mount --bind "$folder/etc" /etc
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/sshd /run/lock /run/sudo /run/shop /run/firstline
mount -t tmpfs -o mode=755 tmpfs /srv
mkdir -p /dev/shm
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
chown ops:ops /run/firstline "$folder/home"

# Services: a daemon each, which writes the time into its beat file.
mkdir -p /srv/shop
cat >/srv/shop/daemon <<'DAEMON'
#!/bin/sh
# A service's main process. It beats once a second.
echo $$ >/run/shop/"$1".pid
while :; do
    date +%s >/run/shop/"$1".beat
    sleep 1
done
DAEMON
cat >/srv/shop/service <<'SERVICE'
#!/bin/sh
# usage: service NAME start|stop|status|log. Services: order-api, juchu-api, payment, search.
name=$1
alive() {
    pid=$(cat /run/shop/"$name".pid 2>/dev/null) && [ -n "$pid" ] && [ -d /proc/"$pid" ]
}
case $2 in
status)
    alive && { echo running; exit 0; }
    echo stopped
    exit 3
    ;;
start)
    alive && exit 0
    if [ -e /srv/shop/"$name".broken ]; then
        echo "$(date -u +%H:%M:%S) ERROR $(cat /srv/shop/"$name".broken)" >>/run/shop/"$name".log
        echo "$name: $(cat /srv/shop/"$name".broken)" >&2
        exit 1
    fi
    rm -f /run/shop/"$name".pid
    setsid /srv/shop/daemon "$name" </dev/null >>/run/shop/"$name".log 2>&1 &
    tries=0
    until alive; do
        tries=$((tries + 1))
        [ "$tries" -lt 50 ] || { echo "$name: did not come up within 5 s" >&2; exit 1; }
        sleep 0.1
    done
    echo "$name: started, pid $pid"
    ;;
stop)
    alive && kill "$pid"
    rm -f /run/shop/"$name".pid
    ;;
log) tail -n 5 /run/shop/"$name".log ;;
*) echo "usage: service NAME start|stop|status|log" >&2; exit 2 ;;
esac
SERVICE
chmod 755 /srv/shop/daemon /srv/shop/service
for name in order-api juchu-api payment search; do
    echo "12:04:55 INFO $name ready" >/run/shop/$name.log
    echo "12:31:07 FATAL $name: worker ended by signal 11" >>/run/shop/$name.log
done
echo "cannot read /srv/shop/payment.key: no such file" >/srv/shop/payment.broken

# A small filesystem, full.
mkdir -p /srv/data
mount -t tmpfs -o size=16m,mode=755 tmpfs /srv/data
mkdir -p /srv/data/log
yes '2026-01-01 00:00:00 DEBUG retrying connection to upstream 10.0.0.7:8080' 2>/dev/null |
    head -c 16250000 >/srv/data/log/app.log

# A queue that has drained by itself, a replica that is far behind, and a disk array nobody has a tool for.
mkdir -p /srv/queue /srv/replica
echo 12 >/srv/queue/length
echo 940 >/srv/replica/lag

# The first process collects what has ended, as on any machine, and stays.
exec /usr/bin/python3 -c '
import os, subprocess, sys, time
subprocess.Popen(sys.argv[1:])
while True:
    try:
        os.wait()
    except ChildProcessError:
        time.sleep(0.1)
' /usr/sbin/sshd -D -f "$folder/sshd_config" -E "$folder/sshd.log"
