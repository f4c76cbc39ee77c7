#version 460
// Sorts numbers of a power of two. One step of the network on all of them: two numbers per item.
layout(local_size_x_id = 0) in;
layout(set = 0, binding = 0, std430) buffer Values { uint values[]; };
layout(push_constant) uniform Arguments { uint span, run; };

void main() {
    uint item = gl_GlobalInvocationID.x;
    uint low = item / span * span * 2 + item % span, high = low + span;
    uint a = values[low], b = values[high];
    bool ascending = (low & run) == 0;
    values[low] = ascending ? min(a, b) : max(a, b);
    values[high] = ascending ? max(a, b) : min(a, b);
}
