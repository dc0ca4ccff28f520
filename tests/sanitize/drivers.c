// SPDX-License-Identifier: MIT
// Part of AddressSanitizer builds only: a Vulkan driver's own leaks are told from ours by the name
// of the library that allocated, so drivers stay loaded until the leaks are counted.

// Instead of libc's: the loader unloads no driver.
__attribute__((visibility("default"))) int dlclose(void *handle);
int dlclose(void *handle)
{
    (void)handle;
    return 0;
}

// Mesa and LLVM keep what they made for a process until it ends.
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libvulkan_lvp.so\n"
           "leak:libLLVM\n";
}

// Tests of the tools read what stands on stderr.
__attribute__((visibility("default"))) const char *__lsan_default_options(void);
const char *__lsan_default_options(void)
{
    return "print_suppressions=0";
}
