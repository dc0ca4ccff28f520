// SPDX-License-Identifier: MIT
#include "gpu/matrix_order.h"

#include <string.h>

enum { MAX_BITS = 8, MAX_ELEMENTS = VKH_MATRIX_MAX_SIDE * VKH_MATRIX_MAX_SIDE };
enum { WORD = 8 }; // elements
enum { LEFT, RIGHT, SUM };

// The bit of row * side + column at each bit of a place, word * 8 + index.
struct order {
    uint32_t bit[MAX_BITS];
};

// A matrix as the device has it: rows x columns, `held` elements an invocation.
struct use {
    uint32_t rows, columns;
    uint32_t held;
};

bool vkh_matrix_has_tile(const struct vkh_matrix_shape *shape)
{
    const bool whole = shape->m == shape->k && shape->n == shape->k;
    return (whole && (shape->k == 8 || shape->k == 16)) ||
           (shape->k == 16 && shape->m == 8 && (shape->n == 8 || shape->n == 16));
}

// Elements of an invocation: 8 or 16; 0: others.
static uint32_t held(const uint32_t *seen, uint32_t lanes)
{
    uint32_t n = 0;
    while (n < VKH_MATRIX_SLOTS && seen[n] != UINT32_MAX)
        n++;
    for (uint32_t i = 0; i < lanes * VKH_MATRIX_SLOTS; i++)
        if ((seen[i] != UINT32_MAX) != (i % VKH_MATRIX_SLOTS < n))
            return 0;
    return n == WORD || n == 2 * WORD ? n : 0;
}

// How often a subgroup holds each element.
static uint32_t copies_of(const struct use *use, uint32_t lanes)
{
    return use->held * lanes / (use->rows * use->columns);
}

// The elements of a tile's words, matrix after matrix, those below each other first; in a matrix
// the first words of all invocations that differ, then the second ones. Where invocations hold each
// element twice, halves of the subgroup must hold the same.
static bool lay_out(const uint32_t *seen, const struct use *use, uint32_t side, uint32_t lanes,
                    uint32_t elements[MAX_ELEMENTS])
{
    const uint32_t words = use->rows * use->columns / WORD, below = side / use->rows;
    const uint32_t apart = words / (use->held / WORD);
    for (uint32_t place = 0; place < side * side; place++) {
        const uint32_t matrix = place / WORD / words, word = place / WORD % words;
        const uint32_t element =
            seen[word % apart * VKH_MATRIX_SLOTS + word / apart * WORD + place % WORD];
        const uint32_t row = element / use->columns + matrix % below * use->rows;
        const uint32_t column = element % use->columns + matrix / below * use->columns;
        elements[place] = element == UINT32_MAX ? element : row * side + column;
    }
    return apart == lanes || memcmp(seen, seen + apart * VKH_MATRIX_SLOTS,
                                    (lanes - apart) * VKH_MATRIX_SLOTS * sizeof(*seen)) == 0;
}

// False unless every element is where the bits of its place say.
static bool find_order(const uint32_t *elements, uint32_t n_bits, struct order *order)
{
    uint32_t seen = 0;
    for (uint32_t j = 0; j < n_bits; j++) {
        uint32_t bit = 0;
        while (bit < n_bits && elements[1u << j] != 1u << bit)
            bit++;
        order->bit[j] = bit;
        seen |= 1u << bit;
    }
    bool good = seen == (1u << n_bits) - 1;
    for (uint32_t place = 0; good && place < 1u << n_bits; place++) {
        uint32_t element = 0;
        for (uint32_t j = 0; j < n_bits; j++)
            element |= (place >> j & 1) << order->bit[j];
        good = elements[place] == element;
    }
    return good;
}

static uint32_t encode(const struct order *order, uint32_t n_bits)
{
    uint32_t code = 0;
    for (uint32_t j = 0; j < n_bits; j++)
        code |= order->bit[j] << 4 * j;
    return code;
}

static uint32_t column_lanes(const struct order *order, uint32_t n_bits)
{
    uint32_t lanes = 0;
    for (uint32_t j = 3; j < n_bits; j++)
        if (order->bit[j] < n_bits / 2)
            lanes |= 1u << (j - 3);
    return lanes;
}

// New numbers for the bits of the sum's index, those of the lowest places first.
static void renumber(const struct order *b, uint32_t n_bits, uint32_t number[MAX_BITS])
{
    const uint32_t half = n_bits / 2;
    uint32_t next = 0;
    for (uint32_t j = 0; j < n_bits; j++)
        if (b->bit[j] >= half)
            number[b->bit[j] - half] = next++;
}

// The order with its row bits, its column bits, or both counted anew; NULL: as they are.
static struct order renumbered(const struct order *order, uint32_t n_bits, const uint32_t *rows,
                               const uint32_t *columns)
{
    const uint32_t half = n_bits / 2;
    struct order changed = *order;
    for (uint32_t j = 0; j < n_bits; j++) {
        const uint32_t bit = order->bit[j];
        if (bit < half && columns)
            changed.bit[j] = columns[bit];
        if (bit >= half && rows)
            changed.bit[j] = half + rows[bit - half];
    }
    return changed;
}

// What shaders/common/matrix.glsl and shaders/matrix/product.glsl were compiled for: accumulators
// like left operands; an invocation's elements of an accumulator in two rows (16) or eight (8), of
// a right operand four neighbours of the sum in two rows, or one in eight.
static bool lies_straight(const struct order natural[3], uint32_t side, uint32_t n_bits)
{
    const uint32_t half = n_bits / 2;
    uint32_t rows = 0, sums = 0;
    for (uint32_t j = 0; j < 3; j++) {
        rows |= natural[SUM].bit[j] >= half ? 1u << j : 0;
        sums |= natural[RIGHT].bit[j] >= half ? 1u << j : 0;
    }
    return encode(&natural[LEFT], n_bits) == encode(&natural[SUM], n_bits) &&
           (side == 16 ? rows == 4 && sums == 3 : rows == 7 && sums == 0);
}

static void describe_straight(const struct order natural[3], uint32_t n_bits,
                              struct vkh_matrix_layout *layout)
{
    uint32_t number[MAX_BITS];
    renumber(&natural[RIGHT], n_bits, number);
    struct order a = renumbered(&natural[LEFT], n_bits, NULL, number);
    const struct order b = renumbered(&natural[RIGHT], n_bits, number, number);
    const struct order c = renumbered(&natural[SUM], n_bits, NULL, number);
    // LEFT_TILE in shaders/common/matrix.glsl exchanges the middle words back.
    const uint32_t second = a.bit[1];
    a.bit[1] = a.bit[2];
    a.bit[2] = second;
    layout->a = encode(&a, n_bits);
    layout->b = encode(&b, n_bits);
    layout->c = encode(&c, n_bits);
    layout->column_lanes = column_lanes(&c, n_bits);
}

// (x w)^T = w^T x^T: the same product with the operands' parts exchanged.
static void transpose(const struct order natural[3], uint32_t n_bits, struct order turned[3])
{
    static const int from[] = {RIGHT, LEFT, SUM};
    for (int i = 0; i < 3; i++)
        for (uint32_t j = 0; j < n_bits; j++)
            turned[i].bit[j] = (natural[from[i]].bit[j] + n_bits / 2) % n_bits;
}

// Accumulators that lie like operands but for their columns' order, a word of one row: its columns
// are counted as the sum's index of the operand is, and so is all that meets them. A right
// operand's word is of one row of weights as well where tiles are one matrix: products then decode
// it. Where tiles are several, these stay their halves: the highest places are those of the highest
// row and column, and the others' numbers are taken.
static bool describe_transposed(const struct order turned[3], uint32_t n_bits,
                                struct vkh_matrix_layout *layout)
{
    const uint32_t half = n_bits / 2;
    const bool whole = layout->rows == layout->side && layout->columns == layout->side;
    const struct order *left = &turned[LEFT], *sum = &turned[SUM];
    uint32_t number[MAX_BITS], columns[MAX_BITS];
    renumber(&turned[RIGHT], n_bits, number);
    for (uint32_t j = 0; j < n_bits; j++) {
        const bool is_column = sum->bit[j] < half;
        if (is_column != (left->bit[j] < half) || (!is_column && sum->bit[j] != left->bit[j]) ||
            (j < 3 && (!is_column || number[left->bit[j]] != j)) ||
            (j < 3 && whole && turned[RIGHT].bit[j] < half))
            return false;
        if (is_column)
            columns[sum->bit[j]] = number[left->bit[j]];
    }
    const struct order a = renumbered(left, n_bits, NULL, number);
    const struct order b = renumbered(&turned[RIGHT], n_bits, number, columns);
    layout->a = layout->c = encode(&a, n_bits);
    layout->b = encode(&b, n_bits);
    layout->column_lanes = column_lanes(&a, n_bits);
    return true;
}

void vkh_matrix_describe(const uint32_t *seen, const struct vkh_matrix_shape *shape,
                         struct vkh_matrix_layout *layout)
{
    const uint32_t side = shape->k, n_bits = side == 16 ? 8 : 6;
    const uint32_t subgroup = vkh_matrix_subgroup(shape), stride = subgroup * VKH_MATRIX_SLOTS;
    const bool whole = shape->m == side && shape->n == side;
    struct use uses[3] = {{shape->m, side}, {side, shape->n}, {shape->m, shape->n}};
    struct order natural[3], turned[3];
    *layout = (struct vkh_matrix_layout){0};
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t elements[MAX_ELEMENTS];
        uses[i].held = held(seen + i * stride, subgroup);
        const uint32_t copies = copies_of(&uses[i], subgroup);
        if (copies < 1 || copies > (i == SUM ? 1 : 2) ||
            !lay_out(seen + i * stride, &uses[i], side, subgroup, elements) ||
            !find_order(elements, n_bits, &natural[i]))
            return;
    }
    struct vkh_matrix_layout found = {
        .side = side,
        .rows = shape->n,
        .columns = shape->m,
        .lanes = side * side / WORD,
        .subgroup = subgroup,
        .copies = copies_of(&uses[LEFT], subgroup),
    };
    if (found.copies != copies_of(&uses[RIGHT], subgroup) || (found.copies > 1 && !whole))
        return;
    if (whole && found.copies == 1 && lies_straight(natural, side, n_bits)) {
        describe_straight(natural, n_bits, &found);
        *layout = found;
        return;
    }
    transpose(natural, n_bits, turned);
    found.transposed = true;
    if (side == 16 && describe_transposed(turned, n_bits, &found))
        *layout = found;
}
