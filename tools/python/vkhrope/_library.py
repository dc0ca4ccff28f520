# SPDX-License-Identifier: MIT
"""The public headers in ctypes: structures, functions, and statuses as exceptions."""
import ctypes
import ctypes.util
import os
from ctypes import (CFUNCTYPE, POINTER, Structure, c_bool, c_char_p, c_double, c_float, c_int,
                    c_int32, c_uint32, c_uint64, c_void_p)

LOG = CFUNCTYPE(None, c_void_p, c_int, c_char_p)


class Log(Structure):
    _fields_ = [('fn', LOG), ('user', c_void_p), ('max_level', c_int)]


class DeviceOptions(Structure):
    _fields_ = [('select', c_char_p), ('variants', c_char_p), ('caps_mask', c_uint32),
                ('cache', c_char_p), ('minimum_limits', c_bool), ('validation', c_bool), ('statistics', c_bool),
                ('log', POINTER(Log))]


class ModelInfo(Structure):
    _fields_ = [('name', c_char_p), ('architecture', c_char_p), ('weight_type', c_char_p),
                ('context_length', c_uint32), ('own_scaling', c_char_p), ('n_layers', c_uint32),
                ('hidden', c_uint32), ('n_heads', c_uint32), ('n_kv_heads', c_uint32), ('head_dim', c_uint32),
                ('ffn', c_uint32), ('vocab', c_uint32), ('parameters', c_uint64),
                ('weight_bytes', c_uint64)]


class Progress(Structure):
    _fields_ = [('done', c_uint64), ('total', c_uint64), ('method', c_char_p),
                ('resumed', c_uint64)]


PROGRESS = CFUNCTYPE(c_bool, c_void_p, POINTER(Progress))


class PplRegime(Structure):
    _fields_ = [('kind', c_int), ('window', c_uint32), ('stride', c_uint32), ('has_bos', c_bool),
                ('bos', c_int32)]


class PplText(Structure):
    _fields_ = [('name', c_char_p), ('ids', POINTER(c_int32)), ('n_ids', c_uint64)]


class PplShare(Structure):
    _fields_ = [('index', c_uint32), ('count', c_uint32)]


class PplBlock(Structure):
    _fields_ = [('shard', PplShare), ('first_text', c_uint32), ('all_texts', c_uint32),
                ('first_method', c_uint32), ('all_methods', c_uint32)]


class PplOptions(Structure):
    _fields_ = [('ids', POINTER(c_int32)), ('n_ids', c_uint64), ('texts', POINTER(PplText)),
                ('n_texts', c_uint32), ('regime', PplRegime), ('lengths', POINTER(c_uint32)),
                ('n_lengths', c_uint32), ('methods', POINTER(c_char_p)), ('n_methods', c_uint32),
                ('sweeps', POINTER(c_char_p)), ('n_sweeps', c_uint32), ('kl', c_char_p),
                ('kl_model', c_void_p), ('shard', PplShare), ('part', PplShare),
                ('original_max_len', c_uint32), ('chunk', c_uint32), ('kv_type', c_int),
                ('memory', c_uint64), ('separate', c_bool), ('keep_nll', c_bool), ('checkpoint', c_char_p),
                ('progress', PROGRESS), ('user', c_void_p)]


class PplCell(Structure):
    _fields_ = [('method', c_char_p), ('length', c_uint32), ('tokens_scored', c_uint64),
                ('nll', c_double), ('ppl', c_double), ('standard_error', c_double),
                ('texts', c_uint32), ('text_error', c_double), ('macro_nll', c_double),
                ('macro_ppl', c_double), ('macro_error', c_double),
                ('compression_active', c_bool), ('vs_baseline_percent', c_double),
                ('seconds', c_double), ('tokens_per_second', c_double)]


class PplKl(Structure):
    _fields_ = [('mean', c_double), ('standard_error', c_double), ('median', c_double),
                ('p90', c_double), ('p95', c_double), ('p99', c_double), ('maximum', c_double),
                ('same_top', c_double)]


class PplTokenKl(Structure):
    _fields_ = [('kl', c_float), ('top_differs', c_uint32)]


class PplCurve(Structure):
    _fields_ = [('n_buckets', c_uint32), ('buckets', c_void_p), ('nll', POINTER(c_double)),
                ('standard_error', POINTER(c_double)), ('texts', c_void_p)]


class PplMemory(Structure):
    _fields_ = [('weights', c_uint64), ('kv', c_uint64), ('activations', c_uint64),
                ('peak', c_uint64), ('device', c_uint64), ('limit', c_uint64), ('fits', c_bool),
                ('kv_type', c_char_p), ('walk', c_int), ('chunk', c_uint32), ('batches', c_uint32)]


class PplResults(Structure):
    _fields_ = [('model', c_char_p), ('architecture', c_char_p), ('weight_type', c_char_p),
                ('device', c_char_p), ('driver', c_char_p), ('variants', c_char_p),
                ('original_max_len', c_uint32), ('original_max_len_from_model', c_bool),
                ('own_scaling', c_char_p), ('regime', PplRegime), ('tokens_available', c_uint64),
                ('n_texts', c_uint32), ('text_names', POINTER(c_char_p)),
                ('text_tokens', POINTER(c_uint64)), ('text_used', POINTER(c_uint32)),
                ('text_digests', POINTER(c_uint64)), ('block', PplBlock),
                ('chunk', c_uint32), ('n_methods', c_uint32), ('n_lengths', c_uint32),
                ('methods', POINTER(c_char_p)), ('lengths', POINTER(c_uint32)),
                ('cells', POINTER(PplCell)), ('text_cells', c_void_p),
                ('method_details', c_void_p), ('n_sweeps', c_uint32), ('sweeps', c_void_p),
                ('curves', PplCurve * 2), ('kl_method', c_char_p), ('kl_model', c_char_p),
                ('kl_weight_type', c_char_p), ('kl', POINTER(PplKl)),
                ('nll', POINTER(POINTER(c_float))),
                ('token_kl', POINTER(POINTER(PplTokenKl))), ('memory', PplMemory),
                ('seconds', c_double), ('device_seconds', c_double),
                ('longest_submit', c_double), ('device_tokens', c_uint64),
                ('n_devices', c_uint32), ('next', c_void_p)]


class SessionOptions(Structure):
    _fields_ = [('chunk', c_uint32), ('kv_type', c_int), ('weights_of', c_void_p)]


class LaneOptions(Structure):
    _fields_ = [('method', c_char_p), ('original_max_len', c_uint32), ('max_tokens', c_uint32)]


class Feed(Structure):
    _fields_ = [('ids', POINTER(c_int32)), ('n_ids', c_uint32), ('nll', POINTER(c_float)),
                ('rows', POINTER(c_uint32)), ('n_rows', c_uint32), ('hidden', POINTER(c_float)),
                ('logits', POINTER(c_float))]


# The C name of each structure; a test compares their layouts with the headers.
STRUCTURES = {
    'vkh_log': Log, 'vkh_device_options': DeviceOptions, 'vkh_model_info': ModelInfo,
    'vkh_ppl_progress': Progress, 'vkh_ppl_regime': PplRegime, 'vkh_ppl_text': PplText,
    'vkh_ppl_share': PplShare, 'vkh_ppl_block': PplBlock,
    'vkh_ppl_options': PplOptions, 'vkh_ppl_cell': PplCell, 'vkh_ppl_kl': PplKl,
    'vkh_ppl_token_kl': PplTokenKl, 'vkh_ppl_curve': PplCurve,
    'vkh_ppl_memory': PplMemory, 'vkh_ppl_results': PplResults,
    'vkh_session_options': SessionOptions, 'vkh_lane_options': LaneOptions, 'vkh_feed': Feed,
}

KV_TYPES = {'auto': 0, 'f32': 1, 'f16': 2, 'q8_0': 3}
CANCELLED = 9


class Error(Exception):
    """A status other than VKH_OK; `status` is its number, the text what the library logged."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


def load():
    """The library that VKHROPE_LIBRARY names, else the installed one."""
    path = os.environ.get('VKHROPE_LIBRARY') or ctypes.util.find_library('vkhrope')
    if not path:
        raise OSError('libvkhrope is not installed; VKHROPE_LIBRARY can name it')
    library = ctypes.CDLL(path)
    handle, out = c_void_p, POINTER(c_void_p)
    for name, result, arguments in (
            ('vkh_status_text', c_char_p, [c_int]),
            ('vkh_device_create', c_int, [POINTER(DeviceOptions), out]),
            ('vkh_device_destroy', None, [out]),
            ('vkh_model_open', c_int, [c_char_p, POINTER(Log), out]),
            ('vkh_model_close', None, [out]),
            ('vkh_model_get_info', ModelInfo, [handle]),
            ('vkh_tokenizer_open', c_int, [c_char_p, POINTER(Log), out]),
            ('vkh_tokenizer_close', None, [out]),
            ('vkh_tokenizer_encode', c_int,
             [handle, c_char_p, c_uint64, POINTER(POINTER(c_int32)), POINTER(c_uint64)]),
            ('vkh_ids_free', None, [POINTER(POINTER(c_int32))]),
            ('vkh_ppl_run', c_int, [handle, handle, POINTER(PplOptions), POINTER(Log),
                                    POINTER(POINTER(PplResults))]),
            ('vkh_ppl_results_destroy', None, [POINTER(POINTER(PplResults))]),
            ('vkh_session_create', c_int,
             [handle, handle, POINTER(SessionOptions), POINTER(Log), out]),
            ('vkh_session_destroy', None, [out]),
            ('vkh_lane_create', c_int, [handle, POINTER(LaneOptions), out]),
            ('vkh_lane_fork', c_int, [handle, c_uint32, POINTER(LaneOptions), out]),
            ('vkh_lane_destroy', None, [out]),
            ('vkh_lane_tokens', c_uint32, [handle]),
            ('vkh_lane_feed', c_int, [handle, POINTER(Feed)])):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


class Messages:
    """A log that keeps the last error line, for the exception."""

    def __init__(self):
        self.last = None
        self.callback = LOG(self._take)
        self.log = Log(self.callback, None, 0)

    def _take(self, _user, _level, line):
        self.last = line.decode('utf-8', 'replace')

    def check(self, library, status):
        if status != 0:
            text = self.last or library.vkh_status_text(status).decode()
            self.last = None
            raise Error(status, text)


