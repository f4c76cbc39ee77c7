/* y := a x + y, one element per work-item. */
kernel void saxpy(global float *y, global const float *x, float a, uint count) {
    size_t i = get_global_id(0);
    if (i < count)
        y[i] = a * x[i] + y[i];
}
