# SPDX-License-Identifier: MIT
"""A GGUF file with more keys and tensors than another."""
import struct

SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
STRING, ARRAY = 8, 9
ALIGNMENT = 32


class Cursor:
    def __init__(self, data):
        self.data, self.at = data, 24

    def number(self, format):
        value, = struct.unpack_from('<' + format, self.data, self.at)
        self.at += struct.calcsize('<' + format)
        return value

    def skip(self, size):
        self.at += size

    def skip_value(self, kind):
        if kind == STRING:
            self.skip(self.number('Q'))
        elif kind == ARRAY:
            element, count = self.number('I'), self.number('Q')
            for _ in range(count):
                self.skip_value(element)
        else:
            self.skip(SIZES[kind])


def string(text):
    return struct.pack('<Q', len(text)) + text.encode()


def value_of(value):
    """Type and bytes: strings, floats as F32, integers as U32."""
    if isinstance(value, str):
        return struct.pack('<I', STRING) + string(value)
    return struct.pack('<If', 6, value) if isinstance(value, float) else struct.pack('<II', 4, value)


def padding(size):
    return bytes(-size % ALIGNMENT)


def edit(data, keys, tensors):
    """`keys` {name: value} and `tensors` {name: list of floats} added to the bytes of a file."""
    magic, version, n_tensors, n_keys = struct.unpack_from('<4sIQQ', data)
    cursor = Cursor(data)
    for _ in range(n_keys):
        cursor.skip(cursor.number('Q'))
        cursor.skip_value(cursor.number('I'))
    keys_end = cursor.at
    for _ in range(n_tensors):
        cursor.skip(cursor.number('Q'))
        cursor.skip(8 * cursor.number('I') + 4 + 8)
    body = data[cursor.at + len(padding(cursor.at)):]
    infos = data[keys_end:cursor.at]
    for name, values in tensors.items():
        body += padding(len(body))
        infos += string(name) + struct.pack('<IQIQ', 1, len(values), 0, len(body))
        body += struct.pack(f'<{len(values)}f', *values)
    head = struct.pack('<4sIQQ', magic, version, n_tensors + len(tensors), n_keys + len(keys))
    head += data[24:keys_end] + b''.join(string(k) + value_of(v) for k, v in keys.items()) + infos
    return head + padding(len(head)) + body
