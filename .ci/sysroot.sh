#!/bin/sh
# sysroot.sh ARCHITECTURE FOLDER PACKAGE...: unpacks Debian packages of another architecture and their dependencies into
# FOLDER. Installs nothing, so it does not need root and does not change this machine's packages.
set -eu
architecture=$1 folder=$2
shift 2
if ! command -v apt-get >/dev/null; then
  echo "apt-get is not installed: install $* for $architecture, and run make with DEPS=no" >&2
  exit 1
fi

rm -rf "$folder"
mkdir -p "$folder"
apt=$(cd "$folder" && pwd)/apt
mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
: >"$apt/status"  # an empty list of installed packages
get() {
  apt-get -qq -o APT::Architecture="$architecture" -o APT::Architectures="$architecture" -o APT::Sandbox::User=root \
    -o Dir::State::Lists="$apt/lists" -o Dir::State::status="$apt/status" -o Dir::Cache="$apt/cache" \
    -o APT::Install-Recommends=false -o Debug::NoLocking=true "$@" </dev/null
}
echo "Unpacking $* for $architecture into $folder"
get update
get --download-only install "$@" >/dev/null
# The cross compiler has its own libc headers.
rm -f "$apt"/cache/archives/libc6-dev_*.deb "$apt"/cache/archives/linux-libc-dev_*.deb
for package in "$apt"/cache/archives/*.deb; do dpkg-deb -x "$package" "$folder"; done
rm -rf "$apt"
