#!/bin/sh
# Runs Docker Engine on a root file system of its own. `engine.py` starts it with mount and process namespaces of its
# own, so that nothing outlives it and the machine's mounts stay as they are:
#   enter.sh ROOT DATA CHECKOUT...
# The engine has a network of its own too, which reaches outside through slirp4netns: the machine's addresses, routes
# and packet filters stay as they are.
set -eu
root=$1 data=$2
shift 2
mount --make-rprivate /
mount --bind "$root" "$root"
cd "$root"
mount -t proc proc proc
mount --rbind /dev dev
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mkdir -p run/cgroup run/before var/lib/docker
mount --rbind /sys/fs/cgroup run/cgroup
mount --bind "$data" var/lib/docker
for visible; do
	mkdir -p ".$visible"
	mount --bind "$visible" ".$visible"
done
echo "nameserver 10.0.2.3" >etc/resolv.conf # slirp4netns answers there
pivot_root . run/before
cd /
umount -l run/before
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root

unshare --net sleep infinity &
network=/proc/$!/ns/net
until [ "$(readlink "$network")" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.05; done
slirp4netns --configure --mtu=65520 --disable-host-loopback --netns-type=path "$network" tap0 &
exec nsenter --net="$network" sh -euc '
	until grep -q tap0 /proc/net/route; do sleep 0.05; done
	# Private networks outside are nothing to containers: a connection to an address that has gone ends here.
	iptables --table mangle --append POSTROUTING --out-interface tap0 --destination 10.0.2.0/24 --jump ACCEPT
	for private in 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16; do
		iptables --table mangle --append POSTROUTING --out-interface tap0 --destination $private --jump DROP
	done
	mount -t sysfs sysfs /sys
	mount --rbind /run/cgroup /sys/fs/cgroup
	exec tini -g -- dockerd --host=unix:///run/docker.sock --storage-driver=overlay2 \
		--exec-opt native.cgroupdriver=cgroupfs --shutdown-timeout=40'
