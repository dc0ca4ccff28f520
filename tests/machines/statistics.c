// SPDX-License-Identifier: MIT
// statistics [MACHINE]: what a driver's compiler says of every pipeline that the library may make
// on a device, a JSON object a line: {"shader", "constants", "default": of the forward pass by the
// device's own choice, "statistics"}. Nothing runs, so a device without hardware will do. The
// device is the first one; MACHINE, of matrix_machines.h, is how its matrices lie, none where it
// has none.
#include <jansson.h>

#include "check.h"
#include "gpu/internal.h"
#include "graph/tier.h"
#include "kernels/attention_matrix.h"
#include "kernels/bias.h"
#include "kernels/embed.h"
#include "kernels/head_nll.h"
#include "kernels/kl.h"
#include "kernels/kv_pack.h"
#include "kernels/matmul.h"
#include "kernels/matmul_matrix.h"
#include "kernels/matrix_blocks.h"
#include "kernels/rmsnorm.h"
#include "kernels/rmsnorm_matrix.h"
#include "kernels/rope_matrix.h"
#include "kernels/swiglu.h"
#include "matrix_machines.h"
#include "shaders/table.h"

static const uint32_t head_sizes[] = {64, 96, 128, 256};

// The attention shapes whose pipelines differ: head size, type of keys and values, soft cap.
enum { ATTENTION_SHAPES = VKH_COUNTOF(head_sizes) * 4 };

static struct vkh_attention_shape attention_shape(uint32_t i)
{
    const uint32_t head_dim = head_sizes[i / 4];
    return (struct vkh_attention_shape){
        .n_heads = 32,
        .n_kv_heads = 8,
        .head_dim = head_dim,
        .row_elements = 48 * head_dim,
        .half_kv = i & 1,
        .scale = 0.1f,
        .soft_cap = i & 2 ? 50.0f : 0.0f,
    };
}

static void must(enum vkh_status status)
{
    if (status != VKH_OK)
        exit(1);
}

static void make_kv_pack(struct vkh_device *device, const struct vkh_matrix_layout *layout)
{
    struct vkh_kv_pack pack;
    for (uint32_t i = 0; i < VKH_COUNTOF(head_sizes); i++)
        must(vkh_kv_pack_create(device, layout, head_sizes[i], &pack));
}

// Operations with one variant.
static void make_single(struct vkh_device *device)
{
    struct vkh_embed embed;
    struct vkh_bias bias;
    struct vkh_swiglu swiglu;
    struct vkh_nll_reduce reduce;
    struct vkh_kl kl;
    struct vkh_rope rope;
    for (int type = 0; type < VKH_N_DTYPES; type++)
        must(vkh_embed_create(device, (enum vkh_dtype)type, &embed));
    must(vkh_bias_create(device, &bias));
    must(vkh_swiglu_create(device, VKH_GATE_SILU, &swiglu));
    must(vkh_swiglu_create(device, VKH_GATE_GELU_TANH, &swiglu));
    must(vkh_nll_reduce_create(device, &reduce));
    must(vkh_kl_create(device, &kl));
    make_kv_pack(device, &(struct vkh_matrix_layout){0});
    for (uint32_t i = 0; i < VKH_COUNTOF(head_sizes) * 4; i++) {
        const uint32_t head_dim = head_sizes[i / 4];
        const struct vkh_rope_shape shape = {32, 8, head_dim, head_dim, i & 1, i & 2};
        must(vkh_rope_create(device, &shape, &rope));
    }
}

// What to make of one operation.
typedef void make_fn(struct vkh_device *device, const struct vkh_variant *variant, uint32_t which);

static void make_norm(struct vkh_device *device, const struct vkh_variant *variant, uint32_t which)
{
    struct vkh_rmsnorm norm;
    (void)which;
    must(vkh_rmsnorm_create(device, variant, &norm));
}

static void make_attention(struct vkh_device *device, const struct vkh_variant *variant,
                           uint32_t which)
{
    struct vkh_attention attention;
    const struct vkh_attention_shape shape = attention_shape(which);
    must(vkh_attention_create(device, &shape, variant, &attention));
}

static void make_matmul(struct vkh_device *device, const struct vkh_variant *variant,
                        uint32_t which)
{
    struct vkh_matmul matmul;
    must(vkh_matmul_create(device, (enum vkh_dtype)which, variant, &matmul));
}

static void make_head(struct vkh_device *device, const struct vkh_variant *variant, uint32_t which)
{
    struct vkh_head_nll head;
    must(vkh_head_nll_create(device, (enum vkh_dtype)which, variant, &head));
}

// Every variant that the device has, or `chosen`: the one that it chooses.
static void make_operation(struct vkh_device *device, bool chosen,
                           const struct vkh_variant *variants, uint32_t n, make_fn *make,
                           uint32_t which)
{
    if (chosen)
        make(device, NULL, which);
    for (uint32_t i = 0; i < n && !chosen; i++)
        if (vkh_variant_supported(device, &variants[i]))
            make(device, &variants[i], which);
}

static void make_variants(struct vkh_device *device, bool chosen)
{
    uint32_t n;
    const struct vkh_variant *variants = vkh_rmsnorm_variants(&n);
    make_operation(device, chosen, variants, n, make_norm, 0);
    variants = vkh_attention_variants(&n);
    for (uint32_t i = 0; i < ATTENTION_SHAPES; i++)
        make_operation(device, chosen, variants, n, make_attention, i);
    for (uint32_t type = 0; type < VKH_N_DTYPES; type++) {
        variants = vkh_matmul_variants((enum vkh_dtype)type, &n);
        make_operation(device, chosen, variants, n, make_matmul, type);
        variants = vkh_head_nll_variants((enum vkh_dtype)type, &n);
        make_operation(device, chosen, variants, n, make_head, type);
    }
}

static const struct matrix_machine *machine_named(const char *name)
{
    for (size_t i = 0; i < VKH_COUNTOF(matrix_machines); i++)
        if (strcmp(matrix_machines[i].name, name) == 0)
            return &matrix_machines[i];
    fprintf(stderr, "%s is none of matrix_machines.h\n", name);
    exit(1);
}

// A device that runs nothing cannot tell how its matrices lie.
static void give_layout(struct vkh_device *device, const struct matrix_machine *machine)
{
    device->matrix = matrix_machine_layout(machine);
    device->matrix_known = true;
    CHECK(device->matrix.side == 16);
    CHECK(memcmp(&device->caps.matrix, &machine->shape, sizeof(machine->shape)) == 0);
}

static void make_matrix_products(struct vkh_device *device, const struct vkh_matrix_layout *layout,
                                 bool chosen, enum vkh_dtype type)
{
    uint32_t n;
    struct vkh_matmul_matrix matmul;
    const struct vkh_variant *variants = vkh_matmul_matrix_variants(layout, type, &n);
    for (uint32_t i = 0; i < n; i++)
        for (int epilogue = 0; epilogue < VKH_N_EPILOGUES; epilogue++)
            if (vkh_matmul_matrix_supported(device, layout, &variants[i]))
                must(vkh_matmul_matrix_create(device, layout, type, false,
                                              (enum vkh_epilogue)epilogue,
                                              chosen ? NULL : &variants[i], &matmul));
}

// Of weights in blocks by the device's own choice, or unpacked and decoded.
static void make_products(struct vkh_device *device, bool chosen)
{
    struct vkh_matrix_layout layout = device->matrix;
    if (chosen)
        must(vkh_unpack_choose(device, &layout));
    for (int type = 0; type < VKH_N_DTYPES; type++)
        make_matrix_products(device, &layout, chosen, (enum vkh_dtype)type);
    layout.decodes = true;
    for (int type = 0; type < VKH_N_DTYPES && !chosen; type++)
        if (vkh_matrix_decodes(&layout, (enum vkh_dtype)type))
            make_matrix_products(device, &layout, chosen, (enum vkh_dtype)type);
}

// Those that are made where they are used, which takes a device that runs.
static void make_layouts(struct vkh_device *device)
{
    const struct vkh_matrix_shape *shape = &device->caps.matrix;
    const uint32_t lanes = device->matrix.subgroup;
    const struct vkh_pipeline_desc descs[] = {
        {.shader = &vkh_shader_matrix_pack,
         .n_bindings = 2,
         .push_bytes = 16,
         .n_constants = 4,
         .constants = {16}},
        {.shader = &vkh_shader_matrix_layout,
         .n_bindings = 1,
         .n_constants = 4,
         .constants = {shape->m, shape->n, shape->k, lanes},
         .subgroup_size = lanes},
    };
    const struct vkh_pipeline *pipeline;
    for (size_t i = 0; i < VKH_COUNTOF(descs); i++)
        must(vkh_pipeline_get(device, &descs[i], &pipeline));
}

static void make_matrices(struct vkh_device *device, bool chosen)
{
    struct vkh_rmsnorm_matrix norm;
    struct vkh_rope_matrix rope;
    struct vkh_attention_matrix attention;
    make_layouts(device);
    must(vkh_rmsnorm_matrix_create(device, &device->matrix, 4096, &norm));
    make_kv_pack(device, &device->matrix);
    for (uint32_t i = 0; i < ATTENTION_SHAPES; i++) {
        const struct vkh_attention_shape shape = attention_shape(i);
        const struct vkh_rope_shape turn = {32, 8, shape.head_dim, shape.head_dim, i & 1, true};
        must(vkh_attention_matrix_create(device, &device->matrix, &shape, &attention));
        must(vkh_rope_matrix_create(device, &device->matrix, &turn, &rope));
    }
    make_products(device, chosen);
}

static void note(void *user, const char *name, double value)
{
    json_object_set_new(user, name, json_real(value));
}

// The pipelines from the newest to before `end`.
static uint32_t print(const struct vkh_device *device, const struct vkh_pipeline *end,
                      bool by_default)
{
    uint32_t n = 0;
    for (const struct vkh_pipeline *p = device->pipelines; p != end; p = p->next, n++) {
        json_t *statistics = json_object(), *constants = json_array();
        must(vkh_pipeline_statistics(device, p, note, statistics));
        CHECK(json_object_size(statistics) > 0);
        for (uint32_t i = 0; i < p->desc.n_constants; i++)
            json_array_append_new(constants, json_integer(p->desc.constants[i]));
        json_t *row = json_pack("{s:s, s:o, s:b, s:o}", "shader", p->desc.shader->name, "constants",
                                constants, "default", (int)by_default, "statistics", statistics);
        json_dumpf(row, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(row);
    }
    return n;
}

static void print_log(void *user, enum vkh_log_level level, const char *line)
{
    (void)user;
    (void)level;
    fprintf(stderr, "%s\n", line);
}

int main(int argc, char **argv)
{
    const struct matrix_machine *machine = argc > 1 ? machine_named(argv[1]) : NULL;
    static const struct vkh_log log = {print_log, NULL, VKH_LOG_WARNING};
    const struct vkh_device_options options = {.select = "0", .statistics = true, .log = &log};
    struct vkh_device *device;
    if (vkh_device_create(&options, &device) != VKH_OK)
        return 1;
    fprintf(stderr, "%s, %s %s\n", device->caps.device_name, device->caps.driver_name,
            device->caps.driver_info);
    CHECK(!machine == !(device->caps.bits & VKH_CAP_MATRIX16));
    if (machine)
        give_layout(device, machine);
    make_single(device);
    make_variants(device, true);
    if (machine)
        make_matrices(device, true);
    const struct vkh_pipeline *chosen = device->pipelines;
    uint32_t n = print(device, NULL, true);
    make_variants(device, false);
    if (machine)
        make_matrices(device, false);
    n += print(device, chosen, false);
    CHECK(n >= 4 * VKH_N_DTYPES);
    vkh_device_destroy(&device);
    return check_result();
}
