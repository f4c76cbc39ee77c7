#version 460
// Counts the values of bytes, four to a word: in shared memory first, then one addition per bin and group.
layout(local_size_x = 128) in;
layout(set = 0, binding = 0, std430) readonly buffer Values { uint words[]; };
layout(set = 0, binding = 1, std430) buffer Bins { uint bins[]; };
layout(push_constant) uniform Arguments { uint word_count; };
shared uint own[256];

void main() {
    uint item = gl_LocalInvocationIndex, items = gl_WorkGroupSize.x;
    for (uint bin = item; bin < 256; bin += items)
        own[bin] = 0;
    barrier();
    for (uint i = gl_GlobalInvocationID.x; i < word_count; i += gl_NumWorkGroups.x * items) {
        uint word = words[i];
        for (int part = 0; part < 4; part++)
            atomicAdd(own[bitfieldExtract(word, part * 8, 8)], 1);
    }
    barrier();
    for (uint bin = item; bin < 256; bin += items)
        if (own[bin] != 0)
            atomicAdd(bins[bin], own[bin]);
}
