#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""vkhrope-ppl on each software driver: the same PPL on all of them to 1e-4, and of plain weights and of
blocks the same bits in every run and in smaller chunks.

agree.py VKHROPE_PPL DRIVERS, DRIVERS the folder that tools/setup/drivers makes.
"""
import json
import os
import pathlib
import subprocess
import sys

SOURCE = pathlib.Path(__file__).resolve().parents[2]
DATA = SOURCE / 'tests/golden/data'
SKIPPED = 77
MODELS = [(DATA / f'tiny-{name}.gguf', DATA / f'tiny-{name.rsplit("-", 1)[0]}.ids', '64,128,300')
          for name in ('tied-f32', 'untied-f16', 'tied-bf16', 'untied-q8_0')]
REPEATED = MODELS[::3]
DEMO = (SOURCE / 'models/vkhrope-demo.gguf', DATA / 'demo.ids', '512,576')


def machines(drivers):
    """{name: (command that starts a program, its driver's description)} of those that are there."""
    found = {}
    for driver in pathlib.Path('/usr/share/vulkan/icd.d').glob('lvp_icd*.json'):
        found['lavapipe'] = ([], driver)
    if drivers.exists():
        newer = [str(drivers / 'run')]
        found['newer lavapipe'] = (newer, drivers / 'usr/share/vulkan/icd.d/lvp_icd.json')
        found['SwiftShader'] = (newer, drivers / 'usr/lib/chromium/vk_swiftshader_icd.json')
    return found


def measure(program, machine, model, chunk):
    command, driver = machine
    path, ids, lengths = model
    done = subprocess.run(
        [*command, program, '--model', path, '--tokens', ids, '--lengths', lengths, '--method',
         'baseline', '--method', 'hybrid:cf=2', '--chunk', str(chunk), '--format', 'json'],
        env=dict(os.environ, VK_DRIVER_FILES=str(driver)), check=True, stdout=subprocess.PIPE)
    return [cell['ppl'] for cell in json.loads(done.stdout)['results']]


def main():
    program, drivers = sys.argv[1], pathlib.Path(sys.argv[2])
    found = machines(drivers)
    if len(found) < 2:
        print(f'one machine does not disagree: {list(found)}', file=sys.stderr)
        return SKIPPED
    failures = 0
    for model in MODELS + [DEMO]:
        ppl = {name: measure(program, machine, model, 512) for name, machine in found.items()}
        spread = max(max(cell) / min(cell) - 1 for cell in zip(*ppl.values()))
        print(f'{model[0].name}: spread {spread:.1e} among {", ".join(ppl)}')
        failures += not spread < 1e-4
        if model not in REPEATED:
            continue
        for name, machine in found.items():
            again = measure(program, machine, model, 64)
            if again != ppl[name]:
                print(f'{model[0].name}, {name}, again in chunks of 64: {again}, not {ppl[name]}')
                failures += 1
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
