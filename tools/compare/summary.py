# SPDX-License-Identifier: MIT
"""The figures of a comparison, each beside its peers' with the ratio to them."""


def forward_rates(results):
    """{who: {length: tokens/s}}, ours first."""
    rates = {'vkhrope': {row['length']: row['tokens_per_second']
                         for row in results['ours']['forward']['results']}}
    if 'forward' in results['pytorch']:
        rates['PyTorch'] = {row['length']: row['tokens_per_second']
                            for row in results['pytorch']['forward'] if 'seconds' in row}
    for backend, found in results['llama.cpp'].items():
        if isinstance(found, dict) and 'rows' in found:
            rates[f'llama.cpp {backend}'] = {row['n_prompt']: row['n_prompt'] * 1e9 / median(
                row['samples_ns']) for row in found['rows']}
    return rates


def median(values):
    values = sorted(values)
    return (values[(len(values) - 1) // 2] + values[len(values) // 2]) / 2


def figure(name, unit, ours, peers, lower_is_better=False):
    """ratios: how many times better ours is."""
    return {'figure': name, 'unit': unit, 'ours': ours, 'peers': peers,
            'ratios': {who: value / ours if lower_is_better else ours / value
                       for who, value in peers.items()}}


def matmul_figures(results):
    theirs = {(row['matrix'], row['m'], row['type']): row['tflops']
              for row in results['pytorch'].get('matmul', [])}
    for row in results['ours']['matmul']['results']:
        peers = {}
        for kind in ('F16', 'BF16'):
            if (row['matrix'], row['m'], kind) in theirs:
                peers[f'PyTorch {kind}'] = theirs[row['matrix'], row['m'], kind]
        yield figure(f'{row["matrix"]}, {row["m"]} x {row["n"]} x {row["k"]}, {row["type"]}',
                     'TFLOP/s', row['tflops'], peers)


def attention_figures(results):
    theirs = {row['length']: row['tflops'] for row in results['pytorch'].get('attention', [])
              if 'tflops' in row}
    for row in results['ours']['attention']['results']:
        n = row['length']
        peers = {'PyTorch': theirs[n]} if n in theirs else {}
        yield figure(f'causal attention, {row["n_heads"]}/{row["n_kv_heads"]} heads x '
                     f'{row["head_dim"]}, {n}', 'TFLOP/s', row['tflops'], peers)


def forward_figures(results):
    rates = forward_rates(results)
    mine = rates.pop('vkhrope')
    for length, rate in mine.items():
        yield figure(f'forward, {length} tokens', 'tokens/s', rate,
                     {who: of[length] for who, of in rates.items() if length in of})
    if 'forward_q8_0' in results['ours']:
        row = results['ours']['forward_q8_0']['results'][0]
        yield figure(f'forward in Q8_0, {row["length"]} tokens', 'tokens/s',
                     row['tokens_per_second'], {'vkhrope F16': mine[row['length']]})


def table_figures(results):
    ours, theirs = results['ours']['table'], results['pytorch'].get('table', {})
    row = ours['results'][0]
    seconds = {f'PyTorch, {theirs["passes"]} passes': theirs['seconds']} if 'seconds' in theirs \
        else {}
    yield figure(f'table, {len(row["lengths"])} lengths x {len(row["methods"])} methods', 's',
                 row['seconds'], seconds, lower_is_better=True)
    peak = {'PyTorch': theirs['peak_bytes'] / 2**30} if theirs.get('peak_bytes') else {}
    yield figure('peak memory of the table', 'GiB', ours['peak_device_bytes'] / 2**30, peak,
                 lower_is_better=True)
    yield figure('share of wall time the device is busy', '%', 100 * row['busy'], {})


def figures(results):
    return [each for part in (matmul_figures, attention_figures, forward_figures, table_figures)
            for each in part(results)]


def number(value):
    return f'{value:.0f}' if value >= 1000 else f'{value:.4g}'


def missing(results):
    if 'missing' in results['pytorch']:
        yield f'PyTorch: {results["pytorch"]["missing"]}'
    for part, failed in (('forward', 'failed'), ('attention', 'failed')):
        for row in results['pytorch'].get(part, []):
            if failed in row:
                yield f'PyTorch, {part} at {row["length"]} tokens: {row[failed]}'
    if 'failed' in results['pytorch'].get('table', {}):
        yield f'PyTorch, table: {results["pytorch"]["table"]["failed"]}'
    if 'missing' in results['llama.cpp']:
        yield f'llama.cpp: {results["llama.cpp"]["missing"]}'
    for found in results['llama.cpp'].values():
        if isinstance(found, dict) and 'missing' in found:
            yield f'llama.cpp: {found["missing"]}'


def markdown(results):
    forward, torch = results['ours']['forward'], results['pytorch']
    lines = [f'- date: {results["date"]}',
             f'- shape: {forward["shape"]["name"]}, random weights; ours and llama.cpp '
             f'{forward["weight_type"]}, PyTorch BF16',
             f'- vkhrope {forward["version"]}: {forward["device"]}, {forward["driver"]}; '
             f'{forward["variants"]}; keys and values {forward["kv_type"]}; chunks of '
             f'{forward["chunk"]}',
             '- roofs: ' + ', '.join(f'{roof["name"]} {roof["tflops"]:.4g} TFLOP/s'
                                     for roof in forward['roofs'])
             + f', copy {forward["copy_gb_per_second"]:.4g} GB/s']
    if 'torch' in torch:
        lines.append(f'- PyTorch {torch["torch"]}, transformers {torch["transformers"]}, CUDA '
                     f'{torch["cuda"]}: {torch["device"]}; SDPA, loss in chunks')
    if forward_rates(results).keys() - {'vkhrope', 'PyTorch'}:
        lines.append('- llama.cpp: llama-bench, which computes the head for the last token only')
    lines += [f'- missing: {each}' for each in missing(results)]
    lines += ['', 'Medians; a ratio above 1 says that vkhrope is better.', '',
              '| figure | unit | vkhrope | peers | ratio |', '|---|---|---|---|---|']
    for each in results['figures']:
        peers = '<br>'.join(f'{who} {number(value)}' for who, value in each['peers'].items())
        ratios = '<br>'.join(f'{value:.3f}' for value in each['ratios'].values())
        lines.append(f'| {each["figure"]} | {each["unit"]} | {number(each["ours"])} | {peers} | '
                     f'{ratios} |')
    return '\n'.join(lines) + '\n'
