#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""vkhrope-ppl's HTML page: its structure, its plots, the published table, and what Chromium makes of
it where there is one.

page.py PROGRAM [--no-browser]
"""
import html.parser
import json
import re
import shutil
import struct
import subprocess
import sys
import urllib.parse
import xml.etree.ElementTree
import zlib

from cli_test import DATA, SOURCE, Tests
import made_model

MODEL, IDS = DATA / 'tiny-tied-f32.gguf', DATA / 'tiny-tied.ids'
COMMON = ('--model', MODEL, '--tokens', IDS, '--lengths', '64,300')
VOID = {'meta', 'link', 'img'}


class Page(html.parser.HTMLParser):
    """The elements in order, the text of each, and whether tags nest."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.nested = [], [], True
        self.feed(text)
        self.nested &= not self.open

    def handle_starttag(self, tag, attributes):
        element = {'tag': tag, 'text': '', **dict(attributes)}
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag):
        self.nested &= bool(self.open) and self.open.pop()['tag'] == tag

    def handle_data(self, data):
        for element in self.open:
            element['text'] += data

    def all(self, tag, **attributes):
        return [e for e in self.elements
                if e['tag'] == tag and all(e.get(k) == v for k, v in attributes.items())]


def check_page(t, page, cells):
    t.check(page.nested, 'tags do not nest')
    for tag, count in (('html', 1), ('title', 1), ('h1', 1), ('main', 1), ('table', 1)):
        t.check(len(page.all(tag)) == count, f'{len(page.all(tag))} of {tag}')
    t.check(page.all('meta', name='viewport'), 'no viewport')
    t.check(not page.all('script'), 'a script')
    for element in page.elements:
        for key in ('src', 'href'):
            t.check(element.get(key, 'data:').startswith('data:'), f'{element} is fetched')
    rows = page.all('tr')
    t.check(len(rows) == 3, f'{len(rows)} rows')
    numbers = [e['text'] for e in page.all('td')]
    t.check(len(numbers) == 8, f'cells {numbers}')
    longest = {c['method']: c['ppl'] for c in cells if c['length'] == 300}
    best = [e['text'] for e in page.all('td', **{'class': 'best'})]
    t.check(len(best) == 1 and float(best[0].split('published')[0]) ==
            float(f'{min(longest.values()):.4g}'), f'best {best} of {longest}')


def check_plots(t, page, methods):
    images = page.all('img')
    t.check([e['alt'] for e in images] == ['Perplexity against length', 'NLL against position',
                                           'Throughput and memory'], f'plots {images!r:.200}')
    texts = []
    for image in images:
        kind, data = image['src'].split(',', 1)
        t.check(kind == 'data:image/svg+xml', kind)
        root = xml.etree.ElementTree.fromstring(urllib.parse.unquote(data))
        texts.append({''.join(e.itertext()).strip() for e in root.iter()
                      if e.tag.endswith('}text')})
    for found in texts:
        t.check(set(methods) <= found or {'weights', 'KV cache', 'activations'} <= found, found)
    t.check(set(methods) | {'weights', 'KV cache', 'activations', 'tokens/s'} <= texts[2], texts[2])


def test_page(t):
    reference = t.write('published.csv', '# Elsewhere & <b>before</b>\n# a comment\n'
                        '64,64,12.5,baseline\n300,299,99.25,hybrid:cf=2\n7,7,1,baseline\n')
    done = t.run(*COMMON, '-o', "it's.html", '-o', 'r.json', '--reference', reference)
    t.check(done.stderr == '', done.stderr)
    text = (t.folder / "it's.html").read_text(encoding='utf-8')
    page = Page(text)
    cells = json.loads((t.folder / 'r.json').read_text())['results']
    check_page(t, page, cells)
    check_plots(t, page, ['baseline', 'hybrid:cf=1.5', 'hybrid:cf=2'])
    small = [e['text'] for e in page.all('small')]
    t.check(small == ['published 12.5', 'published 99.25 (of 299 tokens)'], f'published {small}')
    t.check('Elsewhere & <b>before</b>' in [e['text'] for e in page.all('p')], 'the title')
    command = page.all('pre')[0]['text']
    t.check("'it'\\''s.html'" in command and '--lengths 64,300' in command, command)
    again = subprocess.run(['sh', '-c', command], cwd=t.folder, stdout=subprocess.DEVNULL)
    t.check(again.returncode == 0, f'the command of the page does not run: {command}')
    return text


def test_variants(t):
    done = t.run(*COMMON, '--format', 'html', '-q', env={'PATH': ''})
    page = Page(done.stdout)
    t.check(page.nested and not page.all('img'), 'without gnuplot')
    t.check(sum('gnuplot' in e['text'] for e in page.all('p')) == 3, 'what is missing is not said')
    (t.folder / 'bin').mkdir()
    t.write('bin/gnuplot', '#!/bin/sh\necho the disk is full >&2\nexit 1\n').chmod(0o755)
    done = t.run(*COMMON, '--format', 'html', '-q', env={'PATH': str(t.folder / 'bin')})
    page = Page(done.stdout)
    t.check(page.nested and not page.all('img'), 'where gnuplot fails')
    t.check(sum('could not draw' in e['text'] for e in page.all('p')) == 3 and
            done.stderr.count('gnuplot failed: the disk is full\n') == 3, done.stderr)
    folder = made_model.make(t.folder / '<i>&"name')
    page = Page(t.run('--model', folder, '--tokens', IDS, '--lengths', '64', '-m', 'baseline',
                      '--format', 'html').stdout)
    t.check(page.nested and not page.all('i') and '<i>&"name' in page.all('h1')[0]['text'],
            f'a hostile name: {page.all("h1")}')
    for data in ('64,64,x,baseline', '64,64,1', '64,64,1,', '0,64,1,baseline', '64,64,nan,baseline',
                 '64,64,-1,baseline', '64,5e9,1,baseline'):
        bad = t.write('bad.csv', f'# title\n\n{data}\n')
        done = t.run(*COMMON, '-q', '-o', 'no.html', '--reference', bad, code=2)
        t.check('bad.csv:3: ' in done.stderr and not (t.folder / 'no.html').exists(), done.stderr)
    t.run(*COMMON, '-q', '-o', 'no.html', '--reference', 'missing.csv', code=2)
    for name in ('llama-3-8b-instruct.csv', 'qwen2.5-7b-instruct.csv'):
        t.run(*COMMON, '-q', '-o', 'shipped.html', '--reference', SOURCE / 'data' / name)


def nearest(left, up, corner):
    """That of the three, in this order, which left + up - corner is nearest to."""
    to_left, to_up, to_corner = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
    if to_left <= to_up and to_left <= to_corner:
        return left
    return up if to_up <= to_corner else corner


# By the number of a PNG's filter: what a byte is kept relative to, from those before and above it.
FILTERS = (lambda left, up, corner: 0, lambda left, up, corner: left, lambda left, up, corner: up,
           lambda left, up, corner: (left + up) // 2, nearest)
UP = 2


def pixels(path):
    """Rows of (r, g, b) of a PNG with 8 bits a channel."""
    data = path.read_bytes()
    at, packed = 8, b''
    while at < len(data):
        size, kind = struct.unpack('>I4s', data[at:at + 8])
        body = data[at + 8:at + 8 + size]
        if kind == b'IHDR':
            width, height, depth, colour = struct.unpack('>IIBB', body[:10])
        packed += body if kind == b'IDAT' else b''
        at += 12 + size
    channels = {2: 3, 6: 4}[colour]
    raw, rows, above = zlib.decompress(packed), [], bytearray(width * channels)
    for y in range(height):
        start = y * (width * channels + 1)
        line = bytearray(raw[start + 1:start + 1 + width * channels])
        if rows and raw[start] == UP and not any(line):  # as the row above
            rows.append(rows[-1])
            continue
        before = FILTERS[raw[start]]
        for i, value in enumerate(line):
            left, corner = (line[i - channels], above[i - channels]) if i >= channels else (0, 0)
            line[i] = (value + before(left, above[i], corner)) & 255
        rows.append([tuple(line[i:i + 3]) for i in range(0, len(line), channels)])
        above = line
    return rows


def chromium(t, browser, *arguments):
    done = subprocess.run([browser, '--headless=new', '--no-sandbox', '--disable-gpu',
                           '--hide-scrollbars', '--allow-file-access-from-files',
                           f'--user-data-dir={t.folder / "profile"}', '--enable-logging=stderr',
                           '--virtual-time-budget=2000', *arguments],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=110)
    complaints = [line for line in done.stderr.splitlines() if 'CONSOLE' in line]
    t.check(done.returncode == 0 and not complaints, f'{browser}: {complaints or done.stderr}')
    return done.stdout


def test_browser(t, text):
    """Light, dark, and as wide as a phone."""
    browser = shutil.which('chromium') or shutil.which('google-chrome')
    if not browser:
        print('no Chromium: the page is not rendered', file=sys.stderr)
        return
    t.write('page.html', text)
    for name, scheme in (('light', 1), ('dark', 0)):
        picture = t.folder / f'{name}.png'
        chromium(t, browser, f'--blink-settings=preferredColorScheme={scheme}',
                 '--window-size=800,1000', f'--screenshot={picture}',
                 (t.folder / 'page.html').as_uri())
        rows = pixels(picture)
        corner = sum(rows[2][2]) / 3
        t.check(corner > 230 if name == 'light' else corner < 40, f'{name}: the page is {corner}')
        coloured = {p for row in rows[400:] for p in row if max(p) - min(p) > 60}
        t.check(len(coloured) > 3, f'{name}: {len(coloured)} colours where the plot is')
    t.write('phone.html', '<iframe id="f" width="390" height="800" src="page.html" onload="document.'
            'body.dataset.width = f.contentDocument.documentElement.scrollWidth"></iframe>')
    dom = chromium(t, browser, '--dump-dom', (t.folder / 'phone.html').as_uri())
    width = re.search(r'data-width="(\d+)"', dom)
    t.check(width and int(width[1]) <= 390, f'a phone must scroll sideways: {width}')


def main():
    t = Tests(sys.argv[1])
    t.needs_device()
    text = test_page(t)
    test_variants(t)
    if '--no-browser' not in sys.argv:
        test_browser(t, text)
    return t.result()


if __name__ == '__main__':
    sys.exit(main())
