#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes what the build was made of as an SPDX 2.3 document in JSON.

sbom.py OUT.json VERSION NAME=VERSION=LICENCE=RELATION ...; RELATION is that of SPDX, read from the
part to vkhrope: DYNAMIC_LINK as in "vkhrope DYNAMIC_LINK jansson", or BUILD_DEPENDENCY_OF.
"""
import datetime
import json
import os
import re
import sys


def identifier(name):
    return 'SPDXRef-' + re.sub(r'[^A-Za-z0-9.-]', '-', name)


def package(name, version, licence):
    if version.startswith('0x'):  # of a header: major, minor, patch in a byte each
        version = '.'.join(str(int(version, 16) >> shift & 255) for shift in (16, 8, 0))
    return {'name': name, 'SPDXID': identifier(name), 'versionInfo': version,
            'downloadLocation': 'NOASSERTION', 'filesAnalyzed': False,
            'licenseConcluded': licence, 'licenseDeclared': licence,
            'copyrightText': 'NOASSERTION'}


def relation(name, kind):
    ours, theirs = identifier('vkhrope'), identifier(name)
    backwards = kind.endswith('_OF')
    return {'spdxElementId': theirs if backwards else ours, 'relationshipType': kind,
            'relatedSpdxElement': ours if backwards else theirs}


def main(out, version, *parts):
    split = [part.split('=') for part in parts]
    now = int(os.environ.get('SOURCE_DATE_EPOCH', datetime.datetime.now().timestamp()))
    created = datetime.datetime.fromtimestamp(now, datetime.timezone.utc)
    document = {
        'spdxVersion': 'SPDX-2.3', 'dataLicense': 'CC0-1.0', 'SPDXID': 'SPDXRef-DOCUMENT',
        'name': f'vkhrope-{version}',
        'documentNamespace': f'https://spdx.org/spdxdocs/vkhrope-{version}-{now}',
        'creationInfo': {'created': created.strftime('%Y-%m-%dT%H:%M:%SZ'),
                         'creators': [f'Tool: vkhrope-build-{version}']},
        'packages': [package('vkhrope', version, 'MIT')] +
                    [package(name, number, licence) for name, number, licence, _ in split],
        'relationships': [{'spdxElementId': 'SPDXRef-DOCUMENT', 'relationshipType': 'DESCRIBES',
                           'relatedSpdxElement': identifier('vkhrope')}] +
                         [relation(name, kind) for name, _, _, kind in split],
    }
    with open(out, 'w', encoding='utf-8') as file:
        json.dump(document, file, indent=2)
        file.write('\n')


if __name__ == '__main__':
    main(*sys.argv[1:])
