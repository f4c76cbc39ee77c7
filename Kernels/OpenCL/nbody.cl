/* One step of `count` bodies that attract one another: position (x, y, z, mass), velocity (x, y, z, unused). */
kernel void nbody(global const float4 *positions, global float4 *new_positions, global float4 *velocities, uint count,
                  float time, float softening) {
    size_t i = get_global_id(0);
    if (i >= count)
        return;
    float4 body = positions[i];
    float ax = 0, ay = 0, az = 0;
    for (uint j = 0; j < count; j++) {
        float4 other = positions[j];
        float dx = other.x - body.x, dy = other.y - body.y, dz = other.z - body.z;
        float square = dx * dx + dy * dy + dz * dz + softening;
        float inverse = rsqrt(square);
        float force = other.w * inverse * inverse * inverse;
        ax += dx * force;
        ay += dy * force;
        az += dz * force;
    }
    float4 velocity = velocities[i];
    velocity.x += ax * time;
    velocity.y += ay * time;
    velocity.z += az * time;
    body.x += velocity.x * time;
    body.y += velocity.y * time;
    body.z += velocity.z * time;
    velocities[i] = velocity;
    new_positions[i] = body;
}
