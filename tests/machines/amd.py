#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every pipeline through AMD's own compiler, for families of GPUs that are not there: RADV makes a
device that runs nothing. Those of the variants in use must keep everything in registers; all are
shown in a table, as docs/performance.md has it.

amd.py STATISTICS DRIVER, STATISTICS the program of statistics.c, DRIVER the folder that
tools/setup/drivers makes; without it the host's own driver serves, as far as it knows the families.
"""
import json
import os
import pathlib
import re
import subprocess
import sys

SKIPPED = 77
FAMILIES = ['polaris10', 'vega10', 'navi21', 'navi31', 'gfx1151', 'gfx1201']
TYPE = re.compile(r'_(f32|f16|bf16|i?q\d_\w\w?)(?=_(?:8|16)$|$)')


def driver(folder):
    """(command that starts a program, the driver's description), or None."""
    if folder.exists():
        return [str(folder / 'run')], folder / 'usr/share/vulkan/icd.d/radeon_icd.json'
    for path in pathlib.Path('/usr/share/vulkan/icd.d').glob('radeon_icd*.json'):
        return [], path
    return None


def compile_all(program, command, description, family):
    """The rows that the program prints; None where the driver does not know the family."""
    done = subprocess.run(
        [*command, program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=dict(os.environ, VK_DRIVER_FILES=str(description), RADV_FORCE_FAMILY=family,
                 MESA_SHADER_CACHE_DISABLE='true'))
    if done.returncode == SKIPPED or f'RADV {family.upper()}' not in done.stderr:
        return None
    if done.returncode != 0:
        sys.exit(f'{family}: {done.stderr}')
    return [json.loads(line) for line in done.stdout.splitlines()]


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
    program, found = sys.argv[1], driver(pathlib.Path(sys.argv[2]))
    if not found:
        print('no RADV: tools/setup/drivers brings one', file=sys.stderr)
        return SKIPPED
    columns, failures = {}, 0
    for family in FAMILIES:
        rows = compile_all(program, *found, family)
        if rows is None:
            print(f'{family}: the driver does not make it')
            continue
        columns[family] = summarise(rows)
        used = [row for row in rows if row['default']]
        for row in filter(spills, used):
            failures += 1
            print(f'{family}: {row["shader"]} {row["constants"]} is in use and spills: '
                  f'{row["statistics"]}', file=sys.stderr)
        print(f'{family}: {len(rows)} pipelines, {len(used)} of them in use, '
              f'{sum(map(bool, map(spills, used)))} of these spill')
    if not columns:
        print('the driver makes none of the families', file=sys.stderr)
        return SKIPPED
    show(columns)
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
