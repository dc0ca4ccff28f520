// SPDX-License-Identifier: MIT
#include "embedded_model.h"

#include "fuzz.h"

__asm__(".pushsection .rodata\n"
        "fuzz_model: .incbin \"" FUZZ_MODEL "\"\n"
        "fuzz_model_end: .byte 0\n"
        ".popsection\n");
extern const uint8_t fuzz_model[], fuzz_model_end[];

const struct vkh_model *embedded_model(void)
{
    static struct vkh_model *model;
    char path[32];
    if (model)
        return model;
    const int fd = fuzz_file(fuzz_model, (size_t)(fuzz_model_end - fuzz_model), path);
    PROMISE(vkh_model_open(path, &fuzz_log, &model) == VKH_OK);
    close(fd);
    return model;
}
