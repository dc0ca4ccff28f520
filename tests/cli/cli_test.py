# SPDX-License-Identifier: MIT
"""What the tests of the command-line tools share: running a tool, counting checks."""
import os
import pathlib
import subprocess
import sys
import tempfile

SKIPPED = 77
SOURCE = pathlib.Path(__file__).resolve().parents[2]
DATA = SOURCE / 'tests/golden/data'


def full_disk(module, room, kill=False):
    """The environment of a tool in whose folder no file has room for more bytes than that: it gets
    an error, or is killed there."""
    # The sanitizers' library sees at the start whether it is the first, but does not need to be.
    options = os.environ.get('ASAN_OPTIONS', '') + ':verify_asan_link_order=0'
    return {'LD_PRELOAD': str(pathlib.Path(module).resolve()), 'VKHROPE_TEST_ROOM': str(room),
            'ASAN_OPTIONS': options, **({'VKHROPE_TEST_KILL': '1'} if kill else {})}


class Tests:
    """`program` with the arguments of each run; counts what holds and what does not.

    VKHROPE_TEST_RUN names a command that starts it, VKHROPE_TEST_DEVICE a device that must be
    there."""

    def __init__(self, program):
        self.command = [*os.environ.get('VKHROPE_TEST_RUN', '').split(),
                        str(pathlib.Path(program).resolve())]
        self.name = pathlib.Path(program).name
        self.count = self.failures = 0
        self.folder_keeper = tempfile.TemporaryDirectory(prefix='vkhrope-cli-')
        self.folder = pathlib.Path(self.folder_keeper.name)

    def check(self, condition, message):
        self.count += 1
        if not condition:
            self.failures += 1
            print('FAILED:', message, file=sys.stderr)

    def needs_device(self):
        """Ends the tests where the tool finds no Vulkan device, as a failure if one was promised."""
        probe = ['--device', '0'] if 'info' in self.name else ['--list-devices']
        done = subprocess.run(self.command + probe, capture_output=True, timeout=60, text=True)
        promised = os.environ.get('VKHROPE_TEST_DEVICE')
        if promised and promised not in done.stdout:
            sys.exit(f'{promised} is not among the devices: {done.stdout}{done.stderr}')
        if done.returncode == 3:
            print('no Vulkan device', file=sys.stderr)
            sys.exit(SKIPPED)

    def run(self, *arguments, code=0, env=None, **options):
        """Checks the exit code unless it is None; returns the finished process with text in stdout and stderr."""
        environment = dict(os.environ, **(env or {}))
        done = subprocess.run([*self.command, *map(str, arguments)], capture_output=True,
                              cwd=self.folder, env=environment, timeout=120, **options)
        done.stdout = done.stdout.decode('utf-8', 'backslashreplace')
        done.stderr = done.stderr.decode('utf-8', 'backslashreplace')
        self.check(code is None or done.returncode == code,
                   f'{arguments}: exit code {done.returncode}, want {code}; said {done.stderr!r}')
        return done

    def fails(self, code, *arguments, says=(), **options):
        """The tool ends with the code, one line on stderr that holds every string, no stdout."""
        done = self.run(*arguments, code=code, **options)
        lines = done.stderr.splitlines()
        self.check(len(lines) == 1, f'{arguments}: not one line: {done.stderr!r}')
        self.check(lines and lines[-1].startswith(self.name + ': '),
                   f'{arguments}: does not begin with the tool: {done.stderr!r}')
        for text in [says] if isinstance(says, str) else says:
            self.check(text in done.stderr, f'{arguments}: {text!r} is not in {done.stderr!r}')
        self.check(done.stdout == '', f'{arguments}: also wrote to stdout: {done.stdout!r}')
        return done

    def write(self, name, content):
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def result(self):
        print(f'{self.count} checks, {self.failures} failed', file=sys.stderr)
        self.folder_keeper.cleanup()
        return 1 if self.failures or not self.count else 0
