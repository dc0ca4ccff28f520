#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compiles one shader variant to SPIR-V, validates it, and writes it as a C array.

build.py shader COMPILER VALIDATOR OPTIMISER ENVIRONMENT SOURCE NAME OUT.c OUT.d [-DDEFINE ...]
build.py probe COMPILER VALIDATOR ENVIRONMENT SOURCE
build.py table OUT.h NAME ...
"""
import pathlib
import subprocess
import sys
import tempfile


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        sys.exit(f'{" ".join(command)}\n{done.stdout}')


def compile(compiler, validator, environment, source, spirv, depfile, *defines):
    if 'glslc' in pathlib.Path(compiler).name:
        run(compiler, '-O', f'--target-env={environment}', '-MD', '-MF', depfile, *defines,
            '-o', spirv, source)
    else:
        run(compiler, '-V', '--target-env', environment, '--quiet', '--depfile', depfile, *defines,
            '-o', spirv, source)
    run(validator, '--target-env', environment, spirv)


def probe(compiler, validator, environment, source):
    """Succeeds when the compiler and the validator know what the source uses."""
    with tempfile.TemporaryDirectory() as folder:
        compile(compiler, validator, environment, source, f'{folder}/probe.spv', f'{folder}/probe.d')


def unroll(optimiser, validator, environment, spirv):
    """Unrolls what the source says to: drivers keep arrays in registers only when they need not."""
    run(optimiser, f'--target-env={environment}', '--inline-entry-points-exhaustive', '-O',
        '--loop-unroll', '-O', '--scalar-replacement=0', '-O', spirv, '-o', spirv)
    run(validator, '--target-env', environment, spirv)


def shader(compiler, validator, optimiser, environment, source, name, out, depfile, *defines):
    spirv = pathlib.Path(out).with_suffix('.spv')
    compile(compiler, validator, environment, source, str(spirv), depfile, *defines)
    if optimiser != 'none':
        unroll(optimiser, validator, environment, str(spirv))
    # Ninja knows the output as the C file.
    text = pathlib.Path(depfile).read_text(encoding='utf-8')
    pathlib.Path(depfile).write_text(f'{out}:{text.split(":", 1)[1]}', encoding='utf-8')
    data = spirv.read_bytes()
    words = [f'0x{int.from_bytes(data[i:i + 4], "little"):08x}' for i in range(0, len(data), 4)]
    rows = ',\n'.join('    ' + ', '.join(words[i:i + 8]) for i in range(0, len(words), 8))
    pathlib.Path(out).write_text(
        f'#include "shaders/table.h"\n\nstatic const uint32_t words[] = {{\n{rows},\n}};\n\n'
        f'const struct vkh_shader vkh_shader_{name} = {{"{name}", words, sizeof(words)}};\n',
        encoding='utf-8')


def absent(name, out):
    """A shader that this compiler cannot make: nothing, which no device takes."""
    pathlib.Path(out).write_text(
        f'#include "shaders/table.h"\n\nconst struct vkh_shader vkh_shader_{name} = '
        f'{{"{name}", NULL, 0}};\n', encoding='utf-8')


def table(out, *names):
    rows = '\n'.join(f'extern const struct vkh_shader vkh_shader_{name};'
                     for name in dict.fromkeys(names))
    pathlib.Path(out).write_text(
        f'#ifndef VKH_SHADERS_TABLE_H\n#define VKH_SHADERS_TABLE_H\n\n#include "gpu/pipeline.h"\n\n'
        f'{rows}\n\n#endif\n', encoding='utf-8')


if __name__ == '__main__':
    {'absent': absent, 'shader': shader, 'probe': probe, 'table': table}[sys.argv[1]](*sys.argv[2:])
