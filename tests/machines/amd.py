#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every pipeline through AMD's own compiler, for families of GPUs that are not there: RADV makes a
device that runs nothing. Those of the variants in use must keep everything in registers; all are
shown in a table, as docs/performance.md has it.

Two RADVs, as neither makes all of the families with their matrices. That of Mesa 26.1 needs Mesa's
stand-in for the kernel's amdgpu module, which has no gfx1151. That of Mesa 25.0 makes any family by
itself, which later ones do not, but offers no matrices for gfx1201.

amd.py STATISTICS FOLDER, STATISTICS the program of statistics.c, FOLDER the one into which
tools/setup/drivers brings drivers; skipped where neither is there.
"""
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import typing

SKIPPED = 77


class Driver(typing.NamedTuple):
    """A RADV in a folder of its own."""
    folder: str
    options: list  # of its `run`
    variable: str  # of the environment, which names the family


STAND_IN = Driver('drivers', ['--preload', 'libamdgpu_noop_drm_shim.so'], 'AMDGPU_GPU_ID')
BY_ITSELF = Driver('amd', [], 'RADV_FORCE_FAMILY')
# Who makes each, by the name it has there, and how its matrices lie (tests/matrix_machines.h).
FAMILIES = {
    'polaris10': (STAND_IN, None),
    'vega10': (STAND_IN, None),
    'navi21': (STAND_IN, None),
    'navi31': (STAND_IN, 'RDNA 3'),
    'gfx1151': (BY_ITSELF, 'RDNA 3'),
    'gfx1201': (STAND_IN, 'RDNA 4'),
}
TYPE = re.compile(r'_(f32|f16|bf16|i?q\d_\w\w?)(?=_(?:8|16)$|$)')


def compile_all(program, folder, family):
    """The rows that the program prints."""
    driver, matrices = FAMILIES[family]
    folder = folder / driver.folder
    description = folder / 'usr/share/vulkan/icd.d/radeon_icd.json'
    done = subprocess.run(
        [str(folder / 'run'), *driver.options, program, *filter(None, [matrices])],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=dict(os.environ, VK_DRIVER_FILES=str(description), MESA_SHADER_CACHE_DISABLE='true',
                 **{driver.variable: family}))
    if done.returncode != 0 or f'RADV {family.upper()}' not in done.stderr:
        raise RuntimeError(f'{family}: {done.stderr}')
    return [json.loads(line) for line in done.stdout.splitlines()]


def compile_families(program, folder):
    """{family: its rows}, as many at a time as there are processors."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(FAMILIES, pool.map(
            lambda family: compile_all(program, folder, family), FAMILIES)))


def spills(row):
    s = row['statistics']
    return int(s['Spilled SGPRs'] + s['Spilled VGPRs'] + s['Scratch size'])


def summarise(rows):
    """{kernel: the worst of its types and shapes}"""
    kernels = {}
    for row in rows:
        s, name = row['statistics'], TYPE.sub('', row['shader'])
        old = kernels.get(name, (True, 0, 0, 1 << 30, 0))
        kernels[name] = (old[0] and row['default'], max(old[1], int(s['VGPRs'])),
                         max(old[2], int(s['LDS size'])),
                         min(old[3], int(s['Subgroups per SIMD'])),
                         max(old[4], int(s['Spilled VGPRs'])))
    return kernels


def show(columns):
    """A table of kernels and families: registers, bytes of shared memory, subgroups of a SIMD."""
    print('| kernel | ' + ' | '.join(columns) + ' |\n' + '|---' * (len(columns) + 1) + '|')
    for name in dict.fromkeys(name for kernels in columns.values() for name in sorted(kernels)):
        cells = []
        for kernels in columns.values():
            used, vgprs, lds, waves, spilled = kernels.get(name, (False, 0, 0, 0, 0))
            text = f'{vgprs}, {lds}, {waves}' + (f', {spilled} spilled' if spilled else '')
            cells.append(text + ('' if used else ' (not used)') if vgprs else '')
        print(f'| {name} | ' + ' | '.join(cells) + ' |')


def main():
    program, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    missing = [d.folder for d in (STAND_IN, BY_ITSELF) if not (folder / d.folder).exists()]
    if missing:
        print(f'{folder} has no {" and no ".join(missing)}: tools/setup/drivers brings them',
              file=sys.stderr)
        return SKIPPED if len(missing) == 2 else 1
    columns, failures = {}, 0
    for family, rows in compile_families(program, folder).items():
        columns[family] = summarise(rows)
        used = [row for row in rows if row['default']]
        for row in filter(spills, used):
            failures += 1
            print(f'{family}: {row["shader"]} {row["constants"]} is in use and spills: '
                  f'{row["statistics"]}', file=sys.stderr)
        print(f'{family}: {len(rows)} pipelines, {len(used)} of them in use, '
              f'{sum(map(bool, map(spills, used)))} of these spill')
    show(columns)
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
