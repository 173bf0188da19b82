#!/bin/bash
# Collects all wheels that a Raspberry Pi needs into one folder, with a list of hashes: make_wheels.sh FOLDER [311|313]
# PyPI has pyalsaaudio and spidev for arm64 only as source, so run this script on a Pi or in an arm64 tree.
set -euo pipefail
folder=${1:?usage: make_wheels.sh FOLDER [PYTHON, such as 311]} version=${2:-311}
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
mkdir -p "$folder"
"$python" -m pip wheel -q --no-deps -w "$folder" "$here/../device"
if [[ $(uname -m) == aarch64 ]]; then
  "$python" -m pip wheel -q -w "$folder" --find-links "$folder" "tombola-device[pi]"
else
  echo "· this computer is not arm64: add the wheels of pyalsaaudio and spidev from a Pi" >&2
  platforms=(--platform manylinux_2_36_aarch64 --platform manylinux_2_34_aarch64 --platform manylinux_2_28_aarch64 --platform manylinux_2_27_aarch64 --platform manylinux2014_aarch64)
  "$python" -m pip download -q --only-binary=:all: "${platforms[@]}" --python-version "$version" -d "$folder" \
    cobs microdot msgspec numpy onnxruntime pyserial PyNaCl gpiozero "lgpio>=0.2.2" luma.oled pillow smbus2 mido python-rtmidi
fi
(cd "$folder" && sha256sum -- *.whl >SHA256SUMS)
echo "· $(find "$folder" -name '*.whl' | wc -l) wheels in $folder"
