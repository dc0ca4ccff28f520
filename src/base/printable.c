// SPDX-License-Identifier: MIT
#include "base/printable.h"

#include <stdint.h>
#include <unictype.h>
#include <unistr.h>

size_t vkh_printable(const char *text, size_t left, bool *keep)
{
    ucs4_t point;
    const int length = u8_mbtoucr(&point, (const uint8_t *)text, left);
    *keep = length > 0 && !uc_is_property_iso_control(point) && !uc_is_property_bidi_control(point);
    return length > 0 ? (size_t)length : 1;
}
