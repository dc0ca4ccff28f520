// SPDX-License-Identifier: MIT
#include "kernels/matrix_blocks.h"

#include "shaders/table.h"

// How shaders/matrix/blocks.glsl has a type.
struct format {
    uint32_t low_bits, high_bits; // of a level
    uint32_t bias;                // level - quant; of codes what they count from
    uint32_t group;               // elements that share a scale
    bool has_units;               // groups' scales are integers in units of the block
    bool has_offsets;             // groups have offsets or minima
    bool has_codes;               // levels are IQ4's codes
};

static const struct format formats[VKH_N_DTYPES] = {
    [VKH_Q4_0] = {4, 0, 8, 32, .has_units = false},
    [VKH_Q4_1] = {4, 0, 0, 32, .has_offsets = true},
    [VKH_Q5_0] = {4, 1, 16, 32, .has_units = false},
    [VKH_Q5_1] = {4, 1, 0, 32, .has_offsets = true},
    [VKH_Q8_0] = {8, 0, 128, 32, .has_units = false},
    [VKH_Q2_K] = {2, 0, 0, 16, .has_units = true, .has_offsets = true},
    [VKH_Q3_K] = {2, 1, 4, 16, .has_units = true},
    [VKH_Q4_K] = {4, 0, 0, 32, .has_units = true, .has_offsets = true},
    [VKH_Q5_K] = {4, 1, 0, 32, .has_units = true, .has_offsets = true},
    [VKH_Q6_K] = {4, 2, 32, 16, .has_units = true},
    [VKH_IQ4_NL] = {4, 0, 8, 32, .has_codes = true},
    [VKH_IQ4_XS] = {4, 0, 8, 32, .has_units = true, .has_codes = true},
};

#define OF_TYPE(NAME, name)                                                                        \
    [VKH_##NAME] = {&vkh_shader_matrix_pack_blocks_##name##_8,                                     \
                    &vkh_shader_matrix_pack_blocks_##name##_16},
static const struct vkh_shader *const packing[VKH_N_DTYPES][2] = {VKH_BLOCK_DTYPES(OF_TYPE)};

bool vkh_matrix_decodes(const struct vkh_matrix_layout *layout, enum vkh_dtype type)
{
    return layout->decodes && formats[type].low_bits;
}

// Of a row, of a step.
static uint32_t record_words(const struct format *f)
{
    return f->has_offsets || (f->has_units && f->group == 16) ? 2 : 1;
}

uint32_t vkh_blocks_format(enum vkh_dtype type)
{
    const struct format *f = &formats[type];
    return f->low_bits | f->high_bits << 4 | f->bias << 8 | f->group << 16 | record_words(f) << 22 |
           (uint32_t)f->has_units << 24 | (uint32_t)f->has_offsets << 25 |
           (uint32_t)f->has_codes << 26;
}

const struct vkh_shader *vkh_blocks_packing(const struct vkh_matrix_layout *layout,
                                            enum vkh_dtype type)
{
    return packing[type][layout->side == 16];
}

uint32_t vkh_blocks_rows_of_word(const struct vkh_matrix_layout *layout)
{
    return layout->transposed ? 1 : layout->side == 16 ? 2 : 8;
}

// Of a panel.
static uint64_t step_bytes(const struct vkh_matrix_layout *layout, const struct format *f)
{
    return 4 * (uint64_t)VKH_PANEL_TILES *
           (layout->lanes * (f->low_bits + f->high_bits) + layout->side * record_words(f));
}

uint64_t vkh_blocks_bytes(const struct vkh_matrix_layout *layout, enum vkh_dtype type,
                          uint64_t rows, uint64_t cols)
{
    const uint64_t panels = vkh_div_up(rows, vkh_panel_rows(layout));
    const uint64_t steps = cols / ((uint64_t)VKH_PANEL_K_TILES * layout->side);
    const uint64_t ahead = VKH_PANEL_AHEAD_TILES / VKH_PANEL_K_TILES;
    return (panels * steps + ahead) * step_bytes(layout, &formats[type]);
}
