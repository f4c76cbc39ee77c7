#version 460
// Adds to each block of scan.comp the sum of what lies before it.
layout(local_size_x_id = 0) in;
layout(set = 0, binding = 0, std430) buffer Output { uint scanned[]; };
layout(set = 0, binding = 1, std430) readonly buffer Sums { uint scanned_sums[]; };
layout(push_constant) uniform Arguments { uint count; };

void main() {
    uint i = gl_GlobalInvocationID.x, group = gl_WorkGroupID.x;
    if (group > 0 && i < count)
        scanned[i] += scanned_sums[group - 1];
}
