// SPDX-License-Identifier: MIT
// How a forward pass reads weights in blocks: decoded in its products where these do that, else,
// and by hand, from panels. Room for panels is planned for those alone, and what results follow
// from is the same. Skips devices without cooperative matrices.
#include "cache_test.h"
#include "graph/event.h"
#include "graph/graph.h"
#include "graph/tier.h"
#include "reference_model.h"

static struct cache_log heard;

struct forward {
    struct vkh_graph_plan plan;
    char variants[160], numerics[512];
};

static struct vkh_device *open_device(const char *variants)
{
    struct vkh_device *device = cache_test_device(NULL, variants, &heard);
    if (!(vkh_device_caps(device)->bits & VKH_CAP_MATRIX16))
        exit(CHECK_SKIPPED);
    return device;
}

static struct vkh_graph_plan plan_by(const char *variants, const struct vkh_model *model)
{
    struct vkh_device *device = open_device(variants);
    const struct vkh_graph_plan plan =
        vkh_graph_plan(device, model, &(struct vkh_graph_wish){.chunk = 64});
    vkh_device_destroy(&device);
    return plan;
}

static void check_choices(const struct vkh_model *model)
{
    static const struct {
        const char *variants;
        bool decodes;
    } choices[] = {
        {"tier=matrix", true},
        {"tier=matrix,tile=4x2", true},
        {"tier=matrix,tile=2x2", false},
        {"tier=matrix,unpack=panels", false},
        {"tier=matrix,unpack=panels,tile=4x2", false},
        {"tier=matrix,operands=bf16", false},
    };
    for (size_t i = 0; i < VKH_COUNTOF(choices); i++) {
        const struct vkh_graph_plan plan = plan_by(choices[i].variants, model);
        if (strstr(choices[i].variants, "bf16") && heard.errors > 0)
            continue; // there are no matrices of it
        CHECK_MSG(plan.layout.side && heard.errors == 0, "%s: %s", choices[i].variants, heard.last);
        CHECK_MSG(plan.layout.decodes == choices[i].decodes &&
                      (plan.unpacked == 0) == choices[i].decodes,
                  "%s: decodes %d, room of %llu bytes", choices[i].variants, plan.layout.decodes,
                  (unsigned long long)plan.unpacked);
    }
    const struct vkh_graph_plan refused = plan_by("tier=matrix,unpack=product,tile=2x2", model);
    CHECK(!refused.layout.side && heard.errors == 1);
}

// A tier by hand that does not take the model: rows, and a word of it.
static void check_rows(const struct vkh_model *model)
{
    const struct vkh_graph_plan plan = plan_by("tier=matrix", model);
    CHECK_MSG(!plan.layout.side && heard.errors == 1, "%d messages", heard.errors);
    const struct vkh_graph_plan own = plan_by(NULL, model);
    CHECK_MSG(!own.layout.side && heard.errors == 0, "%d messages", heard.errors);
}

static struct forward forward_by(const char *variants, const struct vkh_model *model)
{
    struct vkh_device *device = open_device(variants);
    struct forward forward = {
        .plan = vkh_graph_plan(device, model, &(struct vkh_graph_wish){.chunk = 64})};
    struct vkh_stream *stream;
    struct vkh_graph *graph;
    if (vkh_stream_create(device, &stream) != VKH_OK ||
        vkh_graph_create(device, stream, model, &forward.plan, &graph) != VKH_OK)
        exit(1);
    snprintf(forward.variants, sizeof(forward.variants), "%s", vkh_graph_variants(graph));
    snprintf(forward.numerics, sizeof(forward.numerics), "%s", vkh_graph_numerics(graph));
    vkh_graph_destroy(&graph);
    vkh_stream_destroy(&stream);
    vkh_device_destroy(&device);
    return forward;
}

// Weights without blocks: nothing to unpack, nor to tell.
static void check_forward(const struct vkh_model *blocks, const struct vkh_model *halves)
{
    const struct forward own = forward_by("tier=matrix", blocks);
    const struct forward panels = forward_by("tier=matrix,unpack=panels", blocks);
    const struct forward other = forward_by("tier=matrix", halves);
    CHECK_MSG(strstr(own.variants, ",unpack=product,"), "%s", own.variants);
    CHECK_MSG(strstr(panels.variants, ",unpack=panels,"), "%s", panels.variants);
    CHECK_MSG(!strstr(other.variants, "unpack"), "%s", other.variants);
    CHECK_MSG(strcmp(own.numerics, panels.numerics) == 0, "%s, %s", own.numerics, panels.numerics);
    CHECK(own.plan.activations - own.plan.unpacked ==
          panels.plan.activations - panels.plan.unpacked);
    CHECK(panels.plan.unpacked > 0 && own.plan.unpacked == 0);
    CHECK(other.plan.unpacked == 0);
}

// Decoding leaves no tiles to be timed; other weights have as many as ever.
static void check_tiles(void)
{
    struct vkh_device *device = open_device(NULL);
    struct vkh_trial trial = {.device = device};
    uint32_t n_blocks, n_halves;
    CHECK(vkh_matrix_layout(device, &trial.layout) == VKH_OK &&
          vkh_unpack_choose(device, &trial.layout) == VKH_OK);
    trial.type = VKH_Q4_K;
    vkh_events[VKH_EVENT_TILE].variants(&trial, &n_blocks);
    trial.type = VKH_F16;
    vkh_events[VKH_EVENT_TILE].variants(&trial, &n_halves);
    CHECK_MSG(n_halves > 1 && n_blocks == (trial.layout.decodes ? 1 : n_halves),
              "%u tiles of blocks, %u of halves", n_blocks, n_halves);
    vkh_device_destroy(&device);
}

int main(void)
{
    const struct vkh_config config = {
        .name = "blocks",
        .architecture = "llama",
        .n_layers = 1,
        .hidden = 64,
        .n_heads = 2,
        .n_kv_heads = 1,
        .head_dim = 64,
        .rotary_dim = 64,
        .ffn = 192,
        .vocab = 160,
        .norm_eps = 1e-5,
        .rope_base = 10000.0,
        .context_length = 64,
        .rope_layout = VKH_ROPE_HALVES,
        .embedding_scale = 1.0,
        .attention_scale = 0.125,
    };
    struct vkh_config odd_config = config; // heads that attention on matrices does not have
    odd_config.head_dim = odd_config.rotary_dim = 80;
    struct vkh_model blocks, halves, odd;
    random_model(&config, VKH_Q8_0, true, 5, &blocks);
    random_model(&config, VKH_F16, true, 5, &halves);
    random_model(&odd_config, VKH_F16, true, 5, &odd);
    check_choices(&blocks);
    check_rows(&odd);
    check_forward(&blocks, &halves);
    check_tiles();
    vkh_arena_fini(&blocks.arena);
    vkh_arena_fini(&halves.arena);
    vkh_arena_fini(&odd.arena);
    return check_result();
}
