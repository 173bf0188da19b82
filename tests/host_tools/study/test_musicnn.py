from __future__ import annotations

import struct

import numpy as np
import pytest
from tombola_device.contract.errors import BadConfig
from tombola_host.study.experiments.musicnn import Musicnn
from tombola_host.study.experiments.tensor_file import FOOTER_BYTES, MAGIC, read_tensors


def varint(value):
    out = b""
    while value >= 128:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def block(entries):
    """Entries whose keys leave out what they share with the key before; one restart."""
    out, before = b"", b""
    for key, value in entries:
        shared = 0
        while shared < min(len(key), len(before)) and key[shared] == before[shared]:
            shared += 1
        out += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        before = key
    return out + struct.pack("<II", 0, 1)


def write_checkpoint(folder, tensors, dtype=1):
    folder.mkdir(exist_ok=True)
    entries, numbers = [(b"", field(1, 1))], b""
    for name, array in sorted(tensors.items()):
        shape = b"".join(field(2, field(1, size)) for size in array.shape)
        checksum = varint(6 << 3 | 5) + b"\0\0\0\0"
        place = field(4, len(numbers)) if numbers else b""
        entries.append((name.encode(), field(1, dtype) + field(2, shape) + place + field(5, array.nbytes) + checksum))
        numbers += array.astype("<f4").tobytes()
    half = len(entries) // 2
    index, places = b"", []
    for part in (entries[:half], entries[half:]):
        data = block(part)
        places.append((part[-1][0], varint(len(index)) + varint(len(data))))
        index += data + b"\0" * 5
    top = block(places)
    footer = varint(0) + varint(0) + varint(len(index)) + varint(len(top))
    index += top + footer.ljust(FOOTER_BYTES - 8, b"\0") + struct.pack("<Q", MAGIC)
    (folder / ".index").write_bytes(index)
    (folder / ".data-00000-of-00001").write_bytes(numbers)
    return folder


def weights(seed=0):
    """Random weights of the shapes that the network has."""
    rng = np.random.default_rng(seed)
    shapes = {}
    kernels = [(7, 38, 1, 204), (7, 67, 1, 204), (128, 1, 1, 51), (64, 1, 1, 51), (32, 1, 1, 51), (7, 561, 1, 64)]
    kernels += [(7, 64, 1, 64)] * 2
    channels = [1, *(kernel[-1] for kernel in kernels)]
    for number, kernel in enumerate(kernels):
        shapes[f"conv2d_{number}/kernel" if number else "conv2d/kernel"] = kernel
        shapes[f"conv2d_{number}/bias" if number else "conv2d/bias"] = kernel[-1:]
    for number, size in enumerate(channels):
        for kind in ("gamma", "beta", "moving_mean", "moving_variance"):
            shapes[f"batch_normalization_{number}/{kind}" if number else f"batch_normalization/{kind}"] = (size,)
    made = {name: (0.05 * rng.standard_normal(shape)).astype("f4") for name, shape in shapes.items()}
    return {name: abs(array) + 0.5 if name.endswith(("variance", "gamma")) else array for name, array in made.items()}


def test_a_checkpoint_is_read_as_it_was_written(tmp_path):
    tensors = {
        "conv/kernel": np.arange(24, dtype="f4").reshape(2, 3, 4),
        "conv/bias": np.array([1.5, -2.5], "f4"),
        "other": np.ones((1, 300), "f4"),
    }
    found = read_tensors(write_checkpoint(tmp_path / "model", tensors))
    assert found.keys() == tensors.keys()
    for name, array in tensors.items():
        assert np.array_equal(found[name], array)
        assert found[name].shape == array.shape
    assert read_tensors(write_checkpoint(tmp_path / "integers", tensors, dtype=3)) == {}


def test_a_checkpoint_that_is_missing_cut_or_of_another_kind_is_told_in_one_sentence(tmp_path):
    with pytest.raises(BadConfig, match="cannot be read"):
        read_tensors(tmp_path / "none")
    folder = write_checkpoint(tmp_path / "model", {"a": np.ones(4, "f4"), "b": np.ones(4, "f4")})
    numbers = folder / ".data-00000-of-00001"
    numbers.write_bytes(numbers.read_bytes()[:-4])
    with pytest.raises(BadConfig, match="no checkpoint that is understood"):
        read_tensors(folder)
    (folder / ".index").write_bytes(b"something else" * 9)
    with pytest.raises(BadConfig, match="its index is no table"):
        read_tensors(folder)


def test_three_seconds_give_753_numbers_and_equal_sounds_equal_ones():
    hears = Musicnn(weights())
    sound = (0.1 * np.random.default_rng(1).standard_normal(48_000 * 7)).astype("f4")
    points = hears(sound)
    assert points.shape == (2, 753)
    assert np.array_equal(points[0], hears(sound[:144_000])[0])
    assert np.abs(points[0] - points[1]).max() > 1e-3
    assert hears(sound[:1000]).shape[0] == 0


def test_what_is_above_8_khz_is_not_heard():
    hears = Musicnn(weights())
    time = np.arange(144_000) / 48_000
    low = 0.1 * np.sin(2 * np.pi * 500 * time)
    high = 0.1 * np.sin(2 * np.pi * 12_000 * time)
    base, more = hears(low.astype("f4"))[0], hears((low + high).astype("f4"))[0]
    other = hears((low + 0.1 * np.sin(2 * np.pi * 3_000 * time)).astype("f4"))[0]
    assert np.abs(base - more).max() < 0.05 * np.abs(base - other).max()


def test_without_the_package_it_is_said_how_to_get_it(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(BadConfig, match="pip install --no-deps musicnn"):
        Musicnn.installed()
