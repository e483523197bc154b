#!/bin/sh
# Holds the namespaces of one machine of a cluster: mounts, processes, network, and a root file system of its own.
# `place.py` starts it; nothing in it outlives it, and the machine's mounts and addresses stay as they are:
#   place.sh ROOT DATA CORES VISIBLE...
# The scheduler counts CORES: what services request is reserved for busy days, and a test's machine may have two cores.
set -eu
root=$1 data=$2 cores=$3
shift 3
mount --make-rprivate /
mount --bind "$root" "$root"
cd "$root"
mount -t proc proc proc
mount --rbind /dev dev
mount -t sysfs sysfs sys
mount --rbind /sys/fs/cgroup sys/fs/cgroup
mount -t tmpfs tmpfs sys/devices/system/node
mount -t tmpfs tmpfs sys/devices/system/cpu
core=0
while [ "$core" -lt "$cores" ]; do
	mkdir "sys/devices/system/cpu/cpu$core"
	core=$((core + 1))
done
echo "0-$((cores - 1))" >sys/devices/system/cpu/online
mount -t tmpfs tmpfs run
# kubelet would set these for the whole machine: here it finds them set.
for setting in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 \
	kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
	file=run/$(echo "${setting%=*}" | tr / .)
	echo "${setting#*=}" >"$file"
	mount --bind "$file" "proc/sys/${setting%=*}"
done
mount -t tmpfs tmpfs tmp
for kept in kubelet containerd; do
	mkdir -p "$data/$kept" "var/lib/$kept"
	mount --bind "$data/$kept" "var/lib/$kept"
done
mkdir -p "$data/log" run/before
mount --bind "$data/log" var/log
for visible; do
	mkdir -p ".$visible"
	mount --bind "$visible" ".$visible"
done
pivot_root . run/before
cd /
umount -l run/before
mount --make-rshared / # kubelet mounts volumes that containers must see
touch run/ready
exec tini -s -g -- sleep infinity
