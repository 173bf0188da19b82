"""What ``tombolad --help`` says."""

from __future__ import annotations

import re

import msgspec
import pytest
from tombola_device.__main__ import main
from tombola_device.config import Config, read_config


def test_help_of_run_lists_every_key_of_the_configuration_with_its_default(capsys, tmp_path):
    with pytest.raises(SystemExit):
        main(["run", "--help"])
    lines = re.findall(r"^  (\w+ += .+)$", capsys.readouterr().out, re.MULTILINE)
    assert [line.split()[0] for line in lines] == [field.name for field in msgspec.structs.fields(Config)]
    path = tmp_path / "tombola.toml"
    path.write_text("\n".join(lines))
    assert read_config(path) == Config()
