#version 460
// Accelerations of bodies that attract one another, by way of tiles in shared memory: (x, y, z, mass).
layout(local_size_x = 64) in;
layout(set = 0, binding = 0, std430) readonly buffer Bodies { vec4 bodies[]; };
layout(set = 0, binding = 1, std430) writeonly buffer Accelerations { vec4 accelerations[]; };
layout(push_constant) uniform Arguments {
    uint count;
    float softening;
};
shared vec4 tile[64];

void main() {
    uint i = gl_GlobalInvocationID.x;
    vec3 place = i < count ? bodies[i].xyz : vec3(0), sum = vec3(0);
    for (uint start = 0; start < count; start += 64) {
        uint other = start + gl_LocalInvocationID.x;
        tile[gl_LocalInvocationID.x] = other < count ? bodies[other] : vec4(0);
        barrier();
        for (uint j = 0; j < 64; j++) {
            vec3 way = tile[j].xyz - place;
            float inverse = inversesqrt(dot(way, way) + softening);
            sum += way * (tile[j].w * inverse * inverse * inverse);
        }
        barrier();
    }
    if (i < count)
        accelerations[i] = vec4(sum, 0);
}
