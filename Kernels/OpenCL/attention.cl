/* One result of all work-items of the group: `scratch` has one element for each, of any group size. */
float group_reduced(local float *scratch, float value, bool is_sum) {
    uint item = get_local_id(0), size = get_local_size(0);
    scratch[item] = value;
    barrier(CLK_LOCAL_MEM_FENCE);
    while (size > 1) {
        uint half_size = (size + 1) / 2;
        if (item + half_size < size) {
            float other = scratch[item + half_size];
            scratch[item] = is_sum ? scratch[item] + other : fmax(scratch[item], other);
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        size = half_size;
    }
    float result = scratch[0];
    barrier(CLK_LOCAL_MEM_FENCE);
    return result;
}

/* Softmax of each row, one group per row. */
kernel void softmax(global const float *input, global float *output, local float *scratch, uint columns) {
    size_t row = get_group_id(0) * (size_t)columns;
    float most = -INFINITY;
    for (uint i = get_local_id(0); i < columns; i += get_local_size(0))
        most = fmax(most, input[row + i]);
    most = group_reduced(scratch, most, false);
    float sum = 0;
    for (uint i = get_local_id(0); i < columns; i += get_local_size(0)) {
        float power = exp(input[row + i] - most);
        output[row + i] = power;
        sum += power;
    }
    sum = group_reduced(scratch, sum, true);
    for (uint i = get_local_id(0); i < columns; i += get_local_size(0))
        output[row + i] /= sum;
}

/*
 * Causal attention of one head: row r of the output is softmax(q[r] k^T / sqrt(width)) v over the rows up to r, one
 * group per row. `scores` has one element per row, `scratch` one per work-item.
 */
kernel void attention(global const float *q, global const float *k, global const float *v, global float *output,
                      local float *scores, local float *scratch, uint width) {
    uint row = get_group_id(0), item = get_local_id(0), items = get_local_size(0);
    float scale = rsqrt((float)width);
    float most = -INFINITY;
    for (uint other = item; other <= row; other += items) {
        float product = 0;
        for (uint i = 0; i < width; i++)
            product = fma(q[row * width + i], k[other * width + i], product);
        scores[other] = product * scale;
        most = fmax(most, scores[other]);
    }
    most = group_reduced(scratch, most, false);
    float sum = 0;
    for (uint other = item; other <= row; other += items) {
        scores[other] = native_exp(scores[other] - most);
        sum += scores[other];
    }
    sum = group_reduced(scratch, sum, true);
    for (uint i = item; i < width; i += items) {
        float result = 0;
        for (uint other = 0; other <= row; other++)
            result = fma(scores[other], v[other * width + i], result);
        output[row * width + i] = result / sum;
    }
}
