#!/bin/bash
# Installs the instrument on Raspberry Pi OS (bookworm, trixie), or removes it. May be run again at any time.
#
#   install.sh --wheels FOLDER          installs the wheels that make_wheels.sh collected; needs no network
#   install.sh --uninstall [--purge]    removes it; --purge also deletes bundles, scenes, calibration and owners
#   --root FOLDER                       works on a tree that is not running (an image)
#   --boot FOLDER                       folder of config.txt; default /boot/firmware
#   --force                             allows other systems than a Raspberry Pi
set -euo pipefail
export LC_ALL=C
root='' wheels='' boot='' uninstall='' purge='' force=''
here=$(cd "$(dirname "$0")" && pwd)
begin="# >>> tombola" end="# <<< tombola"

die() { echo "install.sh: $*" >&2; exit 1; }

while (($#)); do
  case $1 in
    --wheels) wheels=${2:?--wheels needs a folder}; shift ;;
    --root) root=${2:?--root needs a folder}; shift ;;
    --boot) boot=${2:?--boot needs a folder}; shift ;;
    --uninstall) uninstall=1 ;;
    --purge) purge=1 ;;
    --force) force=1 ;;
    -h | --help) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) die "$1 is unknown; see --help" ;;
  esac
  shift
done
boot=${boot:-$root/boot/firmware}
opt=$root/opt/tombola etc=$root/etc/tombola units=$root/etc/systemd/system rules=$root/etc/udev/rules.d

# Without --root the script also calls this system's tools; with --root it only writes files.
live() { [[ -z $root ]]; }

check() {
  if live; then
    ((EUID == 0)) || die "installing changes the system; run it with sudo"
  fi
  [[ -z $root || -d $root ]] || die "the folder $root does not exist; give another --root"
  # shellcheck disable=SC1091
  codename=$( . "$root/etc/os-release" 2>/dev/null && echo "${VERSION_CODENAME:-}") || true
  case $codename in
    bookworm | trixie) ;;
    *) [[ $force ]] || die "this system is ${codename:-not Debian}, not bookworm or trixie; give --force to try anyway" ;;
  esac
  if [[ ! $force ]] && live; then
    [[ $(uname -m) == aarch64 ]] || die "this system is $(uname -m), not aarch64; install Raspberry Pi OS 64-bit, or give --force"
  fi
  # Not even with --force: the board's fuse does not carry it (hardware/docs/power.md).
  if [[ ! $uninstall ]] && grep -qa "Raspberry Pi 5" "$root/proc/device-tree/model" 2>/dev/null; then
    die "the board carries no Raspberry Pi 5 (1.3 A from +12 V are more than its fuse holds); use a Raspberry Pi 4"
  fi
  python=
  for candidate in python3.13 python3.12 python3.11 python3; do
    [[ -x $root/usr/bin/$candidate ]] && python=/usr/bin/$candidate && break
  done
  [[ $python ]] || die "Python 3.11 or newer is missing; apt-get install python3-venv"
}

# Names of the wheels in SHA256SUMS. Nothing else in the folder is touched.
listed() { sed -E 's/^[0-9a-f]{64} [ *]//' "$1/SHA256SUMS"; }

check_wheels() {
  [[ -n $wheels ]] || die "name the folder of wheels with --wheels (make_wheels.sh collects them)"
  [[ -f $wheels/SHA256SUMS ]] || die "$wheels has no SHA256SUMS; copy the whole folder that make_wheels.sh made"
  if listed "$wheels" | grep -qvE '^[A-Za-z0-9_][A-Za-z0-9_.+-]*\.whl$'; then
    die "$wheels/SHA256SUMS names other files than wheels beside it; make the folder again with make_wheels.sh"
  fi
  [[ $(listed "$wheels" | grep -c '^tombola_device-') == 1 ]] \
    || die "$wheels/SHA256SUMS does not name one wheel of tombola_device; make the folder again with make_wheels.sh"
  (cd "$wheels" && sha256sum --quiet --strict -c SHA256SUMS >/dev/null 2>&1) \
    || die "$wheels is damaged or incomplete; copy it again"
  local need=$(($(du -sm "$wheels" | cut -f1) * 6)) have
  have=$(df -Pm "$root/" | awk 'NR == 2 {print $4}')
  ((have > need)) || die "the disk has ${have} MiB free but $need are needed; remove files"
}

inside() { if live; then "$@"; else chroot "$root" "$@"; fi; }

install_code() {
  # Make a new environment beside the old one; change the link when the new one works.
  local version
  version=$(listed "$wheels" | sed -n 's/^tombola_device-\([^-]*\)-.*/\1/p')
  version=$version-$(sha256sum "$wheels/SHA256SUMS" | cut -c1-8)
  mkdir -p "$opt/versions"
  if [[ ! -f $opt/versions/$version/whole ]]; then
    # An environment cannot be moved, so a file "whole", written last, marks it as complete. Without this file the
    # environment is the rest of an earlier power cut and is made again.
    local into=/opt/tombola/versions/$version
    rm -rf "$opt/versions/$version" "$opt/wheels.partial"
    mkdir -p "$opt/wheels.partial"
    local wheel
    for wheel in SHA256SUMS $(listed "$wheels"); do cp "$wheels/$wheel" "$opt/wheels.partial/"; done
    # The copies are checked, not what may have changed on the stick meanwhile.
    if ! (cd "$opt/wheels.partial" && sha256sum --quiet --strict -c SHA256SUMS >/dev/null 2>&1); then
      rm -rf "$opt/wheels.partial"
      die "$wheels changed while it was copied; copy it again"
    fi
    inside "$python" -m venv "$into" || die "Python cannot make an environment; apt-get install python3-venv"
    if ! inside "$into/bin/pip" install -q --disable-pip-version-check --no-index --find-links /opt/tombola/wheels.partial \
      "tombola-device[pi]"; then
      rm -rf "$opt/versions/$version" "$opt/wheels.partial"
      die "the wheels do not fit this Python; make them again with make_wheels.sh for its version"
    fi
    rm -rf "$opt/wheels.partial"
    inside "$into/bin/python" -m compileall -q "$into/lib" >/dev/null 2>&1 || true
    inside "$into/bin/tombolad" --version >/dev/null || { rm -rf "$opt/versions/$version"; die "tombolad does not start here; nothing was changed"; }
    sync
    touch "$opt/versions/$version/whole"
  fi
  [[ -L $opt/current ]] && ln -sfn "$(readlink "$opt/current")" "$opt/previous"
  ln -sfn "versions/$version" "$opt/current.new"
  mv -T "$opt/current.new" "$opt/current"
}

install_files() {
  mkdir -p "$etc" "$units" "$rules"
  install -m 755 "$here/gadget.sh" "$opt/gadget.sh"
  install -m 644 "$here/tombola.service" "$here/tombola-gadget.service" "$units/"
  install -m 644 "$here/60-tombola.rules" "$rules/"
  [[ -f $etc/tombola.toml ]] || install -m 644 "$here/tombola.toml" "$etc/tombola.toml"
  mkdir -p "$units/basic.target.wants"
  for unit in tombola tombola-gadget; do
    ln -sfn "/etc/systemd/system/$unit.service" "$units/basic.target.wants/$unit.service"
  done
  # A login prompt would disturb the flash protocol and MIDI on these ports.
  ln -sfn /dev/null "$units/serial-getty@ttyGS0.service"
  ln -sfn /dev/null "$units/serial-getty@ttyAMA0.service"
  local id group
  id=$(free_id)
  grep -q '^tombola:' "$root/etc/group" || echo "tombola:x:$id:" >>"$root/etc/group"
  group=$(sed -n 's/^tombola:[^:]*:\([0-9]*\):.*/\1/p' "$root/etc/group")
  grep -q '^tombola:' "$root/etc/passwd" \
    || echo "tombola:x:$id:$group:Tombola:/var/lib/tombola:/usr/sbin/nologin" >>"$root/etc/passwd"
  for group in audio gpio spi i2c dialout; do
    grep -q "^$group:" "$root/etc/group" || inside groupadd -r "$group" 2>/dev/null || true
  done
}

# A number for a system user and its group that neither has: that of the state which an earlier installation left, or
# the highest free one, as Debian's adduser and systemd-sysusers give them.
free_id() {
  local id
  for id in $(stat -c %u "$root/var/lib/tombola" 2>/dev/null) $(seq 999 -1 100); do
    ((id >= 100 && id <= 999)) || continue
    grep -qE "^[^:]*:[^:]*:$id:" "$root/etc/passwd" "$root/etc/group" || { echo "$id"; return; }
  done
  die "all numbers for system users, 100 to 999, are taken; remove one from /etc/passwd and /etc/group"
}

strip_config() { sed -i "/^$begin/,/^$end/d" "$boot/config.txt"; }

install_config() {
  [[ -f $boot/config.txt ]] || { echo "· $boot/config.txt is missing, so the board's overlays were not set up" >&2; return; }
  [[ -f $boot/config.txt.before-tombola ]] || cp "$boot/config.txt" "$boot/config.txt.before-tombola"
  strip_config
  { echo "$begin (install.sh writes between these lines)"; echo "[all]"; cat "$here/boot/config-pi4.txt"; echo "$end"; } >>"$boot/config.txt"
}

# Raspberry Pi OS may run a console on the serial port that MIDI needs.
install_cmdline() {
  local line=$boot/cmdline.txt
  [[ -f $line ]] || return 0
  grep -oE '(^| )console=(serial0|ttyAMA0|ttyS0)[^ ]*' "$line" | tr -d ' ' >"$line.tombola-took.new" || true
  [[ -s $line.tombola-took.new ]] || { rm -f "$line.tombola-took.new"; return 0; }
  mv "$line.tombola-took.new" "$line.tombola-took"
  sed -i -E 's/(^| )console=(serial0|ttyAMA0|ttyS0)[^ ]*//g; s/^ //' "$line"
}

# Restore only the removed words: the rest of the line may have changed since, and the system needs it to boot.
restore_cmdline() {
  local line=$boot/cmdline.txt
  [[ -f $line && -f $line.tombola-took ]] || return 0
  sed -i "1s|^|$(tr '\n' ' ' <"$line.tombola-took")|" "$line"
  rm -f "$line.tombola-took"
}

reload() {
  live || return 0
  systemctl daemon-reload
  udevadm control --reload || true
}

remove() {
  if live; then systemctl disable --now tombola.service tombola-gadget.service 2>/dev/null || true; fi
  rm -f "$units"/{tombola,tombola-gadget}.service "$units"/basic.target.wants/{tombola,tombola-gadget}.service
  rm -f "$units"/serial-getty@tty{GS0,AMA0}.service "$rules/60-tombola.rules"
  rmdir --ignore-fail-on-non-empty "$units/basic.target.wants" 2>/dev/null || true
  rm -rf "$opt"
  [[ -f $boot/config.txt ]] && strip_config
  rm -f "$boot/config.txt.before-tombola"
  restore_cmdline
  sed -i '/^tombola:/d' "$root/etc/passwd" "$root/etc/group"
  if [[ $purge ]]; then rm -rf "$etc" "$root/var/lib/tombola"; fi
  reload
  echo "· removed$([[ $purge ]] || echo '; /var/lib/tombola and /etc/tombola were kept')"
}

check
if [[ $uninstall ]]; then
  remove
  exit 0
fi
check_wheels
install_code
install_files
install_config
install_cmdline
reload
echo "· installed $(readlink "$opt/current"); it plays after the next start (or: systemctl start tombola)"
