# SPDX-License-Identifier: MIT
"""Random weights of a model's shape as a GGUF file, for programs that read nothing else."""
import itertools
import random
import struct

ALIGNMENT, PERIOD = 32, 1 << 20
F32, F16, Q8_0, BF16 = 0, 1, 8, 30
TYPES = {'F32': F32, 'F16': F16, 'BF16': BF16, 'Q8_0': Q8_0}
FILE_TYPES = {F32: 0, F16: 1, Q8_0: 7, BF16: 32}
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


def size_of(kind, dims):
    elements = dims[0] * (dims[1] if len(dims) > 1 else 1)
    return {F32: elements * 4, F16: elements * 2, BF16: elements * 2,
            Q8_0: elements // 32 * 34}[kind]


def noise(kind, scale):
    """PERIOD elements of about scale * uniform, which a file repeats."""
    generator = random.Random(1)
    if kind == Q8_0:
        step = struct.pack('<e', scale / 127)
        return b''.join(step + generator.randbytes(32) for _ in range(PERIOD // 32))
    values = [generator.uniform(-scale, scale) for _ in range(PERIOD)]
    if kind == BF16:
        words = struct.unpack(f'<{2 * PERIOD}H', struct.pack(f'<{PERIOD}f', *values))
        return struct.pack(f'<{PERIOD}H', *words[1::2])
    return struct.pack(f'<{PERIOD}{"f" if kind == F32 else "e"}', *values)


def write(path, shape, type_name):
    """ValueError for an architecture whose tensors are not known here."""
    if shape['architecture'] not in ('llama', 'qwen2'):
        raise ValueError(f'{shape["architecture"]}: no random GGUF of this architecture')
    kind = TYPES[type_name]
    matrix = noise(kind, (3 / shape['hidden']) ** 0.5)
    vector = struct.pack('<f', 1.0) * PERIOD
    entries, infos, at = [], b'', 0
    for name, dims in tensors(shape):
        of = F32 if len(dims) == 1 else kind
        size = size_of(of, dims)
        infos += text(name) + struct.pack(f'<I{len(dims)}QIQ', len(dims), *dims, of, at)
        entries.append((vector if of == F32 and len(dims) == 1 else matrix, size))
        at += -(-size // ALIGNMENT) * ALIGNMENT
    head = [field(name, value) for name, value in fields(shape, FILE_TYPES[kind])]
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
