// SPDX-License-Identifier: MIT
// IQ4_NL and IQ4_XS have codes, bits4 gives them. What they stand for: signed bytes, the first the
// lowest.
#define WEIGHT_CODED
const uint iq4_values[4] = {0xbfad9881u, 0xf6eaddcfu, 0x26190d01u, 0x71594535u};

float iq4_value(uint quant)
{
    return float(bitfieldExtract(int(iq4_values[quant >> 2]), int(8u * (quant & 3u)), 8));
}

vec4 iq4_lookup(uint quants)
{
    return vec4(iq4_value(quants & 15u), iq4_value(quants >> 8 & 15u),
                iq4_value(quants >> 16 & 15u), iq4_value(quants >> 24 & 15u));
}
