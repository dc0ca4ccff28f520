// SPDX-License-Identifier: MIT
// cap * tanh(x / cap), without overflow, and without cancellation near 0: the built-in tanh promises
// neither.
float soft_cap(float x, float cap)
{
    const float t = x / cap, y = t * t;
    // The next term is below 3e-8 of the value.
    const float series =
        1.0 + y * (-1.0 / 3.0 + y * (2.0 / 15.0 + y * (-17.0 / 315.0 + y * (62.0 / 2835.0))));
    const float e = exp(-2.0 * abs(t));
    // No branch: SwiftShader's compiler takes minutes and gigabytes for 64 of them.
    return mix(cap * sign(t) * (1.0 - e) / (1.0 + e), x * series, y < 0.0625);
}
