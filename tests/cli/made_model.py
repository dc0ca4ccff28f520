# SPDX-License-Identifier: MIT
"""Llama models with random weights, as folders with config.json and model.safetensors."""
import array
import json
import random
import struct


def shapes(config):
    hidden, ffn, vocab = (config[k] for k in ('hidden_size', 'intermediate_size', 'vocab_size'))
    query = config['num_attention_heads'] * config['head_dim']
    kv = config['num_key_value_heads'] * config['head_dim']
    yield 'model.embed_tokens.weight', (vocab, hidden)
    yield 'model.norm.weight', (hidden,)
    for i in range(config['num_hidden_layers']):
        layer = f'model.layers.{i}.'
        for name in ('input_layernorm', 'post_attention_layernorm'):
            yield f'{layer}{name}.weight', (hidden,)
        for name, rows, columns in (('q', query, hidden), ('k', kv, hidden), ('v', kv, hidden),
                                    ('o', hidden, query)):
            yield f'{layer}self_attn.{name}_proj.weight', (rows, columns)
        for name, rows, columns in (('gate', ffn, hidden), ('up', ffn, hidden),
                                    ('down', hidden, ffn)):
            yield f'{layer}mlp.{name}_proj.weight', (rows, columns)


def make(folder, **changes):
    """A tied model of one layer; `changes` go into its config. Returns the folder."""
    config = {'architectures': ['LlamaForCausalLM'], 'model_type': 'llama', 'hidden_act': 'silu',
              'vocab_size': 704, 'hidden_size': 32, 'intermediate_size': 48,
              'num_hidden_layers': 1, 'num_attention_heads': 2, 'num_key_value_heads': 1,
              'head_dim': 16, 'max_position_embeddings': 32, 'rms_norm_eps': 1e-5,
              'tie_word_embeddings': True, 'rope_theta': 10000.0, **changes}
    folder.mkdir()
    (folder / 'config.json').write_text(json.dumps(config))
    noise = random.Random(7)
    header, data = {}, bytearray()
    for name, shape in shapes(config):
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        values = array.array('f', (1.0 if len(shape) == 1 else noise.uniform(-0.3, 0.3)
                                   for _ in range(count)))
        header[name] = {'dtype': 'F32', 'shape': list(shape),
                        'data_offsets': [len(data), len(data) + 4 * count]}
        data += values.tobytes()
    text = json.dumps(header).encode()
    text += b' ' * (-len(text) % 8)
    (folder / 'model.safetensors').write_bytes(struct.pack('<Q', len(text)) + text + data)
    return folder
