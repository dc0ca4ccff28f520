// SPDX-License-Identifier: MIT
// The part of tool.h that is about devices.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vkhrope/perplexity.h>

#include "tool.h"

static void die_of_caps(const struct tool *tool, const char *name, size_t length)
{
    char known[256] = "";
    for (unsigned bit = 0; vkh_cap_name(bit); bit++) {
        strncat(known, bit > 0 ? ", " : "", sizeof(known) - strlen(known) - 1);
        strncat(known, vkh_cap_name(bit), sizeof(known) - strlen(known) - 1);
    }
    tool_die(tool, TOOL_USAGE, "--caps-mask: \"%.*s\" is none of %s", (int)length, name, known);
}

uint32_t tool_option_caps(const struct tool *tool, const char *text)
{
    uint32_t mask = 0;
    for (;;) {
        const size_t length = strcspn(text, ",");
        unsigned bit = 0;
        while (vkh_cap_name(bit) && (strlen(vkh_cap_name(bit)) != length ||
                                     strncmp(vkh_cap_name(bit), text, length) != 0))
            bit++;
        if (!vkh_cap_name(bit))
            die_of_caps(tool, text, length);
        mask |= 1u << bit;
        if (text[length] == '\0')
            return mask;
        text += length + 1;
    }
}

void tool_option_variant(const struct tool *tool, const char *text, char **variants)
{
    const char *equals = strchr(text, '=');
    if (!equals || equals == text || equals[1] == '\0' || strchr(text, ','))
        tool_die(tool, TOOL_USAGE, "--variant: \"%s\" is not operation=name", text);
    char *list;
    const int length =
        *variants ? asprintf(&list, "%s,%s", *variants, text) : asprintf(&list, "%s", text);
    if (length < 0)
        tool_die(tool, TOOL_MEMORY, "out of memory");
    free(*variants);
    *variants = list;
}

struct variant_search {
    const char *at; // "op=name" up to a comma
    bool found;
};

static void match_variant(void *user, const char *operation, const char *variant, bool supported,
                          bool chosen, uint32_t missing_caps)
{
    (void)supported;
    (void)chosen;
    (void)missing_caps;
    struct variant_search *search = user;
    const size_t n = strlen(operation), all = strcspn(search->at, ",");
    if (all == n + 1 + strlen(variant) && strncmp(search->at, operation, n) == 0 &&
        search->at[n] == '=' && strncmp(search->at + n + 1, variant, all - n - 1) == 0)
        search->found = true;
}

static enum vkh_status check_variants(struct tool *tool, struct vkh_device *device,
                                      const char *variants)
{
    while (variants && *variants) {
        struct variant_search search = {.at = variants};
        const enum vkh_status status = vkh_ppl_variants(device, match_variant, &search);
        if (status != VKH_OK)
            return status;
        const size_t length = strcspn(variants, ",");
        if (!search.found) {
            tool_message(tool,
                         "--variant: no operation has a variant \"%.*s\" (vkhrope-info "
                         "lists them)",
                         (int)length, variants);
            return VKH_ERR_ARGUMENT;
        }
        variants += length + (variants[length] == ',');
    }
    return VKH_OK;
}

static bool is_set(const char *name)
{
    const char *value = getenv(name);
    return value && *value && strcmp(value, "0") != 0;
}

// $XDG_CACHE_HOME/vkhrope, or ~/.cache/vkhrope; NULL where neither is an absolute path.
static char *cache_folder(void)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    char *folder = NULL;
    int length = -1;
    if (cache && *cache == '/')
        length = asprintf(&folder, "%s/vkhrope", cache);
    else if (home && *home == '/')
        length = asprintf(&folder, "%s/.cache/vkhrope", home);
    return length < 0 ? NULL : folder;
}

enum vkh_status tool_open_device(struct tool *tool, struct vkh_device_options options,
                                 struct vkh_device **device)
{
    const struct vkh_log log = tool_log(tool);
    char *cache = cache_folder();
    options.log = &log;
    options.cache = cache;
    options.minimum_limits |= is_set("VKHROPE_TEST_MINIMUM_LIMITS");
    options.validation |= is_set("VKHROPE_TEST_VALIDATION");
    enum vkh_status status = vkh_device_create(&options, device);
    free(cache);
    if (status != VKH_OK)
        return status;
    status = check_variants(tool, *device, options.variants);
    if (status != VKH_OK)
        vkh_device_destroy(device);
    return status;
}

static void print_device(void *user, uint32_t index, const struct vkh_caps *caps)
{
    (void)user;
    printf("%u: %s (%s %s, %s, %s)\n", index, caps->device_name, caps->driver_name,
           caps->driver_info, caps->is_cpu ? "software" : "GPU", tool_bytes(caps->heap_bytes).text);
}

enum vkh_status tool_list_devices(struct tool *tool)
{
    const struct vkh_log log = tool_log(tool);
    return vkh_device_list(&log, print_device, NULL);
}
