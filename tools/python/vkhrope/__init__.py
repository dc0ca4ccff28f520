# SPDX-License-Identifier: MIT
"""Perplexity of language models beyond their trained length, on Vulkan.

    import vkhrope
    model = vkhrope.Model('model.gguf')
    table = model.perplexity(open('book.txt').read(), lengths=[8192, 16384],
                             methods=['baseline', 'hybrid:cf=2'])
    table.ppl          # float64 [method, length]

    lane = model.session().lane('hybrid:cf=2', max_tokens=4096)
    got = lane.feed(model.encode('Once upon a time'), rows=[-1], logits=True)
    got.nll, got.logits
"""
import ctypes
import os
from dataclasses import dataclass
from typing import Optional

import numpy as np

from . import _library as c
from ._library import Error

__all__ = ['Device', 'Error', 'Fed', 'Lane', 'Model', 'Session', 'Table']

_c = c.load()


class _Owner:
    """A handle of the library. It is released once it is closed or collected and nothing made from
    it is left, in whatever order Python lets go of them."""

    def __init__(self, release, *needs):
        self._pointer, self._release, self._needs = ctypes.c_void_p(), release, needs
        self._messages, self._users, self._closed = c.Messages(), 1, False
        for need in needs:
            need._users += 1

    @property
    def _handle(self):
        if self._closed:
            raise ValueError(f'{type(self).__name__} is closed')
        return self._pointer

    def _check(self, status):
        self._messages.check(_c, status)

    def _drop(self, byref=ctypes.byref):
        self._users -= 1
        if self._users == 0:
            self._release(byref(self._pointer))
            for need in self._needs:
                need._drop()

    def close(self):
        if not self._closed:
            self._closed = True
            self._drop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __del__(self):
        if hasattr(self, '_closed'):
            self.close()


class Device(_Owner):
    """A Vulkan device by index or part of its name; None: the best one."""

    def __init__(self, select=None):
        super().__init__(_c.vkh_device_destroy)
        options = c.DeviceOptions(select=None if select is None else str(select).encode(),
                                  log=ctypes.pointer(self._messages.log))
        self._check(_c.vkh_device_create(ctypes.byref(options), ctypes.byref(self._handle)))


@dataclass(frozen=True)
class Table:
    """What vkh_ppl_run gives: arrays [method, length], and the NLL of every token when kept."""
    methods: list
    lengths: np.ndarray
    ppl: np.ndarray
    nll: np.ndarray  # means
    standard_error: np.ndarray
    compression_active: np.ndarray
    vs_baseline_percent: np.ndarray
    seconds: np.ndarray
    original_max_len: int
    device: str
    variants: str
    token_nll: Optional[np.ndarray]  # float32 [method, longest]; 0 for the first token
    # With kl: 'mean', 'standard_error', 'median', 'p90', 'p95', 'p99', 'maximum' and 'same_top',
    # and with the NLL of every token kept also its divergence, as token_nll.
    kl: Optional[dict]
    token_kl: Optional[np.ndarray]


def _table(results):
    shape = (results.n_methods, results.n_lengths)
    cells = [results.cells[i] for i in range(shape[0] * shape[1])]

    def column(name, kind):
        return np.array([getattr(cell, name) for cell in cells], dtype=kind).reshape(shape)

    lengths = np.ctypeslib.as_array(results.lengths, (shape[1],)).copy()
    kl = token_nll = token_kl = None

    def stack(rows):
        return np.stack([np.ctypeslib.as_array(rows[m], (int(lengths[-1]),))
                         for m in range(shape[0])])

    if results.nll:
        token_nll = stack(results.nll)
    if results.token_kl:
        token_kl = stack(results.token_kl)['kl']
    if results.kl:
        rows = np.ctypeslib.as_array(results.kl, shape)
        kl = {name: rows[name].copy() for name in rows.dtype.names}
    return Table(
        methods=[results.methods[m].decode() for m in range(shape[0])], lengths=lengths,
        ppl=column('ppl', float), nll=column('nll', float),
        standard_error=column('standard_error', float),
        compression_active=column('compression_active', bool),
        vs_baseline_percent=column('vs_baseline_percent', float),
        seconds=column('seconds', float), original_max_len=results.original_max_len,
        device=results.device.decode(), variants=results.variants.decode(), token_nll=token_nll,
        kl=kl, token_kl=token_kl)


def _integers(values, kind, name):
    """An array of one dimension; ValueError where the values are not integers that `kind` holds."""
    given = np.asarray(values)
    if given.ndim != 1:
        raise ValueError(f'{name}: of shape {given.shape}, not of one dimension')
    if given.size and given.dtype.kind not in 'iu':
        raise ValueError(f'{name}: {given.dtype}, not integers')
    held = np.iinfo(kind)
    for value in (int(given.min()), int(given.max())) if given.size else ():
        if not held.min <= value <= held.max:
            raise ValueError(f'{name}: {value} is not from {held.min} to {held.max}')
    return np.ascontiguousarray(given, dtype=kind)


def _ids(ids):
    return _integers(ids, np.int32, 'ids')


def _pointer(array, kind):
    return array.ctypes.data_as(ctypes.POINTER(kind))


class Model(_Owner):
    """A GGUF file, or a directory with config.json and safetensors; `device` as for Device."""

    def __init__(self, path, device=None):
        self.device = device if isinstance(device, Device) else Device(device)
        super().__init__(_c.vkh_model_close, self.device)
        self.path = str(path)
        self._check(_c.vkh_model_open(self.path.encode(), ctypes.byref(self._messages.log),
                                      ctypes.byref(self._handle)))

    @property
    def info(self):
        """The fields of struct vkh_model_info in a dict."""
        info = _c.vkh_model_get_info(self._handle)
        values = {name: getattr(info, name) for name, _ in info._fields_}
        return {k: v.decode() if isinstance(v, bytes) else v for k, v in values.items()}

    def encode(self, text):
        """A str, or bytes of UTF-8, as ids: int32 [tokens]."""
        data = text.encode() if isinstance(text, str) else bytes(text)
        tokenizer, ids, n = ctypes.c_void_p(), ctypes.POINTER(ctypes.c_int32)(), ctypes.c_uint64()
        self._check(_c.vkh_tokenizer_open(self.path.encode(), ctypes.byref(self._messages.log),
                                          ctypes.byref(tokenizer)))
        try:
            self._check(_c.vkh_tokenizer_encode(tokenizer, data, len(data), ctypes.byref(ids),
                                                ctypes.byref(n)))
            return np.ctypeslib.as_array(ids, (n.value,)).copy() if n.value else _ids([])
        finally:
            _c.vkh_ids_free(ctypes.byref(ids))
            _c.vkh_tokenizer_close(ctypes.byref(tokenizer))

    def perplexity(self, text, lengths=None, methods=('baseline', 'hybrid:cf=1.5', 'hybrid:cf=2'),
                   original_max_len=0, kv_type='auto', chunk=0, keep_nll=False, progress=None,
                   kl=None, kl_model=None, checkpoint=None, memory=0):
        """A Table. `text` is a str, bytes of UTF-8, or ids; lengths None: the whole text. `kl` is
        a method that all are compared with, computed on kl_model where that is given.
        progress(done, total, method) is called between chunks; False from it, or an exception in
        it, ends the run. The path `checkpoint` keeps what is finished: the same call goes on
        from there. Remove the file once the table is safe. `memory` is how many bytes of
        the device's the run may take, 0 all: with little of it, slower and the same numbers.
        `kv_type` is auto, f32, f16 or q8_0."""
        ids = self.encode(text) if isinstance(text, (str, bytes)) else _ids(text)
        lengths = _integers([len(ids)] if lengths is None else lengths, np.uint32, 'lengths')
        spelled = (ctypes.c_char_p * len(methods))(*(method.encode() for method in methods))
        raised = []

        def step(_user, at):
            try:
                done = at.contents
                return progress is None or progress(done.done, done.total,
                                                    done.method.decode()) is not False
            except BaseException as error:
                raised.append(error)
                return False

        options = c.PplOptions(
            ids=_pointer(ids, ctypes.c_int32), n_ids=len(ids),
            lengths=_pointer(lengths, ctypes.c_uint32), n_lengths=len(lengths), methods=spelled,
            n_methods=len(methods), original_max_len=original_max_len, chunk=chunk,
            kv_type=c.KV_TYPES[kv_type], keep_nll=keep_nll, progress=c.PROGRESS(step),
            kl=kl.encode() if kl else None, kl_model=kl_model._handle if kl_model else None,
            checkpoint=os.fsencode(checkpoint) if checkpoint else None, memory=memory)
        results = ctypes.POINTER(c.PplResults)()
        status = _c.vkh_ppl_run(self.device._handle, self._handle, ctypes.byref(options),
                                ctypes.byref(self._messages.log), ctypes.byref(results))
        if raised:
            raise raised[0]
        self._check(status)
        try:
            return _table(results.contents)
        finally:
            _c.vkh_ppl_results_destroy(ctypes.byref(results))

    def session(self, kv_type='auto', chunk=0, weights_of=None):
        return Session(self, kv_type, chunk, weights_of)


class Session(_Owner):
    """Weights and activations on the device; Model.session makes it."""

    def __init__(self, model, kv_type, chunk, weights_of):
        super().__init__(_c.vkh_session_destroy, model, *([weights_of] if weights_of else []))
        self.model, self.info = model, model.info
        options = c.SessionOptions(chunk, c.KV_TYPES[kv_type],
                                   weights_of._handle if weights_of else None)
        self._check(_c.vkh_session_create(model.device._handle, model._handle,
                                          ctypes.byref(options),
                                          ctypes.byref(self._messages.log),
                                          ctypes.byref(self._handle)))

    def lane(self, method='baseline', max_tokens=4096, original_max_len=0):
        return Lane(self, method, max_tokens, original_max_len, None, 0)


@dataclass(frozen=True)
class Fed:
    """What a feed read: nll float32 [tokens]; hidden [rows, hidden] and logits [rows, vocab]."""
    nll: np.ndarray
    hidden: Optional[np.ndarray]
    logits: Optional[np.ndarray]


class Lane(_Owner):
    """Tokens seen so far by one method; Session.lane and fork make it."""

    def __init__(self, session, method, max_tokens, original_max_len, parent, at):
        super().__init__(_c.vkh_lane_destroy, session)
        self.session = session
        self._messages = session._messages
        options = c.LaneOptions(method.encode(), original_max_len, max_tokens)
        if parent is None:
            status = _c.vkh_lane_create(session._handle, ctypes.byref(options),
                                        ctypes.byref(self._handle))
        else:
            status = _c.vkh_lane_fork(parent._handle, at, ctypes.byref(options),
                                      ctypes.byref(self._handle))
        self._check(status)

    def __len__(self):
        return _c.vkh_lane_tokens(self._handle)

    def fork(self, method='baseline', max_tokens=4096, original_max_len=0, at=None):
        """A lane that begins with the first `at` tokens of this one; None: all of them."""
        return Lane(self.session, method, max_tokens, original_max_len, self,
                    len(self) if at is None else at)

    def feed(self, ids, rows=(), hidden=False, logits=False):
        """Feeds ids; `rows` are indices among them, from the end when negative, in any order."""
        ids = _ids(ids)
        info = self.session.info
        wanted = _integers(rows, np.int64, 'rows')
        wanted = np.where(wanted < 0, wanted + len(ids), wanted)
        if np.any((wanted < 0) | (wanted >= len(ids))):
            raise IndexError(f'rows {list(rows)} of {len(ids)} tokens')
        ascending, order = np.unique(wanted, return_inverse=True)
        ascending = ascending.astype(np.uint32)
        nll = np.zeros(len(ids), np.float32)
        feed = c.Feed(ids=_pointer(ids, ctypes.c_int32), n_ids=len(ids),
                      nll=_pointer(nll, ctypes.c_float),
                      rows=_pointer(ascending, ctypes.c_uint32), n_rows=len(ascending))
        got = {}
        for name, read, width in (('hidden', hidden, info['hidden']),
                                  ('logits', logits, info['vocab'])):
            if read:
                got[name] = np.zeros((len(ascending), width), np.float32)
                setattr(feed, name, _pointer(got[name], ctypes.c_float))
        self._check(_c.vkh_lane_feed(self._handle, ctypes.byref(feed)))
        read = {name: array[order] for name, array in got.items()}
        return Fed(nll, read.get('hidden'), read.get('logits'))
