#!/bin/sh
# Sets up what is missing: packages, the build, a GPU adapter and, with --test, a Chromium for the browser tests; with --page packages and
# the build alone, for browsers bring their own WebGPU.
# Does nothing when all is there. System packages are installed on Debian and Ubuntu as root; elsewhere the commands
# to run are printed and the script fails.
set -eu
cd "$(dirname "$0")/.."

log=$(mktemp -d)/setup.log
trap 'rm -rf "$(dirname "$log")"' EXIT

say() { echo "setup: $*"; }
fail() {
  echo "setup failed: $*" >&2
  exit 1
}
# Runs a command with its output in the log, which is shown when it fails.
quietly() {
  "$@" >"$log" 2>&1 && return
  cat "$log" >&2
  fail "'$*' did not succeed; its output is above"
}

check_node() {
  command -v node >/dev/null || fail "Node is missing; install Node 20.9 or newer"
  node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 9) ? 0 : 1)' ||
    fail "Node $(node --version) is too old; install Node 20.9 or newer"
}

# Installs the packages of a folder's lock file.
install_packages() {
  cmp -s "$1/package-lock.json" "$1/node_modules/.setup-lock.json" && return
  command -v npm >/dev/null || fail "npm is missing; install the npm that belongs to Node $(node --version)"
  say "installing the npm packages of $1/package-lock.json"
  quietly npm ci --prefix "$1" --include=dev --no-audit --no-fund --loglevel=error
  cp "$1/package-lock.json" "$1/node_modules/.setup-lock.json"
}

build() {
  if [ -f dist/.built ] && [ -z "$(find package.json tsconfig.json node_modules/.setup-lock.json kernels src bench test \
    -newer dist/.built ! -path 'test/golden*' ! -path '*/node_modules/*' -print | head -n 1)" ]; then
    return
  fi
  say "compiling"
  mkdir -p dist
  touch dist/.building
  if node_modules/.bin/tsc >"$log" 2>&1; then
    # The time of the start: what is edited while the compiler runs is compiled next time.
    mv dist/.building dist/.built
    return
  fi
  rm -f dist/.building
  cat "$log" >&2
  # The test run counts type errors as a failed test; the compiler has written its output all the same.
  [ "$testing" = yes ] && [ -f dist/test/run.js ] || fail "the TypeScript compiler found the errors above"
}

debian_like() {
  command -v apt-get >/dev/null && [ -r /etc/os-release ]
}
os() {
  # shellcheck source=/dev/null
  (. /etc/os-release && echo "${ID:-} ${VERSION_CODENAME:-}")
}

backports_list=/etc/apt/sources.list.d/webgpu-simclr-backports.list
# Prints "URI" of the mirror that serves main of the given suite to this machine.
mirror_of() {
  # shellcheck disable=SC2016
  apt-get indextargets --format '$(CODENAME)|$(COMPONENT)|$(REPO_URI)' 'Created-By: Packages' |
    sed -n "s/^$1|main|//p" | head -n 1
}

install_vulkan() {
  debian_like || fail "no GPU adapter found. Install your GPU's Vulkan driver, or Mesa's software adapter lavapipe \
(a Vulkan driver that runs on the CPU, packaged with Mesa's Vulkan drivers), and run this again"
  # The lavapipe of Debian 12 itself (Mesa 22.3) is too old for WebGPU; the one of its backports is not.
  suite=
  if [ "$(os)" = "debian bookworm" ]; then suite=bookworm-backports; fi
  packages="mesa-vulkan-drivers libvulkan1"
  install="apt-get install --yes --no-install-recommends ${suite:+-t $suite }$packages"
  if [ "$(id -u)" -ne 0 ]; then
    echo "setup: no GPU adapter found. With a GPU, install its Vulkan driver; without one, run as root" >&2
    echo "    apt-get update" >&2
    if [ -n "$suite" ] && [ -z "$(mirror_of $suite)" ]; then
      echo "    echo '$(backports_line)' > $backports_list" >&2
      echo "    apt-get update" >&2
    fi
    echo "    $install" >&2
    fail "the commands above need root; afterwards run this again"
  fi
  say "no GPU adapter found; installing Mesa's software adapter (lavapipe)"
  quietly apt-get update
  if [ -n "$suite" ] && [ -z "$(mirror_of $suite)" ]; then
    backports_line >$backports_list
    quietly apt-get update
  fi
  export DEBIAN_FRONTEND=noninteractive
  # shellcheck disable=SC2086
  quietly $install
}
backports_line() {
  mirror=$(mirror_of bookworm)
  [ -n "$mirror" ] || fail "apt knows no source of Debian bookworm main; run 'apt-get update' or check /etc/apt/sources.list.d"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror bookworm-backports main"
}

check_adapter() {
  if node .ci/adapter.mjs 2>"$log"; then return; fi
  install_vulkan
  node .ci/adapter.mjs 2>"$log" && return
  cat "$log" >&2
  fail "still no GPU adapter after the installation; 'node .ci/adapter.mjs' shows what the driver says"
}

check_chromium() {
  for name in ${CHROMIUM:-chromium chromium-browser google-chrome}; do
    if command -v "$name" >/dev/null; then return; fi
  done
  [ -z "${CHROMIUM:-}" ] || fail "CHROMIUM=$CHROMIUM is not a program"
  debian_like && [ "$(os | cut -d ' ' -f 1)" = debian ] ||
    fail "no Chromium found; install Chromium or Chrome, or set CHROMIUM to its path"
  install="apt-get install --yes --no-install-recommends chromium"
  [ "$(id -u)" -eq 0 ] || fail "no Chromium found. As root, run 'apt-get update' and '$install', or set CHROMIUM to its path"
  say "no Chromium found; installing it for the browser tests"
  quietly apt-get update
  export DEBIAN_FRONTEND=noninteractive
  # shellcheck disable=SC2086
  quietly $install
}

testing=no
page=no
case "${1:-}" in
"") ;;
--test) testing=yes ;;
--page) page=yes ;;
*) fail "unknown argument '$1'; there are --test and --page" ;;
esac
check_node
install_packages .
if [ "$testing" = yes ]; then install_packages test/package/tools; fi
build
if [ "$page" = no ]; then check_adapter; fi
if [ "$testing" = yes ]; then check_chromium; fi
