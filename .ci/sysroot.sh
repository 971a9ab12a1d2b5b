#!/bin/sh
# sysroot.sh ARCHITECTURE FOLDER PACKAGE...: unpacks Debian packages of another architecture, and all that they depend
# on, into FOLDER. Nothing is installed, so it needs no root, and this machine's own packages stay as they are.
set -eu
architecture=$1 folder=$2
shift 2
if ! command -v apt-get >/dev/null; then
  echo "There is no apt-get here: install $* for $architecture yourself, and give DEPS=no" >&2
  exit 1
fi

rm -rf "$folder"
mkdir -p "$folder"
apt=$(cd "$folder" && pwd)/apt
mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
: >"$apt/status"  # as if nothing were installed
get() {
  apt-get -qq -o APT::Architecture="$architecture" -o APT::Architectures="$architecture" -o APT::Sandbox::User=root \
    -o Dir::State::Lists="$apt/lists" -o Dir::State::status="$apt/status" -o Dir::Cache="$apt/cache" \
    -o APT::Install-Recommends=false -o Debug::NoLocking=true "$@" </dev/null
}
echo "Unpacking $* for $architecture into $folder"
get update
get --download-only install "$@" >/dev/null
# The cross compiler brings its own libc to compile against.
rm -f "$apt"/cache/archives/libc6-dev_*.deb "$apt"/cache/archives/linux-libc-dev_*.deb
for package in "$apt"/cache/archives/*.deb; do dpkg-deb -x "$package" "$folder"; done
rm -rf "$apt"
