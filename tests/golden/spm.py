#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the fixtures of SentencePiece-style tokenizers: small BPE models trained here, as GGUF and
as the tokenizer.json that Hugging Face's conversion gives.

Needs the PyPI packages sentencepiece, tokenizers and gguf. Writes data/tokenizer-NAME.{json,gguf}
and data/tokenizer-NAME.ids.json, for which README.md gives the format.
"""
import io
import json

import gguf
import sentencepiece
from tokenizers import (AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers,
                        processors)

from tokenizer import CASES, DATA, LINES, cases

RUNS = ['\u2581' * n for n in range(2, 12)]
MORE_CASES = [
    '\u2581', 'a\u2581b \u2581 c', '\u2581\u2581x', '<0x41> <0x0A>', 'x <unk> y', 'a  b   c    d',
    ' ' * 13 + 'deep', 'a' + '\n' * 5 + 'b', '\t\t\tx \t y', 'trailing   ', '  both  ',
    '\U0001f9ff\u0b95\u0bae\u1f71', 'e\u0301\u0302', '\u0000nul\u0001', 'for(;;)  {  }\n\n\n    x']
SPECIALS = ['<s>', 'a<s>b', ' <s> x</s>  y', '</s></s>', '<s>\n<s> ']

# name: how the model is trained, beyond what all have in common
KINDS = {
    'llama2': {'byte_fallback': True, 'split_digits': True, 'remove_extra_whitespaces': False,
               'allow_whitespace_only_pieces': True},
    'gemma': {'byte_fallback': True, 'split_digits': True, 'remove_extra_whitespaces': False,
              'add_dummy_prefix': False,
              'user_defined_symbols': ['\n', '\n\n', '\n\n\n', '<table>', '</table>', *RUNS]},
    'spm': {'character_coverage': 0.98},
}


def train(options):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter((LINES * 2).split('\n')), model_writer=model, model_type='bpe',
        vocab_size=options.get('byte_fallback', 0) * 256 + 600,
        normalization_rule_name='identity', minloglevel=2,
        **{'character_coverage': 0.985} | options)
    return sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())


def type_of(model, i, options):
    if model.IsUnknown(i):
        return gguf.TokenType.UNKNOWN
    if model.IsControl(i):
        return gguf.TokenType.CONTROL
    if model.IsByte(i):
        return gguf.TokenType.BYTE
    if model.IdToPiece(i) in options.get('user_defined_symbols', ()):
        return gguf.TokenType.USER_DEFINED
    return gguf.TokenType.NORMAL


def write_gguf(model, options, path):
    ids = range(model.GetPieceSize())
    writer = gguf.GGUFWriter(path, 'llama')
    writer.add_tokenizer_model('llama')
    writer.add_tokenizer_pre('default')
    writer.add_token_list([model.IdToPiece(i) for i in ids])
    writer.add_token_scores([model.GetScore(i) for i in ids])
    writer.add_token_types([type_of(model, i, options) for i in ids])
    writer.add_bos_token_id(model.bos_id())
    writer.add_eos_token_id(model.eos_id())
    writer.add_unk_token_id(model.unk_id())
    writer.add_add_space_prefix(options.get('add_dummy_prefix', True))
    writer.add_remove_extra_whitespaces(options.get('remove_extra_whitespaces', True))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()


def merges_of(model, vocab):
    """Every way to make a piece of two others, the best score first."""
    found = []
    for piece, i in vocab.items():
        if model.IsControl(i) or model.IsUnknown(i) or model.IsByte(i):
            continue
        pairs = ((piece[:at], piece[at:]) for at in range(1, len(piece)))
        pairs = sorted((p for p in pairs if p[0] in vocab and p[1] in vocab),
                       key=lambda p: (vocab[p[0]], vocab[p[1]]))
        found += [(-model.GetScore(i), pair) for pair in pairs]
    return [pair for _, pair in sorted(found, key=lambda f: f[0])]


def convert(model, options, metaspace):
    vocab = {model.IdToPiece(i): i for i in range(model.GetPieceSize())}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges_of(model, vocab), unk_token='<unk>',
                                     fuse_unk=True, byte_fallback=True))
    prefix = options.get('add_dummy_prefix', True)
    replace = normalizers.Replace(' ', '\u2581')
    if metaspace:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme='first', split=False)
    elif prefix:
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend('\u2581'), replace])
    else:
        tokenizer.normalizer = replace
        tokenizer.pre_tokenizer = pre_tokenizers.Split(' ', 'merged_with_previous')
    tokenizer.decoder = decoders.Sequence([decoders.Replace('\u2581', ' '),
                                           decoders.ByteFallback(), decoders.Fuse()])
    special = [AddedToken(t, special=True, normalized=False) for t in ('<unk>', '<s>', '</s>')]
    tokenizer.add_special_tokens(special)
    tokenizer.add_tokens([AddedToken(t, normalized=False)
                          for t in options.get('user_defined_symbols', ())])
    tokenizer.post_processor = processors.TemplateProcessing(
        single='<s> $A', special_tokens=[('<s>', vocab['<s>'])])
    return tokenizer


def write_json(tokenizer, name):
    spec = json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False, separators=(',', ':'))
    (DATA / f'tokenizer-{name}.json').write_text(spec + '\n', encoding='utf-8')


def write_ids(name, model, plain, special):
    expected = {'bos': model.bos_id(), 'cases': plain, 'special': special}
    lines = json.dumps(expected, separators=(',', ':')).replace('{"text"', '\n{"text"')
    (DATA / f'tokenizer-{name}.ids.json').write_text(lines + '\n', encoding='utf-8')


def main():
    texts = CASES + MORE_CASES
    for name, options in KINDS.items():
        model = train(options)
        write_gguf(model, options, DATA / f'tokenizer-{name}.gguf')
        # A piece spelled out is itself to Hugging Face's and to us, text to SentencePiece.
        plain = [{'text': t, 'ids': model.EncodeAsIds(t)} for t in texts if '<unk>' not in t]
        special = []
        if 'byte_fallback' in options:
            tokenizer = convert(model, options, metaspace=False)
            special = cases(tokenizer, SPECIALS + [t for t in texts if '<unk>' in t])
            theirs = cases(tokenizer, [c['text'] for c in plain])
            apart = [(a, b) for a, b in zip(plain, theirs) if a != b]
            print(name, 'SentencePiece and the converted tokenizer differ on', len(apart))
            write_json(tokenizer, name if name == 'llama2' else name + '-hf')
            if name == 'llama2':
                assert not apart, apart
                tokenizer = convert(model, options, metaspace=True)
                write_json(tokenizer, name + '-metaspace')
                write_ids(name + '-metaspace', model, cases(tokenizer, texts),
                          cases(tokenizer, SPECIALS))
            else:
                write_ids(name + '-hf', model, theirs, special)
        write_ids(name, model, plain, special)
        print(name, model.GetPieceSize(), 'tokens')


if __name__ == '__main__':
    main()
