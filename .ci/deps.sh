#!/bin/sh
# deps.sh PACKAGE...: installs missing Debian packages, with sudo unless run as root.
# deps.sh --missing PACKAGE...: only names the missing packages.
set -eu
only_name=
[ "$1" = --missing ] && only_name=yes && shift

if ! command -v dpkg-query >/dev/null; then
  echo "This is not Debian: cudet needs the equivalents of the Debian packages $*." >&2
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

echo "Installing Debian packages (DEPS=no: install nothing):$missing"
sudo=
if [ "$(id -u)" != 0 ]; then
  sudo=sudo
  if ! command -v sudo >/dev/null; then
    echo "Not root, and sudo is not installed: run as root: apt-get install$missing" >&2
    exit 1
  fi
  [ -t 0 ] || sudo="sudo -n"
fi
install() { $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends $missing </dev/null; }
# Update the package lists only if the installation fails with the present ones.
install >/dev/null 2>&1 || { $sudo apt-get update -qq && install >/dev/null; }
