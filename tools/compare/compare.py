#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""vkhrope beside PyTorch and llama.cpp: the same shape, lengths and token ids on one device, one
after the other. Writes compare.json, compare.md (also printed) and compare.svg (needs gnuplot).

What is not installed is left out, and the results say so: PyTorch with transformers in --python,
llama-bench on the PATH with its CUDA and Vulkan backends.
"""
import argparse
import datetime
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import plot
import random_gguf
import summary

HERE = pathlib.Path(__file__).resolve().parent
PUBLISHED = [16384, 20480, 24576, 28672, 32768, 40960, 49152]


def lengths(text):
    return [int(part) for part in text.split(',')]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    built = HERE.parents[1] / 'build/tools/bench/vkhrope-bench'
    parser.add_argument('--bench', help='vkhrope-bench; default: of the build folder or the PATH',
                        default=str(built) if built.exists() else shutil.which('vkhrope-bench'))
    parser.add_argument('--python', default=sys.executable, help='a Python with PyTorch')
    parser.add_argument('--shape', default='llama3-8b', help='of vkhrope-bench --shape')
    parser.add_argument('--type', default='f16', help='of our weights and of llama.cpp\'s')
    parser.add_argument('--lengths', type=lengths, default=[8192, 16384, 32768, 49152])
    parser.add_argument('--matmul', type=lengths, default=[8192], help='tokens of the products')
    parser.add_argument('--attention', type=lengths, default=[16384, 49152])
    parser.add_argument('--table', type=lengths, default=PUBLISHED, help='lengths of the table')
    parser.add_argument('--original-max-len', type=int, default=8192)
    parser.add_argument('--kv-type', default='f16', help='of our keys and values')
    parser.add_argument('--ubatch', type=int, default=2048, help='of llama.cpp')
    parser.add_argument('--device', help='of vkhrope-bench')
    parser.add_argument('--variant', action='append', default=[], help='of vkhrope-bench')
    parser.add_argument('--repeat', type=int, default=5)
    parser.add_argument('--output', type=pathlib.Path, default=pathlib.Path('results.compare'))
    options = parser.parse_args()
    if not options.bench:
        parser.error('vkhrope-bench is not built; --bench says where it is')
    return options


def joined(numbers):
    return ','.join(map(str, numbers))


def say(text):
    print(text, file=sys.stderr, flush=True)


def run_ours(options, command, sizes, type_name=None):
    say(f'vkhrope-bench {command} at {joined(sizes)} tokens')
    line = [options.bench, command, '--shape', options.shape, '--lengths', joined(sizes), '--type',
            type_name or options.type, '--kv-type', options.kv_type, '--repeat',
            str(options.repeat), '--original-max-len', str(options.original_max_len), '--format',
            'json']
    if options.device:
        line += ['--device', options.device]
    for variant in options.variant:
        line += ['--variant', variant]
    done = subprocess.run(line, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f'{" ".join(line)}\n{done.stderr}')
    return json.loads(done.stdout)


def ours(options):
    result = {
        'matmul': run_ours(options, 'matmul', options.matmul),
        'attention': run_ours(options, 'attention', options.attention),
        'forward': run_ours(options, 'forward', options.lengths),
        'table': run_ours(options, 'table', options.table),
    }
    if options.type == 'f16':
        result['forward_q8_0'] = run_ours(options, 'forward', options.lengths[:1], 'q8_0')
    return result


def token_ids(vocab, count):
    """Those of vkhrope-bench: xorshift64* from 1."""
    mask, state, ids = (1 << 64) - 1, 1, []
    for _ in range(count):
        state ^= state >> 12
        state ^= state << 25 & mask
        state ^= state >> 27
        ids.append((state * 0x2545f4914f6cdd1d & mask) % vocab)
    return ids


def pytorch(options, shape, products):
    if not shutil.which(options.python):
        return {'missing': f'{options.python} is not a program'}
    probe = subprocess.run([options.python, '-c', 'import torch, transformers'],
                           capture_output=True, text=True)
    if probe.returncode != 0:
        reason = (probe.stderr.strip().splitlines() or ['no reason given'])[-1]
        return {'missing': f'{options.python}: {reason}'}
    say('PyTorch')
    job = {
        'shape': shape, 'repeat': options.repeat, 'forward': options.lengths,
        'attention': options.attention, 'table': options.table,
        'original_max_len': options.original_max_len,
        'ids': token_ids(shape['vocab'], max(options.lengths + options.table)),
        'products': [{key: row[key] for key in ('matrix', 'm', 'n', 'k')} for row in products],
    }
    done = subprocess.run([options.python, HERE / 'pytorch.py'], input=json.dumps(job),
                          stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        return {'missing': f'pytorch.py ended with exit code {done.returncode}'}
    return json.loads(done.stdout)


def llama_devices():
    """{'CUDA': 'CUDA0', 'Vulkan': 'Vulkan0'}: the first device of each backend."""
    done = subprocess.run(['llama-bench', '--list-devices'], capture_output=True, text=True)
    found = {}
    for line in done.stdout.splitlines():
        name = line.strip().partition(':')[0]
        for backend in ('CUDA', 'Vulkan'):
            if name.startswith(backend) and name[len(backend):].isdigit():
                found.setdefault(backend, name)
    return found


def llama_run(options, model, device):
    say(f'llama-bench on {device}')
    line = ['llama-bench', '-m', str(model), '-p', joined(options.lengths), '-n', '0', '-b',
            str(options.ubatch), '-ub', str(options.ubatch), '-fa', '1', '-ngl', '99', '-dev',
            device, '-r', str(options.repeat), '-o', 'json']
    done = subprocess.run(line, capture_output=True, text=True)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ['no reason given']
        return {'missing': f'llama-bench on {device}: exit code {done.returncode}, {lines[-1]}'}
    return {'rows': json.loads(done.stdout)}


def llama(options, shape):
    if not shutil.which('llama-bench'):
        return {'missing': 'llama-bench is not on the PATH'}
    devices = llama_devices()
    if not devices:
        return {'missing': 'llama-bench has no CUDA or Vulkan device'}
    with tempfile.TemporaryDirectory(dir=options.output) as folder:
        model = pathlib.Path(folder) / 'random.gguf'
        try:
            random_gguf.write(model, shape, options.type.upper())
        except ValueError as error:
            return {'missing': str(error)}
        return {backend: llama_run(options, model, name) for backend, name in devices.items()}


def main():
    options = arguments()
    options.output.mkdir(parents=True, exist_ok=True)
    results = {'date': datetime.datetime.now(datetime.timezone.utc).isoformat(timespec='seconds'),
               'options': {key: str(value) if isinstance(value, pathlib.Path) else value
                           for key, value in vars(options).items()},
               'ours': ours(options)}
    shape = results['ours']['forward']['shape']
    results['pytorch'] = pytorch(options, shape, results['ours']['matmul']['results'])
    results['llama.cpp'] = llama(options, shape)
    results['figures'] = summary.figures(results)
    (options.output / 'compare.json').write_text(json.dumps(results, indent=2) + '\n')
    text = summary.markdown(results)
    (options.output / 'compare.md').write_text(text)
    print(text, end='')
    plot.draw(results, options.output / 'compare.svg')


if __name__ == '__main__':
    main()
