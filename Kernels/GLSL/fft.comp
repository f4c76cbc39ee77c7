#version 460
// Many Fourier transforms of 256 complex points, forward, one per group, in shared memory (Stockham, radix 2).
const uint POINTS = 256;
const float PI = 3.14159265;
layout(local_size_x_id = 0) in;
layout(set = 0, binding = 0, std430) buffer Data { vec2 data[]; };
shared vec2 buffers[2][POINTS];

vec2 twiddled(vec2 value, float angle) {
    return mat2(cos(angle), sin(angle), -sin(angle), cos(angle)) * value;
}

void main() {
    uint start = gl_WorkGroupID.x * POINTS, item = gl_LocalInvocationID.x, items = gl_WorkGroupSize.x;
    for (uint i = item; i < POINTS; i += items)
        buffers[0][i] = data[start + i];
    barrier();
    uint source = 0;
    for (uint stride = 1; stride < POINTS; stride *= 2) {
        for (uint i = item; i < POINTS / 2; i += items) {
            uint k = i & (stride - 1);
            vec2 first = buffers[source][i];
            vec2 second = twiddled(buffers[source][i + POINTS / 2], -PI * float(k) / float(stride));
            uint to = (i << 1) - k;
            buffers[1 - source][to] = first + second;
            buffers[1 - source][to + stride] = first - second;
        }
        barrier();
        source = 1 - source;
    }
    for (uint i = item; i < POINTS; i += items)
        data[start + i] = buffers[source][i];
}
