#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""vkhrope-ppl --devices on lavapipe and SwiftShader together: every lane has the numbers that its
device gives alone, and the report says which device that was.

spread.py VKHROPE_PPL DRIVERS, DRIVERS the folder that tools/setup/drivers makes.
"""
import json
import os
import pathlib
import subprocess
import sys

SOURCE = pathlib.Path(__file__).resolve().parents[2]
DATA = SOURCE / 'tests/golden/data'
IDS = DATA / 'tiny-tied.ids'
SKIPPED = 77
NAMES = ('llvmpipe', 'SwiftShader')
NUMBERS = ('length', 'tokens_scored', 'nll', 'deviation')


def measure(program, drivers, texts, *options):
    icds = (drivers / 'usr/share/vulkan/icd.d/lvp_icd.json',
            drivers / 'usr/lib/chromium/vk_swiftshader_icd.json')
    done = subprocess.run(
        [drivers / 'run', program, '--model', DATA / 'tiny-tied-f32.gguf', *texts, '--lengths',
         '64,128,300', '-m', 'baseline', '-m', 'hybrid:cf=2', '-m', 'linear:factor=2', '-m',
         'hybrid:cf=3', '--quiet', '--format', 'json', *options],
        env=dict(os.environ, VK_DRIVER_FILES=':'.join(map(str, icds))), check=True,
        stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def cells(report, method, text):
    return [[c[k] for k in NUMBERS] for c in report['text_results']
            if (c['method'], c['text']) == (method, text)]


def check(program, drivers, texts):
    """Prints what is wrong, and returns how much that is."""
    alone = {name: measure(program, drivers, texts, '--device', name) for name in NAMES}
    joined = measure(program, drivers, texts, '--devices', ','.join(NAMES))
    wrong = []
    if joined['devices'] != 2 or not all(name in joined['device'] for name in NAMES):
        wrong.append(f'devices {joined["devices"]}: {joined["device"]}')
    used = set()
    for method in joined['methods']:
        owners = [name for name in NAMES if name in method['device']]
        for text in joined['texts']:
            got = cells(joined, method['method'], text['name'])
            from_ = [name for name in owners
                     if got == cells(alone[name], method['method'], text['name'])]
            used.update(from_[:1] if len(owners) == 1 else from_)
            if not got or not from_:
                wrong.append(f'{method}, {text["name"]}: {got} is of none of {owners}')
    if used != set(NAMES):
        wrong.append(f'at work: {used}')
    print('\n'.join(wrong) or f'{len(joined["texts"])} texts: each lane as its device alone')
    return len(wrong)


def main():
    program, drivers = sys.argv[1], pathlib.Path(sys.argv[2]).resolve()
    if not drivers.exists():
        print(f'{drivers}: not there', file=sys.stderr)
        return SKIPPED
    one = ('--tokens', IDS)
    two = (*one, '--tokens', DATA / 'tiny-untied.ids')
    return 1 if check(program, drivers, one) + check(program, drivers, two) else 0


if __name__ == '__main__':
    sys.exit(main())
