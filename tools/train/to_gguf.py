#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes a Hugging Face Llama folder with a GPT-2 tokenizer as one GGUF: F16, norms F32."""
import argparse
import json
import pathlib

import gguf
import numpy
from safetensors.numpy import load_file


def interleaved(rows, n_heads):
    """Rows of q or k with a pair's halves side by side, as llama's GGUF files have them."""
    heads = rows.reshape(n_heads, 2, -1, rows.shape[-1])
    return numpy.ascontiguousarray(heads.swapaxes(1, 2)).reshape(rows.shape)


def add_config(writer, config, args):
    writer.add_name(args.name)
    writer.add_license(args.license)
    writer.add_description(args.description)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_vocab_size(config['vocab_size'])
    writer.add_context_length(config['max_position_embeddings'])
    writer.add_embedding_length(config['hidden_size'])
    writer.add_block_count(config['num_hidden_layers'])
    writer.add_feed_forward_length(config['intermediate_size'])
    writer.add_head_count(config['num_attention_heads'])
    writer.add_head_count_kv(config['num_key_value_heads'])
    writer.add_key_length(config['head_dim'])
    writer.add_value_length(config['head_dim'])
    writer.add_rope_dimension_count(config['head_dim'])
    writer.add_rope_freq_base(config['rope_parameters']['rope_theta'])
    writer.add_layer_norm_rms_eps(config['rms_norm_eps'])


def add_tokenizer(writer, config, spec):
    vocab = spec['model']['vocab']
    tokens = sorted(vocab, key=vocab.get)
    assert [vocab[t] for t in tokens] == list(range(config['vocab_size'])), 'ids have a gap'
    special = {t['content'] for t in spec['added_tokens']}
    writer.add_tokenizer_model('gpt2')
    writer.add_tokenizer_pre('gpt-2')
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.CONTROL if t in special else gguf.TokenType.NORMAL
                            for t in tokens])
    writer.add_token_merges([' '.join(m) for m in spec['model']['merges']])
    writer.add_bos_token_id(config['bos_token_id'])
    writer.add_eos_token_id(config['eos_token_id'])
    writer.add_add_bos_token(False)


def add_tensors(writer, config, folder):
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config['num_hidden_layers'])
    for file in sorted(folder.glob('*.safetensors')):
        for name, value in load_file(file).items():
            if '.q_proj.' in name:
                value = interleaved(value, config['num_attention_heads'])
            if '.k_proj.' in name:
                value = interleaved(value, config['num_key_value_heads'])
            kind = numpy.float32 if value.ndim == 1 else numpy.float16
            writer.add_tensor(names.get_name(name, try_suffixes=('.weight',)), value.astype(kind))


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument('folder', type=pathlib.Path)
    args.add_argument('out', type=pathlib.Path)
    args.add_argument('--name', default='vkhrope-demo')
    args.add_argument('--license', default='MIT')
    args.add_argument('--description', default='Trained on the documentation in Debian packages')
    args = args.parse_args()
    config = json.loads((args.folder / 'config.json').read_text())
    writer = gguf.GGUFWriter(args.out, 'llama')
    add_config(writer, config, args)
    add_tokenizer(writer, config, json.loads((args.folder / 'tokenizer.json').read_text()))
    add_tensors(writer, config, args.folder)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    print(f'{args.out}: {args.out.stat().st_size} bytes')


if __name__ == '__main__':
    main()
