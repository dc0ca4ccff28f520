#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""vkhrope-ppl --resume: kills at random times, after random chunks, and in the middle of random
writes; by chunks and by layers, with and without divergences; and what its user is told.

resume.py PROGRAM FULL_DISK LOSING_LOADER LOADER KILLS
"""
import fcntl
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import time

from cli_test import DATA, Tests, full_disk

N, SHARED = 640, 128  # tokens; those that the three methods place alike
MODEL = DATA / 'tiny-tied-f32.gguf'
FILE, OUT = 'run.ckpt', 'out.nll'
KINDS = ['in a write', 'after a write', 'at a time']
# Bytes at the checkpoint's end: 80 for each chunk (2 of the prefix, 8 of each method), 4 a token.
# With divergences, 8 for each of theirs more.
RECORDS = 80 * (2 + 3 * 8) + 4 * (SHARED + 3 * (N - SHARED))
COMPARED = RECORDS + 8 * 2 * (N - SHARED)
OTHER_MODEL = RECORDS + (80 * 10 + 4 * N) + 8 * (SHARED + 3 * (N - SHARED))


def finish(process):
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def numbers(text):
    """The CSV without what differs between two runs: times."""
    lines = [line.split(',') for line in text.splitlines()]
    timed = [i for i, name in enumerate(lines[0]) if re.search('second', name)]
    return [[field for i, field in enumerate(line) if i not in timed] for line in lines]


def size_of(path):
    try:
        return path.stat().st_size
    except FileNotFoundError:  # not there yet, or no longer: a finished run removes it
        return 0


class Reference:
    """An uninterrupted run without a checkpoint, and what one with it leaves behind."""

    def __init__(self, t, records, *options):
        self.t, self.records, self.options = t, records, options
        t.run(*self.arguments(), '--quiet')  # the driver compiles, which the next ones need not
        began = time.monotonic()
        self.csv = numbers(t.run(*self.arguments(), '--quiet').stdout)
        self.seconds = time.monotonic() - began
        self.nll = (t.folder / OUT).read_bytes()
        self.file = t.folder / FILE
        code, _, err = finish(self.start('-o', '/dev/full'))
        t.check(code == 2 and 'the same command tries again' in err, f'full output: {code} {err}')
        self.size = size_of(self.file)
        self.check(*finish(self.start()), 'after an output that failed')

    def arguments(self, *more):
        return ['--model', MODEL, '--tokens', 'long.ids', '--lengths', f'400,{N}',
                '--original-max-len', SHARED, '--chunk', '64', '--nll', OUT, '--format', 'csv',
                *self.options, *more]

    def start(self, *more, env=None):
        command = [*self.t.command, *map(str, self.arguments('--resume', FILE, *more))]
        return subprocess.Popen(command, cwd=self.t.folder, env=dict(os.environ, **(env or {})),
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def sizes(self, now):
        """From the checkpoint's size, or that of its first chunk, to more than that of the last."""
        return max(now, self.size - self.records), self.size + 100

    def check(self, code, out, err, what):
        """The run ended well, with the same bits, and its checkpoint is gone."""
        t = self.t
        t.check(code == 0, f'{what}: exit code {code}: {err}')
        t.check(code != 0 or numbers(out) == self.csv, f'{what}: other results')
        t.check((t.folder / OUT).read_bytes() == self.nll, f'{what}: other NLL')
        t.check(not self.file.exists(), f'{what}: the checkpoint is still there')
        (t.folder / OUT).unlink()


def went_on(err):
    found = re.search(r'went on after (\d+) of (\d+) tokens', err)
    return int(found.group(1)) if found else 0


def kill_once(t, reference, disk, kind, chance):
    """One run that is killed, unless it ends before. Its exit code, output and messages."""
    if kind == 'in a write':
        room = chance.randint(*reference.sizes(size_of(reference.file)))
        code, out, err = finish(reference.start(env=full_disk(disk, room, kill=True)))
        t.check(code == 0 or size_of(reference.file) == room, f'killed beside byte {room}')
        return code, out, err
    process = reference.start()
    if kind == 'at a time':
        time.sleep(chance.uniform(0, reference.seconds))
    else:
        size = chance.randint(*reference.sizes(size_of(reference.file)))
        while process.poll() is None and size_of(reference.file) < size:
            time.sleep(0.0002)
    process.send_signal(signal.SIGKILL)
    return finish(process)


def test_kills(t, reference, disk, kills):
    chance = random.Random(5)
    left = (KINDS * kills)[:kills]
    chance.shuffle(left)
    resumed = finished = furthest = 0
    while left:
        code, out, err = kill_once(t, reference, disk, left[-1], chance)
        now = went_on(err)
        t.check(now == 0 or now >= furthest, f'went on after {now} tokens, before after {furthest}')
        furthest = max(furthest, now)
        resumed += now > 0
        if code == -signal.SIGKILL:
            left.pop()
            if furthest and not reference.file.exists():  # killed after its work
                t.check((t.folder / OUT).read_bytes() == reference.nll, 'no checkpoint, no results')
                furthest = 0
            continue
        reference.check(code, out, err, f'{len(left)} kills from the end')
        finished, furthest = finished + 1, 0
    reference.check(*finish(reference.start()), 'after the kills')
    what = ' '.join(map(str, reference.options)) or 'by chunks'
    print(f'{what}: {kills} kills, {resumed} runs went on, {finished + 1} finished',
          file=sys.stderr)
    t.check(resumed >= kills // 6, f'{what}: too few went on')


def least_memory(t, options):
    """Bytes of device memory that a run cannot do without: it goes by layers, in many batches."""
    done = t.run('--model', MODEL, '--tokens', 'long.ids', '--lengths', f'400,{N}', '--chunk', '64',
                 '--original-max-len', SHARED, *options, '--memory', '1', code=None)
    return re.search(r'needs (\d+) bytes of device memory at the least', done.stderr).group(1)


def test_compared(t, disk, kills):
    """Runs with divergences, from a method by chunks and from another model by layers: api/resume.c
    and resume_layers.c have the rest."""
    test_kills(t, Reference(t, COMPARED, '--kl', 'hybrid:cf=1.5'), disk, kills)
    other = ('--kl-model', DATA / 'tiny-tied-q8_0.gguf')
    memory = least_memory(t, other)
    test_kills(t, Reference(t, OTHER_MODEL, *other, '--memory', memory), disk, kills)


def test_full_disk(t, reference, disk):
    for room, cannot in ((reference.size // 4, 'reserve its size'),
                         (reference.size - 1500, 'write')):
        code, out, err = finish(reference.start('--quiet', env=full_disk(disk, room)))
        t.check(code == 2 and f'{FILE}: cannot {cannot}: No space left on device' in err and
                out == '' and len(err.splitlines()) == 1, f'full disk: {code}, {err!r}')
    code, out, err = finish(reference.start())
    t.check(went_on(err) > 1000, f'a full disk lost what was: {err!r}')
    reference.check(code, out, err, 'after a full disk')


def test_interrupt(t, reference):
    process = reference.start()
    while not reference.file.exists() and process.poll() is None:
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    code, _, err = finish(process)
    t.check(code == 130 and 'cancelled after' in err and
            f'--resume: {FILE} has what was finished: run the same command again to go on' in err,
            f'interrupt: {code} {err!r}')
    reference.check(*finish(reference.start('--quiet')), 'after an interrupt')


def test_lost(t, reference, loader, real_loader):
    """The tool on a loader of Vulkan that loses the device."""
    if 'VKHROPE_TEST_RUN' in os.environ:
        return  # a loader of its own
    folder = t.folder / 'loader'
    folder.mkdir()
    (folder / pathlib.Path(real_loader).name).symlink_to(pathlib.Path(loader).resolve())
    env = {'LD_LIBRARY_PATH': f'{folder}:{os.environ.get("LD_LIBRARY_PATH", "")}',
           'VKHROPE_TEST_LOADER': real_loader, 'VKHROPE_TEST_SUBMITS': '30'}
    done = t.run(*reference.arguments(), '--quiet', code=3, env=env)
    t.check('the device was lost' in done.stderr and 'run it with --resume FILE' in done.stderr,
            done.stderr)
    done = t.run(*reference.arguments('--resume', FILE), code=3, env=env)
    t.check(f'--resume: {FILE} has what was finished: run the same command again to go on' in
            done.stderr, done.stderr)
    code, out, err = finish(reference.start())
    t.check(went_on(err) > 0, f'nothing was kept before the loss: {err!r}')
    reference.check(code, out, err, 'after a loss')


def test_refusals(t, reference, disk):
    arguments = reference.arguments
    t.fails(1, *arguments('--resume', 'x', '-o', 'x'), says='--resume: x is also the file of')
    t.fails(1, *arguments('--resume', 'long.ids'), says='--resume: long.ids is also the file of')
    t.fails(1, *arguments('--resume', 'x', '--resume', 'y'), says='--resume is given twice')
    t.fails(2, *arguments('--resume', 'nowhere/x'), says='nowhere/x: cannot write in this folder')
    t.write('table.csv', 'something else\n' * 20)
    t.fails(2, *arguments('--resume', 'table.csv'), says='table.csv: not a checkpoint of vkhrope')
    t.check((t.folder / 'table.csv').read_text() == 'something else\n' * 20, 'it was overwritten')
    finish(reference.start(env=full_disk(disk, reference.size - 1000, kill=True)))
    t.fails(1, *arguments('--resume', FILE, '-m', 'hybrid:cf=3'),
            says=(f"{FILE}: the checkpoint is another run's: methods is", 'hybrid:cf=3'))
    with open(reference.file, 'rb') as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        t.fails(2, *arguments('--resume', FILE, '--quiet'),
                says=f'{FILE}: another process is using this checkpoint')
    data = bytearray(reference.file.read_bytes())
    data[-2500] ^= 1
    reference.file.write_bytes(data)
    done = t.run(*arguments('--resume', FILE, '--quiet'), code=None)
    t.check(done.returncode == 2 and 'the checkpoint is damaged at byte' in done.stderr or
            done.returncode == 0 and (t.folder / OUT).read_bytes() == reference.nll,
            f'damage: {done.returncode} {done.stderr!r}')


def test_identity(t):
    """A text that reaches the shortest length only, and a file that a method names, are the run's."""
    ids = (DATA / 'tiny-tied.ids').read_text().split()[:60]
    lists = json.loads((DATA / 'longrope-8.json').read_text())
    t.write('short.ids', ' '.join(ids))
    t.write('lists.json', json.dumps(lists))
    options = ['--model', MODEL, '--tokens', 'short.ids', '--tokens', DATA / 'tiny-tied.ids',
               '--lengths', '40,100', '-m', 'baseline', '-m', 'longrope:factor=4,file=lists.json',
               '--quiet', '--format', 'json', '--resume', 'other.ckpt', '-o']
    t.run(*options, '/dev/full', code=2)
    t.write('short.ids', ' '.join([ids[1], *ids[1:]]))
    t.fails(1, *options, 'x.json', says="other.ckpt: the checkpoint is another run's: texts is")
    t.write('short.ids', ' '.join(ids))
    lists['long_factor'][1] *= 1.5
    t.write('lists.json', json.dumps(lists))
    t.fails(1, *options, 'x.json', says="the checkpoint is another run's: frequencies is")


def main():
    program, disk, *loaders, kills = sys.argv[1:]
    t = Tests(program)
    t.needs_device()
    ids = (DATA / 'tiny-tied.ids').read_text().split()
    t.write('long.ids', ' '.join((ids * (N // len(ids) + 1))[:N]))
    reference = Reference(t, RECORDS)
    test_kills(t, reference, disk, int(kills))
    test_compared(t, disk, int(kills) // 8)
    test_full_disk(t, reference, disk)
    test_interrupt(t, reference)
    test_lost(t, reference, *loaders)
    test_refusals(t, reference, disk)
    test_identity(t)
    return t.result()


if __name__ == '__main__':
    sys.exit(main())
