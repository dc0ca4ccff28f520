# SPDX-License-Identifier: MIT
"""Random weights of a model's shape as a GGUF file, for programs that read nothing else."""
import itertools
import math
import random
import struct
import typing

ALIGNMENT, PERIOD = 32, 1 << 20


class Type(typing.NamedTuple):
    """GGUF's numbers, elements and bytes of a block; then, as in src/base/random.c, where its fp16
    scale and minimum lie, the bound of its quants at scale 1, the minimum that centres them."""
    kind: int
    file_type: int
    elements: int = 1
    size: int = 4
    scale: int = 0
    minimum: int | None = None
    spread: float = 1
    centre: float = 0


TYPES = {
    'F32': Type(0, 0), 'F16': Type(1, 1, 1, 2), 'BF16': Type(30, 32, 1, 2),
    'Q4_0': Type(2, 2, 32, 18, spread=8), 'Q4_1': Type(3, 3, 32, 20, 0, 2, 8, -7.5),
    'Q5_0': Type(6, 8, 32, 22, spread=16), 'Q5_1': Type(7, 9, 32, 24, 0, 2, 16, -15.5),
    'Q8_0': Type(8, 7, 32, 34, spread=128), 'Q2_K': Type(10, 10, 256, 84, 80, 82, 24, 1.5),
    'Q3_K': Type(11, 11, 256, 110, 108, spread=75), 'Q4_K': Type(12, 14, 256, 144, 0, 2, 447, 7.5),
    'Q5_K': Type(13, 16, 256, 176, 0, 2, 911, 15.5),
    'Q6_K': Type(14, 18, 256, 210, 208, spread=2365),
    'IQ4_NL': Type(20, 25, 32, 18, spread=117), 'IQ4_XS': Type(23, 30, 256, 136, spread=2161),
}
F32 = TYPES['F32']
UINT32, FLOAT32, STRING = 4, 6, 8


def text(value):
    data = value.encode()
    return struct.pack('<Q', len(data)) + data


def field(name, value):
    packed = {int: lambda: struct.pack('<II', UINT32, value),
              float: lambda: struct.pack('<If', FLOAT32, value),
              str: lambda: struct.pack('<I', STRING) + text(value)}[type(value)]()
    return text(name) + packed


def fields(shape, file_type):
    arch = shape['architecture']
    head = shape['head_dim']
    yield 'general.architecture', arch
    yield 'general.name', shape['name']
    yield 'general.file_type', file_type
    yield 'tokenizer.ggml.model', 'no_vocab'
    for name, value in (
            ('vocab_size', shape['vocab']), ('context_length', shape['context_length']),
            ('block_count', shape['n_layers']), ('embedding_length', shape['hidden']),
            ('feed_forward_length', shape['ffn']), ('attention.head_count', shape['n_heads']),
            ('attention.head_count_kv', shape['n_kv_heads']), ('attention.key_length', head),
            ('attention.value_length', head), ('rope.dimension_count', head),
            ('rope.freq_base', float(shape['rope_base'])),
            ('attention.layer_norm_rms_epsilon', float(shape['norm_eps']))):
        yield f'{arch}.{name}', value


def tensors(shape):
    """(name, dimensions innermost first)"""
    hidden, ffn = shape['hidden'], shape['ffn']
    query, kv = (shape[key] * shape['head_dim'] for key in ('n_heads', 'n_kv_heads'))
    yield 'token_embd.weight', (hidden, shape['vocab'])
    yield 'output_norm.weight', (hidden,)
    if not shape['tied']:
        yield 'output.weight', (hidden, shape['vocab'])
    for i in range(shape['n_layers']):
        for name in ('attn_norm', 'ffn_norm'):
            yield f'blk.{i}.{name}.weight', (hidden,)
        for name, rows, cols in (('attn_q', query, hidden), ('attn_k', kv, hidden),
                                 ('attn_v', kv, hidden), ('attn_output', hidden, query),
                                 ('ffn_gate', ffn, hidden), ('ffn_up', ffn, hidden),
                                 ('ffn_down', hidden, ffn)):
            yield f'blk.{i}.{name}.weight', (cols, rows)
        if shape['architecture'] == 'qwen2':
            for name, rows in (('attn_q', query), ('attn_k', kv), ('attn_v', kv)):
                yield f'blk.{i}.{name}.bias', (rows,)


def size_of(of, name, dims):
    if dims[0] % of.elements:
        raise ValueError(f'{name}: rows of {dims[0]} elements are no blocks of {of.elements}')
    return math.prod(dims) // of.elements * of.size


def random_block(of, scale, generator):
    """Any quants; a scale of the block's own, of either sign."""
    step = generator.choice((-scale, scale)) / of.spread * generator.uniform(0.9, 1.1)
    block = bytearray(generator.randbytes(of.size))
    if of.minimum is not None:
        struct.pack_into('<e', block, of.minimum, step * of.centre)
    struct.pack_into('<e', block, of.scale, step)
    return block


def noise(of, scale):
    """PERIOD elements of about scale * uniform, which a file repeats."""
    generator = random.Random(1)
    if of.elements > 1:
        return b''.join(random_block(of, scale, generator) for _ in range(PERIOD // of.elements))
    values = [generator.uniform(-scale, scale) for _ in range(PERIOD)]
    if of == TYPES['BF16']:
        words = struct.unpack(f'<{2 * PERIOD}H', struct.pack(f'<{PERIOD}f', *values))
        return struct.pack(f'<{PERIOD}H', *words[1::2])
    return struct.pack(f'<{PERIOD}{"f" if of == F32 else "e"}', *values)


def write(path, shape, type_name):
    """ValueError for an architecture whose tensors are not known here, and for rows that are not
    whole blocks."""
    if shape['architecture'] not in ('llama', 'qwen2'):
        raise ValueError(f'{shape["architecture"]}: no random GGUF of this architecture')
    weights = TYPES[type_name]
    matrix = noise(weights, (3 / shape['hidden']) ** 0.5)
    vector = struct.pack('<f', 1.0) * PERIOD
    entries, infos, at = [], b'', 0
    for name, dims in tensors(shape):
        of, block = (F32, vector) if len(dims) == 1 else (weights, matrix)
        size = size_of(of, name, dims)
        infos += text(name) + struct.pack(f'<I{len(dims)}QIQ', len(dims), *dims, of.kind, at)
        entries.append((block, size))
        at += -(-size // ALIGNMENT) * ALIGNMENT
    head = [field(name, value) for name, value in fields(shape, weights.file_type)]
    with open(path, 'wb') as file:
        file.write(b'GGUF' + struct.pack('<IQQ', 3, len(entries), len(head)) + b''.join(head))
        file.write(infos)
        file.write(bytes(-file.tell() % ALIGNMENT))
        for block, size in entries:
            for begin in itertools.count(0, len(block)):
                if begin >= size:
                    break
                file.write(memoryview(block)[:min(len(block), size - begin)])
            file.write(bytes(-size % ALIGNMENT))
