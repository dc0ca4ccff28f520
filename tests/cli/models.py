#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""vkhrope-ppl: models that are damaged or lie. Each is refused in one line that names the file and
the field; needs no device."""
import json
import random
import shutil
import struct
import sys

import made_model
from cli_test import DATA, Tests

IDS = DATA / 'tiny-tied.ids'
GGUF = (DATA / 'tiny-tied-f32.gguf').read_bytes()
U32, U64 = '<I', '<Q'


def refused(t, model, *says):
    t.fails(2, '--model', model, '--tokens', IDS, '--lengths', '64', says=says)


def test_config(t, good):
    """config.json against itself and against the tensors."""
    lies = [
        ({'hidden_size': 33}, 'embed_tokens'), ({'hidden_size': 64}, 'embed_tokens'),
        ({'hidden_size': -32}, 'hidden_size'), ({'hidden_size': '32'}, 'hidden_size'),
        ({'hidden_size': 1 << 40}, 'hidden_size'), ({'hidden_size': 0}, 'hidden_size'),
        ({'hidden_size': None}, 'hidden_size'), ({'hidden_size': 32.5}, 'hidden_size'),
        ({'num_attention_heads': 0}, 'num_attention_heads'),
        ({'num_attention_heads': 4}, 'q_proj'), ({'num_key_value_heads': 3}, 'num_key_value_heads'),
        ({'head_dim': 8}, 'q_proj'), ({'head_dim': 15}, 'head_dim'),
        ({'intermediate_size': 64}, 'mlp.'), ({'vocab_size': 1 << 31}, 'embed_tokens'),
        ({'vocab_size': 705}, 'embed_tokens'), ({'num_hidden_layers': 2}, 'model.layers.1.'),
        ({'num_hidden_layers': 0}, 'num_hidden_layers'),
        ({'num_hidden_layers': 1 << 31}, 'layers'),
        ({'max_position_embeddings': 0}, 'max_position_embeddings'),
        ({'rms_norm_eps': -1.0}, 'rms_norm_eps'), ({'rope_theta': 0.0}, 'rope_theta'),
        ({'hidden_act': 'gelu'}, 'hidden_act'), ({'tie_word_embeddings': False}, 'output head'),
        ({'model_type': 'gpt2'}, 'model_type'), ({'model_type': None}, 'model_type'),
        ({'attention_bias': True}, 'attention_bias'),
        ({'rope_scaling': {'rope_type': 'nope'}}, 'rope_type'),
    ]
    path = good / 'config.json'
    truth = path.read_text()
    for lie, field in lies:
        path.write_text(json.dumps({**json.loads(truth), **lie}))
        refused(t, good, 'model', field)
    for text in ('', '[]', '{', '{"hidden_size": 1e999}', '[' * 100000, '\x00', '{"a": "\xff"}'):
        path.write_bytes(text.encode('latin-1'))
        refused(t, good, 'config.json')
    path.unlink()
    refused(t, good, 'config.json')
    path.write_text(truth)


def test_safetensors(t, good):
    path = good / 'model.safetensors'
    whole = path.read_bytes()
    size, = struct.unpack_from(U64, whole)
    header, data = json.loads(whole[8:8 + size]), whole[8 + size:]

    def write(header, data=data, size=None):
        text = header if isinstance(header, bytes) else json.dumps(header).encode()
        path.write_bytes(struct.pack(U64, len(text) if size is None else size) + text + data)

    name = 'model.norm.weight'
    begin, end = header[name]['data_offsets']
    for change, says in (({'shape': [31]}, name), ({'shape': [-32]}, name),
                         ({'shape': [1 << 62, 1 << 62]}, name), ({'shape': 'wide'}, name),
                         ({'dtype': 'F64'}, name), ({'dtype': 'F16'}, name), ({'dtype': 7}, name),
                         ({'data_offsets': [begin, end + 4]}, name),
                         ({'data_offsets': [begin, len(data) + 128]}, name),
                         ({'data_offsets': [end, begin]}, name), ({'data_offsets': [begin]}, name),
                         ({'data_offsets': [-4, 124]}, name)):
        write({**header, name: {**header[name], **change}})
        refused(t, good, 'model.safetensors', says)
    write({**header, name: {**header[name], 'shape': [16, 2]}})
    refused(t, good, name, '[16][2]', '[32]')
    for size in (0, 1, len(whole), (1 << 63) - 1, (1 << 64) - 1):
        write(header, size=size)
        refused(t, good, 'model.safetensors')
    for cut in (0, 7, 8, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        refused(t, good, 'model.safetensors')
    for bad in (b'[]', b'{', b'{"x": 1}', b'\xff' * 64):
        write(bad)
        refused(t, good, 'model.safetensors')
    index = good / 'model.safetensors.index.json'
    path.unlink()
    gone, up = ('{"weight_map": {"model.norm.weight": "%s.safetensors"}}' % file
                for file in ('gone', '../up'))
    for text, says in ((gone, 'gone.safetensors'), (up, 'weight_map'), ('{}', 'weight_map'),
                       ('{"weight_map": {}}', 'weight_map'), ('{', 'index.json')):
        index.write_text(text)
        refused(t, good, says)
    index.unlink()
    path.write_bytes(whole)


def with_value(key, form, value):
    """The GGUF with another number under the key."""
    at = GGUF.index(key.encode()) + len(key) + 4
    return GGUF[:at] + struct.pack(form, value) + GGUF[at + struct.calcsize(form):]


def with_tensor(name, at, form, value):
    """The GGUF with another number in the tensor's entry: at 0 how many dimensions, 4 the first."""
    at += GGUF.index(struct.pack(U64, len(name)) + name.encode()) + 8 + len(name)
    return GGUF[:at] + struct.pack(form, value) + GGUF[at + struct.calcsize(form):]


def test_gguf(t):
    matrix, norm = 'blk.0.attn_q.weight', 'output_norm.weight'
    cases = [
        (b'GGUG' + GGUF[4:], 'GGUF'), (GGUF[:4] + struct.pack(U32, 1) + GGUF[8:], 'version'),
        (GGUF[:4] + struct.pack('>I', 3) + GGUF[8:], 'endian'),
        (GGUF[:8] + struct.pack(U64, 1 << 62) + GGUF[16:], 'tensor'),
        (GGUF[:16] + struct.pack(U64, 1 << 62) + GGUF[24:], 'bad.gguf'),
        (with_value('llama.block_count', U32, 0), 'llama.block_count'),
        (with_value('llama.block_count', U32, 3), 'blk.2.'),
        (with_value('llama.block_count', U32, 1 << 31), 'layers'),
        (with_value('llama.embedding_length', U32, 48), 'token_embd'),
        (with_value('llama.attention.head_count', U32, 0), 'head_count'),
        (with_value('llama.attention.head_count_kv', U32, 3), 'head_count_kv'),
        (with_value('llama.feed_forward_length', U32, 1), 'ffn_'),
        (with_value('llama.context_length', U32, 0), 'context_length'),
        (with_value('llama.attention.layer_norm_rms_epsilon', '<f', float('nan')), 'epsilon'),
        (with_tensor(matrix, 4, U64, 32), matrix), (with_tensor(matrix, 4, U64, 0), matrix),
        (with_tensor(matrix, 4, U64, (1 << 64) - 1), matrix),
        (with_tensor(matrix, 0, U32, 9), matrix),
        (with_tensor(matrix, 20, U32, 200), matrix), (with_tensor(matrix, 24, U64, 1), matrix),
        (with_tensor(matrix, 24, U64, 1 << 40), matrix), (with_tensor(norm, 4, U64, 63), norm),
    ]
    for content, says in cases:
        refused(t, t.write('bad.gguf', content), 'bad.gguf', says)


def test_flips(t):
    """Whatever one byte of the head says: a plan, or one line and a documented code."""
    noise = random.Random(11)
    head = GGUF.index(b'output_norm.weight') + 64
    for _ in range(60):
        at = noise.randrange(head)
        flipped = GGUF[:at] + bytes([GGUF[at] ^ 1 << noise.randrange(8)]) + GGUF[at + 1:]
        path = t.write('flip.gguf', flipped)
        done = t.run('--model', path, '--lengths', '64', '--memory-plan', code=None)
        t.check(done.returncode in (0, 2, 3, 4), f'byte {at}: {done.returncode}: {done.stderr}')
        t.check(done.returncode == 0 or done.stderr.count('\n') == 1, f'byte {at}: {done.stderr!r}')


def main():
    t = Tests(sys.argv[1])
    good = made_model.make(t.folder / 'model')
    test_config(t, good)
    test_safetensors(t, good)
    test_gguf(t)
    test_flips(t)
    shutil.rmtree(good)
    return t.result()


if __name__ == '__main__':
    sys.exit(main())
