/*
 * Inclusive prefix sums. `scan_groups` scans each group's block and stores the block's sum; once the sums are scanned
 * themselves, `scan_add` adds to each block what lies before it. `scratch` has two elements per work-item.
 */
kernel void scan_groups(global const uint *input, global uint *output, global uint *sums, local uint *scratch,
                        uint count) {
    uint item = get_local_id(0), size = get_local_size(0);
    size_t i = get_global_id(0);
    local uint *from = scratch, *to = scratch + size;
    from[item] = i < count ? input[i] : 0;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (uint distance = 1; distance < size; distance *= 2) {
        to[item] = item >= distance ? from[item] + from[item - distance] : from[item];
        barrier(CLK_LOCAL_MEM_FENCE);
        local uint *other = from;
        from = to;
        to = other;
    }
    if (i < count)
        output[i] = from[item];
    if (item == size - 1)
        sums[get_group_id(0)] = from[item];
}

kernel void scan_add(global uint *output, global const uint *scanned_sums, uint count) {
    size_t i = get_global_id(0), group = get_group_id(0);
    if (group > 0 && i < count)
        output[i] += scanned_sums[group - 1];
}
