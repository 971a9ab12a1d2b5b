#!/bin/sh
# deps.sh PACKAGE...: installs the Debian packages that are missing, with sudo where we are not root.
# deps.sh --missing PACKAGE...: only names them.
set -eu
only_name=
[ "$1" = --missing ] && only_name=yes && shift

if ! command -v dpkg-query >/dev/null; then
  echo "This is not Debian: cudet needs what Debian calls $*." >&2
  exit 0
fi
missing=
for package; do
  case $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true) in
    *" installed") ;;
    *) missing="$missing $package" ;;
  esac
done
[ -n "$missing" ] || exit 0
if [ -n "$only_name" ]; then
  echo "Debian packages are missing (\`make deps\` installs them):$missing" >&2
  exit 0
fi

echo "Installing Debian packages (DEPS=no leaves it to you):$missing"
sudo=
if [ "$(id -u)" != 0 ]; then
  sudo=sudo
  if ! command -v sudo >/dev/null; then
    echo "Not root, and there is no sudo: have someone run apt-get install$missing" >&2
    exit 1
  fi
  [ -t 0 ] || sudo="sudo -n"
fi
install() { $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends $missing </dev/null; }
# Package lists that are absent or old are brought up to date; others are left alone.
install >/dev/null 2>&1 || { $sudo apt-get update -qq && install >/dev/null; }
