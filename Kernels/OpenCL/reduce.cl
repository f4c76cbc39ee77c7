/* Sums and maxima, one partial result per work-group: `scratch` has one element per work-item, of any group size. */
kernel void reduce_sum(global const uint *values, global uint *partial, local uint *scratch, uint count) {
    uint item = get_local_id(0), size = get_local_size(0);
    uint sum = 0;
    for (size_t i = get_global_id(0); i < count; i += get_global_size(0))
        sum += values[i];
    scratch[item] = sum;
    barrier(CLK_LOCAL_MEM_FENCE);
    while (size > 1) {
        uint half_size = (size + 1) / 2;
        if (item + half_size < size)
            scratch[item] += scratch[item + half_size];
        barrier(CLK_LOCAL_MEM_FENCE);
        size = half_size;
    }
    if (item == 0)
        partial[get_group_id(0)] = scratch[0];
}

kernel void reduce_max(global const float *values, global float *partial, local float *scratch, uint count) {
    uint item = get_local_id(0), size = get_local_size(0);
    float most = -INFINITY;
    for (size_t i = get_global_id(0); i < count; i += get_global_size(0))
        most = fmax(most, values[i]);
    scratch[item] = most;
    barrier(CLK_LOCAL_MEM_FENCE);
    while (size > 1) {
        uint half_size = (size + 1) / 2;
        if (item + half_size < size)
            scratch[item] = fmax(scratch[item], scratch[item + half_size]);
        barrier(CLK_LOCAL_MEM_FENCE);
        size = half_size;
    }
    if (item == 0)
        partial[get_group_id(0)] = scratch[0];
}
