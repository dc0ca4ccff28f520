// SPDX-License-Identifier: MIT
// Words of operands by address. What a binding's loads read, NVIDIA's driver compares with its end,
// two instructions each: by address products are 3 to 5 % faster. Attention, which is short of
// registers, is slower. The includer declares GL_EXT_buffer_reference and
// GL_EXT_shader_explicit_arithmetic_types_int64.
layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer Words { uvec4 at[]; };

Words words_from(uint64_t address, uint n)
{
    return Words(address + 16ul * n);
}

// So many words on.
Words moved_on(Words words, uint n)
{
    return words_from(uint64_t(words), n);
}
