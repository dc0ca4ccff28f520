// SPDX-License-Identifier: MIT
// What becomes of a block's sums: rows of fp32, the gated product of a GLU as the left operand of the
// next product, or a vocabulary's maxima and sums of exponentials.

layout(constant_id = 5) const uint EPILOGUE = 0;
const uint ROWS = 0, GLU = 1, NLL = 2;
layout(constant_id = 6) const uint ACTIVATION = 0; // of the GLU: SiLU, or GELU by tanh
layout(constant_id = 7) const uint QUADS = 0;      // elements 4i to 4i + 3 are neighbours of a row

layout(binding = 2) buffer Out { float outs[]; };
layout(binding = 2) writeonly buffer OutPairs { vec2 out_pairs[]; };
layout(buffer_reference, std430, buffer_reference_align = 16) buffer Quads { vec4 at[]; };
layout(binding = 2) writeonly buffer OutWords { uvec4 out_words[]; };
layout(binding = 3) readonly buffer Targets { int targets[]; };

// The first token and row of accumulator (i, j) of the subgroup.
uvec2 origin_of(uint i, uint j)
{
    return uvec2(x_block * X_TILES, w_block * W_TILES + w_first) * SIDE +
           uvec2((x_first + i) * SUM_ROWS, j * SUM_COLUMNS);
}

uint place_in_rows(uvec2 at)
{
    return at.x * out_stride + first_row + at.y;
}

// The place of element e of accumulator (i, j): token and row of the bound matrix.
uvec2 place_of_sum(uint i, uint j, uint e)
{
    const uint element = element_of(e);
    return origin_of(i, j) + uvec2(element / SIDE, element % SIDE);
}

// Whether all of the subgroup's sums have a place, in quads.
bool is_whole()
{
    const uvec2 end = origin_of(X_SUMS, W_SUMS);
    return QUADS != 0u && (out_stride | first_row) % 4 == 0u && end.x <= n_tokens && end.y <= n_rows;
}

// Of accumulators (i, 0) and so on, elements e to e + 3: the next one's are SUM_COLUMNS / 4 further.
Quads quads_of(uint i, uint e)
{
    return Quads(out_address + 4ul * place_in_rows(place_of_sum(i, 0, e)));
}

// What is there is read before anything is written: the loads then overlap.
void write_quads()
{
    if (accumulate != 0u) {
        [[unroll]] for (uint i = 0; i < X_SUMS; i++) {
            [[unroll]] for (uint e = 0; e < 8; e += 4) {
                Quads quads = quads_of(i, e);
                [[unroll]] for (uint j = 0; j < W_SUMS; j++) {
                    const vec4 there = quads.at[j * SUM_COLUMNS / 4];
                    [[unroll]] for (uint n = 0; n < 4; n++)
                        sums[i][j][e + n] += there[n];
                }
            }
        }
    }
    [[unroll]] for (uint i = 0; i < X_SUMS; i++) {
        [[unroll]] for (uint e = 0; e < 8; e += 4) {
            Quads quads = quads_of(i, e);
            [[unroll]] for (uint j = 0; j < W_SUMS; j++)
                quads.at[j * SUM_COLUMNS / 4] =
                    vec4(sums[i][j][e], sums[i][j][e + 1], sums[i][j][e + 2], sums[i][j][e + 3]);
        }
    }
}

void write_element(uvec2 at, float sum)
{
    if (at.x < n_tokens && at.y < n_rows) {
        const uint place = place_in_rows(at);
        outs[place] = accumulate != 0u ? outs[place] + sum : sum;
    }
}

// A branch for each element keeps the compiler from moving loads and stores together: on NVIDIA's a
// product that adds to rows took an eighth longer.
void write_rows()
{
    if (is_whole()) {
        write_quads();
    } else {
        [[unroll]] for (uint i = 0; i < X_SUMS; i++)
            [[unroll]] for (uint j = 0; j < W_SUMS; j++)
                [[unroll]] for (uint e = 0; e < 8; e++)
                    write_element(place_of_sum(i, j, e), sums[i][j][e]);
    }
}

float activate(float gate)
{
    // exp(-|x|) cannot overflow.
    const float x = ACTIVATION == 0u ? gate : 1.5957691216057308 * (gate + 0.044715 * gate * gate * gate);
    const float e = exp(-abs(x));
    return gate * ((x >= 0.0 ? 1.0 : e) / (1.0 + e));
}

// Tiles of rows are the gate's and the up projection's in turn.
void write_glu()
{
    [[unroll]] for (uint i = 0; i < X_SUMS; i++) {
        [[unroll]] for (uint tile = 0; tile < W_EACH; tile += 2) {
            const uint row = x_block * X_TILES + (x_first + i) / ROW_PARTS;
            const uint k = (first_row / SIDE + w_block * W_TILES + w_first + tile) / 2;
            const uint to = ((row / PANEL * out_stride + k) * PANEL + row % PANEL) * LANES;
            [[unroll]] for (uint part = 0; part < COLUMN_PARTS; part++) {
                const uint gate = tile * COLUMN_PARTS + part, up = gate + COLUMN_PARTS;
                MATRIX_C gated;
                [[unroll]] for (uint e = 0; e < 8; e++)
                    gated[e] = activate(sums[i][gate][e]) * sums[i][up][e];
                const uint word =
                    (x_first + i) % ROW_PARTS * LEFT_WORDS + part * SUBGROUP_LANES + LANE;
                out_words[to + word] = left_word(gated);
            }
        }
    }
}

const float LOWEST = -3.402823466e38;

// Sums become logits. Those of rows past the last are the lowest: beside any other they vanish.
void make_logits(uint i)
{
    if (cap > 0.0)
        [[unroll]] for (uint j = 0; j < W_SUMS; j++)
            [[unroll]] for (uint e = 0; e < 8; e++)
                sums[i][j][e] = cap * tanh(sums[i][j][e] / cap);
    if (origin_of(i, W_SUMS).y > n_rows)
        [[unroll]] for (uint j = 0; j < W_SUMS; j++)
            [[unroll]] for (uint e = 0; e < 8; e++)
                if (place_of_sum(i, j, e).y >= n_rows)
                    sums[i][j][e] = LOWEST;
}

// Of the subgroup's tokens and rows: maximum and sum of exp(logit - maximum) at outs[strip][token],
// and behind the strips the logit of each target.
void write_nll()
{
    const uint strip = first_row / (W_EACH * SIDE) + w_block * W_SUBGROUPS + w_first / W_EACH;
    [[unroll]] for (uint i = 0; i < X_SUMS; i++) {
        float highest[8], total[8], picked[8];
        uint wanted[8]; // the target, counted from the subgroup's first row
        bool is_picked[8];
        make_logits(i);
        [[unroll]] for (uint e = 0; e < 8; e++) {
            highest[e] = LOWEST;
            total[e] = 0.0;
            is_picked[e] = false;
            if (slot_of(e) == e) {
                const uint token = place_of_sum(i, 0, e).x;
                wanted[e] = uint(targets[min(token, n_tokens - 1)]) - first_row - origin_of(i, 0).y;
            }
        }
        [[unroll]] for (uint j = 0; j < W_SUMS; j++) {
            [[unroll]] for (uint e = 0; e < 8; e++) {
                const uint slot = slot_of(e);
                highest[slot] = max(highest[slot], sums[i][j][e]);
                if (j * SUM_COLUMNS + element_of(e) % SIDE == wanted[slot]) {
                    picked[slot] = sums[i][j][e];
                    is_picked[slot] = true;
                }
            }
        }
        [[unroll]] for (uint e = 0; e < 8; e++)
            if (slot_of(e) == e)
                highest[e] = row_max(highest[e]);
        [[unroll]] for (uint j = 0; j < W_SUMS; j++)
            [[unroll]] for (uint e = 0; e < 8; e++)
                total[slot_of(e)] += exp(sums[i][j][e] - highest[slot_of(e)]);
        [[unroll]] for (uint e = 0; e < 8; e++) {
            if (slot_of(e) == e) {
                const float sum = row_sum(total[e]);
                const uint token = place_of_sum(i, 0, e).x;
                if (token < n_tokens && element_of(e) % SIDE == 0u)
                    out_pairs[strip * n_tokens + token] = vec2(highest[e], sum);
                if (token < n_tokens && is_picked[e])
                    outs[2 * strips * n_tokens + token] = picked[e];
            }
        }
    }
}

void finish_block()
{
    if (EPILOGUE == ROWS)
        write_rows();
    else if (EPILOGUE == GLU)
        write_glu();
    else
        write_nll();
}
