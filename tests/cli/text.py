#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""vkhrope-ppl: texts through the model's own tokenizer, and too little memory."""
import json
import re
import resource
import shutil
import sys

import made_model
from cli_test import DATA, Tests

CASES = json.loads((DATA / 'tokenizer-llama3.ids.json').read_text())


def model_with_tokenizer(t):
    folder = made_model.make(t.folder / 'model')
    shutil.copy(DATA / 'tokenizer-llama3.json', folder / 'tokenizer.json')
    return folder


def test_text(t, model):
    """A text and its ids give the same bits, BOS included."""
    cases = sorted(CASES['cases'], key=lambda case: len(case['ids']))[-3:]
    for case in cases:
        ids = [CASES['bos']] + case['ids']
        text = t.write('book.txt', case['text'])
        listed = t.write('book.ids', ' '.join(map(str, ids)))
        runs = [json.loads(t.run('--model', model, *source, '--lengths', f'32,{len(ids)}',
                                 '--format', 'json').stdout)
                for source in (('--text', text), ('--tokens', listed))]
        t.check(runs[0]['tokens_available'] == len(ids), f'{runs[0]["tokens_available"]} tokens')
        t.check([c['nll'] for c in runs[0]['results']] == [c['nll'] for c in runs[1]['results']],
                'the text and its ids give other numbers')
    case = cases[-1]
    piped = t.run('--model', model, '--text', '-', '--lengths', '40', '--format', 'csv',
                  input=case['text'].encode())
    t.check(piped.stdout.count('\n') == 4, f'from standard input: {piped.stdout!r}')


def test_bad_text(t, model):
    common = ('--model', model, '--lengths', '4', '--text')
    t.fails(2, *common, t.write('latin.txt', b'caf\xe9 au lait'), says=('latin.txt', '3'))
    t.fails(2, *common, t.write('cut.txt', 'one two three é'.encode()[:-1]), says='cut.txt')
    t.fails(2, *common, 'missing.txt', says='missing.txt')
    t.fails(2, *common, t.folder, says=str(t.folder))
    t.fails(2, *common, t.write('empty.txt', ''), says=('empty.txt', '1 tokens'))
    t.fails(1, *common, t.write('short.txt', 'a'), says=('4', '2', 'short.txt'))
    (model / 'tokenizer.json').write_text('{"model": 7}')
    t.fails(2, *common, t.write('good.txt', 'a b c d e f'), says='tokenizer.json')
    (model / 'tokenizer.json').unlink()
    t.fails(2, *common, t.folder / 'good.txt', says='tokenizer.json')
    small = made_model.make(t.folder / 'small', vocab_size=100)
    shutil.copy(DATA / 'tokenizer-llama3.json', small / 'tokenizer.json')
    t.fails(2, '--model', small, '--text', t.folder / 'good.txt',
            says=('good.txt', 'id 701 at index 0', '100'))


def test_device_memory(t):
    """A run that cannot fit is refused before it starts, and the plan says so."""
    wide = made_model.make(t.folder / 'wide', hidden_size=8, num_attention_heads=64,
                           num_key_value_heads=64, head_dim=256, vocab_size=16)
    plan = t.run('--model', wide, '--lengths', '1024', '--memory-plan').stdout
    kv, device = (int(re.search(rf'^{name} +(\d+)', plan, re.M)[1]) for name in
                  ('KV cache', 'device'))
    t.check(re.search('^KV type +F32$', plan, re.M), plan)
    plan = t.run('--model', wide, '--lengths', '1024', '--memory-plan', '--kv-type', 'q8_0').stdout
    t.check(re.search('^KV type +Q8_0$', plan, re.M), plan)
    length = device * 1024 // kv + 1024
    common = ('--model', wide, '--lengths', length)
    for options, kind, fits in ((('--kv-type', 'f32'), 'F32', 'no'),
                                (('--kv-type', 'f16'), 'F16', 'yes'), ((), 'F16', 'yes')):
        plan = t.run(*common, '--memory-plan', *options).stdout
        t.check(re.search(f'^KV type +{kind}\nfits +{fits}$', plan, re.M), f'{options}: {plan}')
    ids = t.write('many.ids', '1 ' * length)
    t.fails(4, *common, '--tokens', ids, '--kv-type', 'f32', says=str(device))


def test_host_memory(t):
    """Where the address space can be held down; sanitizers need all of it."""
    limit = 64 << 20

    def hold():
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    many = t.write('large.ids', b'1 ' * (40 << 20))
    probe = t.run('--version', preexec_fn=hold, code=None)
    if probe.returncode == 0:
        t.fails(4, '--model', DATA / 'tiny-tied-f32.gguf', '--tokens', many, says='large.ids',
                preexec_fn=hold)


def main():
    t = Tests(sys.argv[1])
    t.needs_device()
    model = model_with_tokenizer(t)
    test_text(t, model)
    test_bad_text(t, model)
    test_device_memory(t)
    test_host_memory(t)
    return t.result()


if __name__ == '__main__':
    sys.exit(main())
