/* Counts the values of bytes: in local memory first, then one addition per bin and group. */
#define BINS 256
kernel void histogram(global const uchar *values, global uint *bins, uint count) {
    local uint own[BINS];
    for (uint bin = get_local_id(0); bin < BINS; bin += get_local_size(0))
        own[bin] = 0;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (size_t i = get_global_id(0); i < count; i += get_global_size(0))
        atomic_inc(&own[values[i]]);
    barrier(CLK_LOCAL_MEM_FENCE);
    for (uint bin = get_local_id(0); bin < BINS; bin += get_local_size(0))
        if (own[bin] != 0)
            atomic_add(&bins[bin], own[bin]);
}

/* The same without local memory, and the extremes. */
kernel void histogram_global(global const uchar *values, global uint *bins, global uint *least, global uint *most,
                             uint count) {
    size_t i = get_global_id(0);
    if (i >= count)
        return;
    uint value = values[i];
    atomic_inc(&bins[value]);
    atomic_min(least, value);
    atomic_max(most, value);
}
