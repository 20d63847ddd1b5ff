import json
import platform
import sys

import pytest

from edgekit import hardware

XEON = """\
processor\t: 0
model name\t: Some(R) Xeon(R) Gold
physical id\t: 0
core id\t\t: 0
flags\t\t: fpu sse4_2 avx f16c fma avx2 avx512f avx512_vnni amx_int8 hypervisor

processor\t: 1
model name\t: Some(R) Xeon(R) Gold
physical id\t: 0
core id\t\t: 0
flags\t\t: fpu sse4_2 avx f16c fma avx2 avx512f avx512_vnni amx_int8 hypervisor

processor\t: 2
model name\t: Some(R) Xeon(R) Gold
physical id\t: 1
core id\t\t: 0
flags\t\t: fpu sse4_2 avx f16c fma avx2 avx512f avx512_vnni amx_int8 hypervisor
"""
BOARD = """\
processor\t: 0
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm aes crc32 atomics fphp asimdhp cpuid asimdrdm asimddp
CPU part\t: 0xd0b

processor\t: 1
Features\t: fp asimd evtstrm aes crc32 atomics fphp asimdhp cpuid asimdrdm asimddp

Revision\t: d04170
Model\t\t: Raspberry Pi 5 Model B Rev 1.0
"""


def test_hyperthreads_of_a_core_count_once_and_sockets_apart():
    found = hardware.parse_cpuinfo(XEON)
    assert found["name"] == "Some(R) Xeon(R) Gold"
    assert found["cores"] == 2


def test_only_the_flags_that_matter_are_kept_from_old_to_new():
    flags = hardware.parse_cpuinfo(XEON)["flags"]
    assert flags == ["sse4_2", "avx", "f16c", "fma", "avx2", "avx512f", "avx512_vnni", "amx_int8"]


def test_a_board_is_named_and_its_dot_product_is_seen():
    found = hardware.parse_cpuinfo(BOARD)
    assert found == {"name": "Raspberry Pi 5 Model B Rev 1.0", "cores": 2, "flags": ["asimd", "asimdhp", "asimddp"]}


def test_where_there_is_no_cpuinfo_nothing_is_known():
    assert hardware.parse_cpuinfo("") == {"name": None, "cores": 0, "flags": []}


@pytest.mark.parametrize(
    ("architecture", "flags", "saturates"),
    [
        ("x86_64", ["avx2"], True),
        ("AMD64", [], True),
        ("x86_64", ["avx2", "avx512f"], True),
        ("x86_64", ["avx2", "avx_vnni"], False),
        ("x86_64", ["avx512f", "avx512_vnni"], False),
        ("aarch64", ["asimd"], False),
        ("arm64", [], False),
    ],
    ids=["avx2", "unknown x86", "avx512", "avx-vnni", "avx512-vnni", "arm", "mac"],
)
def test_int8_saturates_on_x86_without_vnni(monkeypatch, architecture, flags, saturates):
    monkeypatch.setattr(platform, "machine", lambda: architecture)
    monkeypatch.setattr(hardware, "_cpu", lambda: {"name": "some", "cores": 1, "flags": flags})
    assert hardware.saturates_int8() is saturates


def write(root, name, text):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_quota_of_cgroup_2_is_read(tmp_path):
    write(tmp_path, "app/cpu.max", "150000 100000\n")
    assert hardware.cgroup_quota("0::/app\n", tmp_path) == 1.5


def test_a_quota_of_cgroup_1_is_read(tmp_path):
    write(tmp_path, "cpu/docker/abc/cpu.cfs_quota_us", "50000\n")
    write(tmp_path, "cpu/docker/abc/cpu.cfs_period_us", "100000\n")
    assert hardware.cgroup_quota("4:memory:/other\n3:cpu,cpuacct:/docker/abc\n0::/\n", tmp_path) == 0.5


def test_the_tightest_quota_above_a_process_binds(tmp_path):
    write(tmp_path, "cpu.max", "max 100000\n")
    write(tmp_path, "slice/cpu.max", "100000 100000\n")
    write(tmp_path, "slice/app/cpu.max", "400000 100000\n")
    assert hardware.cgroup_quota("0::/slice/app\n", tmp_path) == 1


def test_inside_a_container_the_quota_lies_at_the_root(tmp_path):
    write(tmp_path, "cpu.max", "200000 100000\n")
    assert hardware.cgroup_quota("0::/not/seen/from/here\n", tmp_path) == 2


@pytest.mark.parametrize("text", ["max 100000\n", "", "nonsense\n"], ids=["no limit", "empty", "nonsense"])
def test_no_limit_is_no_quota(tmp_path, text):
    write(tmp_path, "cpu.max", text)
    assert hardware.cgroup_quota("0::/\n", tmp_path) is None


def test_an_unlimited_cgroup_1_is_no_quota(tmp_path):
    write(tmp_path, "cpu/cpu.cfs_quota_us", "-1\n")
    write(tmp_path, "cpu/cpu.cfs_period_us", "100000\n")
    assert hardware.cgroup_quota("1:cpu:/\n", tmp_path) is None


def test_no_cgroup_at_all_is_no_quota(tmp_path):
    assert hardware.cgroup_quota("", tmp_path) is None


def test_free_memory_is_what_the_tightest_limit_leaves_and_files_that_were_read_are_no_use_of_it(tmp_path):
    write(tmp_path, "pod/memory.max", "9000\n")
    write(tmp_path, "pod/memory.current", "4000\n")
    write(tmp_path, "pod/app/memory.max", "3000\n")
    write(tmp_path, "pod/app/memory.current", "2900\n")
    write(tmp_path, "pod/app/memory.stat", "anon 400\ninactive_file 2500\nactive_file 7\n")
    assert sorted(hardware.cgroup_memory("0::/pod/app\n", tmp_path)) == [2600, 5000]


def test_a_memory_limit_of_cgroup_1_is_read(tmp_path):
    write(tmp_path, "memory/app/memory.limit_in_bytes", "3000\n")
    write(tmp_path, "memory/app/memory.usage_in_bytes", "2900\n")
    write(tmp_path, "memory/app/memory.stat", "inactive_file 1\ntotal_inactive_file 500\n")
    assert hardware.cgroup_memory("7:memory:/app\n3:cpu:/app\n", tmp_path) == [600]


@pytest.mark.parametrize("limit", ["max\n", ""], ids=["no limit", "empty"])
def test_no_memory_limit_leaves_what_the_machine_has(tmp_path, limit):
    write(tmp_path, "memory.max", limit)
    write(tmp_path, "memory.current", "2900\n")
    assert hardware.cgroup_memory("0::/\n", tmp_path) == []


def test_free_memory_is_told_on_this_machine_or_unknown(monkeypatch):
    assert (hardware.free_memory() or 1) > 0
    monkeypatch.setattr(hardware, "_read", lambda path: "MemTotal: 9 kB\nMemAvailable:   8 kB\n" * ("meminfo" in path))
    assert hardware.free_memory() == 8192
    monkeypatch.setattr(hardware, "_read", lambda path: "")
    assert hardware.free_memory() is None


def test_this_machine_is_described_in_json():
    found = hardware.machine()
    assert json.loads(json.dumps(found)) == found
    assert list(found) == [
        "cpu", "architecture", "flags", "cores", "usable_cores", "memory_bytes", "system", "python", "governor", "gpus",
    ]  # fmt: skip
    assert found["cpu"] and found["cores"] >= 1 and 0 < found["usable_cores"] <= 4096
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))


@pytest.mark.parametrize("system", ["Darwin", "Windows"])
def test_another_system_is_described_without_raising(monkeypatch, system):
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(hardware, "_read", lambda path: "")
    monkeypatch.setattr(hardware, "_sysctl", lambda key: "")
    hardware._cpu.cache_clear()
    try:
        found = hardware.machine.__wrapped__()
    finally:
        hardware._cpu.cache_clear()
    assert found["system"].startswith(system) and found["cpu"] and found["cores"] >= 1


def test_a_mac_is_asked_for_its_features(monkeypatch):
    said = {
        "machdep.cpu.brand_string": "Apple M3",
        "hw.physicalcpu": "8",
        "hw.optional.arm.FEAT_DotProd": "1",
        "hw.optional.arm.FEAT_I8MM": "1",
    }
    monkeypatch.setattr(hardware, "_sysctl", lambda key: said.get(key, ""))
    assert hardware._mac_cpu() == {"name": "Apple M3", "cores": 8, "flags": ["asimddp", "i8mm"]}


def test_the_gpus_of_nvidias_driver_are_named(tmp_path):
    write(tmp_path, "0000:01:00.0/information", "Model: \t\t NVIDIA A10\nIRQ:   \t\t 55\n")
    assert hardware._gpus(tmp_path) == ["NVIDIA A10"]


def test_versions_are_told_of_what_is_installed_and_none_of_the_rest():
    found = hardware.versions(["numpy", "there-is-no-such-package"])
    assert found["numpy"] and found["there-is-no-such-package"] is None


def test_every_wheel_that_brings_onnxruntime_is_found(monkeypatch):
    installed = {"onnxruntime": None, "onnxruntime-gpu": "1.23.0", "onnxruntime-openvino": "1.22.0"}
    monkeypatch.setattr(hardware, "versions", lambda names: {name: installed.get(name) for name in names})
    assert hardware.onnxruntime_wheels() == ["onnxruntime-gpu", "onnxruntime-openvino"]
