#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compiles one shader variant to SPIR-V, validates it, and writes it as a C array. With the define
MATRIX_BF16, what the source has as float16 becomes bfloat16.

build.py shader COMPILER VALIDATOR OPTIMISER ENVIRONMENT SOURCE NAME OUT.c OUT.d [-DDEFINE ...]
build.py probe COMPILER VALIDATOR ENVIRONMENT SOURCE [-DDEFINE ...]
build.py table OUT.h NAME ...
"""
import pathlib
import struct
import subprocess
import sys
import tempfile


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        sys.exit(f'{" ".join(command)}\n{done.stdout}')


def words_of(data):
    return struct.unpack(f'<{len(data) // 4}I', data)


def instructions(words):
    """Each as (opcode, its words)."""
    at = 5
    while at < len(words):
        length = words[at] >> 16
        yield words[at] & 0xffff, list(words[at:at + length])
        at += length


def to_bfloat16(spirv):
    """Exchanges the type in a finished module: spirv-opt passes over those that have bfloat16."""
    words = words_of(spirv.read_bytes())
    name = b'SPV_KHR_bfloat16'.ljust(20, b'\0')
    extension = [(1 + len(name) // 4) << 16 | 10, *words_of(name)]
    capabilities = [2 << 16 | 17, 5116, 2 << 16 | 17, 5118]  # the type, and matrices of it
    out = list(words[:5])
    for code, instruction in instructions(words):
        if instruction == [2 << 16 | 17, 9]:  # the capability Float16
            instruction = capabilities
        elif code == 22 and instruction[2] == 16:  # OpTypeFloat
            instruction = [4 << 16 | 22, *instruction[1:], 0]
        elif code in (10, 11) and extension:  # OpExtension or OpExtInstImport
            instruction, extension = extension + instruction, []
        out += instruction
    spirv.write_bytes(struct.pack(f'<{len(out)}I', *out))


def compile(compiler, validator, environment, source, spirv, depfile, *defines):
    if 'glslc' in pathlib.Path(compiler).name:
        run(compiler, '-O', f'--target-env={environment}', '-MD', '-MF', depfile, *defines,
            '-o', spirv, source)
    else:
        run(compiler, '-V', '--target-env', environment, '--quiet', '--depfile', depfile, *defines,
            '-o', spirv, source)
    run(validator, '--target-env', environment, spirv)


def finish(validator, environment, spirv, defines):
    if '-DMATRIX_BF16' in defines:
        to_bfloat16(spirv)
        run(validator, '--target-env', environment, str(spirv))


def probe(compiler, validator, environment, source, *defines):
    """Succeeds when the compiler and the validator know what the source uses."""
    with tempfile.TemporaryDirectory() as folder:
        spirv = pathlib.Path(folder) / 'probe.spv'
        compile(compiler, validator, environment, source, str(spirv), f'{folder}/probe.d', *defines)
        finish(validator, environment, spirv, defines)


def unroll(optimiser, validator, environment, spirv):
    """Unrolls what the source says to: drivers keep arrays in registers only when they need not."""
    run(optimiser, f'--target-env={environment}', '--inline-entry-points-exhaustive', '-O',
        '--loop-unroll', '-O', '--scalar-replacement=0', '-O', spirv, '-o', spirv)
    run(validator, '--target-env', environment, spirv)
    hold_in_registers(spirv)


def hold_in_registers(spirv):
    """Fails where a loop was left that goes over an array of matrices: a GPU then has it in memory, at a
    tenth of the rate."""
    matrices = set()
    for code, instruction in instructions(words_of(pathlib.Path(spirv).read_bytes())):
        if code == 4456:  # OpTypeCooperativeMatrixKHR
            matrices.add(instruction[1])
        elif code == 28 and instruction[2] in matrices:  # OpTypeArray
            sys.exit(f'{spirv}: spirv-opt unrolls loops that count to constants, and left one over matrices')


def shader(compiler, validator, optimiser, environment, source, name, out, depfile, *defines):
    spirv = pathlib.Path(out).with_suffix('.spv')
    compile(compiler, validator, environment, source, str(spirv), depfile, *defines)
    if optimiser != 'none':
        unroll(optimiser, validator, environment, str(spirv))
    finish(validator, environment, spirv, defines)
    # Ninja knows the output as the C file.
    text = pathlib.Path(depfile).read_text(encoding='utf-8')
    pathlib.Path(depfile).write_text(f'{out}:{text.split(":", 1)[1]}', encoding='utf-8')
    data = spirv.read_bytes()
    words = [f'0x{word:08x}' for word in words_of(data)]
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
