#version 460
// Sums, one partial result per work-group: by subgroups, then by shared memory.
#extension GL_KHR_shader_subgroup_arithmetic : require
layout(local_size_x = 128) in;
layout(set = 0, binding = 0, std430) readonly buffer Values { uint values[]; };
layout(set = 0, binding = 1, std430) writeonly buffer Partial { uint partial[]; };
layout(push_constant) uniform Arguments { uint count; };
shared uint sums[128];

void main() {
    uint sum = 0;
    for (uint i = gl_GlobalInvocationID.x; i < count; i += gl_NumWorkGroups.x * gl_WorkGroupSize.x)
        sum += values[i];
    sum = subgroupAdd(sum);
    if (gl_SubgroupInvocationID == 0)
        sums[gl_SubgroupID] = sum;
    barrier();
    if (gl_LocalInvocationIndex == 0) {
        uint total = 0;
        for (uint i = 0; i < gl_NumSubgroups; i++)
            total += sums[i];
        partial[gl_WorkGroupID.x] = total;
    }
}
