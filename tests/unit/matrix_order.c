// SPDX-License-Identifier: MIT
// Operands packed by a layout, multiplied as machines that are not here do it: invocation by
// invocation, by what is known of where their elements lie.
#include "base/random.h"
#include "check.h"
#include "kernels/panel.h"
#include "matrix_machines.h"

enum { SIDE = 16, LANES = 32 };

// A fragment: what each invocation holds.
struct fragment {
    double held[LANES][VKH_MATRIX_SLOTS];
};

static void pack(uint32_t order, const double matrix[SIDE * SIDE], double tile[SIDE * SIDE])
{
    for (uint32_t place = 0; place < SIDE * SIDE; place++)
        tile[place] = matrix[vkh_tile_element(order, place)];
}

// As shaders/common/matrix.glsl, matrix `part` of `parts` of a tile: words of invocations; a left
// operand that is not transposed has its middle pairs exchanged.
static void load(const struct vkh_matrix_layout *layout, const double tile[SIDE * SIDE], bool left,
                 uint32_t part, uint32_t parts, struct fragment *f)
{
    const uint32_t words = LANES / parts, own = words * layout->copies / layout->subgroup;
    const uint32_t apart = words / own;
    for (uint32_t lane = 0; lane < layout->subgroup; lane++) {
        for (uint32_t i = 0; i < 8 * own; i++) {
            const uint32_t word = part * words + lane % apart + i / 8 * apart, pair = i % 8 / 2;
            const uint32_t from = left && !layout->transposed && pair % 3 ? 3 - pair : pair;
            f->held[lane][i] = tile[word * 8 + from * 2 + i % 2];
        }
    }
}

// As a matrix with rows SIDE apart.
static void spread(const struct fragment *f, matrix_place_fn *place, uint32_t lanes, uint32_t n,
                   double matrix[SIDE * SIDE])
{
    for (uint32_t lane = 0; lane < lanes; lane++) {
        for (uint32_t i = 0; i < n; i++) {
            uint32_t row, column;
            place(lane, i, &row, &column);
            matrix[row * SIDE + column] = f->held[lane][i];
        }
    }
}

static void multiply(const double *a, const double *b, double *product)
{
    for (uint32_t i = 0; i < SIDE * SIDE; i++) {
        product[i] = 0.0;
        for (uint32_t k = 0; k < SIDE; k++)
            product[i] += a[i / SIDE * SIDE + k] * b[k * SIDE + i % SIDE];
    }
}

// One accumulator of a tile of left times right: rows `down` and columns `across` of its parts.
static void machine_product(const struct matrix_machine *m, const struct vkh_matrix_layout *layout,
                            const double *left_tile, const double *right_tile, uint32_t down,
                            uint32_t across, double *words)
{
    const uint32_t lanes = layout->subgroup;
    struct fragment left, right;
    double a[SIDE * SIDE] = {0}, b[SIDE * SIDE] = {0}, product[SIDE * SIDE];
    load(layout, left_tile, true, down, SIDE / layout->rows, &left);
    load(layout, right_tile, false, across, SIDE / layout->columns, &right);
    spread(layout->transposed ? &right : &left, m->left, lanes, m->held_left, a);
    spread(layout->transposed ? &left : &right, m->right, lanes, m->held_right, b);
    multiply(a, b, product);
    for (uint32_t lane = 0; lane < lanes; lane++) {
        for (uint32_t i = 0; i < 8; i++) {
            uint32_t row, column;
            m->sum(lane, i, &row, &column);
            words[lane * 8 + i] = product[row * SIDE + column];
        }
    }
}

// The accumulators of a tile, word after word; operands as they lie in memory.
static void machine_tile(const struct matrix_machine *m, const struct vkh_matrix_layout *layout,
                         const double *left_tile, const double *right_tile, double *sums)
{
    for (uint32_t down = 0; down < SIDE / layout->rows; down++)
        for (uint32_t across = 0; across < SIDE / layout->columns; across++) {
            machine_product(m, layout, left_tile, right_tile, down, across, sums);
            sums += layout->subgroup * 8;
        }
}

// The accumulators as rows, by `c`.
static void rows_of(const struct vkh_matrix_layout *layout, const double *sums,
                    double matrix[SIDE * SIDE])
{
    for (uint32_t place = 0; place < SIDE * SIDE; place++)
        matrix[vkh_tile_element(layout->c, place)] = sums[place];
}

// The accumulator's words as a left operand's, left_word in shaders/common/matrix.glsl.
static void left_tile_of(const struct vkh_matrix_layout *layout, const double *sums,
                         double tile[SIDE * SIDE])
{
    for (uint32_t place = 0; place < SIDE * SIDE; place++) {
        const uint32_t pair = place % 8 / 2;
        const uint32_t from = !layout->transposed && pair % 3 ? 3 - pair : pair;
        tile[place] = sums[place / 8 * 8 + from * 2 + place % 2];
    }
}

static uint64_t differing(const double *a, const double *b)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < SIDE * SIDE; i++)
        n += !(a[i] == b[i]);
    return n;
}

static void fill(uint64_t *state, double matrix[SIDE * SIDE])
{
    for (uint32_t i = 0; i < SIDE * SIDE; i++)
        matrix[i] = (double)(vkh_random(state) % 17) - 8.0;
}

// A product, its result as a left operand, and the product of that: whole numbers, so exact.
static void test_products(const struct matrix_machine *m, const struct vkh_matrix_layout *layout)
{
    uint64_t state = 7;
    double x[SIDE * SIDE], w[SIDE * SIDE], next[SIDE * SIDE], want[SIDE * SIDE], got[SIDE * SIDE];
    double left[SIDE * SIDE], right[SIDE * SIDE], chained[SIDE * SIDE];
    double sums[SIDE * SIDE];
    fill(&state, x);
    fill(&state, w);
    fill(&state, next);
    multiply(x, w, want);
    pack(layout->a, x, left);
    pack(layout->b, w, right);
    machine_tile(m, layout, left, right, sums);
    rows_of(layout, sums, got);
    CHECK_MSG(differing(want, got) == 0, "%s: a product", m->name);

    left_tile_of(layout, sums, left);
    pack(layout->a, want, got);
    CHECK_MSG(differing(left, got) == 0, "%s: its result as an operand", m->name);

    multiply(want, next, chained);
    pack(layout->b, next, right);
    machine_tile(m, layout, left, right, sums);
    rows_of(layout, sums, got);
    CHECK_MSG(differing(chained, got) == 0, "%s: the product of that", m->name);
}

// Bits of the word that are columns: those that differ hold the same row.
static void test_lanes(const struct matrix_machine *m, const struct vkh_matrix_layout *layout)
{
    for (uint32_t lane = 0; lane < LANES; lane++) {
        for (uint32_t bit = 0; bit < 5; bit++) {
            const uint32_t row = vkh_tile_element(layout->c, lane * 8) / SIDE;
            const uint32_t other = vkh_tile_element(layout->c, (lane ^ 1u << bit) * 8) / SIDE;
            CHECK_MSG((row == other) == (layout->column_lanes >> bit & 1), "%s: lane %u, bit %u",
                      m->name, lane, bit);
        }
    }
}

static void test_machine(const struct matrix_machine *m)
{
    const struct vkh_matrix_layout layout = matrix_machine_layout(m);
    CHECK_MSG(layout.side == SIDE && layout.lanes == LANES, "%s: no layout", m->name);
    if (!layout.side)
        return;
    CHECK(layout.subgroup == vkh_matrix_subgroup(&m->shape));
    CHECK(layout.copies == (m == &matrix_machines[RDNA3_MACHINE] ? 2 : 1));
    CHECK(layout.transposed == (m != &matrix_machines[NVIDIA_MACHINE]));
    test_products(m, &layout);
    test_lanes(m, &layout);
}

// As Mesa's compiler for NVIDIA's numbers them: elements 2 and 3 are of another row.
static void nvk_left(uint32_t lane, uint32_t i, uint32_t *row, uint32_t *column)
{
    *row = lane / 4 + (i & 2 ? 8 : 0);
    *column = lane % 4 * 2 + i % 2 + (i & 4 ? 8 : 0);
}

// One element in another's place, and one held by no one.
static void test_strange(const struct matrix_machine *m)
{
    uint32_t seen[VKH_MATRIX_SEEN];
    struct vkh_matrix_layout layout;
    const uint32_t lanes = vkh_matrix_subgroup(&m->shape);
    for (uint32_t use = 0; use < 3; use++) {
        uint32_t *at = &seen[(use * lanes + 5 * lanes / 8) * VKH_MATRIX_SLOTS];
        matrix_machine_see(m, seen);
        const uint32_t kept = at[3];
        at[3] = at[5];
        at[5] = kept;
        vkh_matrix_describe(seen, &m->shape, &layout);
        CHECK_MSG(layout.side == 0, "%s: elements of use %u exchanged", m->name, use);
        matrix_machine_see(m, seen);
        at[7] = UINT32_MAX;
        vkh_matrix_describe(seen, &m->shape, &layout);
        CHECK_MSG(layout.side == 0, "%s: an element of use %u missing", m->name, use);
    }
}

// Accumulators that do not lie like either operand, and those that lie like the wrong one.
static void test_others(void)
{
    static const struct matrix_machine others[] = {
        {"NVK", {16, 16, 16}, 8, 8, nvk_left, nvidia_right, nvk_left},
        {"Xe2 in fp16", {8, 16, 16}, 8, 16, xe2_left, intel_column, xe2_left},
        {"mixed", {16, 16, 16}, 8, 8, nvidia_left, nvidia_right, rdna4_right},
    };
    for (size_t i = 0; i < VKH_COUNTOF(others); i++)
        CHECK_MSG(matrix_machine_layout(&others[i]).side == 0, "%s: a layout", others[i].name);
}

static void test_shapes(void)
{
    static const struct vkh_matrix_shape good[] = {
        {8, 8, 8}, {16, 16, 16}, {8, 16, 16}, {8, 8, 16}};
    static const struct vkh_matrix_shape bad[] = {
        {0}, {16, 8, 16}, {16, 16, 8}, {32, 32, 32}, {8, 16, 8}, {8, 32, 16}, {1, 1, 1}};
    for (size_t i = 0; i < VKH_COUNTOF(good); i++)
        CHECK(vkh_matrix_has_tile(&good[i]));
    for (size_t i = 0; i < VKH_COUNTOF(bad); i++)
        CHECK(!vkh_matrix_has_tile(&bad[i]));
}

int main(void)
{
    for (size_t i = 0; i < VKH_COUNTOF(matrix_machines); i++) {
        test_machine(&matrix_machines[i]);
        test_strange(&matrix_machines[i]);
    }
    test_others();
    test_shapes();
    return check_result();
}
