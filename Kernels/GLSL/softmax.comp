#version 460
// Softmax of each row, one group per row of any number of columns.
layout(local_size_x_id = 0) in;
layout(set = 0, binding = 0, std430) readonly buffer Input { float values[]; };
layout(set = 0, binding = 1, std430) buffer Output { float results[]; };
layout(push_constant) uniform Arguments { uint columns; };
shared float scratch[gl_WorkGroupSize.x];

// One result of all items of the group, which may be of any size.
float reduced(float value, bool is_sum) {
    uint item = gl_LocalInvocationID.x, size = gl_WorkGroupSize.x;
    scratch[item] = value;
    barrier();
    while (size > 1) {
        uint half_size = (size + 1) / 2;
        if (item + half_size < size) {
            float other = scratch[item + half_size];
            scratch[item] = is_sum ? scratch[item] + other : max(scratch[item], other);
        }
        barrier();
        size = half_size;
    }
    float result = scratch[0];
    barrier();
    return result;
}

void main() {
    uint row = gl_WorkGroupID.x * columns, item = gl_LocalInvocationID.x, items = gl_WorkGroupSize.x;
    float most = -1.0 / 0.0;
    for (uint i = item; i < columns; i += items)
        most = max(most, values[row + i]);
    most = reduced(most, false);
    float sum = 0.0;
    for (uint i = item; i < columns; i += items) {
        float power = exp(values[row + i] - most);
        results[row + i] = power;
        sum += power;
    }
    sum = reduced(sum, true);
    for (uint i = item; i < columns; i += items)
        results[row + i] /= sum;
}
