#version 460
// Inclusive prefix sums of each group's block, and the block's sum: scan_add.comp then adds what lies before a block.
layout(local_size_x_id = 0) in;
layout(set = 0, binding = 0, std430) readonly buffer Input { uint values[]; };
layout(set = 0, binding = 1, std430) writeonly buffer Output { uint scanned[]; };
layout(set = 0, binding = 2, std430) writeonly buffer Sums { uint sums[]; };
layout(push_constant) uniform Arguments { uint count; };
shared uint parts[2][gl_WorkGroupSize.x];

void main() {
    uint i = gl_GlobalInvocationID.x, item = gl_LocalInvocationID.x, size = gl_WorkGroupSize.x;
    uint from = 0;
    parts[from][item] = i < count ? values[i] : 0;
    barrier();
    for (uint span = 1; span < size; span *= 2) {
        uint sum = parts[from][item];
        if (item >= span)
            sum += parts[from][item - span];
        from = 1 - from;
        parts[from][item] = sum;
        barrier();
    }
    if (i < count)
        scanned[i] = parts[from][item];
    if (item == size - 1)
        sums[gl_WorkGroupID.x] = parts[from][item];
}
