/* Sorts numbers of a power of two. One step of the network on all of them: two numbers per item. */
kernel void bitonic_step(global uint *values, uint distance, uint run) {
    uint item = get_global_id(0);
    uint low = (item / distance) * distance * 2 + item % distance, high = low + distance;
    uint a = values[low], b = values[high];
    bool ascending = (low & run) == 0;
    if ((a > b) == ascending) {
        values[low] = b;
        values[high] = a;
    }
}

/* Sorts the block of each group, two numbers per item and so of a power of two, in local memory; blocks ascend. */
kernel void bitonic_local(global uint *values, local uint *block) {
    uint item = get_local_id(0), items = get_local_size(0);
    global uint *own = values + get_group_id(0) * items * 2;
    block[item] = own[item];
    block[item + items] = own[item + items];
    for (uint run = 2; run <= items * 2; run *= 2)
        for (uint distance = run / 2; distance > 0; distance /= 2) {
            barrier(CLK_LOCAL_MEM_FENCE);
            uint low = (item / distance) * distance * 2 + item % distance, high = low + distance;
            uint a = block[low], b = block[high];
            bool ascending = (low & run) == 0;
            if ((a > b) == ascending) {
                block[low] = b;
                block[high] = a;
            }
        }
    barrier(CLK_LOCAL_MEM_FENCE);
    own[item] = block[item];
    own[item + items] = block[item + items];
}
