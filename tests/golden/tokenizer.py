#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the tokenizer fixtures: small byte-level BPE tokenizers with published pre-tokenizers.

Needs the PyPI packages tokenizers and gguf. Writes data/tokenizer-NAME.{json,gguf} and
data/tokenizer-NAME.ids.json, for which README.md gives the format.
"""
import json
import pathlib

import gguf
from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers,
                        pre_tokenizers, processors, trainers)

DATA = pathlib.Path(__file__).parent / 'data'
VOCAB = 700

LINES = '''
The perplexity of a model is the exponential of its mean loss, and it grows past the known length.
Positions beyond the original length are compressed; positions before it stay where they are.
I don't think that it's ready, but they're sure we've seen enough, and I'll say so if you'd ask.
DON'T SHOUT: IT'S LATE, WE'RE TIRED, THEY'VE LEFT, I'M OFF, YOU'LL SEE, SHE'D AGREE.
In 1984, 2048 tokens took 3.14159 seconds; in 2024, 65536 took 0.25 s (about 1,000,000 a minute).
for (int i = 0; i < n; i++) {
        sum += values[i] * 0.5f;  // every value once
    return sum / (double)n;
email: someone@example.org, see https://example.org/a/b?c=d&e=f#g -- or not...
Größe, Straße, Äpfel und Öl; naïve café, déjà vu, façade; mañana, señor, ¿qué?
Привет, мир! Сегодня хорошая погода, и мы идём гулять в парк.
Η γλώσσα είναι παράξενη, αλλά όμορφη.
今日は天気がいいので、公園まで歩きました。 我们今天去公园散步，天气很好。 오늘은 날씨가 좋아요.
שלום עולם, مرحبا بالعالم, नमस्ते दुनिया, สวัสดีชาวโลก
😀 😃 🎉🎉🎉 👩‍👩‍👧‍👦 🇫🇷🇩🇪 ❤️ ✨ — “quoted” ‘single’ … • → ≤ ≥ ≠ ½ ² ³
tabs\tand\tmore\ttabs   three spaces     five spaces

Numbers: 12 123 1234 12345 123456, 100 1000 10000, 777 7777, 2024 2048 4096; x123, y1000.

Two lines lie between...

and an end.\r\nAnother end!\r\n\r\n!!! ??? ... --- ===
		return 0;
'''

CASES = [
    '', ' ', '  ', '   a', 'a   ', '\n', '\n\n\n', ' \n \n', '\t\ttab', 'a\r\nb\r\n\r\n  c\r',
    '\r\r\n',
    'Perplexity of the model past its original length.',
    "I don't, you're, we've, they'll, she'd, I'm, it's, 'tis, rock'n'roll, '''s 't",
    "I DON'T, YOU'RE, WE'VE, THEY'LL, SHE'D, I'M, IT'S, It'S, 'Re'LL",
    '1', '12', '123', '1234', '12345678901234567890', 'x1y22z333', ' 7 77 777 7777', '3.14159e-10',
    '1,000,000.50 \u0663\u0664\u0665\u0666 \u0967\u0968\u0969 \u216b \u00bd\u00b2\u00b3',
    '    if (a[i] != b->c) {\n\t\treturn !x && ~y;\n    }\n\n\n}',
    'https://example.org/~user/?q=a%20b&n=10#top someone@example.org',
    'end of line  \nnext line \n  indented\n \n\n   again   ',
    'Größe naïve café señor ¿Qué? ÀÉÎÕÜ ŁÓDŹ',
    'Привет, мир! Η γλώσσα, ΑΛΦΑ ΒΗΤΑ.', '今日は天気がいい。 公園まで、歩きました！', '我们今天去公园散步2024年',
    '오늘은 날씨가 좋아요', 'שלום עולם مرحبا بالعالم', 'नमस्ते दुनिया สวัสดีชาวโลก',
    '😀😃 🎉 👩‍👩‍👧‍👦 👍🏽 🇫🇷🇩🇪 ❤️', '“quoted” ‘single’ — dash… • → ≤≥≠',
    'no\u00a0break \u3000ideographic \u200bzero\u200bwidth \u2028line\u2029paragraph\u0085next',
    'bell\x07 vt\x0b ff\x0c fs\x1c us\x1f del\x7f \ufeffbom', 'a' * 300 + ' ' + 'ab' * 100,
    ' ' * 50 + 'x' + ' ' * 17, '!!!???...;;;---___===+++', '...\n\n!!\r\n?? \n',
    '\U00010400\U00010428 \U0001d7d8 \U00020000 \ue000\uf8ff',
    'AbC dEf GHIjkl camelCase snake_case SCREAMING_CASE kebab-case',
    "it'ſ long s, 'K kelvin, ﬁ ligature, ǅ titlecase, ʰ modifier, ª ordinal",
]
NFC_CASES = ['cafe\u0301 nai\u0308ve A\u030angstro\u0308m',
             '\u1100\u1161\u11a8 \u0958 \u2126 \u212b \uf900',
             'q\u0307\u0323 \u0344 \ufb1d']
SPECIAL_CASES = ['<|end|>', 'before<|end|>after', ' <|end|> <|end|><|end|>\n',
                 '<|en d|> <|end', '<|end|>|>',
                 '<tool> x</tool> <tool>1<|end|>23']

CONTRACTION = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
REST = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA3 = CONTRACTION + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|" + REST
QWEN2 = CONTRACTION + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|" + REST


def split(pattern):
    return pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(pattern), behavior='isolated', invert=False),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


# name: (pre-tokenizer, its name in GGUF, begin-of-text token or None)
KINDS = {
    'gpt2': (pre_tokenizers.ByteLevel(add_prefix_space=False), 'gpt-2', None),
    'llama3': (split(LLAMA3), 'llama-bpe', '<|begin|>'),
    'qwen2': (split(QWEN2), 'qwen2', None),
    'smollm': (pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True),
                                        pre_tokenizers.ByteLevel(add_prefix_space=False)]),
               'smollm', None),
}


def make(name):
    pre, _, bos = KINDS[name]
    tokenizer = Tokenizer(models.BPE())
    if name == 'qwen2':
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        [LINES, LINES],
        trainers.BpeTrainer(vocab_size=VOCAB, show_progress=False,
                            initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    added = [AddedToken('<|end|>', special=True, normalized=False)]
    added += [AddedToken(bos, special=True, normalized=False)] if bos else []
    added += [AddedToken(t, special=False, normalized=False) for t in ('<tool>', '</tool>')]
    tokenizer.add_tokens(added)
    if bos:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f'{bos} $A', special_tokens=[(bos, tokenizer.token_to_id(bos))])
    return tokenizer


def unmerge(tokenizer, token):
    """Leaves `token` in the vocabulary without the merge that makes it, as Llama 3 has some."""
    spec = json.loads(tokenizer.to_str())
    spec['model']['ignore_merges'] = True
    merges = spec['model']['merges']
    before = len(merges)
    spec['model']['merges'] = [m for m in merges if ''.join(m) != token]
    assert len(spec['model']['merges']) < before, token
    return Tokenizer.from_str(json.dumps(spec))


def write_gguf(tokenizer, name, path):
    spec = json.loads(tokenizer.to_str())
    tokens = [tokenizer.id_to_token(i) for i in range(tokenizer.get_vocab_size())]
    added = {t['content']: t['special'] for t in spec['added_tokens']}
    types = [gguf.TokenType.NORMAL if t not in added else
             gguf.TokenType.CONTROL if added[t] else gguf.TokenType.USER_DEFINED for t in tokens]
    bos = KINDS[name][2]
    writer = gguf.GGUFWriter(path, 'llama')
    writer.add_tokenizer_model('gpt2')
    writer.add_tokenizer_pre(KINDS[name][1])
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges([' '.join(m) for m in spec['model']['merges']])
    writer.add_bos_token_id(tokenizer.token_to_id(bos or '<|end|>'))
    writer.add_eos_token_id(tokenizer.token_to_id('<|end|>'))
    writer.add_add_bos_token(bos is not None)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()


def cases(tokenizer, texts):
    return [{'text': t, 'ids': tokenizer.encode(t, add_special_tokens=False).ids} for t in texts]


def main():
    for name, (_, pre, bos) in KINDS.items():
        tokenizer = make(name)
        if name == 'llama3':
            tokenizer = unmerge(tokenizer, 'Ġlength')
        spec = json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False, separators=(',', ':'))
        (DATA / f'tokenizer-{name}.json').write_text(spec + '\n', encoding='utf-8')
        write_gguf(tokenizer, name, DATA / f'tokenizer-{name}.gguf')
        expected = {'pre': pre, 'bos': tokenizer.token_to_id(bos) if bos else None,
                    'cases': cases(tokenizer, CASES), 'special': cases(tokenizer, SPECIAL_CASES),
                    'nfc': cases(tokenizer, NFC_CASES)}
        lines = json.dumps(expected, separators=(',', ':')).replace('{"text"', '\n{"text"')
        (DATA / f'tokenizer-{name}.ids.json').write_text(lines + '\n', encoding='utf-8')
        print(name, tokenizer.get_vocab_size(), 'tokens')


if __name__ == '__main__':
    main()
