// SPDX-License-Identifier: MIT
// w in panels of operands, as they are multiplied: a step is brought word by word.
Words w_at;               // from this invocation's first word of the step at hand
uvec4 w_fetched[W_WORDS]; // of the step after next

void fetch_w(uint i, uint ahead)
{
    w_fetched[i] = w_at.at[ahead * PANEL * LANES + i * INVOCATIONS];
}

void store_w(uint turn, uint i)
{
    w_shared[turn][i * INVOCATIONS + gl_LocalInvocationIndex] = w_fetched[i];
}

void place_w()
{
    w_at = words_from(w_address, w_block * k_tiles * PANEL * LANES + gl_LocalInvocationIndex);
}

void begin_w()
{
    [[unroll]] for (uint i = 0; i < W_WORDS; i++) {
        fetch_w(i, 0);
        store_w(0, i);
        fetch_w(i, STEP);
    }
}

void bring_w(uint turn, uint k)
{
    [[unroll]] for (uint i = k; i < W_WORDS; i += W_SHARES) {
        store_w((turn + 1) % 2, i);
        fetch_w(i, (turn + W_AHEAD) * STEP);
    }
}

void advance_w()
{
    w_at = moved_on(w_at, TURN_TILES * PANEL * LANES);
}
