/* C := A B; A is m by k, B is k by n, all in row order. Item (x, y) makes one element, column x of row y. */
kernel void sgemm_naive(global float *c, global const float *a, global const float *b, uint m, uint n, uint k) {
    size_t column = get_global_id(0), row = get_global_id(1);
    if (column >= n || row >= m)
        return;
    float sum = 0;
    for (uint i = 0; i < k; i++)
        sum += a[row * k + i] * b[i * n + column];
    c[row * n + column] = sum;
}

/* The same by tiles in local memory. */
#define TILE 16
kernel __attribute__((reqd_work_group_size(TILE, TILE, 1)))
void sgemm_tiled(global float *c, global const float *a, global const float *b, uint m, uint n, uint k) {
    local float tile_a[TILE][TILE], tile_b[TILE][TILE];
    size_t column = get_global_id(0), row = get_global_id(1);
    uint x = get_local_id(0), y = get_local_id(1);
    float sum = 0;
    for (uint start = 0; start < k; start += TILE) {
        tile_a[y][x] = row < m && start + x < k ? a[row * k + start + x] : 0;
        tile_b[y][x] = column < n && start + y < k ? b[(start + y) * n + column] : 0;
        barrier(CLK_LOCAL_MEM_FENCE);
        for (uint i = 0; i < TILE; i++)
            sum += tile_a[y][i] * tile_b[i][x];
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    if (column < n && row < m)
        c[row * n + column] = sum;
}
