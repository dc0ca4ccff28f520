#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The Python package: its structures against the headers, its numbers against vkhrope-ppl.

package.py SOURCE VKHROPE-PPL C-COMPILER...; VKHROPE_LIBRARY names the library.
"""
import json
import math
import pathlib
import subprocess
import sys
import tempfile

SOURCE, PPL = pathlib.Path(sys.argv[1]), sys.argv[2]
sys.path.insert(0, str(SOURCE / 'tools/python'))

import numpy as np  # noqa: E402

import vkhrope  # noqa: E402
from vkhrope import _library  # noqa: E402

DATA = SOURCE / 'tests/golden/data'
TINY, IDS = DATA / 'tiny-tied-f32.gguf', DATA / 'tiny-tied.ids'
DEMO, TEXT = SOURCE / 'models/vkhrope-demo.gguf', SOURCE / 'models/README.md'
METHODS = ['baseline', 'hybrid:cf=1.5', 'hybrid:cf=2']
failures = count = 0


def check(condition, message):
    global failures, count
    count += 1
    if not condition:
        failures += 1
        print('FAILED:', message, file=sys.stderr)


def test_layout(compiler):
    """Every structure has the size and the offsets that the C compiler gives it."""
    lines = ['#include <stddef.h>', '#include <stdio.h>', '#include <vkhrope/vkhrope.h>',
             'int main(void) {']
    for name, structure in _library.STRUCTURES.items():
        lines.append(f'printf("{name} %zu\\n", sizeof(struct {name}));')
        lines += [f'printf("{name}.{field} %zu\\n", offsetof(struct {name}, {field}));'
                  for field, _ in structure._fields_]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / 'layout.c').write_text('\n'.join(lines) + '\n}\n')
        subprocess.run([*compiler, f'-I{SOURCE / "include"}', folder / 'layout.c', '-o',
                        folder / 'layout'], check=True)
        said = subprocess.run([folder / 'layout'], check=True, stdout=subprocess.PIPE,
                              text=True).stdout
    want = dict(line.split() for line in said.splitlines())
    for name, structure in _library.STRUCTURES.items():
        got = {name: _library.ctypes.sizeof(structure)}
        got.update({f'{name}.{field}': getattr(structure, field).offset
                    for field, _ in structure._fields_})
        for key, value in got.items():
            check(int(want[key]) == value, f'{key} is {value} in Python, {want[key]} in C')


def tool(*arguments):
    done = subprocess.run([PPL, '--format', 'json', '--quiet', *map(str, arguments)], check=True,
                          stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def compare(table, root, what):
    cells = iter(root['results'])
    check(table.ppl.dtype == np.float64 and table.ppl.shape == (3, len(table.lengths)), what)
    for m, method in enumerate(table.methods):
        for n, length in enumerate(table.lengths):
            cell = next(cells)
            check((cell['method'], cell['length'], cell['ppl'], cell['stderr']) ==
                  (method, length, table.ppl[m, n], table.standard_error[m, n]),
                  f'{what}: {cell}, Python {table.ppl[m, n]}')
            check(cell['compression_active'] == table.compression_active[m, n], f'{what}: {cell}')


def test_table():
    ids = np.array(IDS.read_text().split(), dtype=np.int64)
    with vkhrope.Model(TINY) as model:
        check(model.info['vocab'] == 160 and model.info['name'] == 'tiny-tied', model.info)
        calls = []
        table = model.perplexity(ids, lengths=[64, 300], methods=METHODS, keep_nll=True,
                                 progress=lambda *at: calls.append(at))
        compare(table, tool('--model', TINY, '--tokens', IDS, '--lengths', '64,300'), 'ids')
        check(calls and calls[-1][0] == calls[-1][1], f'progress {calls}')
        check(table.token_nll.shape == (3, 300) and table.token_nll.dtype == np.float32, 'nll')
        mean = table.token_nll[2, 1:].astype(float).mean()
        check(math.isclose(math.exp(mean), table.ppl[2, 1], rel_tol=1e-6), 'the NLL of tokens')
        packed = model.perplexity(ids, lengths=[64, 300], methods=METHODS, kv_type='q8_0')
        compare(packed, tool('--model', TINY, '--tokens', IDS, '--lengths', '64,300', '--kv-type',
                             'q8_0'), 'in 8 bits')
        check((packed.ppl != table.ppl).all(), 'q8_0 changes nothing')
        return model, ids, table


def test_kl(ids):
    """The numbers of the tool, and of another model."""
    with vkhrope.Model(TINY) as model:
        table = model.perplexity(ids, lengths=[64, 300], methods=METHODS, keep_nll=True,
                                 kl='baseline')
        cells = tool('--model', TINY, '--tokens', IDS, '--lengths', '64,300', '--kl',
                     'baseline')['kl']['results']
        for name, key in (('mean', 'mean'), ('p95', 'p95'), ('maximum', 'max'),
                          ('same_top', 'same_top')):
            got = table.kl[name].ravel().tolist()
            check(got == [cell[key] for cell in cells], f'{name}: {got}')
        mean = table.token_kl[2, 1:].astype(float).mean()
        check(table.token_kl.shape == (3, 300) and
              math.isclose(mean, table.kl['mean'][2, 1], rel_tol=1e-6), f'tokens: {mean}')
        other = model.perplexity(ids, methods=['baseline'], kl='hybrid:cf=2', kl_model=model)
        check(other.kl['mean'][0, 0] > 0 and other.token_kl is None, 'another model')
        check(model.perplexity(ids, lengths=[64]).kl is None, 'no comparison')


def test_checkpoint(ids):
    """A call that was ended goes on to the same numbers."""
    with tempfile.TemporaryDirectory() as folder, vkhrope.Model(TINY) as model:
        file = pathlib.Path(folder) / 'run.ckpt'

        def run(**more):
            return model.perplexity(ids, lengths=[64, 300], methods=METHODS, chunk=64,
                                    checkpoint=file, **more)
        raises(vkhrope.Error, lambda: run(progress=lambda done, *_: done < 200), 'cancelled')
        size = file.stat().st_size
        whole = model.perplexity(ids, lengths=[64, 300], methods=METHODS, chunk=64)
        check(np.array_equal(run().ppl, whole.ppl) and file.stat().st_size > size, 'it goes on')
        raises(vkhrope.Error, lambda: run(kl='baseline'), 'kl is "none" there, "baseline" here')


def test_text():
    with vkhrope.Model(DEMO, vkhrope.Device(0)) as model:
        ids = model.encode(TEXT.read_text(encoding='utf-8'))
        check(ids.dtype == np.int32 and len(ids) > 400, f'{len(ids)} ids')
        check(np.array_equal(model.encode(TEXT.read_bytes()), ids), 'bytes are other ids')
        table = model.perplexity(TEXT.read_text(encoding='utf-8'), lengths=[300])
        compare(table, tool('--model', DEMO, '--text', TEXT, '--lengths', '300'), 'text')


def test_lanes(ids, table):
    model = vkhrope.Model(TINY)
    lane = model.session().lane('baseline', max_tokens=300)
    nll = [lane.feed(ids[:100]).nll]
    fork = lane.fork('hybrid:cf=2', max_tokens=300, at=65)
    nll.append(lane.feed(ids[100:]).nll)
    check(len(lane) == 300 and np.array_equal(np.concatenate(nll), table.token_nll[0]), 'a lane')
    got = fork.feed(ids[65:], rows=[-2, 0], hidden=True, logits=True)
    check(np.array_equal(got.nll, table.token_nll[2, 65:]), 'a fork')
    check(got.hidden.shape == (2, model.info['hidden']) and got.logits.shape == (2, 160), 'shapes')
    for row, token in ((0, 299), (1, 66)):
        logits = got.logits[row].astype(float)
        want = np.log(np.exp(logits - logits.max()).sum()) + logits.max() - logits[ids[token]]
        check(abs(want - table.token_nll[2, token]) < 1e-4, f'logits of row {row}')


def raises(kind, function, says=''):
    try:
        function()
    except kind as error:
        check(says in str(error), f'{error!r} does not say {says!r}')
        return error
    check(False, f'no {kind.__name__}')


def test_errors(ids):
    error = raises(vkhrope.Error, lambda: vkhrope.Model('/nonexistent'), '/nonexistent')
    check(error.status == 2, f'status {error.status}')
    model = vkhrope.Model(TINY)
    raises(vkhrope.Error, lambda: model.perplexity(ids, methods=['nope']), 'nope')
    raises(vkhrope.Error, lambda: model.perplexity(ids, progress=lambda *_: False), 'cancelled')
    raises(ZeroDivisionError, lambda: model.perplexity(ids, progress=lambda *_: 1 / 0))
    raises(vkhrope.Error, lambda: model.encode('text'))
    lane = model.session().lane(max_tokens=10)
    raises(vkhrope.Error, lambda: lane.feed(ids[:11]), 'max_tokens')
    raises(IndexError, lambda: lane.feed(ids[:5], rows=[5]))
    for wrong, says in (([[1, 2, 3]], 'shape (1, 3)'), (7, 'shape ()'), ([1.5, 2], 'float64'),
                        (np.array([1, 2**32 + 1]), '4294967297'), ([-2**31 - 1], '-2147483649'),
                        (['1'], 'not integers')):
        raises(ValueError, lambda: lane.feed(wrong), says)
        raises(ValueError, lambda: model.perplexity(wrong), says)
    raises(ValueError, lambda: model.perplexity(ids, lengths=np.array([2**32 + 64])), '4294967360')
    raises(ValueError, lambda: lane.feed(ids[:5], rows=[[0, 1]]), 'rows')
    raises(vkhrope.Error, lambda: model.perplexity([1, -1]), '-1')
    model.close()
    check(len(lane.feed(ids[:10]).nll) == 10, 'a lane does not outlive its closed model')
    raises(ValueError, lambda: model.info, 'closed')


def main():
    test_layout(sys.argv[3:])
    if failures:
        return 1  # calls would not end well
    try:
        vkhrope.Device()
    except vkhrope.Error:
        return 77
    _, ids, table = test_table()
    test_kl(ids)
    test_checkpoint(ids)
    test_text()
    test_lanes(ids, table)
    test_errors(ids)
    print(f'{count} checks, {failures} failed', file=sys.stderr)
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
