#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The SBOM names every library that the shared one needs, each with a version and a licence.

sbom.py SBOM LIBRARY
"""
import json
import re
import subprocess
import sys

# Parts of the C library, which the system chooses.
SYSTEM = {'c', 'm', 'dl', 'pthread'}
PACKAGES = {'pcre2-8': 'pcre2', 'unistring': 'libunistring'}


def problems(path, library):
    with open(path, encoding='utf-8') as file:
        document = json.load(file)
    packages = {p['name']: p for p in document['packages']}
    if document['spdxVersion'] != 'SPDX-2.3' or 'vkhrope' not in packages:
        yield 'not an SPDX 2.3 document of vkhrope'
    for package in packages.values():
        if not re.match(r'\w*\d', package['versionInfo']) or not package['licenseDeclared']:
            yield f'no version or licence: {package}'
    identifiers = {p['SPDXID'] for p in packages.values()} | {'SPDXRef-DOCUMENT'}
    for relation in document['relationships']:
        for key in ('spdxElementId', 'relatedSpdxElement'):
            if relation[key] not in identifiers:
                yield f'a relation to nothing: {relation}'
    needed = re.findall(r'\(NEEDED\).*\[lib(.+?)\.so', subprocess.run(
        ['readelf', '-d', library], check=True, stdout=subprocess.PIPE, text=True).stdout)
    linked = {r['relatedSpdxElement'][len('SPDXRef-'):] for r in document['relationships']
              if r['relationshipType'] == 'DYNAMIC_LINK'}
    wanted = {PACKAGES.get(name, name) for name in needed if name not in SYSTEM}
    if linked != wanted:
        yield f'linked by the SBOM {sorted(linked)}, by the library {sorted(wanted)}'


if __name__ == '__main__':
    found = list(problems(*sys.argv[1:]))
    print('\n'.join(found) or 'the SBOM is that of the library')
    sys.exit(bool(found))
