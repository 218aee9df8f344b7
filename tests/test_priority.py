"""Tests run at ordinary priority, whatever the libraries they use would like."""

from __future__ import annotations

import os

import pytest


def test_no_library_can_take_real_time_priority() -> None:
    with pytest.raises(PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    assert os.sched_getscheduler(0) == os.SCHED_OTHER
