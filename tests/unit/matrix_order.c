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

// As shaders/common/matrix.glsl: words of invocations; a left operand that is not transposed has
// its middle pairs exchanged.
static void load(const struct vkh_matrix_layout *layout, const double tile[SIDE * SIDE], bool left,
                 struct fragment *f)
{
    const uint32_t apart = LANES / layout->operand_words;
    for (uint32_t lane = 0; lane < LANES; lane++) {
        for (uint32_t i = 0; i < 8 * layout->operand_words; i++) {
            const uint32_t word = lane % apart + i / 8 * apart, pair = i % 8 / 2;
            const uint32_t from = left && !layout->transposed && pair % 3 ? 3 - pair : pair;
            f->held[lane][i] = tile[word * 8 + from * 2 + i % 2];
        }
    }
}

static void spread(const struct fragment *f, matrix_place_fn *place, uint32_t n,
                   double matrix[SIDE * SIDE])
{
    for (uint32_t lane = 0; lane < LANES; lane++) {
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

// The accumulator of left times right, operands as they lie in memory.
static void machine_product(const struct matrix_machine *m, const struct vkh_matrix_layout *layout,
                            const double *left_tile, const double *right_tile, struct fragment *sum)
{
    struct fragment left, right;
    double a[SIDE * SIDE], b[SIDE * SIDE], product[SIDE * SIDE];
    load(layout, left_tile, true, &left);
    load(layout, right_tile, false, &right);
    spread(layout->transposed ? &right : &left, m->left, m->held, a);
    spread(layout->transposed ? &left : &right, m->right, m->held, b);
    multiply(a, b, product);
    for (uint32_t lane = 0; lane < LANES; lane++) {
        for (uint32_t i = 0; i < 8; i++) {
            uint32_t row, column;
            m->sum(lane, i, &row, &column);
            sum->held[lane][i] = product[row * SIDE + column];
        }
    }
}

// The accumulator as rows, by `c`.
static void rows_of(const struct vkh_matrix_layout *layout, const struct fragment *sum,
                    double matrix[SIDE * SIDE])
{
    for (uint32_t place = 0; place < SIDE * SIDE; place++)
        matrix[vkh_tile_element(layout->c, place)] = sum->held[place / 8][place % 8];
}

// The accumulator's words as a left operand's, left_word in shaders/common/matrix.glsl.
static void left_tile_of(const struct vkh_matrix_layout *layout, const struct fragment *sum,
                         double tile[SIDE * SIDE])
{
    for (uint32_t place = 0; place < SIDE * SIDE; place++) {
        const uint32_t pair = place % 8 / 2;
        const uint32_t from = !layout->transposed && pair % 3 ? 3 - pair : pair;
        tile[place] = sum->held[place / 8][from * 2 + place % 2];
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
    struct fragment sum;
    fill(&state, x);
    fill(&state, w);
    fill(&state, next);
    multiply(x, w, want);
    pack(layout->a, x, left);
    pack(layout->b, w, right);
    machine_product(m, layout, left, right, &sum);
    rows_of(layout, &sum, got);
    CHECK_MSG(differing(want, got) == 0, "%s: a product", m->name);

    left_tile_of(layout, &sum, left);
    pack(layout->a, want, got);
    CHECK_MSG(differing(left, got) == 0, "%s: its result as an operand", m->name);

    multiply(want, next, chained);
    pack(layout->b, next, right);
    machine_product(m, layout, left, right, &sum);
    rows_of(layout, &sum, got);
    CHECK_MSG(differing(chained, got) == 0, "%s: the product of that", m->name);
}

// Bits of the invocation that are columns: those that differ hold the same row.
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
    uint32_t seen[VKH_MATRIX_SEEN];
    struct vkh_matrix_layout layout;
    matrix_machine_see(m, seen);
    vkh_matrix_describe(seen, SIDE, &layout);
    CHECK_MSG(layout.side == SIDE && layout.lanes == LANES, "%s: no layout", m->name);
    if (!layout.side)
        return;
    CHECK(layout.operand_words == m->held / 8);
    CHECK(layout.transposed == (m != &matrix_machines[0]));
    test_products(m, &layout);
    test_lanes(m, &layout);
}

// One element in another's place, and one held by no one.
static void test_strange(const struct matrix_machine *m)
{
    uint32_t seen[VKH_MATRIX_SEEN];
    struct vkh_matrix_layout layout;
    for (uint32_t use = 0; use < 3; use++) {
        uint32_t *at = &seen[use * LANES * VKH_MATRIX_SLOTS + 21 * VKH_MATRIX_SLOTS];
        matrix_machine_see(m, seen);
        const uint32_t kept = at[3];
        at[3] = at[5];
        at[5] = kept;
        vkh_matrix_describe(seen, SIDE, &layout);
        CHECK_MSG(layout.side == 0, "%s: elements of use %u exchanged", m->name, use);
        matrix_machine_see(m, seen);
        at[7] = UINT32_MAX;
        vkh_matrix_describe(seen, SIDE, &layout);
        CHECK_MSG(layout.side == 0, "%s: an element of use %u missing", m->name, use);
    }
}

int main(void)
{
    for (size_t i = 0; i < sizeof(matrix_machines) / sizeof(matrix_machines[0]); i++) {
        test_machine(&matrix_machines[i]);
        test_strange(&matrix_machines[i]);
    }
    return check_result();
}
