// SPDX-License-Identifier: MIT
#version 450
#extension GL_KHR_cooperative_matrix : require
#extension GL_NV_cooperative_matrix2 : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
layout(local_size_x = 32) in;
layout(binding = 0) buffer Data { float16_t data[]; };

void main()
{
    tensorLayoutNV<2> layout_of_data = createTensorLayoutNV(2);
    layout_of_data = setTensorLayoutDimensionNV(layout_of_data, 32, 32);
    coopmat<float16_t, gl_ScopeWorkgroup, 16, 16, gl_MatrixUseA> tile;
    coopMatLoadTensorNV(tile, data, 0, sliceTensorLayoutNV(layout_of_data, 0, 16, 0, 16));
    coopMatStoreTensorNV(tile, data, 0, sliceTensorLayoutNV(layout_of_data, 16, 16, 16, 16));
}
