"""Tests of robust_tf.experiment.processor."""

import pytest
import tensorflow as tf

from robust_tf.experiment.processor import warning
from tests.commands.trainings import plan

INTEL = "processor\t: 0\nflags\t\t: fpu sse avx2 {}\nbugs\t\t: none\n\nprocessor\t: 1\n"
ARM = "processor\t: 0\nFeatures\t: fp asimd {}\n"


@pytest.fixture
def warned(tmp_path):
    def warned(cpuinfo: str | None, *flags: str) -> str | None:
        path = tmp_path / "cpuinfo"
        if cpuinfo is not None:
            path.write_text(cpuinfo)
        return warning(plan(tmp_path / "run", *flags), path)

    return warned


@pytest.mark.skipif(bool(tf.config.list_physical_devices("GPU")), reason="bfloat16 runs on the GPU")
@pytest.mark.parametrize("cpuinfo", [INTEL.format(""), ARM.format("sve")])
def test_what_a_processor_cannot_do_is_said(warned, cpuinfo):
    assert warned(cpuinfo, "--precision=mixed_bfloat16") == (
        "This processor has no instructions for bfloat16, so that --precision=mixed_bfloat16 may "
        "take many times as long as --precision=float32."
    )
    said = warned(cpuinfo, "--attack_precision=mixed_bfloat16")
    assert "--attack_precision=mixed_bfloat16 may" in said
    assert warned(cpuinfo) is None


@pytest.mark.parametrize(
    "cpuinfo", [INTEL.format("avx512_bf16"), INTEL.format("amx_bf16"), ARM.format("bf16"), "", None]
)
def test_nothing_is_said_of_one_that_can_or_is_unknown(warned, cpuinfo):
    assert warned(cpuinfo, "--precision=mixed_bfloat16") is None


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
