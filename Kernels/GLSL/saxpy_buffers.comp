#version 460
// The same by storage buffers of a descriptor set.
layout(local_size_x = 64) in;
layout(set = 0, binding = 0, std430) buffer Y { float y[]; };
layout(set = 0, binding = 1, std430) readonly buffer X { float x[]; };
layout(push_constant) uniform Arguments {
    float a;
    uint count;
};

void main() {
    uint i = gl_GlobalInvocationID.x;
    if (i < count)
        y[i] = a * x[i] + y[i];
}
