#version 460
// How many steps each point of the plane takes to leave, at most `limit`.
layout(local_size_x = 16, local_size_y = 4) in;
layout(set = 0, binding = 0, std430) writeonly buffer Steps { uint steps[]; };
layout(push_constant) uniform Arguments {
    uint width, height;
    float left, top, pitch;
    uint limit;
};

void main() {
    uvec2 point = gl_GlobalInvocationID.xy;
    if (point.x >= width || point.y >= height)
        return;
    vec2 c = vec2(left, top) + pitch * vec2(point);
    vec2 z = vec2(0);
    uint count = 0;
    while (count < limit && dot(z, z) <= 4.0) {
        z = vec2(z.x * z.x - z.y * z.y, 2.0 * z.x * z.y) + c;
        count++;
    }
    steps[point.y * width + point.x] = count;
}
