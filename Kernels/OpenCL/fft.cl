/* Fourier transforms by powers of two, forward, of complex numbers. */
float2 twiddled(float2 value, float angle) {
    float c, s = sincos(angle, &c);
    return (float2)(value.x * c - value.y * s, value.x * s + value.y * c);
}

/*
 * One pass of a transform of 2 `half_count` points (Stockham, radix 2), one butterfly per item. `stride` is 1 in the
 * first pass and doubles from pass to pass; input and output change places.
 */
kernel void fft_pass(global const float2 *input, global float2 *output, uint half_count, uint stride) {
    uint i = get_global_id(0);
    if (i >= half_count)
        return;
    uint k = i & (stride - 1);
    float2 first = input[i];
    float2 second = twiddled(input[i + half_count], -M_PI_F * (float)k / (float)stride);
    uint to = (i << 1) - k;
    output[to] = first + second;
    output[to + stride] = first - second;
}

/* Many transforms of 256 points, one per group of any size, in local memory. */
#define POINTS 256
kernel void fft_256(global float2 *data) {
    local float2 buffers[2][POINTS];
    global float2 *points = data + get_group_id(0) * POINTS;
    for (uint i = get_local_id(0); i < POINTS; i += get_local_size(0))
        buffers[0][i] = points[i];
    barrier(CLK_LOCAL_MEM_FENCE);
    uint from = 0;
    for (uint stride = 1; stride < POINTS; stride *= 2) {
        for (uint i = get_local_id(0); i < POINTS / 2; i += get_local_size(0)) {
            uint k = i & (stride - 1);
            float2 first = buffers[from][i];
            float2 second = twiddled(buffers[from][i + POINTS / 2], -M_PI_F * (float)k / (float)stride);
            uint to = (i << 1) - k;
            buffers[1 - from][to] = first + second;
            buffers[1 - from][to + stride] = first - second;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        from = 1 - from;
    }
    for (uint i = get_local_id(0); i < POINTS; i += get_local_size(0))
        points[i] = buffers[from][i];
}
