"""Priorities of the audio process."""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path

import pytest
from tombola_device.audio.realtime import FIFO_PRIORITY, HELPER_PRIORITY, INTERRUPT_PRIORITY, become_helper

UNIT = Path(__file__).parents[3] / "systemd" / "tombola.service"


def test_interrupts_of_the_card_come_before_the_audio_thread_and_that_before_its_helpers_and_the_unit_grants_it():
    limit = int(re.search(r"^LimitRTPRIO=(\d+)$", UNIT.read_text(), re.MULTILINE)[1])
    assert 1 <= HELPER_PRIORITY < FIFO_PRIORITY <= limit < INTERRUPT_PRIORITY == 50


def test_helper_thread_has_its_priority_where_the_system_grants_it():
    found = []

    def work():
        become_helper()
        found.append((os.sched_getscheduler(0), os.sched_getparam(0).sched_priority))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if found[0][0] != os.SCHED_FIFO:
        pytest.skip("the system grants no SCHED_FIFO")
    assert found == [(os.SCHED_FIFO, HELPER_PRIORITY)]
