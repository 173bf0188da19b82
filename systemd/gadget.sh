#!/bin/sh
# Makes one CDC-ACM function: the computer has /dev/ttyACM0, the instrument has /dev/ttyGS0.
# Source: the kernel's Documentation/usb/gadget_configfs.rst.
set -eu
gadget=${TOMBOLA_CONFIGFS:-/sys/kernel/config}/usb_gadget/tombola

start() {
  [ -e "$gadget/UDC" ] && [ -n "$(cat "$gadget/UDC")" ] && return 0
  modprobe libcomposite 2>/dev/null || true
  mkdir -p "$gadget/strings/0x409" "$gadget/configs/c.1/strings/0x409" "$gadget/functions/acm.0"
  # 0x1d6b:0x0104 is the Linux Foundation's number for composite gadgets without their own number.
  echo 0x1d6b >"$gadget/idVendor"
  echo 0x0104 >"$gadget/idProduct"
  serial=$(tr -d '\0' </proc/device-tree/serial-number 2>/dev/null || echo 0)
  echo "$serial" >"$gadget/strings/0x409/serialnumber"
  echo "Tombola" >"$gadget/strings/0x409/manufacturer"
  echo "Tombola" >"$gadget/strings/0x409/product"
  echo "serial line" >"$gadget/configs/c.1/strings/0x409/configuration"
  [ -e "$gadget/configs/c.1/acm.0" ] || ln -s "$gadget/functions/acm.0" "$gadget/configs/c.1/acm.0"
  udc=
  for found in /sys/class/udc/*; do
    [ -e "$found" ] && udc=${found##*/} && break
  done
  if [ -z "$udc" ]; then
    echo "gadget.sh: this system has no USB device controller; add dtoverlay=dwc2,dr_mode=peripheral to config.txt" >&2
    return 1
  fi
  echo "$udc" >"$gadget/UDC"
}

stop() {
  [ -d "$gadget" ] || return 0
  echo "" >"$gadget/UDC" 2>/dev/null || true
  rm -f "$gadget/configs/c.1/acm.0"
  rmdir "$gadget/configs/c.1/strings/0x409" "$gadget/configs/c.1" "$gadget/functions/acm.0" \
    "$gadget/strings/0x409" "$gadget" 2>/dev/null || true
}

case ${1:-} in
  start) start ;;
  stop) stop ;;
  *) echo "usage: gadget.sh start|stop" >&2; exit 2 ;;
esac
