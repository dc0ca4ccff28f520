#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the demo model's training text from the documentation that Debian packages carry.

Runs on Debian 12: packages are downloaded and unpacked into --work, nothing is installed.
Writes corpus.txt (documents separated by a form feed) and sources.json into --work.
"""
import argparse
import gzip
import hashlib
import html.parser
import json
import pathlib
import re
import subprocess
import textwrap

PACKAGES = '''anarchism apache2-doc debian-faq debian-handbook debian-policy debian-reference-en
    dict-foldoc dict-gcide dict-jargon doc-debian exim4-doc-html fortunes ghc-doc gimp-help-en
    git-doc gnome-user-docs gnu-standards harden-doc installation-guide-amd64 kicad-doc-en
    libreoffice-help-en-us linux-doc-6.1 live-manual-txt maint-guide maxima-doc octave-doc
    perl-doc postgresql-doc-15 python-django-doc python3.11-doc r-doc-html rust-doc
    sqlite3-doc vim-runtime'''.split()
# Never trained on, nor anything that shares eight words in a row with them.
HELD_OUT = ['/usr/share/common-licenses/GPL-3']
HELD_OUT_PACKAGES = ['debian-history', 'developers-reference', 'dict-devil']

HTML = {'.html', '.htm', '.xhtml', '.page', '.xhp'}
TEXT = {'.txt', '.text', '.rst', '.pod', '.dict', ''}
BLOCK = set('p li dd dt h1 h2 h3 h4 h5 h6 td th div section title item body br '
            'paragraph'.split())
SKIP = set('script style nav pre head footer svg math'.split())
STOP_WORDS = set('the of and to a in is that it for be as with are on this or by not an from can '
                 'if you which was have has at will but they their we all when there one'.split())
MAX_FILE = 8 << 20
SHINGLE = 8


class Blocks(html.parser.HTMLParser):
    """The text of each block element, without code and page furniture."""

    def __init__(self):
        super().__init__()
        self.blocks, self.text, self.skip = [], [], 0

    def cut(self):
        block = ' '.join(''.join(self.text).split())
        self.text = []
        if block:
            self.blocks.append(block)

    def handle_starttag(self, tag, attrs):
        self.skip += tag in SKIP
        if tag in BLOCK:
            self.cut()

    def handle_endtag(self, tag):
        self.skip -= tag in SKIP and self.skip > 0
        if tag in BLOCK:
            self.cut()

    def handle_data(self, data):
        if not self.skip:
            self.text.append(data)


def kind(path):
    name = path.name.removesuffix('.gz').removesuffix('.dz')
    suffix = pathlib.Path(name).suffix.lower()
    if suffix in HTML:
        return 'html'
    prose_folder = re.search(r'/(doc|share/games/fortunes|dictd|pod|Documentation)/', str(path))
    return 'text' if suffix in TEXT and prose_folder else None


def read(path):
    data = path.read_bytes()
    if data[:2] == b'\x1f\x8b':
        data = gzip.decompress(data)
    if len(data) > MAX_FILE * 8 or b'\0' in data[:4096]:
        return ''
    return data.decode('utf-8', 'replace').replace('\r\n', '\n')


def words(text):
    return re.findall(r"[A-Za-z']+", text.lower())


def is_prose(block):
    """Mostly letters, in lower-case words of usual length."""
    letters = sum(c.isalpha() or c.isspace() or c in ",.;:'-()\"" for c in block)
    lower = sum(c.islower() for c in block)
    found = words(block)
    return (len(found) >= 6 and '\ufffd' not in block and letters >= 0.93 * len(block)
            and lower >= 0.65 * len(block) and sum(map(len, found)) <= 7.5 * len(found)
            and sum(c.isascii() for c in block) >= 0.99 * len(block))


def is_english(blocks):
    found = words(' '.join(blocks))
    return bool(found) and sum(w in STOP_WORDS for w in found) >= 0.22 * len(found)


def shingles(text):
    found = words(text)
    return {' '.join(found[i:i + SHINGLE]) for i in range(len(found) - SHINGLE + 1)}


def wrapped(path, blocks):
    """Every other HTML document as lines of a text file, the rest a line a paragraph."""
    choice = hashlib.sha256(path.encode()).digest()
    if choice[0] & 1:
        return '\n\n'.join(blocks)
    return '\n\n'.join(textwrap.fill(b, 66 + choice[1] % 13) for b in blocks)


def document(path, held_out, seen):
    text = read(path)
    is_html = kind(path) == 'html'
    if is_html:
        parser = Blocks()
        parser.feed(text)
        parser.cut()
        blocks = parser.blocks
    else:
        blocks = re.split(r'\n(?:[ \t]*\n)+|\n%\n', text)
        blocks = [b.rstrip().expandtabs() for b in blocks]
    kept = []
    for block in blocks:
        key = hashlib.sha256(' '.join(words(block)).encode()).digest()[:10]
        if is_prose(' '.join(block.split())) and key not in seen and not shingles(block) & held_out:
            seen.add(key)
            kept.append(block)
    if sum(map(len, kept)) < 400 or not is_english(kept):
        return ''
    return wrapped(path.name, kept) if is_html else '\n\n'.join(kept)


def unpack(package, work):
    """The folder of the unpacked package, and its version."""
    root = work / 'root' / package
    if not root.exists():
        subprocess.run(['apt-get', 'download', package], cwd=work / 'debs', check=True,
                       stdout=subprocess.DEVNULL)
        deb = next((work / 'debs').glob(f'{package}_*.deb'))
        subprocess.run(['dpkg', '-x', deb, root], check=True)
    deb = next((work / 'debs').glob(f'{package}_*.deb'))
    show = subprocess.run(['dpkg-deb', '-f', deb, 'Version'], check=True, capture_output=True)
    return root, show.stdout.decode().strip()


def files_of(root):
    return [p for p in sorted(root.rglob('*')) if p.is_file() and not p.is_symlink() and kind(p)
            and 'changelog' not in p.name.lower() and p.name not in ('copyright', 'NEWS.gz')]


def held_out_shingles(work):
    found = set()
    paths = [pathlib.Path(p) for p in HELD_OUT]
    for package in HELD_OUT_PACKAGES:
        paths += files_of(unpack(package, work)[0])
    for path in paths:
        text = read(path)
        if path.suffix in HTML:
            text = re.sub(r'<[^>]*>', ' ', text)
        found |= shingles(text)
    return found


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument('--work', type=pathlib.Path, required=True)
    args.add_argument('--package-limit', type=int, default=10_000_000,
                      help='characters taken from one package at most')
    args = args.parse_args()
    for folder in ('debs', 'root'):
        (args.work / folder).mkdir(parents=True, exist_ok=True)
    held_out, seen, sources = held_out_shingles(args.work), set(), []
    with open(args.work / 'corpus.txt', 'w', encoding='utf-8') as out:
        for package in PACKAGES:
            root, version = unpack(package, args.work)
            size = count = 0
            for path in files_of(root):
                text = document(path, held_out, seen) if size < args.package_limit else ''
                text = text[:args.package_limit - size]
                if text:
                    out.write(text + '\n\f')
                    size, count = size + len(text), count + 1
            sources.append({'package': package, 'version': version, 'documents': count,
                            'characters': size})
            print(f'{package} {version}: {count} documents, {size} characters', flush=True)
    (args.work / 'sources.json').write_text(json.dumps(sources, indent=1) + '\n')


if __name__ == '__main__':
    main()
