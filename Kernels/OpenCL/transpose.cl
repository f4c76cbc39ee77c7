/* out[x][y] := in[y][x] of `rows` by `columns`. */
kernel void transpose_naive(global float *out, global const float *in, uint rows, uint columns) {
    size_t x = get_global_id(0), y = get_global_id(1);
    if (x < columns && y < rows)
        out[x * rows + y] = in[y * columns + x];
}

/* The same by way of a tile in local memory, so that both sides go along rows. */
#define TILE 16
kernel __attribute__((reqd_work_group_size(TILE, TILE, 1)))
void transpose_tiled(global float *out, global const float *in, uint rows, uint columns) {
    local float tile[TILE][TILE + 1];
    uint x = get_local_id(0), y = get_local_id(1);
    size_t left = get_group_id(0) * TILE, top = get_group_id(1) * TILE;
    if (left + x < columns && top + y < rows)
        tile[y][x] = in[(top + y) * columns + left + x];
    barrier(CLK_LOCAL_MEM_FENCE);
    if (top + x < rows && left + y < columns)
        out[(left + y) * rows + top + x] = tile[x][y];
}
