#!/bin/sh
# build-base.sh DIRECTORY PACKAGE...: a bare Debian 12 (DIRECTORY/root: systemd, sshd, sudo, nothing of a web server)
# and the .deb files that installing PACKAGE... on it takes (DIRECTORY/repository, as a mirror would serve them).
# Comes from this machine's own package mirror; run once per content key, under a lock.
set -eu
directory=$1
shift
partial=$directory.partial
rm -rf "$partial"
mkdir -p "$partial/repository"
root=$partial/root

debootstrap --variant=minbase \
  --include=systemd,systemd-sysv,libpam-systemd,dbus,openssh-server,sudo,iproute2 \
  bookworm "$root" >"$partial/log" 2>&1 || {
  tail -5 "$partial/log" >&2
  exit 1
}

# As an installer leaves it: no key for anybody yet, an administrator with sudo, one without.
rm -f "$root"/etc/ssh/ssh_host_*
chroot "$root" useradd --create-home --shell /bin/bash admin
chroot "$root" useradd --create-home --shell /bin/bash nobody-special
printf 'admin ALL=(ALL) NOPASSWD: ALL\n' >"$root/etc/sudoers.d/admin"
printf 'nobody-special ALL=(ALL) ALL\n' >"$root/etc/sudoers.d/nobody-special"
: >"$root/etc/machine-id"
# Without a name server each login would wait for one.
printf 'UseDNS no\n' >"$root/etc/ssh/sshd_config.d/test.conf"

# What installing the packages takes, as apt on the bare system itself works it out.
cp /etc/resolv.conf "$root/etc/resolv.conf"
cp "$root/etc/hosts" "$partial/hosts" 2>/dev/null || : >"$partial/hosts"
cp /etc/hosts "$root/etc/hosts"
# Debian's own sources, as this machine has them.
if [ -e /etc/apt/sources.list.d/debian.sources ]; then
  : >"$root/etc/apt/sources.list"
  cp /etc/apt/sources.list.d/debian.sources "$root/etc/apt/sources.list.d/"
else
  cp /etc/apt/sources.list "$root/etc/apt/"
fi
options='-o Acquire::Check-Valid-Until=false -o Acquire::Check-Date=false -o APT::Sandbox::User=root'
chroot "$root" apt-get $options -q update >>"$partial/log" 2>&1
chroot "$root" apt-get $options -q -y --no-install-recommends --download-only install "$@" >>"$partial/log" 2>&1 || {
  tail -5 "$partial/log" >&2
  exit 1
}
mv "$root"/var/cache/apt/archives/*.deb "$partial/repository/"
chroot "$root" apt-get clean
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*.bin "$root"/etc/apt/sources.list.d/*
cp "$partial/hosts" "$root/etc/hosts"
printf '127.0.0.1 localhost\n' >>"$root/etc/hosts"
: >"$root/etc/resolv.conf"
(cd "$partial/repository" && dpkg-scanpackages --multiversion . >Packages 2>>"$partial/log" && gzip -k Packages)
mv "$partial" "$directory"
