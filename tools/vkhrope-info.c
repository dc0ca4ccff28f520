// SPDX-License-Identifier: MIT
// vkhrope-info: what the devices offer, which kernel variant each operation would use and why, and
// what a model's files say.
#include <argp.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vkhrope/model.h>
#include <vkhrope/perplexity.h>

#include "tool.h"

enum { OPT_DEVICE = 256, OPT_VARIANT, OPT_CAPS_MASK, OPT_TUNE, OPT_MODEL, OPT_MINIMUM };

static const struct argp_option options[] = {
    {"device", OPT_DEVICE, "N|NAME", 0, "whose variants to show (default: the best)", 1},
    {"variant", OPT_VARIANT, "OP=NAME", 0, "kernel by hand; repeatable", 2},
    {"caps-mask", OPT_CAPS_MASK, "LIST", 0, "device capabilities to leave unused", 3},
    {"tune", OPT_TUNE, NULL, 0, "measure anew which kernels are the fastest there", 4},
    {"model", OPT_MODEL, "FILE|DIR", 0, "print what a model's files say, no devices", 5},
    {"minimum-limits", OPT_MINIMUM, NULL, OPTION_HIDDEN, NULL, 5},
    {"quiet", 'q', NULL, 0, "errors only on standard error", 6},
    {"verbose", 'v', NULL, 0, "tell what the library does", 7},
    {0},
};

static const char doc[] =
    "Vulkan devices with their capabilities and limits, the kernel variants that\n"
    "vkhrope would use there, and why.\v"
    "Example:\n"
    "  vkhrope-info --device 0 --caps-mask float16,storage16\n\n" TOOL_EXIT_HELP
    "\nMore: man vkhrope-info";

struct args {
    struct tool *tool;
    struct vkh_device_options device;
    char *variants;
    bool tune;
    const char *model;
};

// A model is described without a device.
static void check_options(const struct args *args)
{
    const struct vkh_device_options *device = &args->device;
    const char *option = args->tune               ? "--tune"
                         : device->select         ? "--device"
                         : args->variants         ? "--variant"
                         : device->caps_mask      ? "--caps-mask"
                         : device->minimum_limits ? "--minimum-limits"
                                                  : NULL;
    if (args->model && option)
        tool_die(args->tool, TOOL_USAGE, "--model: it asks no device: leave out --model, or %s",
                 option);
}

static error_t parse_option(int key, char *text, struct argp_state *state)
{
    struct args *args = state->input;
    switch (key) {
    case OPT_DEVICE:
        args->device.select = text;
        return 0;
    case OPT_VARIANT:
        tool_option_variant(args->tool, text, &args->variants);
        return 0;
    case OPT_CAPS_MASK:
        args->device.caps_mask |= tool_option_caps(args->tool, text);
        return 0;
    case OPT_TUNE:
        args->tune = true;
        return 0;
    case OPT_MODEL:
        args->model = text;
        return 0;
    case OPT_MINIMUM:
        args->device.minimum_limits = true;
        return 0;
    case 'q':
        args->tool->quiet = true;
        return 0;
    case 'v':
        args->tool->verbose = true;
        return 0;
    case ARGP_KEY_ARG:
        tool_die(args->tool, TOOL_USAGE, "\"%s\": every argument belongs to an option (see --help)",
                 text);
    case ARGP_KEY_END:
        check_options(args);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void print_caps_bits(uint32_t bits, const char *separator)
{
    const char *before = "";
    for (unsigned bit = 0; vkh_cap_name(bit); bit++) {
        if (!(bits >> bit & 1))
            continue;
        printf("%s%s", before, vkh_cap_name(bit));
        before = separator;
    }
    fputs(bits == 0 ? "none\n" : "\n", stdout);
}

static void print_limits(const struct vkh_caps *caps)
{
    printf("  driver        %s %s, Vulkan %u.%u.%u\n", caps->driver_name, caps->driver_info,
           caps->api_version >> 22 & 0x7f, caps->api_version >> 12 & 0x3ff,
           caps->api_version & 0xfff);
    printf("  kind          %s, vendor %04x, device %04x\n",
           caps->is_cpu ? "software driver" : "GPU", caps->vendor_id, caps->device_id);
    printf("  memory        %s heap, %s an allocation, %s a storage buffer range\n",
           tool_bytes(caps->heap_bytes).text, tool_bytes(caps->max_allocation).text,
           tool_bytes(caps->max_storage_range).text);
    printf("  alignment     %" PRIu64 " bytes for storage buffers\n", caps->storage_alignment);
    printf("  workgroups    %u invocations, %u bytes of shared memory, %u x %u x %u groups\n",
           caps->max_invocations, caps->max_shared, caps->max_group_count[0],
           caps->max_group_count[1], caps->max_group_count[2]);
    printf("  subgroups     %u invocations", caps->subgroup_size);
    if (caps->max_subgroup_size > 0)
        printf(", %u to %u on request", caps->min_subgroup_size, caps->max_subgroup_size);
    fputc('\n', stdout);
    if (caps->timestamp_ns > 0)
        printf("  timestamps    %g ns a tick\n", caps->timestamp_ns);
    else
        printf("  timestamps    none\n");
    printf("  capabilities  ");
    print_caps_bits(caps->bits, ", ");
}

static void print_device(void *user, uint32_t index, const struct vkh_caps *caps)
{
    (void)user;
    printf("device %u: %s\n", index, caps->device_name);
    print_limits(caps);
    fputc('\n', stdout);
}

struct listing {
    const struct vkh_device *device;
    const char *operation; // the one before; NULL at first
    const char *by_hand;   // "op=name,op=name"; may be NULL
    bool used;             // one of the operation's, before
};

struct search {
    const char *operation;
    bool found;
};

static void match_measured(void *user, const char *operation, const char *type, const char *variant,
                           double seconds, bool chosen)
{
    (void)variant;
    (void)seconds;
    (void)chosen;
    struct search *search = user;
    search->found |= strcmp(search->operation, operation) == 0 &&
                     (*type == '\0' || strcmp(type, "F16") == 0); // as vkh_ppl_variants has it
}

static const char *why_chosen(const struct listing *listing, bool by_hand)
{
    struct search search = {.operation = listing->operation};
    vkh_ppl_measured(listing->device, match_measured, &search);
    return by_hand        ? "chosen by --variant"
           : search.found ? "measured on this device"
                          : "preferred on this device";
}

static const char *why_not(const struct listing *listing, bool by_hand)
{
    struct search search = {.operation = listing->operation};
    vkh_ppl_measured(listing->device, match_measured, &search);
    return by_hand         ? "another is chosen by --variant"
           : search.found  ? "not the one measured as the fastest"
           : listing->used ? "processors take it when chosen by --variant only"
                           : "a later one is preferred";
}

static const char *why_never(const char *operation, const char *variant)
{
    if (strcmp(operation, "tier") == 0)
        return "not as the device's matrices lie: no kernel reads them";
    return strcmp(operation, "unpack") == 0 && strcmp(variant, "product") == 0
               ? "not with these matrices, operands and tile"
               : "not within the device's limits";
}

static bool is_by_hand(const char *list, const char *operation)
{
    const size_t n = strlen(operation);
    for (; list; list = strchr(list, ',') ? strchr(list, ',') + 1 : NULL)
        if (strncmp(list, operation, n) == 0 && list[n] == '=')
            return true;
    return false;
}

static void print_variant(void *user, const char *operation, const char *variant, bool supported,
                          bool chosen, uint32_t missing_caps)
{
    struct listing *listing = user;
    const bool same = listing->operation && strcmp(listing->operation, operation) == 0;
    const bool by_hand = is_by_hand(listing->by_hand, operation);
    listing->operation = operation;
    listing->used = chosen || (same && listing->used);
    printf("  %-12s %-16s %-4s  ", same ? "" : operation, variant, chosen ? "used" : "");
    if (chosen)
        printf("%s\n", why_chosen(listing, by_hand));
    else if (supported)
        printf("%s\n", why_not(listing, by_hand));
    else if (missing_caps == 0)
        printf("%s\n", why_never(operation, variant));
    if (supported || missing_caps == 0)
        return;
    printf("needs ");
    print_caps_bits(missing_caps, ", ");
}

// One variant's time, under the operation and type that it was measured for.
static void print_measured(void *user, const char *operation, const char *type, const char *variant,
                           double seconds, bool chosen)
{
    char *last = user, name[32];
    snprintf(name, sizeof(name), "%s%s%s", operation, *type ? " " : "", type);
    printf("  %-12s %-16s %-4s  %.3g ms\n", strcmp(name, last) == 0 ? "" : name, variant,
           chosen ? "used" : "", 1e3 * seconds);
    memcpy(last, name, sizeof(name));
}

static void print_measurements(const struct vkh_device *device)
{
    char last[32] = "";
    const char *file = vkh_ppl_measured_file(device);
    if (!file)
        return;
    printf("\nmeasured, in ");
    tool_print(file);
    fputc('\n', stdout);
    vkh_ppl_measured(device, print_measured, last);
    if (!*last)
        printf("  nothing yet%s\n", vkh_device_caps(device)->is_cpu
                                        ? ": on processors with --tune only"
                                        : ": a model's first use measures, or --tune");
}

static enum vkh_status print_devices(struct args *args)
{
    const struct vkh_log log = tool_log(args->tool);
    struct vkh_device *device = NULL;
    args->device.variants = args->variants;
    enum vkh_status status = tool_open_device(args->tool, args->device, &device);
    if (status == VKH_OK && args->tune)
        status = vkh_ppl_measure(device);
    if (status == VKH_OK)
        status = vkh_device_list(&log, print_device, NULL);
    if (status != VKH_OK)
        goto done;
    const struct vkh_caps *caps = vkh_device_caps(device);
    printf("kernel variants on %s, worst first\n", caps->device_name);
    if (args->device.caps_mask || args->device.minimum_limits) {
        printf("  capabilities left: ");
        print_caps_bits(caps->bits, ", ");
    }
    struct listing listing = {.device = device, .by_hand = args->variants};
    status = vkh_ppl_variants(device, print_variant, &listing);
    if (status == VKH_OK)
        print_measurements(device);
done:
    vkh_device_destroy(&device);
    return status;
}

static enum vkh_status print_model(struct args *args)
{
    const struct vkh_log log = tool_log(args->tool);
    struct vkh_model *model;
    const enum vkh_status status = vkh_model_open(args->model, &log, &model);
    if (status != VKH_OK)
        return status;
    const struct vkh_model_info info = vkh_model_get_info(model);
    printf("name           ");
    tool_print(info.name);
    printf("\narchitecture   ");
    tool_print(info.architecture);
    fputc('\n', stdout);
    printf("parameters     %" PRIu64 "\n", info.parameters);
    printf("weights        %s, %s\n", info.weight_type, tool_bytes(info.weight_bytes).text);
    printf("trained at     %u tokens\n", info.context_length);
    printf("own scaling    %s\n", *info.own_scaling ? info.own_scaling : "none");
    printf("layers         %u\n", info.n_layers);
    printf("hidden size    %u\n", info.hidden);
    printf("feed-forward   %u\n", info.ffn);
    printf("heads          %u of %u, %u for keys and values\n", info.n_heads, info.head_dim,
           info.n_kv_heads);
    printf("vocabulary     %u\n", info.vocab);
    vkh_model_close(&model);
    return VKH_OK;
}

int main(int argc, char **argv)
{
    static const struct argp parser = {options, parse_option, NULL, doc, NULL, NULL, NULL};
    struct tool tool = {.name = "vkhrope-info"};
    struct args args = {.tool = &tool};
    tool_parse(&tool, NULL, &parser, argc, argv, &args);
    const enum vkh_status status = args.model ? print_model(&args) : print_devices(&args);
    free(args.variants);
    return tool_finish(&tool, tool_exit_of(status));
}
